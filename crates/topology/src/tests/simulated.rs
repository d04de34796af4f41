//! Networks in virtual time.

use sockeye_base::Duration;
use sockeye_lab::{Captured, End, Lab};

use crate::{Event, Outcome, Simulation, Topology, What};

fn run(text: &str, seed: u64) -> Outcome {
    let topology = Topology::parse(text).unwrap_or_else(|problems| panic!("{problems}"));
    Simulation::new(&topology, seed, Vec::new()).expect("it starts").run(None)
}

fn two(link: &str, more: &str) -> String {
    format!(
        "[[host]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\n[[host]]\nname = \"b\"\naddresses = \"10.0.0.2/24\"\n\
         [[link]]\nbetween = [\"a\", \"b\"]\n{link}\n{more}\n"
    )
}

/// 1 MiB at 8 Mbit/s takes a bit more than a second.
#[test]
fn a_stream_takes_what_the_link_takes() {
    let text =
        two("rate = \"8mbit\"", "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nbytes = \"1M\"\nwithin = \"2s\"");
    let outcome = run(&text, 1);
    let [talked] = &outcome.talks[..] else { panic!("one conversation") };
    assert_eq!((talked.bytes, talked.failed.as_deref(), talked.again), (1 << 20, None, 0));
    assert!(
        talked.took > Duration::from_millis(1048) && talked.took < Duration::from_millis(1200),
        "{talked:?}"
    );
    assert!(outcome.failures.is_empty());
}

#[test]
fn exchanges_take_round_trips() {
    let text = two("delay = \"10ms\"", "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nexchanges = 50\nsize = 3000");
    let [talked] = &run(&text, 1).talks[..] else { panic!("one conversation") };
    assert_eq!((talked.count, talked.bytes), (50, 150_000));
    // The first request waits for ARP and the handshake.
    let [least, _, most] = talked.times.expect("times");
    assert_eq!((least, most), (Duration::from_millis(20), Duration::from_millis(60)));
}

#[test]
fn datagrams_that_are_lost_are_missed() {
    let text = two(
        "lose_frames = [4, 5]",
        "[[traffic]]\nfrom = \"a\"\nto = \"b\"\ndatagrams = 10\nevery = \"5ms\"\n[expect]\ndrops = 1",
    );
    let outcome = run(&text, 1);
    assert_eq!(outcome.talks[0].count, 8);
    assert_eq!(outcome.failures, ["a to b: 2 of 10 datagrams were lost", "2 frames dropped, more than 1"]);
}

/// One that comes twice is one, and all are sent before it ends.
#[test]
fn datagrams_that_come_twice_are_counted_once() {
    let datagrams = |more: &str| {
        let traffic = "[[traffic]]\nfrom = \"a\"\nto = \"b\"\ndatagrams = 300\nsize = 2\nevery = \"10ms\"\n";
        run(&two("duplicate = \"100%\"", &format!("{traffic}{more}")), 1)
    };
    let whole = datagrams("");
    assert_eq!(
        (whole.failures.len(), whole.talks[0].count, whole.talks[0].bytes),
        (0, 300, 600),
        "{whole:?}"
    );
    assert_eq!(whole.talks[0].took, Duration::from_millis(2990));
    let cut = datagrams("[[event]]\nat = \"2985ms\"\ncut = \"a-b\"\n");
    assert_eq!(
        (&cut.failures[..], cut.talks[0].count),
        (&["a to b: 1 of 300 datagrams was lost".to_owned()][..], 299)
    );
}

#[test]
fn what_was_expected_is_told_of() {
    let traffic = "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nbytes = \"64K\"\n[expect]\nretransmissions = 0\n";
    let outcome = run(&two("there = { lose_data = [3] }", traffic), 1);
    assert_eq!(outcome.failures, ["1 segment sent again, more than 0"]);
    // Nobody looked at the frames, and what was lost is known all the same.
    assert_eq!(outcome.drops, [("lost on the link", 1)].into());
}

