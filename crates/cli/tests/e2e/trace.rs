//! `--trace`: every segment, in tcpdump's words; and `--pcap`: the same in a file.

use crate::common::{TempDir, finish, need, sockeye, well_formed};

#[test]
fn a_connection_is_printed_on_standard_error() {
    if !need(&["curl"]) {
        return;
    }
    let finished =
        finish(&mut sockeye(["run", "--trace", "--", "curl", "-s", "http://10.61.0.2/bytes/10"])).well();
    assert_eq!(finished.text().len(), 10);
    let errors = finished.errors();
    let lines: Vec<&str> = errors.lines().collect();
    let has = |wanted: &[&str]| {
        let found = lines.iter().any(|line| wanted.iter().all(|part| line.contains(part)));
        assert!(found, "no line with {wanted:?} in\n{errors}");
    };
    has(&["ARP, Request who-has 10.61.0.2 tell 10.61.0.1"]);
    has(&["IP 10.61.0.1.", " > 10.61.0.2.80: Flags [S], seq ", "options [mss 1460,"]);
    has(&["IP 10.61.0.2.80 > 10.61.0.1.", "Flags [S.]"]);
    has(&["Flags [P.]", "HTTP: GET /bytes/10 HTTP/1.1"]);
    has(&["Flags [F.]"]);
    assert!(
        lines.iter().all(|line| line.as_bytes().get(2) == Some(&b':')),
        "a time begins each line:\n{errors}"
    );
}

#[test]
fn a_trace_goes_to_a_file() {
    if !need(&["curl"]) {
        return;
    }
    let place = TempDir::new();
    let file = place.path().join("trace");
    let option = format!("--trace={}", file.display());
    let finished =
        finish(&mut sockeye(["run", &option, "--", "curl", "-s", "http://tekapo/"])).well().says("Hello");
    assert_eq!(finished.errors(), "");
    let trace = std::fs::read_to_string(&file).expect("the trace");
    assert!(trace.contains("Flags [S]") && trace.contains("HTTP: GET / HTTP/1.1"), "{trace}");
}

#[test]
fn loopback_and_resets_are_seen() {
    if !need(&["curl"]) {
        return;
    }
    let finished =
        finish(&mut sockeye(["run", "--trace", "--", "curl", "-s", "http://127.0.0.1:81/"])).exits(7);
    finished.complains(" > 127.0.0.1.81: Flags [S]").complains("Flags [R.]");
}

/// The same seed, the same program: the same ports. (Sequence numbers follow the clock, too.)
#[test]
fn a_seed_decides_the_ports() {
    if !need(&["curl"]) {
        return;
    }
    let syn = |seed: &str| {
        let words =
            ["run", "--trace", "--seed", seed, "--", "curl", "-s", "-o", "/dev/null", "http://10.61.0.2/"];
        let errors = finish(&mut sockeye(words)).well().errors();
        let line = errors.lines().find(|line| line.contains("Flags [S]")).expect("a SYN").to_owned();
        line[16..].split(": ").next().expect("a line").to_owned()
    };
    assert_eq!(syn("7"), syn("7"));
    assert_ne!(syn("7"), syn("8"));
}

/// Time, and sequence numbers' absolute values are not told.
fn without_time(line: &str) -> String {
    line.split_once(' ').map_or(line, |(_, rest)| rest).to_owned()
}

#[test]
fn a_capture_says_what_the_trace_says() {
    if !need(&["curl", "tcpdump"]) {
        return;
    }
    let place = TempDir::new();
    let (trace, pcap) = (place.path().join("trace"), place.path().join("pcap"));
    let mut command = sockeye(["run", "--loss", "5%", "--seed", "9"]);
    command.arg(format!("--trace={}", trace.display())).arg("--pcap").arg(&pcap);
    command.args(["--", "curl", "-s", "-o", "/dev/null", "http://10.61.0.2/bytes/100K"]);
    finish(&mut command).well();
    well_formed(&[&pcap]);
    let read = |options: &[&str]| {
        let mut command = std::process::Command::new("tcpdump");
        let text = finish(command.args(options).arg("-r").arg(&pcap)).well().text();
        text.lines().map(without_time).collect::<Vec<_>>()
    };
    let ours = std::fs::read_to_string(&trace).expect("a trace");
    let ours: Vec<String> = ours.lines().map(without_time).collect();
    assert!(ours.len() > 100);
    assert_eq!(read(&["-n"]), ours);
    assert!(read(&["-n", "-v"]).iter().all(|line| !line.contains("incorrect")), "a checksum is wrong");
    let bytes = std::fs::read(&pcap).expect("a capture");
    let has = |words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    assert!(has(b"dropped: lost on the link") && has(b"pukaki/eth0") && has(b"tekapo/eth0"));
}

#[test]
fn a_capture_that_cannot_be_made_is_told() {
    let mut command = sockeye(["run", "--pcap", "/nowhere/at/all", "--", "true"]);
    let finished = finish(&mut command).exits(125);
    assert_eq!(finished.errors(), "sockeye: /nowhere/at/all: No such file or directory\n");
}
