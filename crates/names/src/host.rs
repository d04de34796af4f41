//! Looking up a host, by its name or by one of its addresses: one source after the other, as nsswitch.conf says.

use std::net::IpAddr;
use std::sync::Arc;

use sockeye_base::Rng;

use crate::dns::{Exchange, Heard, Search};
use crate::error::HostError;
use crate::files::{Files, Source, Status};
use crate::text::{inet_aton_exact, inet_pton6};

/// A host, as gethostbyname(3) gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostEntry {
    /// Its official name.
    pub name: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// IPv4's.
    Inet,
    /// IPv6's.
    Inet6,
    /// Both.
    Both,
}

/// What is looked up.
#[derive(Clone, Debug)]
enum Wanted {
    Name(String, Families),
    Address(IpAddr),
}

/// A look-up under way. [`Lookup::step`] says what to do next, until it is done.
#[derive(Debug)]
pub struct Lookup {
    files: Arc<Files>,
    wanted: Wanted,
    /// What the network's own hosts are called: the answer of that source.
    network: Option<HostEntry>,
    /// Where in the order of sources.
    place: usize,
    dns: Option<Search>,
    /// What was found last.
    last: Result<HostEntry, HostError>,
    rng: Rng,
}

/// What a [`Lookup`] wants.
#[derive(Debug)]
pub enum Step {
    /// Questions to a DNS server. Give what comes to [`Lookup::receive`] until that says it is all, the time is up, or
    /// nothing can come; then ask again what is next.
    Ask(Exchange),
    /// It is done.
    Done(Result<HostEntry, HostError>),
}

impl Lookup {
    /// gethostbyname2(3). `network` is what the virtual network's hosts answer. Text that is an address is that; no DNS
    /// server is asked about it.
    pub fn name(
        files: &Arc<Files>,
        name: &str,
        families: Families,
        network: Option<HostEntry>,
        rng: Rng,
    ) -> Lookup {
        let lookup = Lookup::new(files, Wanted::Name(name.to_owned(), families), network, rng);
        match numeric(name, families) {
            Some(answer) => lookup.answered(answer),
            None => lookup,
        }
    }

    /// gethostbyaddr(3).
    pub fn address(files: &Arc<Files>, address: IpAddr, network: Option<HostEntry>, rng: Rng) -> Lookup {
        let lookup = Lookup::new(files, Wanted::Address(address), network, rng);
        // As libc: `::` is nobody's.
        match address {
            IpAddr::V6(address) if address.is_unspecified() => lookup.answered(Err(HostError::NotFound)),
            _ => lookup,
        }
    }

    fn new(files: &Arc<Files>, wanted: Wanted, network: Option<HostEntry>, rng: Rng) -> Lookup {
        let last = Err(HostError::NotFound);
        Lookup { files: files.clone(), wanted, network, place: 0, dns: None, last, rng }
    }

    /// It is clear what it will say.
    fn answered(mut self, answer: Result<HostEntry, HostError>) -> Lookup {
        self.last = answer;
        self.place = usize::MAX;
        self
    }

    /// What to do next.
    pub fn step(&mut self) -> Step {
        while let Some(source) = self.files.order.get(self.place) {
            let result = match source {
                Source::Files => match &self.wanted {
                    Wanted::Name(name, families) => self.files.hosts.by_name(name, *families),
                    Wanted::Address(address) => self.files.hosts.by_address(*address),
                }
                .ok_or(HostError::NotFound),
                Source::Network => self.network.take().ok_or(HostError::NotFound),
                Source::Dns => match self.ask_dns() {
                    Ok(exchange) => return Step::Ask(exchange),
                    Err(result) => result,
                },
            };
            let status = match &result {
                Ok(_) => Status::Success,
                Err(HostError::NotFound | HostError::NoData) => Status::NotFound,
                Err(HostError::TryAgain) => Status::TryAgain,
                Err(HostError::NoRecovery) => Status::Unavailable,
            };
            let ends = self.files.order.ends(self.place, status);
            // What one source did not know is no news after another's reason.
            if result.is_ok() || self.last == Err(HostError::NotFound) || self.last.is_ok() {
                self.last = result;
            }
            self.place = if ends { usize::MAX } else { self.place + 1 };
        }
        Step::Done(self.last.clone())
    }

    /// The next question to a DNS server, or what DNS says.
    fn ask_dns(&mut self) -> Result<Exchange, Result<HostEntry, HostError>> {
        let search = self.dns.get_or_insert_with(|| match &self.wanted {
            Wanted::Name(name, families) => Search::name(&self.files, name, *families, self.rng.fork()),
            Wanted::Address(address) => Search::address(&self.files, *address, self.rng.fork()),
        });
        search.next_exchange()
    }

    /// A message came from the server asked. Tells whether the exchange is over.
    pub fn receive(&mut self, message: &[u8]) -> Heard {
        self.dns.as_mut().map_or(Heard::All, |search| search.receive(message))
    }
}

/// A name that is an address by itself, or can't be anything else. (libc looks at the first character.)
fn numeric(name: &str, families: Families) -> Option<Result<HostEntry, HostError>> {
    let entry = |address| HostEntry { name: name.to_owned(), aliases: Vec::new(), addresses: vec![address] };
    let dotted = name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_digit() || c == '.')
        && !name.ends_with('.');
    if dotted {
        let address = inet_aton_exact(name).filter(|_| families != Families::Inet6);
        return Some(address.map(|address| entry(address.into())).ok_or(HostError::NotFound));
    }
    if name.contains(':') && name.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.')) {
        let address = inet_pton6(name).filter(|_| families != Families::Inet);
        return Some(address.map(|address| entry(address.into())).ok_or(HostError::NotFound));
    }
    None
}
