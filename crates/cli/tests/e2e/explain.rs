//! `sockeye explain`.

use std::fs;
use std::process::Stdio;

use crate::common::{TempDir, finish, need, read_line, signal, sockeye, start, well_formed};

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
    well_formed(&[&pcap]);
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

/// Connections, one after the other, until it is ended.
const CONNECTIONS: &str = "
import socket
print('begun', flush=True)
while True:
    with socket.create_connection(('10.61.0.2', 7)) as echo:
        echo.sendall(b'kia ora')
        echo.recv(100)
";

#[test]
fn a_running_network_is_explained() {
    if !need(&["python3"]) {
        return;
    }
    let folder = TempDir::new();
    let here = |words: &[&str]| {
        let mut command = sockeye(words);
        command.env("XDG_RUNTIME_DIR", folder.path());
        command
    };
    let mut program = here(&["run", "--delay", "5ms", "--", "python3", "-c", CONNECTIONS]);
    let mut program = start(program.stdout(Stdio::piped()));
    assert_eq!(read_line(program.stdout.as_mut().expect("a pipe")), "begun");
    let of = program.id().to_string();
    // On a busy machine half a second may be too short for any.
    let seen = ["500ms", "5s", "20s"].into_iter().any(|span| {
        let explained = finish(&mut here(&["explain", "--of", &of, "--for", span, "tcp", "port", "7"]));
        explained.code() == 0
            && explained.text().contains("the way: data and their acknowledgements travelled")
    });
    signal("TERM", &of);
    program.wait().expect("it ends");
    assert!(seen, "nothing was seen");
}
