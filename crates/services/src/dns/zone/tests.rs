use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

const TEKAPO: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 61, 0, 2));
const TEKAPO6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd61, 0, 0, 0, 0, 0, 0, 2));

fn zone() -> Zone {
    let mut zone = Zone::new("tekapo");
    zone.add("tekapo", [TEKAPO, TEKAPO6]);
    zone.add_alias("www", "web");
    zone.add_alias("web", "tekapo");
    zone.add_alias("loop", "loop");
    zone.add_alias("dangling", "aoraki");
    zone.add("many", (0..100).map(|i| IpAddr::from([10, 62, 0, i])));
    zone
}

fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn ask(message: &Message, via: Via) -> Message {
    let answer = zone().answer(&message.to_vec().unwrap(), via).expect("an answer");
    let answer = Message::from_vec(&answer).unwrap();
    assert_eq!(answer.metadata.id, 0x1234);
    assert_eq!(answer.metadata.message_type, MessageType::Response);
    assert!(answer.metadata.recursion_desired && answer.metadata.recursion_available);
    answer
}

fn data(message: &Message) -> Vec<RData> {
    message.answers.iter().map(|record| record.data.clone()).collect()
}

#[test]
fn names_and_addresses() {
    for name in ["tekapo.", "TeKaPo.", "tekapo"] {
        let answer = ask(&query(name, RecordType::A), Via::Udp);
        assert!(answer.metadata.authoritative);
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert_eq!(data(&answer), [RData::A(A::new(10, 61, 0, 2))]);
    }
    let answer = ask(&query("tekapo.", RecordType::AAAA), Via::Tcp);
    assert_eq!(answer.answers[0].data.ip_addr(), Some(TEKAPO6));
    assert_eq!(ask(&query("tekapo.", RecordType::ANY), Via::Tcp).answers.len(), 2);
    for name in ["2.0.61.10.in-addr.arpa.", &Name::from(TEKAPO6).to_ascii()] {
        let answer = ask(&query(name, RecordType::PTR), Via::Udp);
        assert_eq!(data(&answer), [RData::PTR(PTR(absolute("tekapo").unwrap()))]);
    }
    assert_eq!(data(&ask(&query("localhost.", RecordType::A), Via::Udp)), [RData::A(A::new(127, 0, 0, 1))]);
    assert_eq!(ask(&query(".", RecordType::NS), Via::Udp).answers.len(), 1);
}

#[test]
fn aliases() {
    let answer = ask(&query("WWW.", RecordType::A), Via::Udp);
    let alias = |name| RData::CNAME(CNAME(absolute(name).unwrap()));
    assert_eq!(data(&answer), [alias("web"), alias("tekapo"), RData::A(A::new(10, 61, 0, 2))]);
    assert_eq!(answer.answers[0].name.to_ascii(), "WWW.");
    assert_eq!(data(&ask(&query("www.", RecordType::CNAME), Via::Udp)), [alias("web")]);
    assert_eq!(data(&ask(&query("www.", RecordType::ANY), Via::Udp)), [alias("web")]);
    // No such record there: the aliases, and why there's no more.
    let answer = ask(&query("www.", RecordType::MX), Via::Udp);
    assert_eq!((answer.answers.len(), answer.authorities.len()), (2, 1));
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    let answer = ask(&query("dangling.", RecordType::A), Via::Udp);
    assert_eq!((answer.answers.len(), answer.metadata.response_code), (1, ResponseCode::NXDomain));
    assert_eq!(ask(&query("loop.", RecordType::A), Via::Tcp).answers.len(), 17);
}

#[test]
fn letter_case_is_kept() {
    let answer = ask(&query("tEkApO.", RecordType::A), Via::Udp);
    assert_eq!(answer.queries[0].name.to_ascii(), "tEkApO.");
    assert_eq!(answer.answers[0].name.to_ascii(), "tEkApO.");
}

