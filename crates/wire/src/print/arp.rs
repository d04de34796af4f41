//! ARP in tcpdump's words (RFC 826; reverse, RFC 903; inverse, RFC 2390). Not modelled: ATM's and frame relay's.

use super::data::{array, byte, bytes, half};
use super::ether;
use super::page::{Page, Printed, Short};

const HEADER_LEN: usize = 8;
const IPV4: u16 = 0x0800;
/// Trailers (RFC 893).
const TRAIL: u16 = 0x1000;

/// The lengths of both kinds of address, and what stands at which place.
struct Layout<'a> {
    data: &'a [u8],
    hardware: usize,
    protocol: usize,
    ether_type: u16,
}

impl<'a> Layout<'a> {
    fn sender_mac(&self) -> Result<&'a [u8], Short> {
        bytes(self.data, HEADER_LEN, self.hardware)
    }

    fn target_mac(&self) -> Result<&'a [u8], Short> {
        bytes(self.data, HEADER_LEN + self.hardware + self.protocol, self.hardware)
    }

    fn address(&self, page: &mut Page<'_>, at: usize) -> Printed {
        if !matches!(self.ether_type, IPV4 | TRAIL) {
            page.put("<wrong proto type>");
        } else if self.protocol != 4 {
            page.put("<wrong len>");
        } else {
            page.v4(array(self.data, at)?);
        }
        Ok(())
    }

    fn sender(&self, page: &mut Page<'_>) -> Printed {
        self.address(page, HEADER_LEN + self.hardware)
    }

    fn target(&self, page: &mut Page<'_>) -> Printed {
        self.address(page, HEADER_LEN + 2 * self.hardware + self.protocol)
    }
}

/// A packet, behind its link's header.
pub(super) fn print(page: &mut Page<'_>, data: &[u8], length: usize) -> Printed {
    page.protocol = "arp";
    let (hardware, ether_type) = (half(data, 0)?, half(data, 2)?);
    let operation = half(data, 6)?;
    let layout =
        Layout { data, hardware: byte(data, 4)?.into(), protocol: byte(data, 5)?.into(), ether_type };
    bytes(data, HEADER_LEN + 2 * layout.hardware + layout.protocol, layout.protocol)?;
    if !page.style.link_header {
        page.put("ARP, ");
    }
    let odd = !matches!(ether_type, IPV4 | TRAIL) || layout.protocol != 4 || layout.hardware == 0;
    if odd || page.verbose() {
        match hardware_name(hardware) {
            Some(name) => page.put(name),
            None => page.write(format_args!("Unknown Hardware ({hardware})")),
        }
        page.write(format_args!(" (len {}), ", layout.hardware));
        match ether::name(ether_type) {
            Some(name) => page.put(name),
            None => page.write(format_args!("Unknown Protocol (0x{ether_type:04x})")),
        }
        page.write(format_args!(" (len {})", layout.protocol));
    }
    if !odd || page.verbose() {
        if page.verbose() {
            page.put(", ");
        }
        if !body(page, &layout, operation)? {
            page.hex_and_text("\n\t", data);
            return Ok(());
        }
    }
    page.put(", length ");
    page.number(length as u32);
    Ok(())
}

/// What is asked or answered; `false` if nobody knows.
fn body(page: &mut Page<'_>, layout: &Layout<'_>, operation: u16) -> Result<bool, Short> {
    match operation {
        1 => {
            page.put("Request who-has ");
            layout.target(page)?;
            let mac = layout.target_mac()?;
            if mac.iter().any(|byte| *byte != 0) {
                page.put(" (");
                page.mac(mac);
                page.put(")");
            }
            page.put(" tell ");
            layout.sender(page)?;
        }
        2 => {
            page.put("Reply ");
            layout.sender(page)?;
            page.put(" is-at ");
            page.mac(layout.sender_mac()?);
        }
        3 | 8 => {
            page.put(if operation == 3 { "Reverse Request" } else { "Inverse Request" });
            page.put(" who-is ");
            page.mac(layout.target_mac()?);
            page.put(" tell ");
            page.mac(layout.sender_mac()?);
        }
        4 => {
            page.put("Reverse Reply ");
            page.mac(layout.target_mac()?);
            page.put(" at ");
            layout.target(page)?;
        }
        9 => {
            page.put("Inverse Reply ");
            page.mac(layout.sender_mac()?);
            page.put(" at ");
            layout.sender(page)?;
        }
        other => {
            match other {
                10 => page.put("NACK Reply "),
                other => page.write(format_args!("Unknown ({other}) ")),
            }
            return Ok(false);
        }
    }
    Ok(true)
}

fn hardware_name(number: u16) -> Option<&'static str> {
    Some(match number {
        1 => "Ethernet",
        6 => "TokenRing",
        7 => "ArcNet",
        15 => "FrameRelay",
        19 => "ATM",
        23 => "Strip",
        24 => "IEEE 1394",
        32 => "InfiniBand",
        _ => return None,
    })
}