#[test]
fn what_comes_to_a_host_that_is_off_is_dropped() {
    let traffic = "[[traffic]]\nfrom = \"a\"\nto = \"b\"\ndatagrams = 10\nevery = \"5ms\"\n\
                   [[event]]\nat = \"22ms\"\noff = \"b\"\n";
    let outcome = run(&two("", traffic), 1);
    let dropped = outcome.drops.get("the host is off").copied();
    assert_eq!(dropped, Some(10 - outcome.talks[0].count), "{outcome:?}");
}

/// Nobody answers while the host is off; the peer's data meets a reset once it is on again.
#[test]
fn a_reboot_resets() {
    let text = two(
        "rate = \"8mbit\"",
        "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nbytes = \"1M\"\n[[event]]\nat = \"500ms\"\nreboot = \"b\"",
    );
    let outcome = run(&text, 1);
    assert_eq!(outcome.failures, ["a to b: Connection reset by peer"]);
    assert!(outcome.talks[0].took < Duration::from_secs(1), "{outcome:?}");
}

/// A host that stands still for ten seconds delays what it has been sent; nothing is lost, as the queue has room.
#[test]
fn a_pause_delays() {
    let traffic = "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nexchanges = 2\n";
    let pause = "[[event]]\nat = \"15ms\"\npause = \"b\"\n[[event]]\nat = \"10s\"\nresume = \"b\"";
    let outcome = run(&two("delay = \"10ms\"", &format!("{traffic}{pause}")), 1);
    assert!(outcome.failures.is_empty(), "{outcome:?}");
    assert!(outcome.talks[0].took > Duration::from_secs(10), "{outcome:?}");
}

