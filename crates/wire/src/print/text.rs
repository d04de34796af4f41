//! Protocols of lines of text in tcpdump's words: HTTP (RFC 9112), FTP, SMTP, WHOIS, RTSP, SIP and SSH's greeting. Without
//! `-v` the first line is printed, with it all.

use super::data::byte;
use super::page::{Page, Printed, Short};

/// How a protocol is known.
pub(super) struct Protocol {
    name: &'static str,
    /// As it is printed.
    title: &'static str,
    /// What its requests begin with; its responses have a code of three digits behind the first word. `None`: whatever
    /// is text is printed.
    requests: Option<&'static [&'static str]>,
}

pub(super) const SMTP: Protocol = Protocol { name: "smtp", title: "SMTP", requests: None };
pub(super) const WHOIS: Protocol = Protocol { name: "whois", title: "WHOIS", requests: None };
pub(super) const FTP: Protocol = Protocol { name: "ftp", title: "FTP", requests: None };
pub(super) const HTTP: Protocol = Protocol { name: "http", title: "HTTP", requests: Some(&HTTP_REQUESTS) };
pub(super) const RTSP: Protocol = Protocol { name: "rtsp", title: "RTSP", requests: Some(&RTSP_REQUESTS) };
const SIP: Protocol = Protocol { name: "sip", title: "SIP", requests: Some(&SIP_REQUESTS) };

/// The methods of RFC 9110, of WebDAV and of its relatives. Any case will do.
const HTTP_REQUESTS: [&str; 38] = [
    "GET",
    "PUT",
    "COPY",
    "HEAD",
    "LOCK",
    "MOVE",
    "POLL",
    "POST",
    "BCOPY",
    "BMOVE",
    "MKCOL",
    "TRACE",
    "LABEL",
    "MERGE",
    "DELETE",
    "SEARCH",
    "UNLOCK",
    "REPORT",
    "UPDATE",
    "NOTIFY",
    "BDELETE",
    "CONNECT",
    "OPTIONS",
    "CHECKIN",
    "PROPFIND",
    "CHECKOUT",
    "CCM_POST",
    "SUBSCRIBE",
    "PROPPATCH",
    "BPROPFIND",
    "BPROPPATCH",
    "UNCHECKOUT",
    "MKACTIVITY",
    "MKWORKSPACE",
    "UNSUBSCRIBE",
    "RPC_CONNECT",
    "VERSION-CONTROL",
    "BASELINE-CONTROL",
];

/// RFC 7826.
const RTSP_REQUESTS: [&str; 11] = [
    "DESCRIBE",
    "ANNOUNCE",
    "GET_PARAMETER",
    "OPTIONS",
    "PAUSE",
    "PLAY",
    "RECORD",
    "REDIRECT",
    "SETUP",
    "SET_PARAMETER",
    "TEARDOWN",
];

/// RFC 3261 and what came after.
const SIP_REQUESTS: [&str; 17] = [
    "ACK",
    "BYE",
    "CANCEL",
    "DO",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "QAUTH",
    "REFER",
    "REGISTER",
    "SPRACK",
    "SUBSCRIBE",
    "UPDATE",
    "PUBLISH",
];

/// The longest word that is looked at.
const LONGEST_WORD: usize = 128;

/// What stands behind a segment's length.
pub(super) fn print(page: &mut Page<'_>, data: &[u8], length: u32, protocol: &Protocol) -> Printed {
    page.put(": ");
    message(page, data, length, protocol)
}

/// What stands behind a datagram's ends.
pub(super) fn print_sip(page: &mut Page<'_>, data: &[u8], length: u32) -> Printed {
    message(page, data, length, &SIP)
}

fn message(page: &mut Page<'_>, data: &[u8], length: u32, protocol: &Protocol) -> Printed {
    page.protocol = protocol.name;
    let shown = protocol.requests.is_none_or(|requests| begins(data, length as usize, requests));
    page.put(protocol.title);
    if !shown {
        return Ok(());
    }
    if !page.verbose() {
        return line(page, ": ", data, (0, length as usize)).map(|_| ());
    }
    page.write(format_args!(", length: {length}"));
    let mut at = 0;
    while at < length as usize {
        match line(page, "\n\t", data, (at, length as usize))? {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(())
}

/// Whether the first word is a request, or the second one a response's code.
fn begins(data: &[u8], length: usize, requests: &[&str]) -> bool {
    let Some((first, at)) = word(data, 0, length) else { return false };
    let is_request = requests.iter().any(|request| request.as_bytes().eq_ignore_ascii_case(first));
    is_request
        || word(data, at, length)
            .is_some_and(|(code, _)| code.len() == 3 && code.iter().all(u8::is_ascii_digit))
}

/// The word at a place, and where the next one is.
fn word(data: &[u8], at: usize, length: usize) -> Option<(&[u8], usize)> {
    let text = data.get(at..data.len().min(length))?;
    let count = text.iter().position(|byte| !byte.is_ascii_graphic()).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(count)?;
    let ended = match rest.first() {
        Some(byte) => b" \t\r\n".contains(byte),
        // It may go on in what was not captured.
        None => at + count >= length,
    };
    if word.is_empty() || word.len() > LONGEST_WORD || !ended {
        return None;
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    Some((word, at + count + spaces))
}

/// A line of text; gives where the next one begins, if it is one.
fn line(
    page: &mut Page<'_>,
    before: &str,
    data: &[u8],
    (from, length): (usize, usize),
) -> Result<Option<usize>, Short> {
    let mut at = from;
    let next = loop {
        if at >= length {
            break None;
        }
        match byte(data, at)? {
            b'\n' => break Some(at + 1),
            b'\r' if at + 1 < length && byte(data, at + 1)? == b'\n' => break Some(at + 2),
            b'\t' | b' '..=b'~' => at += 1,
            _ => return Ok(None),
        }
    };
    page.put(before);
    page.out.extend_from_slice(data.get(from..at).unwrap_or_default());
    if next.is_none() {
        page.cut();
    }
    Ok(next)
}

/// The line that says SSH's version (RFC 4253, section 4.2).
pub(super) fn print_ssh(page: &mut Page<'_>, data: &[u8], length: u32) -> Printed {
    page.protocol = "ssh";
    for (at, letter) in b"SSH-".iter().enumerate() {
        if byte(data, at)? != *letter {
            return Ok(());
        }
    }
    let mut at = 4;
    while at < length as usize {
        match byte(data, at)? {
            b'\n' => break,
            b'\r' if at + 1 < length as usize && byte(data, at + 1)? == b'\n' => break,
            b' '..=b'~' => at += 1,
            _ => return Ok(()),
        }
    }
    if at < length as usize {
        page.put(": SSH: ");
        page.out.extend_from_slice(data.get(..at).unwrap_or_default());
    }
    Ok(())
}
