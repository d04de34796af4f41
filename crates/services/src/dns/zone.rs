//! The network's names and the answers about them (RFC 1034, RFC 1035). A request comes in as bytes and its answer goes
//! out as bytes; `hickory-proto` knows the wire format. The zone is authoritative for everything there is: what it does
//! not hold does not exist. Not modelled: zone transfer, dynamic update, DNSSEC, recursion (there is nobody to ask).

use std::collections::BTreeMap;
use std::net::IpAddr;

use hickory_proto::op::{Edns, Header, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use sockeye_lab::{HostId, Lab};

/// The largest answer over UDP without EDNS (RFC 1035, section 4.2.1).
const UDP_LIMIT: u16 = 512;
/// The largest answer over UDP with EDNS: what needs no fragment on any link (DNS flag day 2020).
const EDNS_LIMIT: u16 = 1232;
/// How long answers may be kept, in seconds.
const TTL: u32 = 60;
/// How many aliases an answer follows.
const MAX_ALIASES: usize = 16;

/// How a request came, which bounds its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// 512 bytes, or what EDNS allows.
    Udp,
    /// 65,535 bytes.
    Tcp,
}

/// The names of a network: for each host its addresses, and for each address its host.
#[derive(Clone, Debug)]
pub struct Zone {
    /// In the canonical order (RFC 4034, section 6.1): what is below a name comes right behind it.
    records: BTreeMap<Key, Vec<Datum>>,
    soa: SOA,
}

/// A name, so that the order of bytes is the canonical one: its labels in small letters, the last first, each behind a zero.
/// (The bytes 0 and 1 of a label are a 1 and the next.)
type Key = Box<[u8]>;

/// What is known of a name. There may be very many, and an [`RData`] is large.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Datum {
    Address(IpAddr),
    /// The host that has the address of this name.
    Host(Box<str>),
    /// What the name stands for.
    Alias(Box<str>),
    Other(Box<RData>),
}

impl Datum {
    fn to_data(&self) -> Option<RData> {
        Some(match self {
            Datum::Address(IpAddr::V4(address)) => RData::A(A(*address)),
            Datum::Address(IpAddr::V6(address)) => RData::AAAA(AAAA(*address)),
            Datum::Host(name) => RData::PTR(PTR(absolute(name)?)),
            Datum::Alias(name) => RData::CNAME(CNAME(absolute(name)?)),
            Datum::Other(data) => RData::clone(data),
        })
    }
}

