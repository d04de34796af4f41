//! IPv6 and its extension headers in tcpdump's words (RFC 8200).

use super::data::{array, byte, half, head, tail, word};
use super::page::{Page, Printed, Short};
use super::transport::{self, Carrier};

const HEADER_LEN: usize = 40;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
const FRAGMENT_LEN: usize = 8;

/// Packets of more than 65,535 bytes say how long they are in an option (RFC 2675).
#[derive(Clone, Copy, Default)]
struct Jumbo {
    found: bool,
    length: u32,
}

/// A packet, and how long it was on the wire.
pub(super) fn print(page: &mut Page<'_>, data: &[u8], length: usize) -> Printed {
    page.protocol = "ip6";
    if data.len() < HEADER_LEN {
        page.cut();
        return Ok(());
    }
    if length < HEADER_LEN {
        page.write(format_args!("truncated-ip6 {length}"));
        return Ok(());
    }
    if !page.style.link_header {
        page.put("IP6 ");
    }
    let version = data[0] >> 4;
    if version != 6 {
        page.write(format_args!("version error: {version} != 6"));
        return Ok(());
    }
    let payload = half(data, 4)?;
    // Where it says none, all there is may be a jumbogram's.
    let total = match payload {
        0 => length + HEADER_LEN,
        payload => usize::from(payload) + HEADER_LEN,
    };
    if payload > 0 && length < total {
        page.write(format_args!("truncated-ip6 - {} bytes missing!", total - length));
    }
    if page.verbose() {
        let (flow, next) = (word(data, 0)?, data[6]);
        page.put("(");
        if flow & 0x0ff0_0000 != 0 {
            page.write(format_args!("class 0x{:02x}, ", flow >> 20 & 0xff));
        }
        if flow & 0xf_ffff != 0 {
            page.write(format_args!("flowlabel 0x{:05x}, ", flow & 0xf_ffff));
        }
        let name = transport::name(next);
        page.write(format_args!("hlim {}, next-header {name} ({next}) payload length: {payload}) ", data[7]));
    }
    headers(page, (data, length), total)
}

/// The extension headers, and what is behind them.
fn headers(page: &mut Page<'_>, (whole, length): (&[u8], usize), total: usize) -> Printed {
    let mut jumbo = Jumbo { found: false, length: half(whole, 4)?.into() };
    let data = head(whole, total);
    let (mut next, mut at) = (data[6], HEADER_LEN);
    let (mut extended, mut fragment) = (false, false);
    // The last header ends at the end of what was captured: nothing behind it is looked at.
    let mut before = 0;
    while before < data.len() {
        if total < at {
            page.cut();
            return Ok(());
        }
        if at == HEADER_LEN && !transport::tells_ends(next) {
            page.v6(array(data, 8)?);
            page.put(" > ");
            page.v6(array(data, 24)?);
            page.put(": ");
        }
        let header = tail(data, at);
        let step = match next {
            HOP_BY_HOP if at > HEADER_LEN => {
                page.put("[The Hop-by-Hop Options header ");
                page.put(if extended && whole[6] == HOP_BY_HOP {
                    "was already found]"
                } else {
                    "don't follow the IPv6 header]"
                });
                page.invalid();
                return Ok(());
            }
            HOP_BY_HOP => {
                let step = options_header(page, header, "hbhopt", Some(&mut jumbo))?;
                if jumbo.length == 0 && !jumbo.found {
                    page.put("[No valid Jumbo Payload Hop-by-Hop option found]");
                    page.invalid();
                    return Ok(());
                }
                step
            }
            DESTINATION => options_header(page, header, "dstopt", None)?,
            FRAGMENT => {
                let more = fragment_header(page, header, HEADER_LEN + usize::from(half(data, 4)?), at)?;
                fragment = true;
                if !more || header.len() <= FRAGMENT_LEN { None } else { Some(FRAGMENT_LEN) }
            }
            ROUTING => routing_header(page, header)?,
            _ => return carried(page, (whole, length), (total, at), (next, extended, fragment, jumbo)),
        };
        let Some(step) = step else { return Ok(()) };
        next = byte(header, 0)?;
        extended = true;
        before = at;
        at += step;
        page.protocol = "ip6";
    }
    Ok(())
}

