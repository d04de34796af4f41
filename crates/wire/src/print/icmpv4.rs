//! ICMP in tcpdump's words (RFC 792; RFC 1256; RFC 4884). Errors say whose packet failed, as far as they quote it.

use super::data::{array, byte, bytes, half, head, tail, word};
use super::ipv4;
use super::page::{Page, Printed, Short};
use super::transport::right;
use crate::checksum;
use crate::ip::protocol;

const HEADER_LEN: usize = 8;
const UNREACHABLE: u8 = 3;
const QUENCH: u8 = 4;
const REDIRECT: u8 = 5;
const EXCEEDED: u8 = 11;
const PROBLEM: u8 = 12;

/// So much of what a message says is printed.
const LONGEST: usize = 163;

/// A message, and how long it was on the wire.
pub(super) fn print(page: &mut Page<'_>, data: &[u8], length: u32, fragment: bool) -> Printed {
    page.protocol = "icmp";
    let (kind, code) = (byte(data, 0)?, byte(data, 1)?);
    let start = page.out.len();
    page.put("ICMP ");
    let said = page.out.len();
    match says(page, data, (kind, code)) {
        Ok(true) => page.out.truncate(said + LONGEST),
        // Nothing is said of what can't be read whole.
        Ok(false) => {
            page.out.truncate(start);
            page.cut();
            return Ok(());
        }
        Err(Short) => {
            page.out.truncate(start);
            return Err(Short);
        }
    }
    page.put(", length ");
    page.number(length);
    if !page.verbose() {
        return Ok(());
    }
    if !fragment && let Ok(message) = bytes(data, 0, length as usize) {
        let sum = checksum::of(message);
        if sum != 0 {
            let field = half(data, 2)?;
            page.write(format_args!(" (wrong icmp cksum {field:x} (->{:x})!)", right(field, sum)));
        }
    }
    if matches!(kind, UNREACHABLE | QUENCH | REDIRECT | EXCEEDED | PROBLEM) {
        page.put("\n\t");
        let quoted = tail(data, HEADER_LEN);
        let total = usize::from(half(quoted, 2)?);
        // It is asked again when no more than that can be seen.
        half(head(quoted, total), 2)?;
        page.inside(|page| ipv4::print(page, head(quoted, total), total))?;
        page.protocol = "icmp";
    }
    if matches!(kind, UNREACHABLE | EXCEEDED | PROBLEM) && length as usize > EXTENSIONS {
        return extensions(page, data, length as usize);
    }
    Ok(())
}

/// What it says; `false` if it can't be read that far.
fn says(page: &mut Page<'_>, data: &[u8], (kind, code): (u8, u8)) -> Result<bool, Short> {
    let (id, sequence) = (half(data, 4), half(data, 6));
    match kind {
        0 | 8 => {
            page.put(if kind == 8 { "echo request, id " } else { "echo reply, id " });
            page.number(id?);
            page.put(", seq ");
            page.number(sequence?);
        }
        UNREACHABLE => return unreachable(page, data, code),
        QUENCH => page.put("source quench"),
        REDIRECT => {
            let (to, gateway) = (array(data, HEADER_LEN + 16)?, array(data, 4)?);
            match code {
                0 | 1 => page.put("redirect "),
                2 | 3 => page.put("redirect-tos "),
                code => page.write(format_args!("redirect-#{code} ")),
            }
            page.v4(to);
            page.put(match code {
                0 | 2 => " to net ",
                1 | 3 => " to host ",
                _ => " to ",
            });
            page.v4(gateway);
        }
        9 => return advertisement(page, data),
        10 => page.put("router solicitation"),
        EXCEEDED => {
            if data.len() < HEADER_LEN + 20 {
                return Ok(false);
            }
            match code {
                0 => page.put("time exceeded in-transit"),
                1 => page.put("ip reassembly time exceeded"),
                code => page.write(format_args!("time exceeded-#{code}")),
            }
        }
        PROBLEM => match code {
            0 => page.write(format_args!("parameter problem - octet {}", byte(data, 4)?)),
            code => page.write(format_args!("parameter problem - code {code}")),
        },
        13 => page.write(format_args!("time stamp query id {} seq {}", id?, sequence?)),
        14 => {
            let Ok([sent, received, answered]) = times(data) else { return Ok(false) };
            page.write(format_args!("time stamp reply id {} seq {}: org ", id?, sequence?));
            time(page, sent);
            page.put(", recv ");
            time(page, received);
            page.put(", xmit ");
            time(page, answered);
        }
        15 => page.put("information request"),
        16 => page.put("information reply"),
        17 => page.put("address mask request"),
        18 => page.write(format_args!("address mask is 0x{:08x}", word(data, 8)?)),
        kind => page.write(format_args!("type-#{kind}")),
    }
    Ok(true)
}