#[test]
fn what_is_not_there() {
    for (name, kind, code) in [
        ("aoraki.", RecordType::A, ResponseCode::NXDomain),
        ("tekapo.example.", RecordType::A, ResponseCode::NXDomain),
        ("9.0.61.10.in-addr.arpa.", RecordType::PTR, ResponseCode::NXDomain),
        ("61.10.in-addr.arpa.", RecordType::PTR, ResponseCode::NoError),
        ("tekapo.", RecordType::MX, ResponseCode::NoError),
        ("tekapo.", RecordType::Unknown(999), ResponseCode::NoError),
    ] {
        let answer = ask(&query(name, kind), Via::Udp);
        assert_eq!(answer.metadata.response_code, code, "{name} {kind}");
        assert!(answer.answers.is_empty());
        assert_eq!(answer.authorities[0].record_type(), RecordType::SOA);
    }
    assert_eq!(ask(&query(".", RecordType::AXFR), Via::Tcp).metadata.response_code, ResponseCode::Refused);
    let mut chaos = query("version.bind.", RecordType::TXT);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(ask(&chaos, Via::Udp).metadata.response_code, ResponseCode::Refused);
}

#[test]
fn sizes() {
    let plain = query("many.", RecordType::A);
    let mut edns = plain.clone();
    edns.set_edns(Edns::new().set_max_payload(4096).clone());
    for (message, via, limit) in [(&plain, Via::Udp, 512), (&edns, Via::Udp, 1232)] {
        let answer = ask(message, via);
        assert!(answer.metadata.truncation && answer.answers.is_empty());
        assert!(answer.to_vec().unwrap().len() <= limit);
        assert_eq!(answer.edns.is_some(), message.edns.is_some());
    }
    let whole = ask(&plain, Via::Tcp);
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 100);
    let mut new = plain.clone();
    new.set_edns(Edns::new().set_version(1).clone());
    // 16 is BADVERS here; the library reads it back by its other name, BADSIG.
    assert_eq!(u16::from(ask(&new, Via::Udp).metadata.response_code), 16);
}

#[test]
fn bad_requests() {
    let zone = zone();
    assert_eq!(zone.answer(&[0; 11], Via::Udp), None);
    let mut response = query("tekapo.", RecordType::A);
    response.metadata.message_type = MessageType::Response;
    assert_eq!(zone.answer(&response.to_vec().unwrap(), Via::Udp), None);

    let mut cut = query("tekapo.", RecordType::A).to_vec().unwrap();
    cut.truncate(16);
    let answer = Message::from_vec(&zone.answer(&cut, Via::Udp).unwrap()).unwrap();
    assert_eq!((answer.metadata.id, answer.metadata.response_code), (0x1234, ResponseCode::FormErr));

    // Opcode 5 (update), and one that nobody has given a meaning.
    for code in [5, 9] {
        let bytes = [0x12, 0x34, code << 3, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff];
        let answer = zone.answer(&bytes, Via::Udp).unwrap();
        assert_eq!((answer[0], answer[1], answer[2] >> 3, answer[3] & 0xf), (0x12, 0x34, 0x10 | code, 4));
    }
    // RFC 9619: one question.
    let mut two = query("tekapo.", RecordType::A);
    two.add_query(two.queries[0].clone());
    assert_eq!(ask(&two, Via::Udp).metadata.response_code, ResponseCode::FormErr);
    let none = Message::new(0x1234, MessageType::Query, OpCode::Query);
    let answer = Message::from_vec(&zone.answer(&none.to_vec().unwrap(), Via::Udp).unwrap()).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(bytes: Vec<u8>) {
        let _ = zone().answer(&bytes, Via::Udp);
    }

    #[test]
    fn damaged_requests_do_no_harm(at in 0usize..45, value: u8, extra: Vec<u8>) {
        let mut message = query("tekapo.", RecordType::A);
        message.set_edns(Edns::new());
        let mut bytes = message.to_vec().unwrap();
        bytes.extend(extra);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        if let Some(answer) = zone().answer(&bytes, Via::Udp) {
            prop_assert!(answer.len() <= 1232);
            prop_assert_eq!(&answer[..2], &bytes[..2]);
        }
    }
}
