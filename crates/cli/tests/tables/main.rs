//! The tables of `docs/compatibility.md` are made from the tables of the code. With `SOCKEYE_BLESS=1` in the environment
//! this writes them; without, it fails where page and code part.

use std::fmt::Write;
use std::path::Path;

use sockeye::socket::{Family, Kind, OPTIONS, Row, State};
use sockeye_abi::ioctl::{By, IOCTLS};
use sockeye_abi::{MESSAGE_FLAGS, Sockets, Use};
use sockeye_run::{CALLS, When};

/// The levels, in the order of the page.
const LEVELS: [(i32, &str); 6] = [
    (1, "SOL_SOCKET"),
    (6, "SOL_TCP"),
    (17, "SOL_UDP"),
    (0, "SOL_IP"),
    (41, "SOL_IPV6"),
    (255, "SOL_RAW, SOL_ICMPV6"),
];

#[test]
fn the_page_has_the_tables_of_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    let old = std::fs::read_to_string(&page).expect("the page is there");
    let mut new = old.clone();
    for (name, table) in
        [("calls", calls()), ("flags", flags()), ("options", options()), ("ioctls", ioctls())]
    {
        let (begin, end) =
            (format!("<!-- {name}: made from the code -->\n"), format!("<!-- {name}: end -->"));
        let (before, rest) = new.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
        new = format!("{before}{begin}\n{table}\n{end}{after}");
    }
    if std::env::var_os("SOCKEYE_BLESS").is_some() {
        std::fs::write(&page, new).expect("the page can be written");
        return;
    }
    let parts = old.lines().zip(new.lines()).find(|(old, new)| old != new);
    assert!(old == new, "docs/compatibility.md parts from the code (SOCKEYE_BLESS=1 mends it): {parts:?}");
}

#[test]
fn every_option_has_its_table() {
    for row in OPTIONS {
        assert!(levels(row).is_some(), "{} of level {} is on no table", row.name, row.level);
    }
}

fn levels(row: &Row) -> Option<usize> {
    LEVELS
        .iter()
        .position(|(level, _)| *level == row.level)
        .or((![0, 1, 6, 17, 41].contains(&row.level)).then_some(5))
}

fn calls() -> String {
    let mut text = "| call | made by | |\n|---|---|---|\n".to_owned();
    for row in CALLS {
        let by = match row.when {
            When::Always => "Sockeye",
            When::Gate => "the kernel, on the carrier; with `--exact` let through by Sockeye",
            When::Odd => "the kernel, on the carrier; Sockeye where it is odd, and with `--exact`",
            When::Linger => "the kernel, on the carrier; with `--linger` let through by Sockeye",
            When::Arguments => "either, by its arguments",
            When::Never => "the kernel, on the carrier",
            When::Refused => "nobody",
        };
        let _ = writeln!(text, "| {} | {by} | {} |", row.name, row.text);
    }
    text
}

fn flags() -> String {
    let mut text = "| flag | sending | receiving | |\n|---|---|---|---|\n".to_owned();
    for (_, name, send, receive, what) in MESSAGE_FLAGS {
        let state = |use_: &Use| match use_ {
            Use::Heeded => "works",
            Use::Nothing => "changes nothing",
            Use::Ignored => "ignored, as on Linux",
            Use::Missing => "missing",
            Use::Answer => "an answer",
        };
        let _ = writeln!(text, "| {name} | {} | {} | {what} |", state(send), state(receive));
    }
    text
}

fn options() -> String {
    let mut text = String::new();
    for (index, (_, name)) in LEVELS.iter().enumerate() {
        let rows: Vec<&Row> = OPTIONS.iter().filter(|row| levels(row) == Some(index)).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "{name}:\n\n| option | value | use | sockets | state | |\n|---|---|---|---|---|---|"
        );
        for row in rows {
            let access = match (row.readable, row.settable) {
                (true, true) => "rw",
                (true, false) => "r",
                (false, _) => "w",
            };
            let state = match row.state {
                State::Enforced => "works",
                State::Kept => "kept",
                State::Rejected => "ENOPROTOOPT",
            };
            let (value, sockets, what) = (value(row.kind), sockets(row), row.text.trim_end_matches('.'));
            let _ = writeln!(text, "| {} | {value} | {access} | {sockets} | {state} | {what} |", row.name);
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

fn value(kind: Kind) -> String {
    match kind {
        Kind::Flag => "0 or 1".to_owned(),
        Kind::Int(low, i32::MAX) => format!("{low} or more"),
        Kind::Int(low, high) => format!("{low} to {high}"),
        Kind::AnyInt | Kind::Word | Kind::NetworkInt => "int".to_owned(),
        Kind::Linger => "struct linger".to_owned(),
        Kind::Timeval => "struct timeval".to_owned(),
        Kind::Rate => "bytes per second".to_owned(),
        Kind::Name(_) | Kind::Interface => "name".to_owned(),
        Kind::Number => "8 bytes".to_owned(),
        Kind::Peer => "struct sockaddr".to_owned(),
        Kind::Key => "16 or 32 bytes".to_owned(),
        _ => "struct".to_owned(),
    }
}

fn sockets(row: &Row) -> String {
    let of = match row.sockets {
        Sockets::All => "all",
        Sockets::Tcp => "tcp",
        Sockets::Udp => "udp",
        Sockets::Datagrams => "datagrams",
        Sockets::Raw => "raw",
        Sockets::Unix => "unix",
        #[allow(unreachable_patterns)]
        _ => "some",
    };
    match row.family {
        Some(Family::Inet6) => format!("{of}, IPv6"),
        Some(Family::Inet) | None => of.to_owned(),
        #[allow(unreachable_patterns)]
        Some(_) => of.to_owned(),
    }
}

fn ioctls() -> String {
    let mut text = "| ioctl | under `run` | |\n|---|---|---|\n".to_owned();
    for (_, name, by, what) in IOCTLS {
        let by = match by {
            By::Carrier => "works, by the kernel on the carrier",
            By::Stack => "works",
            By::Refused => "EPERM",
        };
        let _ = writeln!(text, "| {name} | {by} | {} |", what.trim_end_matches('.'));
    }
    text
}
