//! The lines that a world can't show as Linux does, and why. Checked both ways: a line that differs and isn't here fails,
//! and so does one that is here and doesn't differ.

use std::fmt::Write;

/// Where a behaviour runs, besides the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// In process, over the crate `sockeye`.
    Library,
    /// As a program under `sockeye run`.
    Run,
    /// As a program under `sockeye run --fast`, which has the object: what it shows is what [`World::Run`] shows.
    Fast,
    /// As a program under `sockeye run --exact`.
    Exact,
}

/// A kind of lines that differ.
pub struct Difference {
    /// Where.
    pub worlds: &'static [World],
    /// Which behaviour prints it.
    pub behaviour: &'static str,
    /// The line on Linux; `*` stands for anything, and every line that fits is one.
    pub linux: &'static str,
    /// The line here, in the same way.
    pub here: &'static str,
    /// Why: words of `docs/compatibility.md`, which says more.
    pub why: &'static str,
}

/// A call without an address is native.
const MORE_WITHOUT_ADDRESS: &str = "MSG_MORE without an address on a datagram socket";
/// Linux 6.18 goes on counting it.
const PASSED_OVER: &str = "an urgent byte that was passed over";

/// All that differs.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        worlds: &[World::Run],
        behaviour: "messages::corked",
        linux: "nobody: EDESTADDRREQ",
        here: "nobody: 2",
        why: "write on a datagram socket without a destination",
    },
    Difference {
        worlds: &[World::Run],
        behaviour: "messages::corked",
        linux: "  received: EAGAIN",
        here: "  received: \"abcd\"",
        why: MORE_WITHOUT_ADDRESS,
    },
    Difference {
        worlds: &[World::Run],
        behaviour: "messages::corked",
        linux: "  received: \"abcdefgh\"",
        here: "  received: EAGAIN",
        why: MORE_WITHOUT_ADDRESS,
    },
    carriers(
        "states::unconnected",
        SHUT_ALONE,
        ["*: shutdown RD*; CLOSED, IN OUT HUP RDHUP, *", "*; CLOSED, OUT HUP, *"],
    ),
    carriers(
        "states::failed",
        SHUT_ALONE,
        ["*: shutdown RD*; CLOSED, IN OUT HUP RDHUP, *", "*; CLOSED, OUT HUP, *"],
    ),
    carriers(
        "states::unconnected",
        SHUT_LISTENER,
        ["listening*: shutdown RD*; CLOSED, OUT HUP, *", "*; CLOSED, IN *"],
    ),
    carriers(
        "states::unconnected",
        DISSOLVED,
        ["connecting: *; CLOSED, OUT ERR HUP then OUT HUP, *", "*; CLOSED, *"],
    ),
    carriers(
        "states::connected",
        DISSOLVED,
        ["*: connect to AF_UNSPEC: ok; CLOSED, OUT ERR HUP *", "*; CLOSED, OUT HUP, *"],
    ),
    carriers(
        "states::failed",
        DISSOLVED,
        ["*: connect to AF_UNSPEC: ok; CLOSED, OUT ERR HUP *", "*; CLOSED, OUT HUP, *"],
    ),
    carriers(
        "states::failed",
        DISSOLVED,
        ["refused*: connect: *; CLOSED, OUT HUP, *", "*; CLOSED, IN OUT *"],
    ),
    ungated("states::unconnected", WRITE_FIRST, ["*: send*: EPIPE; *", "*: send*: ENOTCONN; *"]),
    ungated("states::failed", WRITE_FIRST, ["dissolved: send*: EPIPE; *", "*: send*: ENOTCONN; *"]),
    ungated("states::failed", WRITE_RESET, ["*: send*: ECONNRE*; *", "*: send*: EPIPE; *"]),
    ungated("states::failed", READ_REFUSED, ["refused: recv*: ECONNREFUSED; *", "*: recv*: ECONNRESET; *"]),
    ungated("states::unconnected", NOTHING, ["connecting: send nothing: EAGAIN; *", "*: send nothing: 0; *"]),
    carriers("accept::before_accept", URGENT_ALONE, ["PRI OUT, *", "IN PRI OUT, *"]),
    carriers("connect::in_time", IN_TIME, ["connect again: EALREADY", "connect again: EINPROGRESS"]),
    carriers("connect::in_time", IN_TIME, ["-, *", "OUT HUP, *"]),
    ungated("connect::datagrams", NO_DESTINATION, ["send to nobody: EDESTADDRREQ", "send to nobody: 1"]),
    ungated("ping::errors", NO_DESTINATION, ["send without a peer: EDESTADDRREQ", "*: 12"]),
    ungated("ping::errors6", NO_DESTINATION, ["send without a peer: EDESTADDRREQ", "*: 12"]),
    ungated("raw::errors", NO_DESTINATION, ["send without a peer: EDESTADDRREQ", "*: 12"]),
    ungated("raw::errors6", NO_DESTINATION, ["send without a peer: EDESTADDRREQ", "*: 12"]),
    ungated("raw::header_included", NO_DESTINATION, ["without a destination: EDESTADDRREQ", "*: 1501"]),
    carriers("ping::errors", "FIONREAD of a ping socket", ["ioctl 0x541b: ENOTTY", "*: 0"]),
    Difference {
        worlds: &[World::Library],
        behaviour: "unix_data::urgent",
        linux: "unread: 1",
        here: "unread: 0",
        why: PASSED_OVER,
    },
    Difference {
        worlds: &[World::Library],
        behaviour: "unix_data::urgent",
        linux: "unread: 3",
        here: "unread: 2",
        why: PASSED_OVER,
    },
];

