//! DNS' names, and what its numbers are called.

use super::data::{byte, head, tail};
use super::page::{Page, Short};

/// The upper bits of a label's length say what it is.
const KIND: u8 = 0xc0;
const POINTER: u8 = 0xc0;
const RESERVED: u8 = 0x80;
const EXTENDED: u8 = 0x40;
/// The one extended label there ever was: a string of bits (RFC 2673).
const BITS: u8 = 1;

/// No name is longer.
const LONGEST: usize = 255;
/// A name that goes on elsewhere so often is a trap.
const MOST_POINTERS: usize = 128;

/// Where a name ends; `None` if it doesn't.
pub(super) fn skip(data: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = byte(data, at).ok()?;
        at += 1;
        match length & KIND {
            _ if length == 0 => return Some(at),
            POINTER => return Some(at + 1),
            RESERVED => return None,
            EXTENDED if length & !KIND == BITS => at += 1 + bit_bytes(byte(data, at).ok()?),
            EXTENDED => return None,
            _ => at += usize::from(length),
        }
    }
}

fn bit_bytes(count: u8) -> usize {
    bit_count(count).div_ceil(8)
}

fn bit_count(count: u8) -> usize {
    if count == 0 { 256 } else { count.into() }
}

/// A label's first byte, and how much comes behind it; `None` if that can't be said.
fn label(page: &mut Page<'_>, data: &[u8], at: usize) -> Option<(u8, usize)> {
    let length = byte(data, at).ok()?;
    match length & KIND {
        EXTENDED if length & !KIND != BITS => {
            page.write(format_args!("<ELT {}>", length & !KIND));
            None
        }
        EXTENDED => Some((length, bit_bytes(byte(data, at + 1).ok()?) + 1)),
        RESERVED => {
            page.put("<BAD LABEL TYPE>");
            None
        }
        _ => Some((length, length.into())),
    }
}

/// A name in a message; gives where it ends, `None` if it can't be read. Pointers must lead backwards, each farther than
/// the one before.
pub(super) fn name(page: &mut Page<'_>, data: &[u8], start: usize) -> Result<Option<usize>, Short> {
    let Some((mut length, mut size)) = label(page, data, start) else { return Ok(None) };
    if length == 0 {
        page.put(".");
        return Ok(Some(start + 1));
    }
    let (mut at, mut furthest, mut pointers) = (start + 1, start, 0);
    // Where it ends in its own place.
    let mut end = None;
    let mut characters = 0;
    while length != 0 && at < data.len() {
        if length & KIND == POINTER {
            let Ok(low) = byte(data, at) else { return Ok(None) };
            end = end.or(Some(at + 1));
            let target = usize::from(length & !KIND) << 8 | usize::from(low);
            pointers += 1;
            if target >= furthest || pointers > MOST_POINTERS {
                page.put("<BAD PTR>");
                return Ok(None);
            }
            (furthest, at) = (target, target);
        } else {
            if length & KIND == EXTENDED {
                bits(page, data, at)?;
            } else {
                let shown = size.min(LONGEST.saturating_sub(characters));
                let text = tail(head(data, at + shown), at);
                text.iter().for_each(|byte| page.character(*byte));
                if text.len() < shown {
                    return Ok(None);
                }
                characters += size;
            }
            at += size;
            if characters <= LONGEST {
                page.put(".");
            }
            characters += 1;
        }
        let Some(next) = label(page, data, at) else { return Ok(None) };
        (length, size) = next;
        at += 1;
        if characters > LONGEST && end.is_some() {
            break;
        }
    }
    if characters > LONGEST {
        page.put("<DOMAIN NAME TOO LONG>");
    }
    // A pointer that was cut in two leads nowhere.
    Ok(end.or((byte(data, start)? & KIND != POINTER).then_some(at)))
}

/// A string of bits, in hexadecimal.
fn bits(page: &mut Page<'_>, data: &[u8], at: usize) -> Result<(), Short> {
    let count = bit_count(byte(data, at)?);
    page.put("\\[x");
    let whole = count / 8;
    for index in 0..whole {
        page.hex(byte(data, at + 1 + index)?);
    }
    let left = count % 8;
    if left > 0 {
        let last = byte(data, at + 1 + whole)?;
        match left {
            5.. => page.write(format_args!("{:02x}", u32::from(last) & (0xff << (8 - left)))),
            _ => page.write(format_args!("{:x}", (last >> 4) & (0xf << (4 - left)) & 0xf)),
        }
    }
    page.write(format_args!("/{count}]"));
    Ok(())
}

/// What a type of record is called.
pub(super) fn type_name(number: u16) -> Option<&'static str> {
    const FIRST: [&str; 48] = [
        "A", "NS", "MD", "MF", "CNAME", "SOA", "MB", "MG", "MR", "NULL", "WKS", "PTR", "HINFO", "MINFO",
        "MX", "TXT", "RP", "AFSDB", "X25", "ISDN", "RT", "NSAP", "NSAP_PTR", "SIG", "KEY", "PX", "GPOS",
        "AAAA", "LOC", "NXT", "EID", "NIMLOC", "SRV", "ATMA", "NAPTR", "KX", "CERT", "A6", "DNAME", "SINK",
        "OPT", "APL", "DS", "SSHFP", "IPSECKEY", "RRSIG", "NSEC", "DNSKEY",
    ];
    const UNUSUAL: [&str; 6] = ["SPF", "UINFO", "UID", "GID", "UNSPEC", "UNSPECA"];
    const ASKED: [&str; 8] = ["TKEY", "TSIG", "IXFR", "AXFR", "MAILB", "MAILA", "ANY", "URI"];
    let tables: [(u16, &[&'static str]); 3] = [(1, &FIRST), (99, &UNUSUAL), (249, &ASKED)];
    tables.iter().find_map(|(first, names)| names.get(usize::from(number.checked_sub(*first)?)).copied())
}

/// What an option of EDNS is called.
pub(super) fn option_name(number: u16) -> Option<&'static str> {
    const NAMES: [&str; 18] = [
        "",
        "LLQ",
        "UL",
        "NSID",
        "",
        "DAU",
        "DHU",
        "N3U",
        "ECS",
        "EXPIRE",
        "COOKIE",
        "KEEPALIVE",
        "PADDING",
        "CHAIN",
        "KEY-TAG",
        "",
        "CLIENT-TAG",
        "SERVER-TAG",
    ];
    NAMES.get(usize::from(number)).copied().filter(|name| !name.is_empty())
}

/// What an algorithm is called in the options that say which are understood (RFC 6975).
pub(super) fn algorithm_name(option: u16, number: u8) -> Option<&'static str> {
    const DIGESTS: [&str; 4] = ["SHA-1", "SHA-256", "GOST_R_34.11-94", "SHA-384"];
    match option {
        5 => Some(match number {
            0 => "DELETE",
            1 => "RSAMD5",
            2 => "DH",
            3 => "DS",
            5 => "RSASHA1",
            6 => "DSA-NSEC3-SHA1",
            7 => "RSASHA1-NSEC3-SHA1",
            8 => "RSASHA256",
            10 => "RSASHA512",
            12 => "ECC-GOST",
            13 => "ECDSAP256SHA256",
            14 => "ECDSAP384SHA384",
            15 => "ED25519",
            16 => "ED448",
            252 => "INDIRECT",
            253 => "PRIVATEDNS",
            254 => "PRIVATEOID",
            _ => return None,
        }),
        6 => DIGESTS.get(usize::from(number).checked_sub(1)?).copied(),
        _ => (number == 1).then_some("SHA-1"),
    }
}
