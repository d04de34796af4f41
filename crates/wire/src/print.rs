//! Packets as lines of text, in tcpdump's words: what `tcpdump -n` 4.99 prints for the same bytes, and its options.
//!
//! It reads bytes, not values: what is malformed, cut short or of a kind nobody here speaks is printed, too. A line depends
//! on lines before it: tcpdump prints sequence numbers relative to the start of their connection, so a [`Printer`]
//! remembers where each began. Not modelled: names for addresses and ports, and protocols that nothing here speaks (what
//! tcpdump would tell of NTP, DHCP or routing protocols is printed as a datagram of so many bytes; of other IP protocols
//! the number).

mod arp;
mod connections;
mod data;
mod discovery;
mod dns;
mod dns_names;
mod ether;
mod icmpv4;
mod icmpv6;
mod ipv4;
mod ipv6;
mod membership;
mod page;
mod redis;
mod tcp;
mod text;
mod transport;
mod udp;

use crate::{Frame, checksum};

use connections::Connections;
use page::{Page, Short};

/// What packets begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// An Ethernet header.
    Ethernet,
    /// An IP header.
    Raw,
}

/// Which way a packet went where it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It came.
    In,
    /// It was sent.
    Out,
}

/// What is printed of a packet: tcpdump's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// How much is told: how often `-v` was given.
    pub verbosity: u8,
    /// The link's header, too: `-e`.
    pub link_header: bool,
    /// Little of protocols: how often `-q` was given.
    pub quiet: u8,
    /// Sequence numbers as they are in the packets: `-S`.
    pub absolute: bool,
    /// Whether checksums are looked at: not with `-K`.
    pub sums: bool,
    /// The packet's bytes behind the line.
    pub dump: Option<Dump>,
}

/// A packet's bytes, as they are printed behind its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dump {
    /// How.
    pub form: DumpForm,
    /// With the link's header: where the option is given twice.
    pub link_header: bool,
}

/// How bytes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpForm {
    /// In hexadecimal: `-x`.
    Hex,
    /// In hexadecimal and as text: `-X`.
    HexAndText,
    /// As text: `-A`.
    Text,
}

impl Default for Style {
    fn default() -> Style {
        Style { verbosity: 0, link_header: false, quiet: 0, absolute: false, sums: true, dump: None }
    }
}

impl Style {
    /// Whether bytes of unknown kind are printed in hexadecimal, though nobody asked: not if that is done anyway, or
    /// little is wanted.
    fn shows_unknown(&self) -> bool {
        let done = self.dump.is_some_and(|dump| dump.form != DumpForm::Text);
        self.quiet == 0 && !done
    }
}

/// Prints packets.
#[derive(Debug, Default)]
pub struct Printer {
    style: Style,
    connections: Connections,
    /// The bytes of the frame that was printed last.
    frame: Vec<u8>,
}

impl Printer {
    /// A printer that has seen no connection yet.
    pub fn new(style: Style) -> Printer {
        Printer { style, ..Printer::default() }
    }

    /// Puts the text for a packet behind `out`: mostly a line, without the line feed at its end. Takes what the packet
    /// begins with, its first bytes, or all, and how long it was. Gives how long the link's header is, for
    /// [`Printer::dump`].
    pub fn packet(&mut self, link: Link, bytes: &[u8], length: usize, out: &mut Vec<u8>) -> usize {
        let mut page = self.page(out);
        let header_len = match link {
            Link::Ethernet => ether::print(&mut page, bytes, length),
            Link::Raw => ether::raw(&mut page, bytes, length).map(|()| 0),
        };
        header_len.unwrap_or_else(|Short| {
            page.cut();
            0
        })
    }

    /// Puts the packet's bytes behind its text, as the style wants them.
    pub fn dump(&mut self, bytes: &[u8], header_len: usize, out: &mut Vec<u8>) {
        let Some(dump) = self.style.dump else { return };
        let shown = if dump.link_header { bytes } else { data::tail(bytes, header_len) };
        let mut page = self.page(out);
        match dump.form {
            _ if shown.is_empty() => {}
            DumpForm::Hex => page.hex_dump("\n\t", shown),
            DumpForm::HexAndText => page.hex_and_text("\n\t", shown),
            DumpForm::Text => page.text_dump(shown),
        }
    }

    fn page<'a>(&'a mut self, out: &'a mut Vec<u8>) -> Page<'a> {
        Page { out, style: &self.style, connections: &mut self.connections, protocol: "", depth: 0 }
    }

    /// The text for a frame. `timestamp` comes first, with a space behind it unless it is empty. A super-segment is
    /// printed as one, as tcpdump prints it where the card does the splitting.
    pub fn line(&mut self, frame: &Frame, timestamp: &str) -> String {
        let mut bytes = std::mem::take(&mut self.frame);
        bytes.clear();
        frame.write(checksum::Transport::Here, &mut bytes);
        let mut out = Vec::with_capacity(160);
        out.extend_from_slice(timestamp.as_bytes());
        if !timestamp.is_empty() {
            out.push(b' ');
        }
        let link = if frame.ethernet.is_some() { Link::Ethernet } else { Link::Raw };
        self.packet(link, &bytes, bytes.len(), &mut out);
        self.frame = bytes;
        String::from_utf8_lossy(&out).into_owned()
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
