//! Links that delay, lose, throttle and are cut. Real time passes, so only its lower bounds are looked at.

use std::process::Command;

use crate::common::{TempDir, finish, need, sockeye};

/// Runs a Python program over a link like this.
fn over(link: &[&str], program: &str) -> Command {
    let mut command = sockeye(["run"]);
    command.args(link).args(["--", "python3", "-c", program]);
    command
}

#[test]
fn a_delay_counts_each_way() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import socket, time
began = time.monotonic()
s = socket.create_connection(('10.61.0.2', 7))
connected = time.monotonic()
s.sendall(b'x')
assert s.recv(1) == b'x'
# The neighbour's address, then the handshake; then there and back.
print(connected - began >= 0.08, time.monotonic() - connected >= 0.04)
";
    finish(&mut over(&["--delay", "20ms", "--jitter", "0ms"], program)).well().says("True True");
}

#[test]
fn what_is_lost_comes_again() {
    if !need(&["curl", "sha256sum"]) {
        return;
    }
    let place = TempDir::new();
    let trace = place.path().join("trace");
    let mut command = sockeye(["run", "--delay", "5ms", "--loss", "3%", "--seed", "4"]);
    command.arg(format!("--trace={}", trace.display()));
    command.args(["--", "sh", "-c", "curl -sS http://tekapo/bytes/500K | sha256sum"]);
    let lossy = finish(&mut command).well().text();
    let perfect = "curl -sS http://tekapo/bytes/500K | sha256sum";
    assert_eq!(lossy, finish(&mut sockeye(["run", "--", "sh", "-c", perfect])).well().text());
    let trace = std::fs::read_to_string(trace).expect("a trace");
    let mut sequences: Vec<&str> =
        trace.lines().filter_map(|line| line.split("seq ").nth(1)?.split(',').next()).collect();
    let all = sequences.len();
    sequences.sort_unstable();
    sequences.dedup();
    assert!(sequences.len() < all, "nothing was sent again");
}

#[test]
fn whatever_a_link_does_the_bytes_are_right() {
    if !need(&["curl", "sha256sum"]) {
        return;
    }
    let hashed = |link: &[&str]| {
        let mut command = sockeye(["run"]);
        command.args(link).args(["--", "sh", "-c", "curl -sS http://tekapo/bytes/300K | sha256sum"]);
        finish(&mut command).well().text()
    };
    let worst = "--delay 2ms --jitter 1ms --spread normal --burst-loss 0.5%:50% --duplicate 2% --reorder 3%:3ms \
                 --corrupt 1% --rate 20mbit --codel --seed 3";
    assert_eq!(hashed(&worst.split_whitespace().collect::<Vec<_>>()), hashed(&[]));
}

#[test]
fn a_rate_takes_its_time() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import time, urllib.request
began = time.monotonic()
body = urllib.request.urlopen('http://tekapo/bytes/100K').read()
# 8 Mbit/s are a megabyte each second.
print(len(body), time.monotonic() - began >= 0.1)
";
    finish(&mut over(&["--rate", "8mbit"], program)).well().says("102400 True");
}

#[test]
fn a_small_mtu_makes_small_segments() {
    if !need(&["curl"]) {
        return;
    }
    let mut command = sockeye(["run", "--mtu", "1280", "--trace", "--"]);
    command.args(["curl", "-4", "-sS", "-o", "/dev/null", "http://tekapo/bytes/10K"]);
    let finished = finish(&mut command).well();
    assert!(finished.errors().contains("mss 1240"), "{}", finished.errors());
}

#[test]
fn a_pulled_cable_ends_with_the_true_error() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import errno, socket, time
s = socket.create_connection(('10.61.0.2', 7))
s.setsockopt(socket.IPPROTO_TCP, 18, 500)
try:
    while True:
        s.sendall(b'x')
        assert s.recv(1) == b'x'
        time.sleep(0.01)
except OSError as error:
    print(errno.errorcode[error.errno], s.recv(1))
";
    finish(&mut over(&["--cut", "2s.."], program)).well().says("ETIMEDOUT b''");
    finish(&mut over(&["--cut", "2s..", "--fast"], program)).well().says("ECONNRESET b''");
}

#[test]
fn wrong_values_are_told() {
    for (flag, value) in
        [("--loss", "5"), ("--rate", "fast"), ("--mtu", "900"), ("--cut", "5s..3s"), ("--delay", "-1s")]
    {
        let mut command = sockeye(["run", &format!("{flag}={value}"), "--", "true"]);
        finish(&mut command).exits(2).complains(flag).in_one_line();
    }
}

#[test]
fn a_writer_who_does_not_read_learns_of_it_too() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import errno, socket
s = socket.create_connection(('10.61.0.2', 7))
s.setsockopt(socket.IPPROTO_TCP, 18, 500)
for _ in range(2):
    try:
        s.sendall(bytes(50_000_000))
    except OSError as error:
        print(errno.errorcode[error.errno], end=' ')
came = 0
while part := s.recv(1 << 20):
    came += len(part)
print('read', came > 0)
";
    finish(&mut over(&["--cut", "1500ms.."], program)).well().says("ETIMEDOUT EPIPE read True");
}
