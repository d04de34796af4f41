//! What a gateway is to do, and how that is written: in files and in flags.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The port of DNS.
const DNS: u16 = 53;

/// How far the way out leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// To all but the machine itself.
    Network,
    /// To the machine's own addresses, too, and to its loopback by the gateway's own name.
    Loopback,
}

/// A transport with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A port of the machine that leads to one of a host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where the machine listens.
    pub listen: SocketAddr,
    /// The name of the host.
    pub host: String,
    /// Its port.
    pub to: u16,
    /// Of which transport both are.
    pub transport: Transport,
}

/// What a gateway is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How far the way out leads, if there is one.
    pub outside: Option<Outside>,
    /// What leads in.
    pub publish: Vec<Publish>,
    /// The DNS servers of the machine, the first to be asked first; none: those of `/etc/resolv.conf`.
    pub resolvers: Vec<SocketAddr>,
}

impl Options {
    /// Whether there is nothing to do for a gateway.
    pub fn is_nothing(&self) -> bool {
        self.outside.is_none() && self.publish.is_empty()
    }
}

/// Why a text is no [`Publish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It has not the form.
    #[error("it has the form [ADDRESS:]PORT:PORT[/tcp|/udp], like 8080:80 or 127.0.0.1:5353:53/udp")]
    Form,
    /// It has not the form, which names a host.
    #[error(
        "it has the form [ADDRESS:]PORT:HOST:PORT[/tcp|/udp], like 8080:web:80 or 127.0.0.1:5353:names:53/udp"
    )]
    FormWithHost,
    /// A port is none.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// The address is none.
    #[error("the address is an IP address of the machine; IPv6's stand in brackets")]
    Address,
}

impl Publish {
    /// `[ADDRESS:]PORT:PORT[/tcp|/udp]`, to this host; without an address the machine listens on 127.0.0.1.
    ///
    /// # Errors
    /// The text is none.
    pub fn to_host(host: &str, text: &str) -> Result<Publish, PublishError> {
        let (ports, transport) = split_transport(text).ok_or(PublishError::Form)?;
        let (from, to) = ports.rsplit_once(':').ok_or(PublishError::Form)?;
        read(host, (from, to), transport, PublishError::Form)
    }
}

impl FromStr for Publish {
    type Err = PublishError;

    /// `[ADDRESS:]PORT:HOST:PORT[/tcp|/udp]`; without an address the machine listens on 127.0.0.1.
    fn from_str(text: &str) -> Result<Publish, PublishError> {
        let wrong = PublishError::FormWithHost;
        let (ports, transport) = split_transport(text).ok_or(wrong)?;
        let (rest, to) = ports.rsplit_once(':').ok_or(wrong)?;
        let (from, host) = rest.rsplit_once(':').filter(|(_, host)| !host.is_empty()).ok_or(wrong)?;
        read(host, (from, to), transport, wrong)
    }
}

/// What stands ahead of the transport, and that.
fn split_transport(text: &str) -> Option<(&str, Transport)> {
    match text.rsplit_once('/') {
        None => Some((text, Transport::Tcp)),
        Some((ports, "tcp")) => Some((ports, Transport::Tcp)),
        Some((ports, "udp")) => Some((ports, Transport::Udp)),
        Some(_) => None,
    }
}

fn read(
    host: &str,
    (from, to): (&str, &str),
    transport: Transport,
    wrong: PublishError,
) -> Result<Publish, PublishError> {
    let (address, from) = match from.rsplit_once(':') {
        None => (IpAddr::from(Ipv4Addr::LOCALHOST), from),
        // There is a port too many.
        Some((address, _)) if address.parse::<SocketAddr>().is_ok() => return Err(wrong),
        Some((address, from)) => (read_address(address)?, from),
    };
    let port = |text: &str| text.parse().map_err(|_| PublishError::Port);
    let (from, to): (u16, u16) = (port(from)?, port(to)?);
    if from == 0 || to == 0 {
        return Err(PublishError::Port);
    }
    Ok(Publish { listen: SocketAddr::new(address, from), host: host.to_owned(), to, transport })
}

