//! Look-ups in DNS, message by message: who is asked what next, and which answers count.

mod search;
mod servers;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, PTR};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use sockeye_base::Rng;
use sockeye_names::{Exchange, Families, File, Files, HostEntry, HostError, Lookup, Step};

/// A look-up with this resolv.conf, DNS its only source.
fn look_up(conf: &str, name: &str, families: Families) -> Lookup {
    Lookup::name(&files(conf), name, families, None, Rng::from_seed(1))
}

fn files(conf: &str) -> Arc<Files> {
    let mut files = Files::new("a", []);
    files.set(File::NsSwitch, "hosts: dns");
    files.set(File::ResolvConf, conf);
    Arc::new(files)
}

fn exchange(lookup: &mut Lookup) -> Exchange {
    match lookup.step() {
        Step::Ask(exchange) => exchange,
        Step::Done(result) => panic!("it is done: {result:?}"),
    }
}

fn done(lookup: &mut Lookup) -> Result<HostEntry, HostError> {
    match lookup.step() {
        Step::Ask(exchange) => panic!("it asks {exchange:?}"),
        Step::Done(result) => result,
    }
}

/// The questions of an exchange, as text: `name TYPE`.
fn questions(exchange: &Exchange) -> Vec<String> {
    let text = |query: &Query| format!("{} {}", query.name, query.query_type);
    exchange.messages.iter().map(|bytes| text(&Message::from_vec(bytes).unwrap().queries[0])).collect()
}

/// An answer to a question, as a server makes it.
fn answer(question: &[u8], code: ResponseCode, records: &[(&str, RData)]) -> Vec<u8> {
    make(question, |answer| {
        answer.metadata.response_code = code;
        for (name, data) in records {
            answer.add_answer(Record::from_rdata(raw(name), 60, data.clone()));
        }
    })
}

fn make(question: &[u8], change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let question = Message::from_vec(question).unwrap();
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.recursion_available = true;
    answer.queries = question.queries;
    change(&mut answer);
    answer.to_vec().unwrap()
}

fn a(last: u8) -> RData {
    RData::A(A::new(10, 0, 0, last))
}

fn aaaa(last: u16) -> RData {
    RData::AAAA(AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, last))
}

fn cname(name: &str) -> RData {
    RData::CNAME(CNAME(raw(name)))
}

fn ptr(name: &str) -> RData {
    RData::PTR(PTR(raw(name)))
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn server(text: &str) -> SocketAddr {
    format!("{text}:53").parse().unwrap()
}

/// A name of any bytes.
fn raw(name: &str) -> Name {
    Name::from_labels(name.trim_end_matches('.').split('.').map(str::as_bytes)).unwrap()
}
