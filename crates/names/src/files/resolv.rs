//! resolv.conf(5).

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

use super::words;

const PORT: u16 = 53;
/// As libc bounds them.
const MAX_SERVERS: usize = 3;
const MAX_NDOTS: u8 = 15;
const MAX_TIMEOUT: u8 = 30;
const MAX_ATTEMPTS: u8 = 5;
/// libc has no bound any more; each costs a question.
const MAX_DOMAINS: usize = 32;

/// Which DNS servers are asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// The servers, at most three.
    pub servers: Vec<SocketAddr>,
    /// Domains that are put behind a name in turn.
    pub search: Vec<String>,
    /// A name with as many dots is asked as it is before a domain is put behind it (`ndots`, 1).
    pub ndots: u8,
    /// How long the first server is waited for, in seconds (`timeout`, 5).
    pub timeout: u8,
    /// How often all servers are asked (`attempts`, 2).
    pub attempts: u8,
    /// A question goes to any of the servers first (`rotate`).
    pub rotate: bool,
    /// Ask by TCP (`use-vc`).
    pub use_vc: bool,
    /// Ask with EDNS0, for longer answers (`edns0`).
    pub edns0: bool,
    /// Ask for IPv4 addresses, and after the answer for IPv6 ones (`single-request`).
    pub single_request: bool,
    /// Ask for no IPv6 addresses (`no-aaaa`).
    pub no_aaaa: bool,
    /// Don't ask for a name without a domain if no search domain had it (`no-tld-query`).
    pub no_tld_query: bool,
}

impl Default for ResolvConf {
    /// The server of the host itself, and Linux's values.
    fn default() -> ResolvConf {
        ResolvConf {
            servers: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))],
            search: Vec::new(),
            ndots: 1,
            timeout: 5,
            attempts: 2,
            rotate: false,
            use_vc: false,
            edns0: false,
            single_request: false,
            no_aaaa: false,
            no_tld_query: false,
        }
    }
}

impl ResolvConf {
    /// What a file says. What is not known is left out.
    pub fn parse(text: &str) -> ResolvConf {
        let mut conf = ResolvConf { servers: Vec::new(), ..ResolvConf::default() };
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = words(line);
            match words.next() {
                Some("nameserver") if conf.servers.len() < MAX_SERVERS => {
                    conf.servers.extend(words.next().and_then(server));
                }
                // The last of these counts.
                Some("domain") => conf.search = words.take(1).map(str::to_owned).collect(),
                Some("search") => conf.search = words.take(MAX_DOMAINS).map(str::to_owned).collect(),
                Some("options") => words.for_each(|option| conf.set_option(option)),
                _ => {}
            }
        }
        if conf.servers.is_empty() {
            conf.servers = ResolvConf::default().servers;
        }
        conf
    }

    fn set_option(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        let number = |max| value.parse::<u64>().ok().map(|value| u8::try_from(value).unwrap_or(max).min(max));
        match name {
            "ndots" => self.ndots = number(MAX_NDOTS).unwrap_or(self.ndots),
            "timeout" => self.timeout = number(MAX_TIMEOUT).unwrap_or(self.timeout),
            "attempts" => self.attempts = number(MAX_ATTEMPTS).unwrap_or(self.attempts),
            "rotate" => self.rotate = true,
            "use-vc" => self.use_vc = true,
            "edns0" => self.edns0 = true,
            "single-request" | "single-request-reopen" => self.single_request = true,
            "no-aaaa" => self.no_aaaa = true,
            "no-tld-query" => self.no_tld_query = true,
            _ => {}
        }
    }
}

/// A server's address. One of a link may say which by its interface's number.
fn server(text: &str) -> Option<SocketAddr> {
    let (address, scope) = text.split_once('%').unwrap_or((text, "0"));
    let scope = scope.parse().ok()?;
    Some(match address.parse().ok()? {
        IpAddr::V4(address) => SocketAddr::from((address, PORT)),
        IpAddr::V6(address) => SocketAddrV6::new(address, PORT, 0, scope).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file() {
        let conf = ResolvConf::parse(
            "# comment\nnameserver 10.0.0.1\nnameserver bad\nnameserver fd00::1\nnameserver 10.0.0.3\n\
             nameserver 10.0.0.4\ndomain one\nsearch a.example b.example\noptions ndots:99 timeout:2 rotate\n\
             ; comment\noptions attempts:x edns0 unknown\n",
        );
        let servers = ["10.0.0.1:53", "[fd00::1]:53", "10.0.0.3:53"].map(|text| text.parse().unwrap());
        let expected = ResolvConf {
            servers: servers.to_vec(),
            search: vec!["a.example".to_owned(), "b.example".to_owned()],
            ndots: 15,
            timeout: 2,
            rotate: true,
            edns0: true,
            ..ResolvConf::default()
        };
        assert_eq!(conf, expected);
        assert_eq!(ResolvConf::parse(""), ResolvConf::default());
    }
}