fn read_address(text: &str) -> Result<IpAddr, PublishError> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match inner {
        Some(inner) => inner.parse().map(IpAddr::V6),
        None => text.parse().map(IpAddr::V4),
    };
    address.map_err(|_| PublishError::Address)
}

/// A DNS server's address, perhaps with a port: `192.0.2.1`, `192.0.2.1:53`, `[2001:db8::1]:53`.
///
/// # Errors
/// It is none.
pub fn server(text: &str) -> Result<SocketAddr, String> {
    let alone = text.parse().map(|address: IpAddr| SocketAddr::new(address, DNS));
    alone
        .or_else(|_| text.parse())
        .ok()
        .filter(|server: &SocketAddr| server.port() != 0)
        .ok_or_else(|| "it is an IP address, perhaps with a port from 1 to 65535: 192.0.2.1:53".to_owned())
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Publish { listen, host, to, transport } = self;
        write!(f, "{listen}/{transport} leads to {host}:{to}")
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published() {
        let tcp = |listen: &str, to| Publish {
            listen: listen.parse().unwrap(),
            host: "web".to_owned(),
            to,
            transport: Transport::Tcp,
        };
        let udp = |listen: &str, to| Publish { transport: Transport::Udp, ..tcp(listen, to) };
        for (text, with_host, published) in [
            ("8080:80", "8080:web:80", tcp("127.0.0.1:8080", 80)),
            ("0.0.0.0:8080:80/tcp", "0.0.0.0:8080:web:80/tcp", tcp("0.0.0.0:8080", 80)),
            ("[::1]:8080:80", "[::1]:8080:web:80", tcp("[::1]:8080", 80)),
            ("5353:53/udp", "5353:web:53/udp", udp("127.0.0.1:5353", 53)),
        ] {
            assert_eq!(Publish::to_host("web", text), Ok(published.clone()), "{text}");
            assert_eq!(with_host.parse(), Ok(published), "{with_host}");
        }
        for (text, error) in [
            ("80", PublishError::Form),
            ("80:80/sctp", PublishError::Form),
            ("80:0", PublishError::Port),
            ("0:80", PublishError::Port),
            ("80:x", PublishError::Port),
            ("70000:80", PublishError::Port),
            (":80", PublishError::Port),
            ("localhost:80:80", PublishError::Address),
            ("::1:80:80", PublishError::Address),
            ("[::1]:80:80:80", PublishError::Form),
            ("127.0.0.1:80:80:80", PublishError::Form),
        ] {
            assert_eq!(Publish::to_host("web", text), Err(error), "{text}");
        }
        for (text, error) in [
            ("80:80", PublishError::FormWithHost),
            ("80::80", PublishError::FormWithHost),
            ("80:web:80/sctp", PublishError::FormWithHost),
            ("80:web:0", PublishError::Port),
            ("x:web:80", PublishError::Port),
            ("localhost:80:web:80", PublishError::Address),
            ("[::1]:80:80:web:80", PublishError::FormWithHost),
        ] {
            assert_eq!(text.parse::<Publish>(), Err(error), "{text}");
        }
    }

    #[test]
    fn who_is_asked_for_names() {
        for (text, read) in [
            ("192.0.2.1", Some("192.0.2.1:53")),
            ("2001:db8::1", Some("[2001:db8::1]:53")),
            ("[2001:db8::1]:5353", Some("[2001:db8::1]:5353")),
            ("192.0.2.1:0", None),
            ("[::1]:0", None),
            ("[::1]", None),
            ("names.test", None),
        ] {
            assert_eq!(server(text).ok().map(|server| server.to_string()).as_deref(), read, "{text}");
        }
    }
}