/// Packets to the old address meet nobody.
#[test]
fn another_address_ends_what_the_old_one_had() {
    let text = two(
        "delay = \"10ms\"",
        "[[host]]\nname = \"c\"\naddresses = \"10.9.0.1/24\"\n\
         [[traffic]]\nfrom = \"a\"\nto = \"b\"\nexchanges = 1000\n\
         [[event]]\nat = \"100ms\"\nreaddress = \"b\"\naddresses = \"10.0.0.3/24\"\n[expect]\nwithin = \"1h\"",
    );
    let outcome = run(&text, 1);
    assert_eq!(outcome.failures, ["a to b: Connection timed out"], "{outcome:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let text = two(
        "delay = \"5ms\"\njitter = \"1ms\"\nloss = \"2%\"",
        "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nbytes = \"1M\"",
    );
    let [first, again, other] = [7, 7, 8].map(|seed| run(&text, seed));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

/// Switched on, what is on stays as it is; what is off, off.
#[test]
fn power_that_is_there_changes_nothing() {
    let traffic = "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nexchanges = 100\n";
    let on = "[[event]]\nat = \"500ms\"\non = [\"a\", \"b\"]\n";
    let [quiet, told] =
        ["", on].map(|events| run(&two("delay = \"10ms\"", &format!("{traffic}{events}")), 1));
    assert_eq!(told.failures, Vec::<String>::new());
    assert_eq!(told, quiet);
    let off = "[[event]]\nat = \"500ms\"\noff = \"a\"\n[[event]]\nat = \"600ms\"\noff = \"a\"\n";
    let outcome = run(&two("delay = \"10ms\"", &format!("{traffic}{off}")), 1);
    assert_eq!(outcome.failures, ["a to b: its host was switched off"]);
}

/// What isn't said of a link stays as it was by then, wherever that stands in the file.
#[test]
fn changes_build_on_earlier_ones() {
    let text = two(
        "",
        "[[event]]\nat = \"2s\"\nchange = \"a-b\"\nloss = \"1%\"\n[[event]]\nat = \"1s\"\nchange = \"a-b\"\ndelay = \"5ms\"",
    );
    let topology = Topology::parse(&text).expect("it is right");
    let Event { what: What::Change(_, directions), .. } = &topology.events[1] else { panic!("a change") };
    assert_eq!(directions[0].delay, Duration::from_millis(5));
}

/// The first address that there is a way to, as getaddrinfo(3) has it.
#[test]
fn traffic_goes_where_there_is_a_way() {
    let host = |name: &str, addresses: &str, more: &str| {
        format!("[[host]]\nname = \"{name}\"\naddresses = [{addresses}]\n{more}\n")
    };
    let b = host("b", "\"fe80::2/64\", \"10.0.0.2/24\", \"fd00::2/64\"", "");
    let traffic = "[[link]]\nbetween = [\"a\", \"b\"]\ndelay = \"1ms\"\n\
                   [[traffic]]\nfrom = \"a\"\nto = \"b\"\nbytes = \"10K\"\n\
                   [[traffic]]\nfrom = \"a\"\nto = \"b\"\ndatagrams = 3\n\
                   [[traffic]]\nfrom = \"a\"\nto = \"b\"\nclient = [\"connect\", \"write 9\"]\nserver = [\"accept\", \"read 9\"]\n\
                   [[traffic]]\nfrom = \"b\"\nto = \"a\"\nexchanges = 1\n";
    for addresses in ["\"10.0.0.1/24\"", "\"fd00::1/64\"", "\"fe80::1/64\", \"fd00::1/64\""] {
        let outcome = run(&format!("{}{b}{traffic}", host("a", addresses, "")), 1);
        assert!(outcome.failures.is_empty(), "{addresses}: {outcome:?}");
    }
    let odd = |a: &str| {
        let topology = Topology::parse(&format!("{a}{b}{traffic}")).expect("it is right");
        topology.explain().contains("a to b: a has no way to an address of b")
    };
    let far = "\"10.0.1.1/24\", \"10.9.0.1/24\"";
    assert!(odd(&host("a", far, "")));
    assert!(!odd(&host("a", far, "routes = \"default via 10.0.1.254\"")));
}

/// What happens after the end is told of.
#[test]
fn what_comes_too_late_is_odd() {
    let text = two("", "[[event]]\nat = \"30s\"\noff = \"a\"\n");
    let topology = Topology::parse(&format!("until = \"20s\"\n{text}")).expect("it is right");
    assert!(
        topology.explain().contains("30s: a is switched off, when all is over"),
        "{}",
        topology.explain()
    );
}

/// Each end cuts what it sends by its own MTU, and takes what the other sends by the other's. TCP needs 88 bytes, as on Linux, whose
/// segments are never shorter than 48.
#[test]
fn an_mtu_of_each_direction() {
    let traffic = "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nexchanges = 2\nsize = 3000\n\
                   [[traffic]]\nfrom = \"a\"\nto = \"b\"\nbytes = \"20K\"\n\
                   [[traffic]]\nfrom = \"b\"\nto = \"a\"\ndatagrams = 3\nsize = 2000\n";
    let lengths = |link: &str| {
        let topology = Topology::parse(&two(link, traffic)).expect("it is right");
        let mut longest = [0, 0];
        let mut watch = |lab: &Lab, captured: &Captured| {
            if let End::Interface(host, _) = captured.end
                && !captured.arrived
            {
                let from = usize::from(lab.hosts().next() != Some(host));
                let pieces = captured.frame.clone().split().map(|piece| piece.payload.len());
                longest[from] = pieces.max().unwrap_or(0).max(longest[from]);
            }
        };
        let outcome = Simulation::new(&topology, 1, Vec::new()).expect("it starts").run(Some(&mut watch));
        assert!(outcome.failures.is_empty(), "{link}: {outcome:?}");
        longest
    };
    assert_eq!(lengths("there = { mtu = 1400 }\nback = { mtu = 9000 }"), [1400, 2028]);
    for mtu in [88, 300, 576] {
        assert!(lengths(&format!("mtu = {mtu}")).iter().all(|longest| *longest <= mtu));
    }
}

#[test]
fn packets_that_others_do_not_expect_are_odd() {
    let lan = |mtu: &str| {
        let text = "[[switch]]\nname = \"s\"\n[[switch]]\nname = \"t\"\n[[link]]\nbetween = [\"s\", \"t\"]\n\
                    [[link]]\nbetween = [\"c\", \"t\"]\n[[host]]\nname = \"c\"\naddresses = \"10.0.0.3/24\"\n\
                    [[host]]\nname = \"d\"\naddresses = \"10.0.0.4/24\"\n[[link]]\nbetween = [\"d\", \"s\"]\n";
        let topology = Topology::parse(&two("", &format!("{text}{mtu}"))).expect("it is right");
        topology.explain().contains("d has an mtu of 9000, and c on the same Ethernet one of 1500")
    };
    assert!(lan("mtu = 9000") && !lan(""));
}
