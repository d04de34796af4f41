use hickory_proto::op::Edns;
use proptest::prelude::*;
use sockeye_base::Rng;
use sockeye_names::Heard;

use super::*;

const THREE: &str =
    "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\noptions timeout:5 attempts:2\n";

#[test]
fn both_families_in_one_exchange() {
    let mut lookup = look_up("nameserver 10.0.0.1", "www.example.", Families::Both);
    let asked = exchange(&mut lookup);
    assert_eq!((asked.server, asked.tcp), (server("10.0.0.1"), false));
    assert_eq!(questions(&asked), ["www.example. A", "www.example. AAAA"]);
    let six = answer(&asked.messages[1], ResponseCode::NoError, &[("www.example.", aaaa(6))]);
    assert_eq!(lookup.receive(&six), Heard::More);
    // The same again is no answer to the other question.
    assert_eq!(lookup.receive(&six), Heard::More);
    let four = answer(&asked.messages[0], ResponseCode::NoError, &[("WWW.example.", a(4)), ("else.", a(5))]);
    assert_eq!(lookup.receive(&four), Heard::All);
    let found = done(&mut lookup).unwrap();
    assert_eq!((found.name.as_str(), found.addresses), ("www.example", ips(&["10.0.0.4", "fd00::6"])));
}

/// As measured on glibc 2.36: the first is given the whole time; those behind it twice as much each, shared by all.
#[test]
fn every_server_in_turn_and_again() {
    let mut lookup = look_up(THREE, "x.example.", Families::Inet);
    for turn in 0..6 {
        let asked = exchange(&mut lookup);
        let (address, seconds) = [("10.0.0.1", 5), ("10.0.0.2", 3), ("10.0.0.3", 6)][turn % 3];
        assert_eq!((asked.server, asked.wait.as_secs()), (server(address), seconds), "{turn}");
    }
    assert_eq!(done(&mut lookup), Err(HostError::TryAgain));
}

#[test]
fn a_server_that_can_not_say_is_left_at_once() {
    for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NotImp] {
        let mut lookup = look_up(THREE, "x.example.", Families::Inet);
        let asked = exchange(&mut lookup);
        assert_eq!(lookup.receive(&answer(&asked.messages[0], code, &[])), Heard::All);
        let asked = exchange(&mut lookup);
        assert_eq!(asked.server, server("10.0.0.2"));
        // Nor does one count that neither knows nor asks others.
        let lame = make(&asked.messages[0], |answer| answer.metadata.recursion_available = false);
        assert_eq!(lookup.receive(&lame), Heard::All);
        let asked = exchange(&mut lookup);
        assert_eq!(asked.server, server("10.0.0.3"));
        lookup.receive(&answer(&asked.messages[0], ResponseCode::NoError, &[("x.example.", a(1))]));
        assert_eq!(done(&mut lookup).unwrap().addresses, ips(&["10.0.0.1"]));
    }
}

#[test]
fn only_the_answer_to_the_question_counts() {
    let mut lookup = look_up("nameserver 10.0.0.1", "x.example.", Families::Inet);
    let question = exchange(&mut lookup).messages.remove(0);
    let right = answer(&question, ResponseCode::NoError, &[("x.example.", a(1))]);
    let mut other_id = right.clone();
    other_id[0] ^= 1;
    let other_name = make(&question, |answer| {
        answer.queries[0].set_name(Name::from_ascii("y.example.").unwrap());
    });
    let other_type = make(&question, |answer| {
        answer.queries[0].set_query_type(RecordType::AAAA);
    });
    let without = make(&question, |answer| answer.queries.clear());
    for wrong in [&other_id, &other_name, &other_type, &without, &question, &right[..20].to_vec(), &vec![]] {
        assert_eq!(lookup.receive(wrong), Heard::More);
    }
    assert_eq!(lookup.receive(&right), Heard::All);
    assert!(done(&mut lookup).is_ok());
}

