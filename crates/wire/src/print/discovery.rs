//! Neighbour discovery in tcpdump's words (RFC 4861; RFC 4191; RFC 6275; RFC 8106).

use super::data::{array, byte, bytes, half, head, tail, word};
use super::dns;
use super::page::{Page, Short};

/// A message, and how long it was on the wire; `false` if its options can't be.
pub(super) fn print(page: &mut Page<'_>, (data, length): (&[u8], u32), kind: u8) -> Result<bool, Short> {
    let header_len = match kind {
        133 => 8,
        134 => {
            if page.verbose() {
                router(page, data)?;
            }
            16
        }
        135 => {
            let target = array(data, 8)?;
            page.put(", who has ");
            page.v6(target);
            24
        }
        136 => {
            const FLAGS: [(u32, &str); 3] =
                [(0x8000_0000, "router"), (0x4000_0000, "solicited"), (0x2000_0000, "override")];
            let target = array(data, 8)?;
            page.put(", tgt is ");
            page.v6(target);
            if page.verbose() {
                let flags = word(data, 4)?;
                page.put(", Flags [");
                page.bits(&FLAGS, flags, ", ");
                page.put("]");
            }
            24
        }
        _ => {
            let to = array(data, 24)?;
            page.put(", ");
            page.v6(to);
            let over = array(data, 8)?;
            page.put(" to ");
            page.v6(over);
            40
        }
    };
    if !page.verbose() {
        return Ok(true);
    }
    options(page, data, header_len, i64::from(length) - header_len as i64)
}

fn router(page: &mut Page<'_>, data: &[u8]) -> Result<(), Short> {
    const FLAGS: [(u32, &str); 4] =
        [(0x80, "managed"), (0x40, "other stateful"), (0x20, "home agent"), (0x02, "ipv6 only")];
    let (hops, flags, life) = (byte(data, 4)?, byte(data, 5)?, half(data, 6)?);
    let (reachable, again) = (word(data, 8)?, word(data, 12)?);
    page.write(format_args!("\n\thop limit {hops}, Flags ["));
    page.bits(&FLAGS, flags.into(), ", ");
    page.write(format_args!(
        "], pref {}, router lifetime {life}s, reachable time {reachable}ms, retrans timer {again}ms",
        preference(flags)
    ));
    Ok(())
}

/// RFC 4191, section 2.1.
fn preference(flags: u8) -> &'static str {
    ["medium", "high", "rsv", "low"][usize::from(flags >> 3 & 3)]
}

fn life(page: &mut Page<'_>, seconds: u32) {
    match seconds {
        u32::MAX => page.put("infinity"),
        seconds => page.write(format_args!("{seconds}s")),
    }
}

/// The options from an offset on, `left` bytes of them; `false` if one of them can't be.
fn options(page: &mut Page<'_>, data: &[u8], first: usize, mut left: i64) -> Result<bool, Short> {
    let mut at = first;
    while at < data.len() {
        let Ok(units) = byte(data, at + 1) else { return Ok(false) };
        if left <= 0 {
            return Ok(true);
        }
        let (kind, length) = (byte(data, at)?, usize::from(units) * 8);
        if length == 0 {
            return Ok(false);
        }
        let Ok(option) = bytes(data, at, length) else { return Ok(false) };
        let name = match kind {
            1 => "source link-address",
            2 => "destination link-address",
            3 => "prefix info",
            4 => "redirected header",
            5 => "mtu",
            25 => "rdnss",
            31 => "dnssl",
            7 => "advertisement interval",
            8 => "homeagent information",
            24 => "route info",
            _ => "unknown",
        };
        page.write(format_args!("\n\t  {name} option ({kind}), length {length} ({units}): "));
        match kind {
            1 | 2 => page.mac(tail(option, 2)),
            // Of the first option there is, whichever that be: so it is.
            4 => page.hex_dump("\n\t    ", head(tail(data, first), length)),
            1..=8 | 24 | 25 | 31 => {
                // What is read is bounded by the packet, not by the option.
                let whole = body(page, (tail(data, at), tail(data, first)), (kind, units))?;
                if !whole {
                    return Ok(false);
                }
            }
            _ if page.style.verbosity <= 1 => {
                page.hex_dump("\n\t  ", tail(option, 2));
                return Ok(true);
            }
            _ => {}
        }
        if page.style.verbosity > 1 {
            page.hex_dump("\n\t    ", tail(option, 2));
        }
        at += length;
        left -= length as i64;
    }
    Ok(true)
}

/// What an option says; `false` if it can't be.
fn body(page: &mut Page<'_>, (data, names): (&[u8], &[u8]), (kind, units): (u8, u8)) -> Result<bool, Short> {
    const PREFIX_FLAGS: [(u32, &str); 3] = [(0x80, "onlink"), (0x40, "auto"), (0x20, "router")];
    match kind {
        3 => {
            let (prefix, length, flags) = (array(data, 16)?, byte(data, 2)?, byte(data, 3)?);
            let valid = word(data, 4)?;
            page.v6(prefix);
            page.write(format_args!("/{length}{}, Flags [", if units == 4 { "" } else { "badlen" }));
            page.bits(&PREFIX_FLAGS, flags.into(), ", ");
            page.put("], valid time ");
            life(page, valid);
            let preferred = word(data, 8)?;
            page.put(", pref. time ");
            life(page, preferred);
        }
        5 => {
            let mtu = word(data, 4)?;
            page.write(format_args!(" {mtu}{}", if units == 1 { "" } else { "bad option length" }));
        }
        7 => page.write(format_args!(" {}ms", word(data, 4)?)),
        8 => page.write(format_args!(" preference {}, lifetime {}", half(data, 4)?, half(data, 6)?)),
        24 => {
            let Ok(seconds) = word(data, 4) else { return Ok(false) };
            let mut prefix = [0; 16];
            match units {
                1 => {}
                2 => prefix[..8].copy_from_slice(&array::<8>(data, 8)?),
                3 => prefix = array(data, 8)?,
                _ => return Ok(false),
            }
            page.put(" ");
            page.v6(prefix);
            page.write(format_args!("/{}, pref={}, lifetime=", byte(data, 2)?, preference(byte(data, 3)?)));
            life(page, seconds);
        }
        25 => {
            page.write(format_args!(" lifetime {}s,", word(data, 4)?));
            for index in 0..usize::from((units - 1) / 2) {
                let address = array(data, 8 + 16 * index)?;
                page.put(" addr: ");
                page.v6(address);
            }
        }
        31 => {
            page.write(format_args!(" lifetime {}s, domain(s):", word(data, 4)?));
            let mut at = 8;
            let before = names.len() - data.len();
            while at < usize::from(units) * 8 && byte(data, at)? != 0 {
                page.put(" ");
                match dns::name(page, names, before + at)? {
                    Some(end) => at = end - before,
                    None => return Ok(false),
                }
            }
        }
        _ => {}
    }
    Ok(true)
}
