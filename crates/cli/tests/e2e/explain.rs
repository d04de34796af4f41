//! `sockeye explain`.

use std::fs;

use crate::common::{TempDir, finish, need, sockeye};

#[test]
fn a_transfer_over_a_bad_link_is_explained() {
    if !need(&["curl"]) {
        return;
    }
    let place = TempDir::new();
    let pcap = place.path().join("pcapng");
    let mut command = sockeye(["run", "--loss", "3%", "--delay", "10ms", "--seed", "5", "--pcap"]);
    finish(command.arg(&pcap).args(["--", "curl", "-s", "-o", "/dev/null", "http://10.61.0.2/bytes/300K"]))
        .well();
    let text = finish(sockeye(["explain"]).arg(&pcap).args(["port", "80"])).well().text();
    for part in
        ["to 10.61.0.2:80: ", "the handshake", "sent again", "lost on the link", "change: ", "seen: packets"]
    {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let json = finish(sockeye(["explain", "--json"]).arg(&pcap).args(["port", "80"])).well().text();
    let all: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let findings = all[0]["findings"].as_array().expect("findings");
    let shares: f64 = findings.iter().filter_map(|finding| finding["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{json}");
    assert!(all[0]["server"]["repeated"].as_u64() > Some(0), "{json}");
    finish(sockeye(["explain"]).arg(&pcap).args(["port", "81"]))
        .exits(1)
        .complains("no such TCP connection")
        .in_one_line();
}

#[test]
fn what_cannot_be_explained() {
    let place = TempDir::new();
    let file = place.path().join("file");
    finish(&mut sockeye(["explain", "/nowhere"])).exits(2).complains("No such file").in_one_line();
    finish(&mut sockeye(["explain"])).exits(2).in_one_line();
    finish(&mut sockeye(["explain", "--of", "nobody's", "--for", "1s"])).exits(2).in_one_line();
    fs::write(&file, "no capture").expect("written");
    finish(sockeye(["explain"]).arg(&file)).exits(2).complains("not a capture file").in_one_line();
    // A capture cut short, and one without TCP.
    let whole = include_bytes!("../../../view/tests/explain/kernel/nagle.pcap");
    fs::write(&file, &whole[..whole.len() - 7]).expect("written");
    finish(sockeye(["explain"]).arg(&file)).exits(2).complains("cut short").in_one_line();
    fs::write(&file, &whole[..24]).expect("written");
    finish(sockeye(["explain"]).arg(&file)).exits(1).complains("no such TCP connection").in_one_line();
}

#[test]
fn datagrams_are_drawn_where_there_is_no_tcp() {
    if !need(&["ping"]) {
        return;
    }
    let place = TempDir::new();
    let pcap = place.path().join("pcapng");
    finish(sockeye(["run", "--pcap"]).arg(&pcap).args(["--", "ping", "-n", "-c", "1", "10.61.0.2"])).well();
    let ladder = finish(sockeye(["draw"]).arg(&pcap).arg("icmp")).well().text();
    assert!(ladder.contains("ICMP echo reply"), "{ladder}");
    let picture = finish(sockeye(["draw", "--svg", "-"]).arg(&pcap).arg("icmp")).well().text();
    assert!(picture.starts_with("<svg") && picture.contains("ICMP echo request"), "{picture}");
}
