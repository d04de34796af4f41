//! A name with the domains it may be in: which of its forms are asked for, in which order, and when that is enough.

use std::collections::VecDeque;
use std::net::IpAddr;

use hickory_proto::rr::{Name, RecordType};
use sockeye_base::Rng;

use super::message::Records;
use super::query::{Answers, Query};
use super::{Exchange, Heard};
use crate::error::HostError;
use crate::files::{Files, ResolvConf};
use crate::host::{Families, HostEntry};

/// A search under way.
#[derive(Debug)]
pub(crate) struct Search {
    conf: ResolvConf,
    kinds: Vec<RecordType>,
    /// Forms of the name that were not asked for yet.
    forms: VecDeque<Form>,
    query: Option<(Query, Form)>,
    /// What the name as it is gave, if that was asked for first.
    as_is: Option<HostError>,
    last: HostError,
    domains_asked: bool,
    no_data: bool,
    refused: bool,
    /// The address whose name is asked for.
    address: Option<IpAddr>,
    rng: Rng,
}

#[derive(Clone, Debug)]
struct Form {
    name: Name,
    /// Without a domain of the list.
    as_is: bool,
}

impl Search {
    /// Asks for the addresses of a name.
    pub(crate) fn name(files: &Files, name: &str, families: Families, rng: Rng) -> Search {
        let conf = ResolvConf::clone(&files.resolv);
        let ipv6 = !conf.no_aaaa;
        let kinds = match families {
            Families::Inet => vec![RecordType::A],
            Families::Inet6 if ipv6 => vec![RecordType::AAAA],
            Families::Both if ipv6 => vec![RecordType::A, RecordType::AAAA],
            Families::Both => vec![RecordType::A],
            Families::Inet6 => Vec::new(),
        };
        let forms = forms(&conf, files.domain.as_deref(), name);
        Search::new(conf, kinds, forms, rng)
    }

    /// Asks for the name of an address (RFC 1035, section 3.5; RFC 3596, section 2.5).
    /// One of IPv6 that holds one of IPv4 is that.
    pub(crate) fn address(files: &Files, address: IpAddr, rng: Rng) -> Search {
        let address = match address {
            IpAddr::V6(it) if !it.is_loopback() => it.to_ipv4().map_or(address, IpAddr::V4),
            address => address,
        };
        let forms = VecDeque::from([Form { name: Name::from(address), as_is: true }]);
        let search = Search::new(ResolvConf::clone(&files.resolv), vec![RecordType::PTR], forms, rng);
        Search { address: Some(address), ..search }
    }

    fn new(conf: ResolvConf, kinds: Vec<RecordType>, forms: VecDeque<Form>, rng: Rng) -> Search {
        Search {
            conf,
            kinds,
            forms,
            query: None,
            as_is: None,
            last: HostError::NotFound,
            domains_asked: false,
            no_data: false,
            refused: false,
            address: None,
            rng,
        }
    }

    /// The questions to be asked next, or how it ended.
    pub(crate) fn next_exchange(&mut self) -> Result<Exchange, Result<HostEntry, HostError>> {
        if self.kinds.is_empty() {
            return Err(Err(HostError::NoData));
        }
        loop {
            if let Some((query, _)) = &mut self.query
                && let Some(exchange) = query.next_exchange()
            {
                return Ok(exchange);
            }
            if let Some((query, form)) = self.query.take()
                && let Some(entry) = self.conclude(query.into_answers(), &form)
            {
                return Err(Ok(entry));
            }
            let Some(form) = self.forms.pop_front() else { return Err(Err(self.reason())) };
            let query = Query::new(&self.conf, form.name.clone(), &self.kinds, &mut self.rng);
            self.query = Some((query, form));
        }
    }

    /// A message came from the server asked.
    pub(crate) fn receive(&mut self, message: &[u8]) -> Heard {
        self.query.as_mut().map_or(Heard::All, |(query, _)| query.receive(message))
    }

    /// The host, if the answers to one form tell it; else remembers why not, and whether to go on.
    fn conclude(&mut self, answers: Answers, form: &Form) -> Option<HostEntry> {
        let refused = answers.refused;
        let mut why = None;
        let mut entry: Option<HostEntry> = None;
        for result in answers.results {
            match result {
                Ok(records) => match self.host(records) {
                    None => why = Some(HostError::NoData),
                    Some(host) => match &mut entry {
                        None => entry = Some(host),
                        Some(entry) => entry.addresses.extend(host.addresses),
                    },
                },
                // What can't be told yet counts more than what isn't there.
                Err(error) if why.is_none() || error != HostError::NotFound => why = Some(error),
                Err(_) => {}
            }
        }
        let error = match entry {
            Some(entry) => return Some(entry),
            None => why.unwrap_or(HostError::NotFound),
        };
        self.last = error;
        if !form.as_is {
            self.domains_asked = true;
        } else if !self.domains_asked {
            self.as_is = Some(error);
        }
        match error {
            HostError::NotFound => {}
            HostError::NoData => self.no_data = true,
            // Another domain's server may know more than one that can't say (as libc).
            HostError::TryAgain if refused => self.refused = true,
            HostError::TryAgain | HostError::NoRecovery => self.forms.retain(|form| form.as_is),
        }
        None
    }

    fn host(&self, records: Records) -> Option<HostEntry> {
        let Some(address) = self.address else {
            let Records { name, aliases, addresses, .. } = records;
            return (!addresses.is_empty()).then_some(HostEntry { name, aliases, addresses });
        };
        let mut names = records.names.into_iter();
        let name = names.next()?;
        Some(HostEntry { name, aliases: names.collect(), addresses: vec![address] })
    }

    /// Why nothing was found.
    fn reason(&self) -> HostError {
        self.as_is.unwrap_or(match (self.no_data, self.refused) {
            (true, _) => HostError::NoData,
            (false, true) => HostError::TryAgain,
            (false, false) => self.last,
        })
    }
}

/// The forms of a name in the order they are asked for (resolv.conf(5), `ndots` and `search`).
fn forms(conf: &ResolvConf, own_domain: Option<&str>, name: &str) -> VecDeque<Form> {
    let mut forms = VecDeque::new();
    let dots = name.matches('.').count();
    let rooted = name.ends_with('.');
    let as_is = absolute(name).map(|name| Form { name, as_is: true });
    let first = rooted || dots >= conf.ndots.into();
    if first {
        forms.extend(as_is.clone());
    }
    if !rooted {
        let listed = conf.search.iter().map(String::as_str);
        let own = own_domain.filter(|_| conf.search.is_empty());
        for domain in listed.chain(own) {
            let name = if domain == "." { absolute(name) } else { absolute(&format!("{name}.{domain}")) };
            let as_is = domain == ".";
            forms.extend(name.map(|name| Form { name, as_is }));
        }
    }
    let asked = forms.iter().any(|form| form.as_is);
    let allowed = dots > 0 || !conf.no_tld_query || forms.is_empty();
    if !asked && allowed {
        forms.extend(as_is);
    }
    forms
}

fn absolute(name: &str) -> Option<Name> {
    if name.is_empty() {
        return None;
    }
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}
