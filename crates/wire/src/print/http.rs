//! The first line of HTTP (RFC 9112) in tcpdump's words: printed if a segment starts with a request or a status line
//! that is text.

use sockeye_base::Chain;

/// Ports that tcpdump takes for HTTP's.
pub(super) fn is_port(port: &u16) -> bool {
    matches!(port, 80 | 3128 | 8080)
}

/// The methods that tcpdump knows (those of RFC 9110, of WebDAV and of its relatives). Any case will do.
const METHODS: [&str; 38] = [
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

/// How much of a segment is looked at: no first line of use is longer, and the rest is not copied.
const LOOKED_AT: usize = 65_535;
/// The longest word that is looked at.
const LONGEST_WORD: usize = 128;

/// What stands behind the length of a segment that carries data.
pub(super) fn print(payload: &Chain, out: &mut String) {
    out.push_str(": HTTP");
    // The line mostly lies in the first piece, which saves the copy.
    let first = payload.pieces().next().unwrap_or_default();
    let copy;
    let text = if first.len() == payload.len() || first.contains(&b'\n') {
        first
    } else {
        copy = payload.slice(0, LOOKED_AT).to_vec();
        &copy
    };
    if !starts_message(text) {
        return;
    }
    match line(text) {
        Line::Whole(line) => out.extend([": ", &ascii(line)]),
        Line::Cut(line) => out.extend([": ", &ascii(line), " [|http]"]),
        Line::NotText => {}
    }
}

fn ascii(line: &[u8]) -> String {
    line.iter().map(|byte| char::from(*byte)).collect()
}

/// Whether the first word is a method, or the second one a status code.
fn starts_message(text: &[u8]) -> bool {
    let Some((first, rest)) = word(text) else { return false };
    let is_method = METHODS.iter().any(|method| method.as_bytes().eq_ignore_ascii_case(first));
    is_method || word(rest).is_some_and(|(code, _)| code.len() == 3 && code.iter().all(u8::is_ascii_digit))
}

/// The printable word at the front, and what is behind it and the white space of its line.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = text.iter().position(|byte| !byte.is_ascii_graphic()).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(len)?;
    let ends = rest.first().is_none_or(|byte| b" \t\r\n\x0b\x0c".contains(byte));
    if word.is_empty() || word.len() > LONGEST_WORD || !ends {
        return None;
    }
    let space = rest.iter().position(|byte| !b" \t".contains(byte)).unwrap_or(rest.len());
    Some((word, rest.get(space..)?))
}

enum Line<'a> {
    Whole(&'a [u8]),
    /// The segment ends before the line does.
    Cut(&'a [u8]),
    NotText,
}

fn line(text: &[u8]) -> Line<'_> {
    let printable = |byte: &u8| byte.is_ascii_graphic() || b" \t".contains(byte);
    let len = text.iter().position(|byte| !printable(byte)).unwrap_or(text.len());
    match text.split_at_checked(len) {
        Some((line, [])) => Line::Cut(line),
        Some((line, [b'\n', ..] | [b'\r', b'\n', ..])) => Line::Whole(line),
        _ => Line::NotText,
    }
}
