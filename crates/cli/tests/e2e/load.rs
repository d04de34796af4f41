//! `sockeye bench load`. What it counts is tested in virtual time, in crate `measure`; this is about the command.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;

use crate::common::{bounded, finish, run, signal, sockeye, start};

fn load(words: &[&str]) -> std::process::Command {
    sockeye(["bench", "load"].iter().chain(words))
}

#[test]
fn over_its_own_network() {
    finish(&mut load(&["-n", "200", "http://tekapo/"])).well().says("over Sockeye").says("status 200");
    let report = finish(&mut load(&["-n", "50", "-c", "5", "--json", "tekapo:7"])).well().text();
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["requests"]["answered"], 50);
    assert_eq!((&report["received"], &report["connected"]), (&3200.into(), &5.into()));
    assert!(report["response"]["p99.9"].is_f64());
}

#[test]
fn over_the_kernel_and_under_run() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // Nobody accepts: a connection is made, and nothing comes.
    let url = format!("http://127.0.0.1:{port}/");
    finish(&mut load(&["--kernel", "-c", "2", "-d", "100ms", &url])).exits(1).says("unfinished");
    let own = env!("CARGO_BIN_EXE_sockeye");
    let words = [own, "bench", "load", "--kernel", "-n", "50", "--no-keepalive", "http://tekapo/bytes/3000"];
    finish(&mut run(words)).well().says("over the kernel").says("status 200");
}

#[test]
fn more_connections_than_descriptors() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = listener.local_addr().expect("an address").to_string();
    let own = env!("CARGO_BIN_EXE_sockeye");
    let script =
        format!("ulimit -n 40; exec {own} bench load --kernel -c 100 -n 100 --timeout 300ms {target}");
    finish(&mut crate::common::bare(["sh", "-c", &script]))
        .exits(1)
        .says("connect: EMFILE")
        .says("no reply in time");
}

#[test]
fn what_can_not_be_is_said() {
    for (words, what) in [
        (&["tekapo"][..], "neither a URL"),
        (&["https://tekapo/"], "only http://"),
        (&["-r", "0", "tekapo:7"], "not from 0.001"),
        (&["-m", "GET", "tekapo:7"], "--method and --header are for a URL"),
        (&["--size", "3", "http://tekapo/"], "--size and --reply are for HOST:PORT"),
        (&["-H", "no", "http://tekapo/"], "is no header"),
        (&["--data", "@/nonexistent", "http://tekapo/"], "/nonexistent: No such file"),
        (&["--threads", "2", "http://tekapo/"], "--kernel"),
    ] {
        finish(&mut load(words)).exits(2).complains(what).in_one_line();
    }
    finish(&mut load(&["http://nobody/"]))
        .exits(1)
        .complains("no such host in Sockeye's network")
        .in_one_line();
    finish(&mut load(&["-n", "5", "-c", "1", "http://tekapo:81/"]))
        .exits(1)
        .says("connect: ECONNREFUSED")
        .says("ended early");
}

#[test]
fn interrupted_it_says_what_there_is() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = listener.local_addr().expect("an address").to_string();
    let mut command = load(&["--kernel", "-c", "1", "-d", "1h", &target]);
    let child = start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    // Its request is here: by now it listens to signals.
    let mut byte = [0];
    listener.accept().expect("its connection").0.read_exact(&mut byte).expect("its request");
    signal("INT", &child.id().to_string());
    let output = bounded(child, "bench load");
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("interrupted"), "{text}");
}
