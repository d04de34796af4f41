use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

use super::*;

fn query(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::new(77, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.set_edns(Edns::new());
    message.to_vec().unwrap()
}

fn addresses(answer: &[u8]) -> Vec<IpAddr> {
    let message = Message::from_vec(answer).unwrap();
    assert_eq!(message.metadata.id, 77);
    message.answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// Servers a resolver may have been told of: ours, by both families; one that is nobody's; loopback, as systemd has it.
fn servers() -> [SocketAddr; 4] {
    [(TEKAPO, 53).into(), (TEKAPO6, 53).into(), ([192, 0, 2, 53], 53).into(), ([127, 0, 0, 53], 53).into()]
}

#[test]
fn datagrams() {
    let mut world = World::new();
    for server in servers() {
        let mut ask = |name: &str, kind| {
            let (answer, source) =
                world.ask(server, &query(name, kind)).unwrap_or_else(|| panic!("{server} is silent"));
            assert_eq!(source, server);
            answer
        };
        assert_eq!(addresses(&ask("tekapo.", RecordType::A)), [TEKAPO]);
        assert_eq!(addresses(&ask("Tekapo.", RecordType::AAAA)), [TEKAPO6]);
        assert_eq!(addresses(&ask("pukaki.", RecordType::ANY)).len(), 2);
        let answer = Message::from_vec(&ask("2.0.61.10.in-addr.arpa.", RecordType::PTR)).unwrap();
        assert!(answer.answers[0].data.to_string().starts_with("tekapo"));
        let answer = Message::from_vec(&ask("aoraki.", RecordType::A)).unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    }
    assert!(world.ask(servers()[0], b"too short").is_none());
}

#[test]
fn streams() {
    let mut world = World::new();
    for server in servers() {
        let socket = world.connect(server);
        let mut out = Vec::new();
        for (name, kind) in [("tekapo.", RecordType::A), ("pukaki.", RecordType::AAAA)] {
            let message = query(name, kind);
            out.extend((message.len() as u16).to_be_bytes());
            out.extend(message);
        }
        // In two parts, cut where it hurts.
        let (head, tail) = out.split_at(1);
        world.talk(socket, head, |_| true);
        let mut answers = world.talk(socket, tail, |came| messages(came).len() == 2);
        let found: Vec<IpAddr> = messages(&answers).into_iter().flat_map(addresses).collect();
        assert_eq!(found, [TEKAPO, "fd61::1".parse().unwrap()]);
        answers.clear();
        world.shutdown(socket);
        assert!(world.talk(socket, b"", |_| false).is_empty());
        world.close(socket);
    }
}

fn messages(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let Some((message, rest)) = rest.split_at_checked(u16::from_be_bytes(*length).into()) else { break };
        messages.push(message);
        bytes = rest;
    }
    messages
}
