//! IPv4 in tcpdump's words (RFC 791).

use super::data::{array, byte, bytes, half, head, tail, word};
use super::page::{Page, Printed, Short};
use super::transport::{self, Carrier};
use crate::checksum;

const HEADER_LEN: usize = 20;
const MORE: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// A packet, and how long it was on the wire.
pub(super) fn print(page: &mut Page<'_>, data: &[u8], length: usize) -> Printed {
    page.protocol = "ip";
    match byte(data, 0)? >> 4 {
        4 => {}
        6 => {
            page.put("IP6, wrong link-layer encapsulation");
            page.invalid();
            return Ok(());
        }
        version => {
            page.put("IP");
            page.number(version);
            page.invalid();
            return Ok(());
        }
    }
    if !page.style.link_header {
        page.put("IP ");
    }
    if data.len() < HEADER_LEN {
        page.cut();
        return Ok(());
    }
    if length < HEADER_LEN {
        page.write(format_args!("truncated-ip {length}"));
        return Ok(());
    }
    let header_len = usize::from(data[0] & 0xf) * 4;
    if header_len < HEADER_LEN {
        page.write(format_args!("bad-hlen {header_len}"));
        return Ok(());
    }
    let total = usize::from(half(data, 2)?);
    if length < total {
        page.write(format_args!("truncated-ip - {} bytes missing! ", total - length));
    }
    if total < header_len {
        page.write(format_args!("bad-len {total}"));
        return Ok(());
    }
    let data = head(data, total);
    if page.verbose() && !details(page, data, header_len)? {
        page.protocol = "ip";
        ends(page, data, ": ")?;
        page.cut();
        return Ok(());
    }
    let left = (total - header_len) as u32;
    carried(page, data, header_len, left)
}

/// What the packet carries, or where that is a piece of it.
fn carried(page: &mut Page<'_>, data: &[u8], header_len: usize, left: u32) -> Printed {
    let (fragment, protocol) = (half(data, 6)?, data[9]);
    if fragment & OFFSET == 0 {
        if !transport::tells_ends(protocol) {
            ends(page, data, ": ")?;
        }
        if data.len() < header_len {
            page.write(format_args!(" [remaining caplen({}) < header length({header_len})]", data.len()));
            return Err(Short);
        }
        let carrier = Carrier { header: data, version: 4 };
        return transport::print(
            page,
            (tail(data, header_len), left),
            protocol,
            (carrier, fragment & MORE != 0),
        );
    }
    if page.style.quiet < 2 {
        ends(page, data, ":")?;
        page.put(" ip-proto-");
        page.number(protocol);
    }
    Ok(())
}

fn ends(page: &mut Page<'_>, data: &[u8], behind: &str) -> Printed {
    page.v4(array(data, 12)?);
    page.put(" > ");
    page.v4(array(data, 16)?);
    page.put(behind);
    Ok(())
}

/// What `-v` adds; `false` if the options are cut short.
fn details(page: &mut Page<'_>, data: &[u8], header_len: usize) -> Result<bool, Short> {
    const FLAGS: [(u32, &str); 3] = [(0x2000, "+"), (0x4000, "DF"), (0x8000, "rsvd")];
    let service = data[1];
    page.write(format_args!("(tos 0x{service:x}"));
    page.put(match service & 3 {
        0 => "",
        1 => ",ECT(1)",
        2 => ",ECT(0)",
        _ => ",CE",
    });
    if data[8] > 0 {
        page.write(format_args!(", ttl {}", data[8]));
    }
    let (id, fragment) = (half(data, 4)?, half(data, 6)?);
    page.write(format_args!(", id {id}, offset {}, flags [", u32::from(fragment & OFFSET) * 8));
    page.bits(&FLAGS, fragment.into(), ", ");
    let name = transport::name(data[9]);
    page.write(format_args!("], proto {name} ({}), length {}", data[9], half(data, 2)?));
    let mut whole = true;
    if header_len > HEADER_LEN {
        page.put(", options (");
        whole = options(page, tail(data, HEADER_LEN), header_len - HEADER_LEN)?;
        page.put(if whole { ")" } else { " [truncated-option])" });
    }
    if page.style.sums
        && let Ok(header) = bytes(data, 0, header_len)
    {
        let sum = checksum::of(header);
        if sum != 0 {
            let field = half(data, 10)?;
            page.write(format_args!(", bad cksum {field:x} (->{:x})!", transport::right(field, sum)));
        }
    }
    page.put(")\n    ");
    Ok(whole)
}

