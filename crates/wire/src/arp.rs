//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use crate::Malformed;
use crate::ethernet::{Mac, ether_type};
use crate::read::array_at;

/// Bytes of a packet for IPv4 over Ethernet.
pub const LEN: usize = 28;

/// What an ARP packet does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has this address?
    Request,
    /// I have.
    Reply,
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Request or reply.
    pub operation: Operation,
    /// The sender's hardware address.
    pub sender_mac: Mac,
    /// The sender's address.
    pub sender_ip: Ipv4Addr,
    /// The target's hardware address; zero in a request.
    pub target_mac: Mac,
    /// The target's address.
    pub target_ip: Ipv4Addr,
}

/// Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = {
    let [high, low] = ether_type::IPV4.to_be_bytes();
    [0, 1, high, low, 6, 4]
};

impl Packet {
    /// The question who has an address.
    pub fn request(sender_mac: Mac, sender_ip: Ipv4Addr, target_ip: Ipv4Addr) -> Packet {
        Packet { operation: Operation::Request, sender_mac, sender_ip, target_mac: Mac::ZERO, target_ip }
    }

    /// The answer to this packet's sender: the target's address is `mac`.
    pub fn reply(&self, mac: Mac) -> Packet {
        Packet {
            operation: Operation::Reply,
            sender_mac: mac,
            sender_ip: self.target_ip,
            target_mac: self.sender_mac,
            target_ip: self.sender_ip,
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        out[..6].copy_from_slice(&ETHERNET_IPV4);
        out[7] = match self.operation {
            Operation::Request => 1,
            Operation::Reply => 2,
        };
        out[8..14].copy_from_slice(&self.sender_mac.0);
        out[14..18].copy_from_slice(&self.sender_ip.octets());
        out[18..24].copy_from_slice(&self.target_mac.0);
        out[24..].copy_from_slice(&self.target_ip.octets());
        out
    }

    /// Reads a packet. Bytes behind it (a frame's padding) are left out.
    ///
    /// # Errors
    /// `Truncated`; `Arp` if it is for other addresses than IPv4's over Ethernet's, or of another operation.
    pub fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
        let view: [u8; LEN] = array_at(bytes, 0).ok_or(Malformed::Truncated)?;
        let operation = match (view.starts_with(&ETHERNET_IPV4), view[6], view[7]) {
            (true, 0, 1) => Operation::Request,
            (true, 0, 2) => Operation::Reply,
            _ => return Err(Malformed::Arp),
        };
        let mac = |at| Mac(array_at(&view, at).unwrap_or_default());
        let ip = |at| Ipv4Addr::from(array_at::<4>(&view, at).unwrap_or_default());
        Ok(Packet {
            operation,
            sender_mac: mac(8),
            sender_ip: ip(14),
            target_mac: mac(18),
            target_ip: ip(24),
        })
    }
}
