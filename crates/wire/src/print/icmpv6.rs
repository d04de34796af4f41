//! ICMPv6 in tcpdump's words (RFC 4443; neighbour discovery, RFC 4861). Not modelled: node information, router
//! renumbering and RPL, of which the name alone is printed.

use super::data::{array, byte, bytes, half, head, tail, word};
use super::page::{Page, Printed, Short};
use super::transport::{self, Carrier};
use super::{discovery, membership};
use crate::ip::protocol;

const HEADER_LEN: usize = 8;
const UNREACHABLE: u8 = 1;
const SOLICIT_ROUTER: u8 = 133;
const ADVERTISE_ROUTER: u8 = 134;
const SOLICIT_NEIGHBOR: u8 = 135;
const ADVERTISE_NEIGHBOR: u8 = 136;
const REDIRECT: u8 = 137;

/// A message, and how long it was on the wire.
pub(super) fn print(
    page: &mut Page<'_>,
    (data, length): (&[u8], u32),
    carrier: Carrier<'_>,
    fragment: bool,
) -> Printed {
    page.protocol = "icmp6";
    if length == 0 {
        page.put("ICMP6, length 0");
        page.invalid();
        return Ok(());
    }
    if page.verbose()
        && !fragment
        && let Ok(message) = bytes(data, 0, length as usize)
    {
        let field = half(data, 2)?;
        match carrier.sum(protocol::ICMPV6, message)? {
            0 => page.put("[icmp6 sum ok] "),
            sum => {
                let right = transport::right(field, sum);
                page.write(format_args!("[bad icmp6 cksum 0x{field:04x} -> 0x{right:04x}!] "));
            }
        }
    }
    let kind = byte(data, 0)?;
    page.put("ICMP6, ");
    match name(kind) {
        Some(name) => page.put(name),
        None => page.write(format_args!("unknown icmp6 type ({kind})")),
    }
    let told = page.verbose() && matches!(kind, SOLICIT_ROUTER..=REDIRECT | 145 | 147);
    if told {
        page.write(format_args!(", length {length}"));
    }
    let code = byte(data, 1)?;
    if name(kind).is_none() || matches!(kind, 200 | 201) {
        page.write(format_args!(", length {length}"));
        if page.style.verbosity <= 1 {
            page.hex_dump("\n\t", head(data, length as usize));
        }
        return Ok(());
    }
    if !says(page, (data, length), (kind, code))? {
        return Ok(());
    }
    if !page.verbose() {
        page.put(", length ");
        page.number(length);
    }
    Ok(())
}

/// What it says; `false` if the line ends there.
fn says(page: &mut Page<'_>, (data, length): (&[u8], u32), (kind, code): (u8, u8)) -> Result<bool, Short> {
    let quoted = tail(data, HEADER_LEN);
    match kind {
        UNREACHABLE => return unreachable(page, (data, length), code),
        2 => page.write(format_args!(", mtu {}", word(data, 4)?)),
        3 => match code {
            0 => {
                let to = array(quoted, 24)?;
                page.put(" for ");
                page.v6(to);
            }
            1 => page.put(" (reassembly)"),
            code => page.write(format_args!(", unknown code ({code})")),
        },
        4 => {
            if quoted.len() < 40 {
                page.cut();
                return Ok(false);
            }
            let at = word(data, 4)?;
            match code {
                0 => page.write(format_args!(", erroneous - octet {at}")),
                1 => page.write(format_args!(", next header - octet {at}")),
                2 => page.write(format_args!(", option - octet {at}")),
                3 => page.write(format_args!(", incomplete header chain - octet {at}")),
                code => page.write(format_args!(", code-#{code}")),
            }
        }
        128 | 129 => {
            let (id, sequence) = (half(data, 4)?, half(data, 6)?);
            page.put(", id ");
            page.number(id);
            page.put(", seq ");
            page.number(sequence);
        }
        130 if length == 24 => membership::print_mld(page, data)?,
        130 if length >= 28 => {
            page.put(" v2");
            membership::print_mld_query(page, data, length)?;
        }
        130 => page.write(format_args!(" unknown-version (len {length}) ")),
        131 | 132 => membership::print_mld(page, data)?,
        143 => membership::print_mld_report(page, data, length)?,
        144 | 146 => page.write(format_args!(", id 0x{:04x}", half(data, 4)?)),
        SOLICIT_ROUTER..=REDIRECT => {
            let whole = discovery::print(page, (data, length), kind)?;
            if !whole {
                page.cut();
                return Ok(false);
            }
        }
        _ => {}
    }
    Ok(true)
}