/// The header's options; `false` if they are cut short.
fn options(page: &mut Page<'_>, data: &[u8], length: usize) -> Result<bool, Short> {
    let mut at = 0;
    while at < length {
        if at > 0 {
            page.put(",");
        }
        let kind = byte(data, at)?;
        match name(kind) {
            Some(name) => page.put(name),
            None => page.write(format_args!("unknown {kind}")),
        }
        let own = if matches!(kind, 0 | 1) { 1 } else { usize::from(byte(data, at + 1)?) };
        if (own < 2 && kind > 1) || own > length - at {
            page.write(format_args!(" [bad length {own}]"));
            return Ok(true);
        }
        let Ok(option) = bytes(data, at, own) else { return Ok(false) };
        match kind {
            0 => return Ok(true),
            // What they read is bounded by the packet, not by the option.
            TIMESTAMP if !times(page, tail(data, at), own)? => return Ok(false),
            ROUTE | LOOSE | STRICT if !route(page, tail(data, at), own)? => return Ok(false),
            ALERT if own < 4 => page.write(format_args!(" [bad length {own}]")),
            ALERT => {
                let value = half(option, 2)?;
                if value != 0 {
                    page.write(format_args!(" value {value}"));
                }
            }
            _ => {}
        }
        at += own;
    }
    Ok(true)
}

const ROUTE: u8 = 7;
const TIMESTAMP: u8 = 68;
const LOOSE: u8 = 131;
const STRICT: u8 = 137;
const ALERT: u8 = 148;

fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "EOL",
        1 => "NOP",
        TIMESTAMP => "timestamp",
        130 => "security",
        ROUTE => "RR",
        STRICT => "SSRR",
        LOOSE => "LSRR",
        ALERT => "RA",
        82 => "traceroute",
        _ => return None,
    })
}

/// A route: addresses from the fourth byte on, those before the pointer taken.
fn route(page: &mut Page<'_>, option: &[u8], length: usize) -> Result<bool, Short> {
    if length < 3 {
        page.write(format_args!(" [bad length {length}]"));
        return Ok(true);
    }
    if !(length + 1).is_multiple_of(4) {
        page.write(format_args!(" [bad length {length}]"));
    }
    let pointer = i32::from(option[2]) - 1;
    if pointer < 3 || (pointer + 1) & 3 != 0 || pointer > length as i32 + 1 {
        page.write(format_args!(" [bad ptr {}]", option[2]));
    }
    for at in (3..length).step_by(4) {
        let Ok(address) = array(option, at) else { return Ok(false) };
        page.put(" ");
        page.v4(address);
        // The pointer is unsigned there: none is beyond everything.
        if pointer as u32 > at as u32 {
            page.put(",");
        }
    }
    Ok(true)
}

/// Times at hops (RFC 791, section 3.1): alone, or each with an address before it.
fn times(page: &mut Page<'_>, option: &[u8], length: usize) -> Result<bool, Short> {
    if length < 4 {
        page.write(format_args!("[bad length {length}]"));
        return Ok(true);
    }
    page.put(" TS{");
    let (kind, missed) = (option[3] & 0xf, option[3] >> 4);
    let step = if kind == 0 { 4 } else { 8 };
    if !(length - 4).is_multiple_of(step) {
        page.write(format_args!("[bad length {length}]"));
    }
    let pointer = usize::from(option[2]).wrapping_sub(1);
    if pointer < 4 || !pointer.wrapping_sub(4).is_multiple_of(step) || pointer > length + 1 {
        page.write(format_args!("[bad ptr {}]", option[2]));
    }
    let mut at = 0;
    match kind {
        0 | 1 | 3 => {
            page.put(["TSONLY", "TS+ADDR", "", "PRESPEC"][usize::from(kind)]);
            at = 4;
            while at < length {
                let Ok(time) = word(option, at + step - 4) else { return Ok(false) };
                page.put(if pointer == at { " ^ " } else { " " });
                page.number(time);
                page.put("@");
                if step == 8 {
                    page.v4(array(option, at)?);
                }
                at += step;
            }
        }
        kind => page.write(format_args!("[bad ts type {kind}]")),
    }
    if pointer == at {
        page.put(" ^ ");
    }
    match missed {
        0 => page.put("}"),
        missed => page.write(format_args!(" [{missed} hops not recorded]}} ")),
    }
    Ok(true)
}

/// Where a packet goes in the end: the last address of a source route, if it has one.
pub(super) fn last_destination(data: &[u8]) -> Result<[u8; 4], Short> {
    let header_len = usize::from(byte(data, 0)? & 0xf) * 4;
    let mut options = data.get(HEADER_LEN..header_len).unwrap_or_default();
    while let Some((kind, rest)) = options.split_first() {
        let length = match (kind, rest.first()) {
            (0, _) => break,
            (1, _) => 1,
            (_, Some(length)) if *length >= 2 => usize::from(*length),
            _ => break,
        };
        let Some((option, rest)) = options.split_at_checked(length) else { break };
        if matches!(*kind, LOOSE | STRICT) && length >= 7 {
            return array(option, length - 4);
        }
        options = rest;
    }
    array(data, 16)
}
