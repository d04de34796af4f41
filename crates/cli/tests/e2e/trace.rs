//! `--trace`: every segment, in tcpdump's words.

use crate::common::{TempDir, finish, need, sockeye};

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