/// What is behind the last header.
fn carried(
    page: &mut Page<'_>,
    (whole, length): (&[u8], usize),
    (mut total, at): (usize, usize),
    (next, extended, fragment, jumbo): (u8, bool, bool, Jumbo),
) -> Printed {
    if jumbo.found {
        total = jumbo.length as usize + HEADER_LEN;
        if total < at {
            page.cut();
            return Ok(());
        }
        if length < total {
            page.write(format_args!("truncated-ip6 - {} bytes missing!", total - length));
        }
    } else if jumbo.length == 0 {
        if extended {
            page.cut();
            return Ok(());
        }
        total = HEADER_LEN;
    }
    let data = head(whole, total);
    let carrier = Carrier { header: data, version: 6 };
    transport::print(page, (tail(data, at), (total - at) as u32), next, (carrier, fragment))
}

/// A header of options; gives its length, or nothing if it can't be read on.
fn options_header(
    page: &mut Page<'_>,
    header: &[u8],
    protocol: &'static str,
    mut jumbo: Option<&mut Jumbo>,
) -> Result<Option<usize>, Short> {
    page.protocol = protocol;
    let length = (usize::from(byte(header, 1)?) + 1) * 8;
    if header.len() < length {
        page.cut();
        return Ok(None);
    }
    let hop_by_hop = jumbo.is_some();
    page.put(if hop_by_hop { "HBH " } else { "DSTOPT " });
    if (hop_by_hop || page.verbose()) && !options(page, &header[2..length], &mut jumbo)? {
        page.cut();
        return Ok(None);
    }
    Ok(Some(length))
}

const PAD_ONE: u8 = 0;
const PAD: u8 = 1;
const ROUTER_ALERT: u8 = 5;
const JUMBO: u8 = 0xc2;
const HOME_ADDRESS: u8 = 0xc9;

/// The options of a header; `false` if one of them can't be.
fn options(page: &mut Page<'_>, data: &[u8], jumbo: &mut Option<&mut Jumbo>) -> Result<bool, Short> {
    let (mut at, mut seen) = (0, false);
    while at < data.len() {
        let kind = data[at];
        let length = match (kind, data.get(at + 1)) {
            (PAD_ONE, _) => 1,
            (_, Some(length)) => usize::from(*length) + 2,
            _ => return Ok(false),
        };
        let Some(option) = data.get(at..at + length) else { return Ok(false) };
        let left = data.len() - at;
        match kind {
            PAD_ONE if page.verbose() => page.put("(pad1)"),
            PAD if page.verbose() => page.put("(padn)"),
            PAD_ONE | PAD => {}
            ROUTER_ALERT => {
                if !fits(page, "rtalert", (left, length), 4) {
                    return Ok(false);
                }
                if page.verbose() {
                    let value = half(option, 2)?;
                    page.write(format_args!("(rtalert: 0x{value:04x}) "));
                }
            }
            JUMBO => {
                if !fits(page, "jumbo", (left, length), 6) {
                    return Ok(false);
                }
                jumbo_option(page, word(option, 2)?, std::mem::replace(&mut seen, true), jumbo);
            }
            HOME_ADDRESS => {
                if left < 18 {
                    page.put("(homeaddr: trunc)");
                    return Ok(false);
                }
                if length < 18 {
                    page.write(format_args!("(homeaddr: invalid len {})", length - 2));
                    return Ok(false);
                }
                if page.verbose() {
                    page.put("(homeaddr: ");
                    page.v6(array(option, 2)?);
                    if !suboptions(page, tail(option, 18)) {
                        return Ok(false);
                    }
                    page.put(")");
                }
            }
            kind if page.verbose() => {
                page.write(format_args!("(opt_type 0x{kind:02x}: len={})", length - 2));
            }
            _ => {}
        }
        at += length;
    }
    if page.verbose() && !data.is_empty() {
        page.put(" ");
    }
    Ok(true)
}

/// Whether an option of a certain length can be: so many bytes are left, so many it says it has.
fn fits(page: &mut Page<'_>, name: &str, (left, length): (usize, usize), right: usize) -> bool {
    if left < right {
        page.write(format_args!("({name}: trunc)"));
    } else if length != right {
        page.write(format_args!("({name}: invalid len {})", length - 2));
    }
    left >= right && length == right
}

fn jumbo_option(page: &mut Page<'_>, value: u32, seen: bool, jumbo: &mut Option<&mut Jumbo>) {
    let fault = match jumbo {
        _ if seen => " - already seen",
        None => " - not a hop-by-hop option",
        Some(jumbo) if jumbo.length != 0 => " - payload len != 0",
        Some(_) if value < 65_536 => " - < 65536",
        Some(jumbo) => {
            **jumbo = Jumbo { found: true, length: value };
            ""
        }
    };
    if page.verbose() {
        page.write(format_args!("(jumbo: {value}{fault}) "));
    }
}

