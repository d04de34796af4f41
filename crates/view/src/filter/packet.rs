//! A packet's bytes, as filters look at them.

use super::{Link, Protocol, Reach, Scope, Version, Way};

const ETHERNET_LEN: usize = 14;
pub(super) const TAG_LEN: usize = 4;
/// A type so small is a length.
const LONGEST: u16 = 1500;
/// OSI's frames name it for both sides (IEEE 802.2).
const BOTH_SIDES: u16 = 0xfe;
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const REVERSE_ARP: u16 = 0x8035;
const IPV6: u16 = 0x86dd;
/// IPv6's fragment header, and how long IPv6's own header is.
const FRAGMENT: u8 = 44;
const IPV6_LEN: usize = 40;
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    link: Link,
    way: Option<Way>,
    /// Bytes of VLAN tags that are passed over.
    tags: usize,
    bytes: &'a [u8],
    length: usize,
}

/// Reading fails (`None`) where there are no bytes.
impl<'a> Packet<'a> {
    pub(super) fn new((link, way): (Link, Option<Way>), bytes: &'a [u8], length: usize) -> Packet<'a> {
        Packet { link, way, tags: 0, bytes, length }
    }

    /// Which way it went.
    pub(super) fn way(&self) -> Option<Way> {
        self.way
    }

    /// The same, as it is behind so many VLAN tags.
    pub(super) fn behind(mut self, tags: usize) -> Packet<'a> {
        self.tags = tags * TAG_LEN;
        self
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// A number of 1, 2 or 4 bytes.
    pub(super) fn number(&self, at: usize, size: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn half(&self, at: usize) -> Option<u16> {
        self.bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// The EtherType; where there is no Ethernet header, that of the version of IP.
    pub(super) fn ether_type(&self) -> Option<u16> {
        match self.link {
            Link::Ethernet => self.half(12 + self.tags),
            Link::Raw => Some(match self.byte(0)? >> 4 {
                4 => IPV4,
                6 => IPV6,
                _ => 0,
            }),
        }
    }

    /// Where the network layer begins.
    fn network(&self) -> usize {
        match self.link {
            Link::Ethernet => ETHERNET_LEN + self.tags,
            Link::Raw => 0,
        }
    }

    /// Whether the EtherType is this. Small ones are none: they stand behind a length.
    pub(super) fn has_type(&self, number: u16) -> Option<bool> {
        let own = self.ether_type()?;
        Some(match (self.link, number) {
            (Link::Ethernet, BOTH_SIDES) => {
                own <= LONGEST && self.half(self.network())? == BOTH_SIDES << 8 | BOTH_SIDES
            }
            (Link::Ethernet, 0..=LONGEST) => {
                own <= LONGEST && u16::from(self.byte(self.network())?) == number
            }
            _ => own == number,
        })
    }

    pub(super) fn is_tagged(&self, number: Option<u16>) -> Option<bool> {
        let tagged = self.link == Link::Ethernet && matches!(self.ether_type()?, 0x8100 | 0x88a8 | 0x9100);
        Some(match number {
            Some(number) if tagged => self.half(self.network())? & 0xfff == number,
            _ => tagged,
        })
    }

    pub(super) fn is(&self, protocol: Protocol) -> Option<bool> {
        Some(match protocol {
            Protocol::Ethernet => self.link == Link::Ethernet,
            Protocol::Type(number) => self.has_type(number)?,
            Protocol::Arp => self.ether_type()? == ARP,
            Protocol::Ip => self.ether_type()? == IPV4,
            Protocol::Ip6 => self.ether_type()? == IPV6,
            Protocol::Over(version, number) => {
                let (v4, v6) = (version != Version::V6, version != Version::V4);
                match self.ether_type()? {
                    IPV4 if v4 => self.byte(self.network() + 9)? == number,
                    IPV6 if v6 => {
                        let next = self.byte(self.network() + 6)?;
                        // A fragment says what it is a piece of.
                        next == number
                            || (next == FRAGMENT && self.byte(self.network() + IPV6_LEN)? == number)
                    }
                    _ => false,
                }
            }
        })
    }

    /// Where source and destination are, of IP or ARP; `Some(None)` if it has none of that kind.
    pub(super) fn addresses(&self, version: Version, of_v4: bool) -> Option<Option<(usize, usize)>> {
        let at = self.network();
        Some(match (self.ether_type()?, version) {
            (IPV4, Version::Any | Version::V4) if of_v4 => Some((at + 12, at + 16)),
            (ARP, Version::Any | Version::Arp) if of_v4 => Some((at + 14, at + 24)),
            (REVERSE_ARP, Version::Any) if of_v4 => Some((at + 14, at + 24)),
            (IPV6, Version::Any | Version::V6) if !of_v4 => Some((at + 8, at + 24)),
            _ => None,
        })
    }

    pub(super) fn mac(&self, at: usize) -> Option<[u8; 6]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }

    /// Where the source port is, and the destination port behind it, of one protocol or any that has ports. Only the first
    /// fragment has them.
    pub(super) fn ports(&self, protocol: Option<u8>) -> Option<Option<usize>> {
        let has_ports = |number: u8| protocol.map_or(matches!(number, TCP | UDP | SCTP), |own| own == number);
        let at = self.network();
        let start = match self.ether_type()? {
            IPV4 if has_ports(self.byte(at + 9)?) && self.half(at + 6)? & 0x1fff == 0 => self.header_end()?,
            IPV6 if has_ports(self.byte(at + 6)?) => at + IPV6_LEN,
            _ => return Some(None),
        };
        Some(Some(start))
    }

    pub(super) fn is_to_group(&self, scope: Scope, reach: Reach) -> Option<bool> {
        let at = self.network();
        Some(match (scope, reach) {
            (Scope::Ethernet, Reach::Broadcast) => self.link == Link::Ethernet && self.mac(0)? == [0xff; 6],
            (Scope::Ethernet, Reach::Multicast) => self.link == Link::Ethernet && self.byte(0)? & 1 != 0,
            // What the network is isn't known: all ones or all zeros.
            (Scope::V4, Reach::Broadcast) => {
                self.ether_type()? == IPV4 && matches!(self.number(at + 16, 4)?, 0 | u32::MAX)
            }
            (Scope::V4, Reach::Multicast) => self.ether_type()? == IPV4 && self.byte(at + 16)? >= 224,
            (Scope::V6, Reach::Multicast) => self.ether_type()? == IPV6 && self.byte(at + 24)? == 0xff,
            (Scope::V6, Reach::Broadcast) => false,
        })
    }

    /// Where a protocol's header begins, if the packet has one.
    pub(super) fn start_of(&self, protocol: Protocol) -> Option<Option<usize>> {
        let at = self.network();
        Some(match protocol {
            // As libpcap: where the packet begins, whatever the link.
            Protocol::Ethernet => Some(0),
            Protocol::Arp | Protocol::Type(_) | Protocol::Ip | Protocol::Ip6 => {
                self.is(protocol)?.then_some(at)
            }
            Protocol::Over(Version::V6, number) => {
                let is_it = self.ether_type()? == IPV6 && self.byte(at + 6)? == number;
                is_it.then_some(at + IPV6_LEN)
            }
            // As libpcap: the bytes of what both versions carry are those over IPv4.
            Protocol::Over(_, number) => {
                let is_it = self.ether_type()? == IPV4
                    && self.byte(at + 9)? == number
                    && self.half(at + 6)? & 0x1fff == 0;
                if is_it { Some(self.header_end()?) } else { None }
            }
        })
    }

    /// Where IPv4's header ends.
    fn header_end(&self) -> Option<usize> {
        let at = self.network();
        Some(at + usize::from(self.byte(at)? & 0xf) * 4)
    }
}
