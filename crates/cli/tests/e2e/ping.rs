//! Programs that send ICMP: over ping sockets and over raw ones, as root and as an ordinary user.

use crate::common::{finish, need, run, sockeye, users};

/// Nobody may open ping sockets: `ping` falls back on raw ones.
const RAW: &str = "net.ipv4.ping_group_range=1 0";

#[test]
fn ping_hears_replies() {
    if !need(&["ping"]) {
        return;
    }
    for user in users() {
        let quick = ["-c2", "-i0.2", "-W5"];
        finish(user.run(["ping", "-4"]).args(quick).arg("tekapo")).well().says("2 received, 0% packet loss");
        finish(user.run(["ping", "-6"]).args(quick).arg("tekapo")).well().says("2 received, 0% packet loss");
    }
    for family in ["-4", "-6"] {
        let ping = ["ping", family, "-c1", "-W5", "tekapo"];
        finish(sockeye(["run", "--sysctl", RAW, "--"]).args(ping)).well().says("1 received, 0% packet loss");
    }
    // Four pieces each way.
    finish(&mut run(["ping", "-4", "-c1", "-W5", "-s5000", "tekapo"])).well().says("5008 bytes from");
}

/// Its package doesn't go with the other `ping`'s, so `.ci/run` has only unpacked it.
#[test]
fn ping_of_inetutils_hears_replies() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/debian/bin/");
    for (name, address) in [("ping", "10.61.0.2"), ("ping6", "fd61::2")] {
        let path = format!("{folder}{name}");
        if need(&[&path]) {
            finish(&mut run([&path, "-c1", "tekapo"]))
                .well()
                .says(&format!("PING tekapo ({address})"))
                .says(" 0% packet loss");
        }
    }
}

#[test]
fn ping_hears_itself() {
    if !need(&["ping"]) {
        return;
    }
    for address in ["127.0.0.1", "::1", "10.61.0.1", "fd61::1"] {
        finish(&mut run(["ping", "-c1", "-W5", address])).well().says("1 received, 0% packet loss");
    }
}

#[test]
fn ping_is_told_that_nobody_is_there() {
    if !need(&["ping"]) {
        return;
    }
    for sysctl in ["net.ipv4.ping_group_range=0 0", RAW] {
        let ping = ["ping", "-n", "-c1", "-W5", "10.61.0.77"];
        let said = finish(sockeye(["run", "--sysctl", sysctl, "--"]).args(ping));
        said.says("From 10.61.0.1 icmp_seq=1 Destination Host Unreachable");
    }
}

#[test]
fn traceroute_finds_the_host() {
    if !need(&["traceroute"]) {
        return;
    }
    for how in ["-I", "-T", "-U"] {
        for address in ["10.61.0.2", "fd61::2"] {
            let command = ["traceroute", "-n", how, "-q1", "-w5", address];
            finish(&mut run(command)).well().says(&format!(" 1  {address}  "));
        }
    }
}
