//! What a program at one end of a conversation calls, one after the other, as a file writes it: `connect`, `write 1000`,
//! `read 4096 = 1448`.

use std::fmt;

use sockeye_abi::{Errno, Kind, OPTIONS, Opt};
use sockeye_base::Duration;

use crate::problem::nearest;
use crate::value;

/// A call that blocks until it is done, as that of an ordinary program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `setsockopt` of an option whose value is an int.
    Set(Opt, i32),
    /// `bind` to this port of any address.
    Bind(u16),
    /// `listen` with this backlog.
    Listen(i32),
    /// `accept`.
    Accept,
    /// `connect` to the other end.
    Connect,
    /// `write` of so many bytes, until all are taken.
    Write(u64),
    /// One `read` of at most so many bytes.
    Read(usize),
    /// As many `read`s as it takes to the end of the stream.
    ReadAll,
    /// One urgent byte.
    WriteUrgent,
    /// The urgent byte, out of band.
    ReadUrgent,
    /// `shutdown` for writing.
    Shutdown,
    /// `close` of the connection, or of the listener if there is none.
    Close,
    /// `close` after `SO_LINGER` of no time: a reset.
    Reset,
    /// `sleep`.
    Wait(Duration),
}

/// What a call gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gave {
    /// A number, 0 where there is nothing to count.
    Number(u64),
    /// It failed.
    Error(Errno),
    /// It did not return.
    Nothing,
}

/// A call, and what it is to give; if nothing is said, it has to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call.
    pub call: Call,
    /// What it has to give.
    pub gives: Option<Gave>,
}

/// The word for a call that does not return.
const FOREVER: &str = "forever";
/// How calls begin.
const VERBS: [&str; 11] =
    ["set", "bind", "listen", "accept", "connect", "write", "read", "shutdown", "close", "reset", "wait"];
/// What a read takes at most, in bytes.
const MOST_READ: u64 = 1 << 30;

/// A call and what it gives: `read 100 = ECONNRESET`.
///
/// # Errors
/// It is none.
pub(crate) fn step(text: &str) -> Result<Step, String> {
    let (text, gives) = match text.split_once('=') {
        Some((text, gives)) => (text, Some(gave(gives.trim())?)),
        None => (text, None),
    };
    Ok(Step { call: call(text.trim())?, gives })
}

fn call(text: &str) -> Result<Call, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let wanted = |what: &str| Err(format!("{text}: {what}"));
    Ok(match words[..] {
        ["set", option, number] => set(option, number)?,
        ["set", ..] => return wanted("an option and its value are wanted, such as set TCP_NODELAY 1"),
        ["bind", port] => match port.parse() {
            Ok(port) => Call::Bind(port),
            Err(_) => return wanted("a port is wanted, such as bind 40000"),
        },
        ["listen"] => Call::Listen(128),
        ["listen", backlog] => match backlog.parse() {
            Ok(backlog) => Call::Listen(backlog),
            Err(_) => return wanted("a number is wanted, such as listen 5"),
        },
        ["accept"] => Call::Accept,
        ["connect"] => Call::Connect,
        ["write", "urgent"] => Call::WriteUrgent,
        ["write", bytes] => match value::size(bytes)? {
            0 => return wanted("there is nothing to write"),
            bytes => Call::Write(bytes),
        },
        ["read", "all"] => Call::ReadAll,
        ["read", "urgent"] => Call::ReadUrgent,
        ["read", bytes] => match value::size(bytes)? {
            bytes @ 1..=MOST_READ => Call::Read(usize::try_from(bytes).unwrap_or(usize::MAX)),
            _ => return wanted("from 1 byte to 1G at once"),
        },
        ["shutdown"] => Call::Shutdown,
        ["close"] => Call::Close,
        ["reset"] => Call::Reset,
        ["wait", ref time @ ..] if !time.is_empty() => Call::Wait(value::time(&time.join(" "))?),
        [verb, ..] if VERBS.contains(&verb) => {
            return wanted("so it can't be called; docs/lab.md has the calls");
        }
        [verb, ..] => return Err(format!("there is no call {verb}{}", nearest(verb, VERBS))),
        [] => return Err("a call is wanted, such as read 4096".to_owned()),
    })
}

