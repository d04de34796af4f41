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

/// What the network doesn't know another server is asked, over UDP and TCP, and its answers come back as they are.
#[test]
fn others_names_are_asked_of_another() {
    let DefaultNetwork { mut lab, pukaki, tekapo, .. } = default_network(1);
    // The other is asked on `pukaki` itself, by a port that no policy is about.
    let upstream = SocketAddr::from(([10, 61, 0, 1], 5353));
    let mut services = Services::tekapo_forwarding(&lab, tekapo, upstream);
    services.start(&mut lab, Instant::ZERO).unwrap();
    let mut world = World { lab, pukaki, services, now: Instant::ZERO };

    let known = world.ask((TEKAPO, 53).into(), &query("tekapo.", RecordType::A)).unwrap().0;
    assert_eq!(addresses(&known), [TEKAPO]);
    // Nobody is there: that is said at once.
    let nobody = world.ask((TEKAPO, 53).into(), &query("moana.test.", RecordType::A)).unwrap().0;
    assert_eq!(Message::from_vec(&nobody).unwrap().metadata.response_code, ResponseCode::ServFail);

    let server = world.socket(Transport::Udp, TEKAPO);
    world.client().0.bind(Instant::ZERO, server, upstream).unwrap();
    let client = world.socket(Transport::Udp, TEKAPO);
    let question = query("moana.test.", RecordType::A);
    let now = world.now;
    world.client().0.send_to(now, client, &question, Some((TEKAPO, 53).into())).unwrap();
    world.settle();
    let (asked, from) = world.client().0.receive_from(now, server, false).unwrap();
    assert_eq!((asked.to_vec(), from.ip()), (question.clone(), TEKAPO));
    // What is no answer to it is passed over.
    let mut answer = question;
    world.client().0.send_to(now, server, &answer, Some(from)).unwrap();
    answer[2] |= 0x80;
    let other = [&[answer[0] ^ 1], &answer[1..]].concat();
    world.client().0.send_to(now, server, &other, Some(from)).unwrap();
    world.client().0.send_to(now, server, &answer, Some(from)).unwrap();
    world.settle();
    assert_eq!(world.client().0.receive(now, client, 999, false).unwrap().to_vec(), answer);
    assert!(world.client().0.receive(now, client, 999, false).is_err());
    // A thousand questions without answers leave nothing behind but some.
    for n in 0..1000 {
        let question = query(&format!("n{n}.test."), RecordType::A);
        world.client().0.send_to(now, client, &question, Some((TEKAPO, 53).into())).unwrap();
        world.settle();
    }
    assert!(world.lab.host(tekapo).stack().ports_held() < 300);

    let stream = world.connect((TEKAPO, 53).into());
    let message = query("moana.test.", RecordType::AAAA);
    let framed = [&(message.len() as u16).to_be_bytes(), &message[..]].concat();
    let answers = world.talk(stream, &framed, |came| messages(came).len() == 1);
    let refused = Message::from_vec(messages(&answers)[0]).unwrap();
    assert_eq!(refused.metadata.response_code, ResponseCode::ServFail, "nobody listens there");
    world.close(stream);
}