/// Whom a packet did not reach, and why.
fn unreachable(page: &mut Page<'_>, data: &[u8], code: u8) -> Result<bool, Short> {
    let quoted = tail(data, HEADER_LEN);
    if code == 3 && quoted.len() < 10 {
        return Ok(false);
    }
    page.put(match code {
        0 | 6 | 9 | 11 => "net ",
        1 | 7 | 10 | 12..=15 => "host ",
        _ => "",
    });
    page.v4(array(quoted, 16)?);
    page.put(match code {
        0 | 1 => " unreachable",
        2 => {
            page.write(format_args!(" protocol {} unreachable", byte(quoted, 9)?));
            return Ok(true);
        }
        3 => {
            let port = half(quoted, usize::from(byte(quoted, 0)? & 0xf) * 4 + 2)?;
            match byte(quoted, 9)? {
                protocol::TCP => page.write(format_args!(" tcp port {port} unreachable")),
                protocol::UDP => page.write(format_args!(" udp port {port} unreachable")),
                other => page.write(format_args!(" protocol {other} port {port} unreachable")),
            }
            return Ok(true);
        }
        4 => {
            page.put(" unreachable - need to frag");
            match half(data, 6)? {
                0 => {}
                mtu => page.write(format_args!(" (mtu {mtu})")),
            }
            return Ok(true);
        }
        5 => " unreachable - source route failed",
        6 | 7 => " unreachable - unknown",
        8 => " unreachable - source host isolated",
        9 | 10 => " unreachable - admin prohibited",
        11 | 12 => " unreachable - tos prohibited",
        13 => " unreachable - admin prohibited filter",
        14 => " unreachable - host precedence violation",
        15 => " unreachable - precedence cutoff",
        code => {
            page.write(format_args!(" unreachable - #{code}"));
            return Ok(true);
        }
    });
    Ok(true)
}

/// A router's advertisement (RFC 1256, section 3).
fn advertisement(page: &mut Page<'_>, data: &[u8]) -> Result<bool, Short> {
    let (Ok([count, size]), Ok(life)) = (array(data, 4), half(data, 6)) else { return Ok(false) };
    page.put("router advertisement lifetime ");
    match life {
        0..60 => page.number(life),
        60..3600 => page.write(format_args!("{}:{:02}", life / 60, life % 60)),
        _ => page.write(format_args!("{}:{:02}:{:02}", life / 3600, life % 3600 / 60, life % 60)),
    }
    page.write(format_args!(" {count}:"));
    if size != 2 {
        page.write(format_args!(" [size {size}]"));
        return Ok(true);
    }
    for index in 0..usize::from(count) {
        let at = HEADER_LEN + 8 * index;
        let (Ok(router), Ok(preference)) = (array(data, at), word(data, at + 4)) else { return Ok(false) };
        page.put(" {");
        page.v4(router);
        page.write(format_args!(" {preference}}}"));
    }
    Ok(true)
}

fn times(data: &[u8]) -> Result<[u32; 3], Short> {
    Ok([word(data, 8)?, word(data, 12)?, word(data, 16)?])
}

/// Milliseconds since midnight.
fn time(page: &mut Page<'_>, milliseconds: u32) {
    let seconds = milliseconds / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    page.write(format_args!("{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, milliseconds % 1000));
}

/// Where extensions begin.
const EXTENSIONS: usize = 136;

/// Objects behind the quoted packet (RFC 4884, section 7). Where the message doesn't say that there are any, the
/// checksum does.
fn extensions(page: &mut Page<'_>, data: &[u8], length: usize) -> Printed {
    if data.len() < EXTENSIONS + 5 {
        page.cut();
        return Ok(());
    }
    let room = length - EXTENSIONS;
    let covered = bytes(data, EXTENSIONS, room);
    if data[5] == 0 && covered.is_ok_and(|covered| checksum::of(covered) != 0) {
        return Ok(());
    }
    let version = data[EXTENSIONS] >> 4;
    page.write(format_args!("\n\tICMP Multi-Part extension v{version}"));
    if version != 2 {
        page.put(" packet not supported");
        return Ok(());
    }
    if let Ok(covered) = covered {
        let field = half(data, EXTENSIONS + 2)?;
        let verdict = if checksum::of(covered) == 0 { "" } else { "in" };
        page.write(format_args!(", checksum 0x{field:04x} ({verdict}correct), length {room}"));
    }
    // Its header is off, and it may be shorter than that: then there is no end to see.
    let mut left = (room as u32).wrapping_sub(4);
    let mut at = EXTENSIONS + 4;
    while left > 4 {
        let (Ok(own), Ok([class, kind])) = (half(data, at), array(data, at + 2)) else {
            page.cut();
            return Ok(());
        };
        let name = match class {
            1 => "MPLS Stack Entry",
            2 => "Interface Identification",
            _ => "unknown",
        };
        page.write(format_args!("\n\t  {name} Object ({class}), Class-Type: {kind}, length {own}"));
        left -= 4;
        at += 4;
        if class == 0 || own < 4 {
            return Ok(());
        }
        let own = usize::from(own) - 4;
        if (class, kind) == (1, 1) {
            let label = word(data, at)?;
            page.write(format_args!("\n\t    label {}, tc {}", label >> 12, label >> 9 & 7));
            page.put(if label & 0x100 == 0 { "" } else { ", [S]" });
            page.write(format_args!(", ttl {}", label & 0xff));
        } else {
            page.hex_dump("\n\t    ", head(tail(data, at), own));
        }
        if (left as usize) < own {
            break;
        }
        left -= own as u32;
        at += own;
    }
    Ok(())
}