fn set(option: &str, number: &str) -> Result<Call, String> {
    let Some(row) = OPTIONS.iter().find(|row| row.name == option) else {
        let hint = nearest(option, OPTIONS.iter().map(|row| row.name));
        return Err(format!("there is no option {option}{hint}"));
    };
    if !matches!(row.kind, Kind::Flag | Kind::Int(..) | Kind::AnyInt | Kind::Word) {
        return Err(format!("{option} is no option whose value is a whole number"));
    }
    let number = number.parse().map_err(|_| format!("{option}: a whole number is wanted"))?;
    Ok(Call::Set(row.opt, number))
}

fn gave(text: &str) -> Result<Gave, String> {
    if text == FOREVER {
        return Ok(Gave::Nothing);
    }
    if let Some(errno) = Errno::ALL.iter().find(|errno| errno.name() == text) {
        return Ok(Gave::Error(*errno));
    }
    value::size(text).map(Gave::Number).map_err(|_| {
        let hint = nearest(text, Errno::ALL.iter().map(|errno| errno.name()));
        format!("{text} is no result: a number, an error's name or {FOREVER}{hint}")
    })
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Set(option, value) => write!(f, "set {} {value}", option.name()),
            Call::Bind(port) => write!(f, "bind {port}"),
            Call::Listen(backlog) => write!(f, "listen {backlog}"),
            Call::Accept => f.write_str("accept"),
            Call::Connect => f.write_str("connect"),
            Call::Write(bytes) => write!(f, "write {bytes}"),
            Call::Read(bytes) => write!(f, "read {bytes}"),
            Call::ReadAll => f.write_str("read all"),
            Call::WriteUrgent => f.write_str("write urgent"),
            Call::ReadUrgent => f.write_str("read urgent"),
            Call::Shutdown => f.write_str("shutdown"),
            Call::Close => f.write_str("close"),
            Call::Reset => f.write_str("reset"),
            Call::Wait(time) => write!(f, "wait {time:?}"),
        }
    }
}

impl fmt::Display for Gave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gave::Number(number) => write!(f, "{number}"),
            Gave::Error(errno) => f.write_str(errno.name()),
            Gave::Nothing => f.write_str(FOREVER),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.gives {
            None => write!(f, "{}", self.call),
            Some(gives) => write!(f, "{} = {gives}", self.call),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_as_they_are_written() {
        for text in [
            "set TCP_NODELAY 1",
            "bind 40000",
            "listen 5",
            "accept",
            "connect = ECONNREFUSED",
            "write 1000 = 1000",
            "read 4096 = forever",
            "read all = 0",
            "write urgent",
            "read urgent = EINVAL",
            "shutdown",
            "close",
            "reset",
            "wait 1.5s",
        ] {
            let read = step(&text.replace("1.5s", "1500ms"));
            assert_eq!(read.map(|step| step.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_call() {
        for (text, why) in [
            ("", "a call is wanted, such as read 4096"),
            ("conect", "there is no call conect; did you mean connect?"),
            ("connect now", "connect now: so it can't be called; docs/lab.md has the calls"),
            ("set TCP_NODLEAY 1", "there is no option TCP_NODLEAY; did you mean TCP_NODELAY?"),
            ("set SO_LINGER 1", "SO_LINGER is no option whose value is a whole number"),
            ("write x", "a number of bytes, such as 512, 64K or 10M"),
            ("read 0", "read 0: from 1 byte to 1G at once"),
            (
                "read 1 = ECONRESET",
                "ECONRESET is no result: a number, an error's name or forever; did you mean ECONNRESET?",
            ),
            ("bind 70000", "bind 70000: a port is wanted, such as bind 40000"),
            ("wait 1", "1: time unit needed, for example 1sec or 1ms"),
        ] {
            assert_eq!(step(text), Err(why.to_owned()), "{text}");
        }
    }
}
