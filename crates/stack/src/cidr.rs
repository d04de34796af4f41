//! An address with the length of its network's prefix, as in `10.61.0.1/24`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address and a prefix length: a host's address on its network, or (the host bits then don't count) a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// The text was not `address/prefix`, or the prefix is longer than the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CidrError;

impl Cidr {
    /// An address with its prefix length; `None` if the prefix has more bits than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Cidr> {
        (prefix <= bits(address)).then_some(Cidr { address, prefix })
    }

    /// A network of this one address.
    pub fn host(address: IpAddr) -> Cidr {
        Cidr { address, prefix: bits(address) }
    }

    /// The address, host bits and all.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits name the network.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The network's own address: its host bits are 0.
    pub fn network(&self) -> IpAddr {
        let host_bits = u32::from(bits(self.address) - self.prefix);
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        }
    }

    /// Whether an address lies in this network. No address of the other family does.
    pub fn contains(&self, address: IpAddr) -> bool {
        common_prefix(self.address, address).is_some_and(|common| common >= self.prefix)
    }

    /// The network's directed broadcast address: IPv4 networks of /30 and shorter prefixes have one (RFC 3021).
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        match self.address {
            IpAddr::V4(address) if self.prefix <= 30 => {
                let hosts = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
                Some(Ipv4Addr::from_bits(address.to_bits() | hosts))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}

/// How many leading bits two addresses share; `None` if they are not of one family.
pub(crate) fn common_prefix(a: IpAddr, b: IpAddr) -> Option<u8> {
    let zeros = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    u8::try_from(zeros).ok()
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address and prefix length")
    }
}

impl std::error::Error for CidrError {}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Cidr, CidrError> {
        let (address, prefix) = text.split_once('/').ok_or(CidrError)?;
        let address = address.parse().map_err(|_| CidrError)?;
        Cidr::new(address, prefix.parse().map_err(|_| CidrError)?).ok_or(CidrError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_and_prints() {
        let net: Cidr = "10.61.0.1/24".parse().unwrap();
        assert_eq!(net.to_string(), "10.61.0.1/24");
        assert!(net.contains("10.61.0.255".parse().unwrap()) && !net.contains("10.61.1.0".parse().unwrap()));
        assert!(!net.contains("::1".parse().unwrap()));
        assert_eq!(net.broadcast(), Some(Ipv4Addr::new(10, 61, 0, 255)));
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("8.8.8.8".parse().unwrap()));
        let six: Cidr = "fd61::1/64".parse().unwrap();
        assert!(
            six.contains("fd61::ffff".parse().unwrap()) && !six.contains("fd61:0:0:1::".parse().unwrap())
        );
        for bad in ["10.0.0.1", "10.0.0.1/33", "::/129", "x/1", "10.0.0.1/-1", ""] {
            assert_eq!(bad.parse::<Cidr>(), Err(CidrError), "{bad}");
        }
    }
}
