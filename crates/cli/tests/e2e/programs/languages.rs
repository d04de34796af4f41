//! Runtimes that bring a network library of their own: node, Go, Java, and tokio in a static binary.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{TempDir, bare, finish, need, run, run_exact};

/// Runs a program without the gate and with it; it must print this.
fn prints<S: AsRef<std::ffi::OsStr> + Copy>(words: &[S], text: &str) {
    for mut command in [run(words), run_exact(words)] {
        assert_eq!(finish(&mut command).well().text(), text);
    }
}

/// Where what was built is kept, so that it is built once: apart, so that two tests don't build at once.
fn workshop(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder to build in");
    folder
}

/// Runs a compiler, however long it takes.
fn build(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A file of `scripts`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/programs/scripts").join(name)
}

/// What makes a tokio program of its own, with crates that this workspace has.
const MANIFEST: &str = r#"
[package]
name = "network"
version = "0.0.0"
edition = "2024"

[dependencies]
tokio = { version = "1", default-features = false, features = ["io-util", "net", "rt-multi-thread"] }

[profile.dev]
debug = false

[workspace]
"#;

#[test]
fn node_serves_and_asks() {
    if need(&["node"]) {
        let text = "http 4\nfetch true\nnet 1000000\ndgram hello\nlookup 10.61.0.2\nresolve4 10.61.0.2\nlo 127.0.0.1 eth0 10.61.0.1\n";
        prints(&[Path::new("node"), &script("node.js")], &format!("{text}ECONNREFUSED\nEHOSTUNREACH\n"));
    }
}

#[test]
fn java_serves_and_asks() {
    if need(&["java", "javac"]) {
        let classes = TempDir::new();
        let place = classes.path().as_os_str();
        build(&mut bare(["javac".as_ref(), "-d".as_ref(), place, script("Network.java").as_os_str()]));
        let quick = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"].map(std::ffi::OsStr::new);
        let words = [&quick[..], &[place, "Network".as_ref()]].concat();
        prints(
            &words,
            "http 50\nsocket 1000000\ndatagram hello\nchannel true\nConnection refused\ntekapo 10.61.0.2\n",
        );
    }
}

#[test]
fn go_serves_and_asks() {
    if !need(&["go"]) {
        return;
    }
    let workshop = workshop("go");
    let binary = workshop.join("network");
    let source = script("network.go");
    let mut go =
        bare(["go".as_ref(), "build".as_ref(), "-o".as_ref(), binary.as_os_str(), source.as_os_str()]);
    // A static binary, whose system calls are Go's own.
    go.env("CGO_ENABLED", "0").env("GO111MODULE", "off").env("GOFLAGS", "").env("HOME", &workshop);
    build(go.env("GOCACHE", workshop.join("cache")));
    prints(&[&binary], GO);
}

/// What `network.go` prints.
const GO: &str = "http 500
tekapo 200 OK
datagram hello true <nil>
deadline true
streams 1000
host [10.61.0.2 fd61::2] <nil>
address [tekapo.] <nil>
lo 127.0.0.1/8 <nil>
eth0 10.61.0.1/24 <nil>
dial tcp 127.0.0.1:1: connect: connection refused
";

#[test]
fn tokio_serves_and_asks() {
    let workshop = workshop("tokio");
    std::fs::create_dir_all(workshop.join("src")).expect("a folder for its source");
    std::fs::copy(script("tokio.rs"), workshop.join("src/main.rs")).expect("its source");
    // The same crates as ours, so that they are there.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    std::fs::copy(lock, workshop.join("Cargo.lock")).expect("the lock file");
    std::fs::write(workshop.join("Cargo.toml"), MANIFEST).expect("its manifest");
    let mut cargo =
        bare([env!("CARGO"), "rustc", "--offline", "--quiet", "--", "-Ctarget-feature=+crt-static"]);
    cargo.env("CARGO_TARGET_DIR", workshop.join("target")).current_dir(&workshop);
    if let Some(home) = std::env::home_dir() {
        cargo.env("HOME", home);
    }
    build(&mut cargo);
    let text = "streams 200\ndatagrams\nunix\nconnection refused\nHTTP/1.1 200 OK\n";
    prints(&[&workshop.join("target/debug/network")], text);
}