fn unreachable(page: &mut Page<'_>, (data, length): (&[u8], u32), code: u8) -> Result<bool, Short> {
    let quoted = tail(data, HEADER_LEN);
    page.put(match code {
        0 => ", unreachable route",
        // Two spaces: so it is.
        1 => ",  unreachable prohibited",
        2 => ", beyond scope",
        3 => ", unreachable address",
        4 => ", unreachable port",
        code => {
            page.write(format_args!(", unknown unreach code ({code})"));
            if page.style.verbosity <= 1 {
                page.hex_dump("\n\t", head(data, length as usize));
                return Ok(false);
            }
            return Ok(true);
        }
    });
    if code == 4 {
        let Some((protocol, port)) = upper(quoted)? else {
            page.cut();
            return Ok(false);
        };
        let to = array(quoted, 24)?;
        page.put(", ");
        page.v6(to);
        let name = if protocol == protocol::TCP { "tcp" } else { "udp" };
        page.write(format_args!(" {name} port {port}"));
        return Ok(true);
    }
    let (to, from) = (array(quoted, 24)?, array(quoted, 8)?);
    page.put(" ");
    page.v6(to);
    if code == 2 {
        page.put(", source address ");
        page.v6(from);
    }
    Ok(true)
}

/// What is behind a quoted packet's headers: TCP or UDP, and the destination's port.
fn upper(quoted: &[u8]) -> Result<Option<(u8, u16)>, Short> {
    let Ok(mut next) = byte(quoted, 6) else { return Ok(None) };
    let mut at = 40;
    // Each header is at least eight bytes, so there is an end.
    loop {
        let header = tail(quoted, at);
        match next {
            protocol::TCP | protocol::UDP => return Ok(half(header, 2).ok().map(|port| (next, port))),
            0 | 43 | 60 => {
                let Ok(length) = byte(header, 1) else { return Ok(None) };
                at += (usize::from(length) + 1) * 8;
            }
            44 => match half(header, 2) {
                Ok(offset) if offset & 0xfff8 == 0 => at += 8,
                _ => return Ok(None),
            },
            51 => {
                let Ok(length) = byte(header, 1) else { return Ok(None) };
                at += (usize::from(length) + 2) * 4;
            }
            _ => return Ok(None),
        }
        next = byte(header, 0)?;
    }
}

fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        UNREACHABLE => "destination unreachable",
        2 => "packet too big",
        3 => "time exceeded in-transit",
        4 => "parameter problem",
        128 => "echo request",
        129 => "echo reply",
        130 => "multicast listener query",
        131 => "multicast listener report",
        132 => "multicast listener done",
        SOLICIT_ROUTER => "router solicitation",
        ADVERTISE_ROUTER => "router advertisement",
        SOLICIT_NEIGHBOR => "neighbor solicitation",
        ADVERTISE_NEIGHBOR => "neighbor advertisement",
        REDIRECT => "redirect",
        138 => "router renumbering",
        139 => "who-are-you request",
        140 => "who-are-you reply",
        141 => "inverse neighbor solicitation",
        142 => "inverse neighbor advertisement",
        143 => "multicast listener report v2",
        144 => "ha discovery request",
        145 => "ha discovery reply",
        146 => "mobile router solicitation",
        147 => "mobile router advertisement",
        155 => "RPL",
        200 => "mtrace response",
        201 => "mtrace message",
        _ => return None,
    })
}
