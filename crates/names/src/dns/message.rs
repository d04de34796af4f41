//! A question as bytes, and what the bytes of its answer say.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

/// The longest answer by UDP with EDNS0 that is asked for, as libc does.
const EDNS_PAYLOAD: u16 = 1200;
/// How many aliases lead to an address at most.
const MAX_ALIASES: usize = 16;
/// How many addresses or names are taken from one answer.
const MAX_RECORDS: usize = 1000;

/// What an answer says about a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    /// The name at the end of the aliases.
    pub(super) name: String,
    /// The names on the way there, the one asked for first.
    pub(super) aliases: Vec<String>,
    /// Its addresses of the family asked for.
    pub(super) addresses: Vec<IpAddr>,
    /// Its names, where an address was asked for.
    pub(super) names: Vec<String>,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Records of what was asked; none of them: the name is there, and has no such.
    Records(Records),
    /// There's no such name.
    NoName,
    /// It is too long for a datagram.
    Truncated,
    /// The server does not understand EDNS.
    NoEdns,
    /// The server can't or won't say: another may.
    Refused,
    /// Something is wrong with the question.
    Wrong,
}

/// A question.
pub(super) fn ask(id: u16, name: &Name, kind: RecordType, edns: bool) -> Option<Vec<u8>> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    if edns {
        let mut edns = Edns::new();
        edns.set_max_payload(EDNS_PAYLOAD);
        message.set_edns(edns);
    }
    message.to_vec().ok()
}

/// What a message means, if it is the answer to this question.
pub(super) fn understand(
    bytes: &[u8],
    id: u16,
    name: &Name,
    kind: RecordType,
    edns: bool,
) -> Option<Meaning> {
    let message = Message::from_vec(bytes).ok()?;
    let about = &message.metadata;
    if about.id != id || about.message_type != MessageType::Response || about.op_code != OpCode::Query {
        return None;
    }
    // A server that knows no EDNS may not even repeat the question (RFC 6891, section 7).
    if edns && about.response_code == ResponseCode::FormErr {
        return Some(Meaning::NoEdns);
    }
    // RFC 5452, section 9.1: the question has to be ours.
    let [query] = message.queries.as_slice() else { return None };
    if query.name != *name || query.query_type != kind || query.query_class != DNSClass::IN {
        return None;
    }
    if about.truncation {
        return Some(Meaning::Truncated);
    }
    Some(match about.response_code {
        ResponseCode::NoError => {
            // A server that neither knows nor asks on (a "lame" one).
            let lame = !about.authoritative && !about.recursion_available;
            if lame && message.answers.is_empty() && message.additionals.is_empty() {
                return Some(Meaning::Refused);
            }
            Meaning::Records(records(&message, name, kind))
        }
        ResponseCode::NXDomain => Meaning::NoName,
        ResponseCode::ServFail | ResponseCode::NotImp | ResponseCode::Refused => Meaning::Refused,
        _ => Meaning::Wrong,
    })
}

/// Follows the aliases, and takes what is at their end.
fn records(message: &Message, asked: &Name, kind: RecordType) -> Records {
    let mut found = Records::default();
    let mut at = asked.clone();
    for _ in 0..MAX_ALIASES {
        let alias = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == at && kind != RecordType::CNAME => Some(target.0.clone()),
            _ => None,
        });
        let Some(target) = alias else { break };
        found.aliases.push(text(&at));
        at = target;
    }
    let here = message.answers.iter().filter(|record| record.name == at && record.record_type() == kind);
    for record in here.take(MAX_RECORDS) {
        match &record.data {
            RData::A(address) => found.addresses.push(IpAddr::V4(address.0)),
            RData::AAAA(address) => found.addresses.push(IpAddr::V6(address.0)),
            RData::PTR(name) if is_host_name(&name.0) => found.names.push(text(&name.0)),
            _ => {}
        }
    }
    found.name = text(&at);
    if !is_host_name(&at) {
        found.addresses.clear();
    }
    found
}

/// A name without the dot at its end.
fn text(name: &Name) -> String {
    let mut text = name.to_ascii();
    if text.len() > 1 && text.ends_with('.') {
        text.pop();
    }
    text
}

/// What a name in an answer has to look like to be handed on: letters, digits, hyphens and underscores, as libc demands,
/// so that nobody smuggles a shell's or a terminal's words in.
fn is_host_name(name: &Name) -> bool {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.iter().all(|label| !label.starts_with(b"-") && label.iter().all(good))
}
