//! Names in filters, as the machine knows them.

use std::net::{IpAddr, ToSocketAddrs};

use sockeye_view::Lookup;

/// The protocols whose ports have names.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Names as the machine knows them.
pub(crate) struct Names;

impl Lookup for Names {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        let found = (name, 0).to_socket_addrs();
        let mut addresses: Vec<IpAddr> = found.into_iter().flatten().map(|address| address.ip()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    fn port(&self, name: &str) -> Option<(u16, Option<u8>)> {
        let services = std::fs::read_to_string("/etc/services").ok()?;
        let of = |protocol: &str| {
            services.lines().find_map(|line| {
                let mut words = line.split('#').next()?.split_whitespace();
                let (own, port) = (words.next()?, words.next()?);
                let known = own == name || words.any(|alias| alias == name);
                let (port, its) = port.split_once('/').filter(|_| known)?;
                port.parse::<u16>().ok().filter(|_| its == protocol)
            })
        };
        match (of("tcp"), of("udp")) {
            (Some(tcp), Some(udp)) => Some((tcp, (tcp != udp).then_some(TCP))),
            (Some(tcp), None) => Some((tcp, Some(TCP))),
            (None, Some(udp)) => Some((udp, Some(UDP))),
            (None, None) => None,
        }
    }
}
