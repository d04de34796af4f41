//! UDP in tcpdump's words (RFC 768). Of the protocols above it DNS and SIP are read.

use super::data::{half, head, tail};
use super::page::{Page, Printed};
use super::transport::{self, Carrier};
use super::{dns, text};
use crate::ip::protocol;

const HEADER_LEN: u32 = 8;
const DNS: u16 = 53;
const MULTICAST_DNS: u16 = 5353;
const SIP: u16 = 5060;

/// A datagram, and how long it was on the wire.
pub(super) fn print(
    page: &mut Page<'_>,
    (data, length): (&[u8], u32),
    carrier: Carrier<'_>,
    fragment: bool,
) -> Printed {
    page.protocol = "udp";
    let (Ok(from), Ok(to)) = (half(data, 0), half(data, 2)) else {
        if carrier.carries(protocol::UDP)? {
            carrier.source(page)?;
            page.put(" > ");
            carrier.destination(page)?;
            page.put(": ");
        }
        page.cut();
        return Ok(());
    };
    carrier.ends(page, protocol::UDP, (from, to))?;
    if length < HEADER_LEN {
        page.write(format_args!("truncated-udp {length}"));
        return Ok(());
    }
    let Ok(said) = half(data, 4) else {
        page.cut();
        return Ok(());
    };
    // A jumbogram says nothing (RFC 2675, section 4).
    let said = if said == 0 && length > 65_535 { length } else { said.into() };
    if said < HEADER_LEN {
        page.write(format_args!("truncated-udplength {said}"));
        return Ok(());
    }
    let (said, length) = (said - HEADER_LEN, (length - HEADER_LEN).min(said - HEADER_LEN));
    if data.len() < HEADER_LEN as usize {
        page.cut();
        return Ok(());
    }
    let payload = tail(data, HEADER_LEN as usize);
    let checked = page.style.verbosity > u8::from(carrier.version == 4) && page.style.sums && !fragment;
    if checked {
        checksum(page, data, length + HEADER_LEN, carrier)?;
    }
    if page.style.quiet == 0 {
        let is = |port| from == port || to == port;
        if is(DNS) {
            return dns::print(page, (payload, length), dns::Kind::Unicast);
        }
        if is(MULTICAST_DNS) {
            return dns::print(page, (payload, length), dns::Kind::Multicast);
        }
        if is(SIP) {
            return text::print_sip(page, payload, length);
        }
    }
    if said > length && !fragment {
        page.write(format_args!("UDP, bad length {said} > {length}"));
    } else {
        page.put("UDP, length ");
        page.number(said);
    }
    Ok(())
}

fn checksum(page: &mut Page<'_>, data: &[u8], length: u32, carrier: Carrier<'_>) -> Printed {
    let field = half(data, 6)?;
    if field == 0 && carrier.version == 4 {
        page.put("[no cksum] ");
    } else if data.len() >= length as usize {
        match carrier.sum(protocol::UDP, head(data, length as usize))? {
            0 => page.put("[udp sum ok] "),
            sum => {
                let right = transport::right(field, sum);
                page.write(format_args!("[bad udp cksum 0x{field:04x} -> 0x{right:04x}!] "));
            }
        }
    }
    Ok(())
}
