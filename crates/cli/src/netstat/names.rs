//! What addresses, ports and users are called.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};

use sockeye_look::{Protocol, Snapshot};
use sockeye_names::{File, Files};

use super::Arguments;

/// The widest an address and its port are, unless they may be wider.
const WIDEST: usize = 22;
/// What a port's name is left of that.
const PORT: usize = 4;

/// The names of a network: hosts as it knows them, the rest as the machine does.
pub(super) struct Names {
    /// Without names of hosts these are none.
    hosts: BTreeMap<IpAddr, String>,
    /// None: ports and protocols are numbers.
    files: Option<Files>,
    users: Option<BTreeMap<u32, String>>,
    numeric_hosts: bool,
    wide: bool,
}

impl Names {
    pub(super) fn of(snapshot: &Snapshot, arguments: &Arguments) -> Names {
        let numeric_hosts = arguments.numeric || arguments.numeric_hosts;
        let mut hosts = BTreeMap::new();
        if !numeric_hosts {
            for host in &snapshot.hosts {
                for text in host.interfaces.iter().flat_map(|own| &own.addresses) {
                    let address = text.split('/').next().and_then(|text| text.parse::<IpAddr>().ok());
                    hosts.extend(address.map(|address| (address, host.name.clone())));
                }
            }
            hosts.retain(|address, _| !address.is_loopback());
            let loopback = ["127.0.0.1", "::1"].into_iter().flat_map(str::parse::<IpAddr>);
            hosts.extend(loopback.map(|address| (address, "localhost".to_owned())));
        }
        let names = |file: File, files: &mut Files| {
            // What isn't there has the defaults of the network.
            fs::read_to_string(file.path()).into_iter().for_each(|text| files.set(file, &text));
        };
        let files = (!(arguments.numeric || arguments.numeric_ports)).then(|| {
            let mut files = Files::new("localhost", []);
            names(File::Services, &mut files);
            names(File::Protocols, &mut files);
            files
        });
        let users = (!(arguments.numeric || arguments.numeric_users)).then(|| {
            let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
            let user = |line: &str| {
                let mut words = line.split(':');
                let (name, number) = (words.next()?, words.nth(1)?.parse().ok()?);
                Some((number, name.to_owned()))
            };
            text.lines().filter_map(user).collect()
        });
        Names { hosts, files, users, numeric_hosts, wide: arguments.wide }
    }

    /// A host.
    pub(super) fn host(&self, ip: IpAddr) -> String {
        match ip {
            // An address of IPv4 in the guise of one of IPv6 has the same name.
            ip if !self.numeric_hosts && ip.is_unspecified() && ip.is_ipv6() => "[::]".to_owned(),
            ip => self.hosts.get(&ip.to_canonical()).cloned().unwrap_or_else(|| ip.to_string()),
        }
    }

    /// A host or network in the table of routes.
    pub(super) fn destination(&self, ip: IpAddr, prefix: u8) -> String {
        if prefix == 0 && !self.numeric_hosts { "default".to_owned() } else { ip.to_string() }
    }

    /// One end of a socket: an address and a port, or of a raw one a protocol.
    pub(super) fn end(&self, protocol: Protocol, end: SocketAddr, number: u16) -> String {
        let host = self.host(end.ip());
        let port = match number {
            0 => "*".to_owned(),
            number => self.port(protocol, number).unwrap_or_else(|| number.to_string()),
        };
        if self.wide || host.len() + port.len() <= WIDEST {
            return format!("{host}:{port}");
        }
        let port: String = port.chars().take(WIDEST - PORT).collect();
        let host: String = host.chars().take(WIDEST - port.chars().count()).collect();
        format!("{host}:{port}")
    }

    fn port(&self, protocol: Protocol, number: u16) -> Option<String> {
        let files = self.files.as_ref()?;
        let over = match protocol {
            Protocol::Tcp | Protocol::Tcp6 => "tcp",
            Protocol::Udp | Protocol::Udp6 => "udp",
            Protocol::Icmp | Protocol::Icmp6 => return None,
            Protocol::Raw | Protocol::Raw6 => {
                return files.protocol_by_number(number.into()).map(|protocol| protocol.name.clone());
            }
        };
        files.service_by_port(number, Some(over)).map(|service| service.name.clone())
    }

    /// A user.
    pub(super) fn user(&self, uid: u32) -> String {
        let name = self.users.as_ref().and_then(|users| users.get(&uid).cloned());
        name.unwrap_or_else(|| uid.to_string())
    }
}