#[test]
fn what_is_too_long_comes_by_tcp() {
    let mut lookup = look_up("nameserver 10.0.0.1\noptions edns0", "x.example.", Families::Inet);
    let asked = exchange(&mut lookup);
    let edns = Message::from_vec(&asked.messages[0]).unwrap().edns;
    assert_eq!(edns.as_ref().map(Edns::max_payload), Some(1200));
    // First it has to do without EDNS.
    lookup.receive(&make(&asked.messages[0], |answer| {
        answer.metadata.response_code = ResponseCode::FormErr;
        answer.queries.clear();
    }));
    let asked = exchange(&mut lookup);
    assert!(Message::from_vec(&asked.messages[0]).unwrap().edns.is_none());
    lookup.receive(&make(&asked.messages[0], |answer| answer.metadata.truncation = true));
    let asked = exchange(&mut lookup);
    assert_eq!((asked.server, asked.tcp), (server("10.0.0.1"), true));
    let records: Vec<_> = (0..200).map(|last| ("x.example.", a(last))).collect();
    lookup.receive(&answer(&asked.messages[0], ResponseCode::NoError, &records));
    assert_eq!(done(&mut lookup).unwrap().addresses.len(), 200);
}

#[test]
fn aliases_are_followed_but_not_for_ever() {
    let ask = |records: &[(&str, RData)]| {
        let mut lookup = look_up("nameserver 10.0.0.1", "www.example.", Families::Inet);
        let question = exchange(&mut lookup).messages.remove(0);
        lookup.receive(&answer(&question, ResponseCode::NoError, records));
        done(&mut lookup)
    };
    let chain = [
        ("www.example.", cname("web.example.")),
        ("web.example.", cname("b.example.")),
        ("b.example.", a(7)),
    ];
    let found = ask(&chain).unwrap();
    assert_eq!((found.name.as_str(), found.addresses), ("b.example", ips(&["10.0.0.7"])));
    assert_eq!(found.aliases, ["www.example", "web.example"]);
    assert_eq!(ask(&chain[..2]), Err(HostError::NoData));
    assert_eq!(ask(&[("www.example.", cname("www.example."))]), Err(HostError::NoData));
    // A name that could do harm where it is printed.
    assert_eq!(
        ask(&[("www.example.", cname("a;rm.example.")), ("a;rm.example.", a(1))]),
        Err(HostError::NoData)
    );
}

#[test]
fn one_question_at_a_time_if_told_so() {
    let mut lookup = look_up("nameserver 10.0.0.1\noptions single-request", "x.example.", Families::Both);
    let asked = exchange(&mut lookup);
    assert_eq!(questions(&asked), ["x.example. A"]);
    lookup.receive(&answer(&asked.messages[0], ResponseCode::NoError, &[("x.example.", a(1))]));
    let asked = exchange(&mut lookup);
    assert_eq!((questions(&asked), asked.server), (vec!["x.example. AAAA".to_owned()], server("10.0.0.1")));
    // What one family has is enough.
    lookup.receive(&answer(&asked.messages[0], ResponseCode::NXDomain, &[]));
    assert_eq!(done(&mut lookup).unwrap().addresses, ips(&["10.0.0.1"]));
}

#[test]
fn rotation_spreads_the_questions() {
    let conf = files(&format!("{THREE}options rotate"));
    let mut rng = Rng::from_seed(1);
    let mut first = [0; 3];
    for _ in 0..60 {
        let mut lookup = Lookup::name(&conf, "x.example.", Families::Inet, None, rng.fork());
        let SocketAddr::V4(server) = exchange(&mut lookup).server else { panic!() };
        first[usize::from(server.ip().octets()[3]) - 1] += 1;
    }
    assert!(first.iter().all(|count| *count > 5), "{first:?}");
}

proptest! {
    /// Whatever comes: no panic, and it ends.
    #[test]
    fn hostile_answers(bytes: Vec<u8>, at in 2usize..80, value: u8, edns: bool) {
        let conf = if edns { "nameserver 10.0.0.1\noptions edns0" } else { "nameserver 10.0.0.1" };
        let mut lookup = look_up(conf, "www.example.", Families::Both);
        let mut turns = 0;
        while let Step::Ask(asked) = lookup.step() {
            turns += 1;
            prop_assert!(turns < 20);
            lookup.receive(&bytes);
            for message in &asked.messages {
                let records = [("www.example.", cname("b.example.")), ("b.example.", a(1))];
                let mut damaged = answer(message, ResponseCode::NoError, &records);
                if let Some(byte) = damaged.get_mut(at) {
                    *byte = value;
                }
                lookup.receive(&damaged);
            }
        }
    }
}