fn suboptions(page: &mut Page<'_>, data: &[u8]) -> bool {
    let mut at = 0;
    while at < data.len() {
        let kind = data[at];
        let length = match (kind, data.get(at + 1)) {
            (PAD_ONE, _) => 1,
            (_, Some(length)) => usize::from(*length) + 2,
            _ => return false,
        };
        if at + length > data.len() {
            return false;
        }
        match kind {
            PAD_ONE => page.put(", pad1"),
            PAD => page.put(", padn"),
            kind => page.write(format_args!(", sopt_type 0x{kind:02x}: len={}", length - 2)),
        }
        at += length;
    }
    true
}

/// A fragment header, in a packet that ends at `end`; whether what is behind it can be read.
fn fragment_header(page: &mut Page<'_>, header: &[u8], end: usize, at: usize) -> Result<bool, Short> {
    page.protocol = "frag6";
    let id = if page.verbose() { Some(word(header, 4)?) } else { None };
    let offset = half(header, 2)? & 0xfff8;
    page.put("frag (");
    if let Some(id) = id {
        page.write(format_args!("0x{id:08x}:"));
    }
    // Unsigned there, and as wide as an address.
    let length = end.wrapping_sub(at).wrapping_sub(FRAGMENT_LEN);
    page.write(format_args!("{offset}|{length})"));
    if offset == 0 {
        page.put(" ");
    }
    Ok(offset == 0)
}

/// A routing header; gives its length, or nothing if it can't be read on. (RFC 5095; RFC 6275, section 6.4; RFC 8754.)
fn routing_header(page: &mut Page<'_>, header: &[u8]) -> Result<Option<usize>, Short> {
    if header.is_empty() {
        page.cut();
        return Ok(None);
    }
    page.protocol = "rt6";
    page.put("RT6");
    let length = byte(header, 1)?;
    page.write(format_args!(" (len={length}"));
    let kind = byte(header, 2)?;
    page.write(format_args!(", type={kind}"));
    if kind == 0 {
        page.put(" [Deprecated]");
    }
    let left = byte(header, 3)?;
    page.write(format_args!(", segleft={left}"));
    match kind {
        0 | 2 => {
            let reserved = word(header, 4)?;
            if reserved != 0 || page.verbose() {
                page.write(format_args!(", rsv=0x{reserved:x}"));
            }
        }
        4 => {
            let last = byte(header, 4)?;
            page.write(format_args!(", last-entry={last}"));
            let flags = byte(header, 5)?;
            if flags != 0 || page.verbose() {
                page.write(format_args!(", flags=0x{flags:x}"));
            }
            let tag = half(header, 6)?;
            page.write(format_args!(", tag={tag:x}"));
        }
        _ => {
            page.put(" (unknown type)");
            page.invalid();
            return Ok(None);
        }
    }
    if length % 2 == 1 {
        page.write(format_args!(" (invalid length {length})"));
        page.invalid();
        return Ok(None);
    }
    for index in 0..usize::from(length / 2) {
        let address = array(header, 8 + 16 * index)?;
        page.write(format_args!(", [{index}]"));
        page.v6(address);
    }
    page.put(") ");
    Ok(Some((usize::from(length) + 1) * 8))
}

/// Where a packet goes in the end: what a routing header says, if it has one.
pub(super) fn last_destination(data: &[u8]) -> Result<[u8; 16], Short> {
    let (mut next, mut at) = (byte(data, 6)?, HEADER_LEN);
    let mut found = array(data, 24)?;
    loop {
        let header = tail(data, at);
        match next {
            HOP_BY_HOP | DESTINATION if !header.is_empty() => at += (usize::from(byte(header, 1)?) + 1) * 8,
            FRAGMENT if !header.is_empty() => at += FRAGMENT_LEN,
            ROUTING if header.len() >= 4 => {
                let last = match header[2] {
                    0 | 2 => usize::from(header[1] / 2).checked_sub(1),
                    4 => Some(0),
                    _ => None,
                };
                if let Some(address) = last.and_then(|last| array(header, 8 + 16 * last).ok()) {
                    found = address;
                }
                return Ok(found);
            }
            _ => return Ok(found),
        }
        next = byte(header, 0)?;
    }
}