impl Zone {
    /// A zone that holds `localhost` only; `server` is the name of the host that answers.
    ///
    /// A name that is no host name (RFC 1035, section 2.3.1) is replaced by the root.
    pub fn new(server: &str) -> Zone {
        let server = absolute(server).unwrap_or_else(Name::root);
        let contact = server.prepend_label("hostmaster").unwrap_or_else(|_| server.clone());
        let soa = SOA::new(server.clone(), contact, 1, 3600, 600, 86_400, TTL);
        let mut zone = Zone { records: BTreeMap::new(), soa };
        zone.insert(&Name::root(), Datum::Other(Box::new(RData::SOA(zone.soa.clone()))));
        zone.insert(&Name::root(), Datum::Other(Box::new(RData::NS(NS(server)))));
        zone.add("localhost", [[127, 0, 0, 1].into(), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)]);
        zone
    }

    /// The names of all hosts of a network; `server` is the one that answers.
    pub fn of_network(lab: &Lab, server: HostId) -> Zone {
        let mut zone = Zone::new(lab.host(server).name());
        for id in lab.hosts() {
            zone.add(lab.host(id).name(), lab.addresses(id).iter().map(|cidr| cidr.address()));
        }
        zone
    }

    /// Adds a host: A and AAAA for its name, PTR for its addresses. A name that can't be one is left out.
    pub fn add(&mut self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        let Some(name) = absolute(host) else { return };
        for address in addresses {
            self.insert(&name, Datum::Address(address));
            self.insert(&Name::from(address), Datum::Host(host.into()));
        }
    }

    /// Adds another name of a host: a CNAME, in the place of what the zone held for it. A name that can't be one is left out.
    pub fn add_alias(&mut self, alias: &str, host: &str) {
        if let Some((alias, _)) = absolute(alias).zip(absolute(host)) {
            self.records.remove(&key(&alias));
            self.insert(&alias, Datum::Alias(host.into()));
        }
    }

    /// The answer to a request, or `None` where silence is right: no whole header, or a response (answering one could
    /// go on for ever).
    pub fn answer(&self, request: &[u8], via: Via) -> Option<Vec<u8>> {
        let header = Header::read(&mut BinDecoder::new(request)).ok()?.metadata;
        if header.message_type == MessageType::Response {
            return None;
        }
        if header.op_code != OpCode::Query {
            return failure(&header, ResponseCode::NotImp);
        }
        let Ok(request) = Message::from_vec(request) else { return failure(&header, ResponseCode::FormErr) };
        let response = self.respond(&request);
        let bytes = response.to_vec().ok()?;
        let limit = match via {
            Via::Udp => request
                .edns
                .as_ref()
                .map_or(UDP_LIMIT, |edns| edns.max_payload().clamp(UDP_LIMIT, EDNS_LIMIT)),
            Via::Tcp => u16::MAX,
        };
        // RFC 2181, section 9: what does not fit is left out whole, and TC sends the asker to TCP.
        if bytes.len() > usize::from(limit) { response.truncate().to_vec().ok() } else { Some(bytes) }
    }

    /// Whether a request asks for a name of which the zone knows nothing, so that others may be asked. (The root is
    /// everybody's.)
    pub(super) fn leaves_to_others(&self, request: &[u8]) -> bool {
        let Ok(request) = Message::from_vec(request) else { return false };
        let [query] = request.queries.as_slice() else { return false };
        let mut name = query.name.clone();
        name.set_fqdn(true);
        let is_question = request.metadata.message_type == MessageType::Query
            && request.metadata.op_code == OpCode::Query
            && query.query_class == DNSClass::IN;
        is_question && (name.is_root() || !self.exists(&name))
    }

    /// The answer to a request that nobody answers.
    pub(super) fn failed(request: &[u8]) -> Option<Vec<u8>> {
        let request = Message::from_vec(request).ok()?;
        let mut response = Message::response(request.metadata.id, OpCode::Query);
        response.metadata = Metadata::response_from_request(&request.metadata);
        response.metadata.recursion_available = true;
        response.metadata.response_code = ResponseCode::ServFail;
        response.queries = request.queries;
        response.to_vec().ok()
    }

    fn respond(&self, request: &Message) -> Message {
        let mut response = Message::response(request.metadata.id, OpCode::Query);
        response.metadata = Metadata::response_from_request(&request.metadata);
        response.metadata.authoritative = true;
        // A resolver that found no recursion might look elsewhere (glibc does not mind, others do).
        response.metadata.recursion_available = true;
        response.queries = request.queries.clone();
        if let Some(edns) = &request.edns {
            let mut ours = Edns::new();
            ours.set_max_payload(EDNS_LIMIT).set_dnssec_ok(edns.flags().dnssec_ok);
            response.edns = Some(ours);
            // RFC 6891, section 6.1.3: a version we do not know.
            if edns.version() != 0 {
                response.metadata.response_code = ResponseCode::BADVERS;
                return response;
            }
        }
        // RFC 9619: a query has one question.
        let [query] = request.queries.as_slice() else {
            response.metadata.response_code = ResponseCode::FormErr;
            return response;
        };
        response.metadata.response_code = self.look_up(query, &mut response);
        response
    }

    /// Fills in what is known about the question and says how it went.
    fn look_up(&self, query: &Query, response: &mut Message) -> ResponseCode {
        if !matches!(query.query_class, DNSClass::IN | DNSClass::ANY) {
            return ResponseCode::Refused;
        }
        if matches!(query.query_type, RecordType::AXFR | RecordType::IXFR) {
            return ResponseCode::Refused;
        }
        // The owner is the name as it was asked, letter case and all: some resolvers check it.
        let mut owner = query.name.clone();
        let mut name = query.name.clone();
        name.set_fqdn(true);
        // RFC 1034, section 4.3.2, step 3a: an alias is an answer, and the question is asked again of what it stands for.
        for _ in 0..=MAX_ALIASES {
            let mut target = None;
            for data in self.records.get(&key(&name)).into_iter().flatten().filter_map(Datum::to_data) {
                let wanted = query.query_type.is_any() || query.query_type == data.record_type();
                match data {
                    RData::CNAME(ref alias) if !wanted => target = Some(alias.0.clone()),
                    _ if !wanted => continue,
                    _ => {}
                }
                response.add_answer(Record::from_rdata(owner.clone(), TTL, data));
            }
            let Some(target) = target else { break };
            (owner, name) = (target.clone(), target);
        }
        let found = response
            .answers
            .iter()
            .any(|record| query.query_type.is_any() || query.query_type == record.record_type());
        if found {
            return ResponseCode::NoError;
        }
        // RFC 2308, section 3: a negative answer says by the SOA for how long it holds.
        response.add_authority(Record::from_rdata(Name::root(), TTL, RData::SOA(self.soa.clone())));
        if self.exists(&name) { ResponseCode::NoError } else { ResponseCode::NXDomain }
    }

    fn insert(&mut self, name: &Name, data: Datum) {
        let records = self.records.entry(key(name)).or_default();
        if !records.contains(&data) {
            // Most names have one.
            records.reserve_exact(1);
            records.push(data);
        }
    }

    /// Whether a name exists: it has records, or one below it has (RFC 8020).
    fn exists(&self, name: &Name) -> bool {
        let name = key(name);
        let next = self.records.range(name.clone()..).next();
        let below = next.and_then(|(next, _)| next.strip_prefix(&name[..]));
        below.is_some_and(|below| below.first().is_none_or(|first| *first == 0))
    }
}

fn key(name: &Name) -> Key {
    let mut key = Vec::new();
    let labels: Vec<&[u8]> = name.iter().collect();
    for label in labels.into_iter().rev() {
        key.push(0);
        for byte in label {
            match byte {
                0 | 1 => key.extend([1, byte + 1]),
                _ => key.push(byte.to_ascii_lowercase()),
            }
        }
    }
    key.into()
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// A header that says what was wrong, and nothing else.
fn failure(request: &Metadata, code: ResponseCode) -> Option<Vec<u8>> {
    let mut response = Message::response(request.id, request.op_code);
    response.metadata.recursion_desired = request.recursion_desired;
    response.metadata.recursion_available = true;
    response.metadata.response_code = code;
    response.to_vec().ok()
}

#[cfg(test)]
mod tests;