const URGENT_ALONE: &str = "POLLIN of an urgent byte alone";
const IN_TIME: &str = "`connect` that SO_SNDTIMEO ended";
const NO_DESTINATION: &str = "write on a datagram socket without a destination";
const NOTHING: &str = "`send` of 0 bytes while a connection is under way";
const SHUT_ALONE: &str = "`poll` after `shutdown` of a stream without a connection";
const SHUT_LISTENER: &str = "POLLHUP of a listener that was shut";
const DISSOLVED: &str = "`poll` after a connection was dissolved";

const WRITE_FIRST: &str = "write before connect";
const WRITE_RESET: &str = "write after a reset";
const READ_REFUSED: &str = "read after refused";

/// What a carrier shows with the gate alone.
const fn ungated(behaviour: &'static str, why: &'static str, [linux, here]: [&'static str; 2]) -> Difference {
    Difference { worlds: &[World::Run], behaviour, linux, here, why }
}

/// What no carrier shows, with the gate or without.
const fn carriers(
    behaviour: &'static str,
    why: &'static str,
    [linux, here]: [&'static str; 2],
) -> Difference {
    Difference { worlds: &[World::Run, World::Exact], behaviour, linux, here, why }
}

/// Whether a line is what a pattern with `*`s in it means.
fn fits(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|end| {
            (0..=end.len()).filter(|at| end.is_char_boundary(*at)).any(|at| fits(rest, &end[at..]))
        }),
    }
}

/// Compares what a behaviour said on the kernel and in another world. What is wrong, for people to read; nothing if all is
/// right.
pub fn compare(behaviour: &str, world: World, linux: &str, here: &str) -> Option<String> {
    let world = if world == World::Fast { World::Run } else { world };
    let known = DIFFERENCES.iter().filter(|row| row.behaviour == behaviour && row.worlds.contains(&world));
    let mut unseen: Vec<&Difference> = known.clone().collect();
    let (linux, here): (Vec<&str>, Vec<&str>) = (linux.lines().collect(), here.lines().collect());
    let mut wrong = String::new();
    for at in 0..linux.len().max(here.len()) {
        let (old, new) = (linux.get(at).copied(), here.get(at).copied());
        if old == new {
            continue;
        }
        let row = known.clone().find(|row| {
            old.is_some_and(|old| fits(row.linux, old)) && new.is_some_and(|new| fits(row.here, new))
        });
        if let Some(row) = row {
            unseen.retain(|other| !std::ptr::eq(*other, row));
            continue;
        }
        if wrong.is_empty() {
            linux[at.saturating_sub(5)..at].iter().for_each(|line| _ = writeln!(wrong, "  {line}"));
        }
        old.into_iter().for_each(|line| _ = writeln!(wrong, "- {line}"));
        new.into_iter().for_each(|line| _ = writeln!(wrong, "+ {line}"));
    }
    for row in unseen {
        let _ = writeln!(wrong, "does not differ any more: {} / {}", row.linux, row.here);
    }
    (!wrong.is_empty())
        .then(|| format!("{behaviour}, {world:?}: not as on Linux (- Linux, + Sockeye)\n{wrong}"))
}
