//! `sockeye lab`: networks in files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{TempDir, bare, finish, need, sockeye, well_formed};
use crate::oracle::difference;

const LOSSY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/lossy.toml");
const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/web.toml");

#[test]
fn a_network_is_explained_and_runs() {
    let told = finish(&mut sockeye(["lab", "check", LOSSY])).well();
    assert!(told.text().contains("pukaki <-> tekapo, mtu 1500: there 25ms, loses 1%"), "{}", told.text());
    let told = finish(&mut sockeye(["lab", "run", LOSSY])).well();
    assert!(told.text().starts_with("a long link that loses: seed 7,"), "{}", told.text());
    assert!(told.text().contains("4194304 bytes in"), "{}", told.text());
}

/// The same seed gives the same capture, to the byte: that of every machine and build, alone and beside seven others; another
/// seed another. With SOCKEYE_BLESS its digest is written anew.
#[test]
fn a_seed_repeats_a_run() {
    let place = TempDir::new();
    let run = &|name: String, seed: &str| {
        let path = place.path().join(name);
        finish(sockeye(["lab", "run", "--seed", seed, "--pcap"]).arg(&path).arg(LOSSY)).well();
        fs::read(path).expect("a capture")
    };
    let alone = run("lossy.pcapng".to_owned(), "7");
    assert!(alone.len() > 100_000);
    std::thread::scope(|scope| {
        let beside = (0..8).map(|number| {
            let seed = if number == 7 { "8" } else { "7" };
            scope.spawn(move || (seed, run(format!("{number}.pcapng"), seed)))
        });
        for run in beside.collect::<Vec<_>>() {
            let (seed, capture) = run.join().expect("it ran");
            assert!((capture == alone) == (seed == "7"), "seed {seed}");
        }
    });
    if !need(&["sha256sum"]) {
        return;
    }
    let digest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/lossy.sha256");
    let sum = finish(bare(["sha256sum", "lossy.pcapng"]).current_dir(place.path())).well().text();
    if std::env::var_os("SOCKEYE_BLESS").is_some() {
        fs::write(digest, sum).expect("it can be written");
    } else {
        assert_eq!(sum, fs::read_to_string(digest).expect("the digest"), "see CONTRIBUTING.md");
    }
}

#[test]
fn seeds_that_fail_are_found() {
    let place = TempDir::new();
    let file = place.path().join("tight.toml");
    let text = fs::read_to_string(LOSSY).expect("the example") + "\n[expect]\nretransmissions = 12\n";
    fs::write(&file, text).expect("it can be written");
    let file = file.to_str().expect("a plain path");
    let told = finish(&mut sockeye(["lab", "run", "--seeds", "1..12", file]));
    assert_eq!(told.code(), 1);
    let text = told.text();
    assert!(text.starts_with("12 seeds: ") && text.contains("segments sent again, more than 12"), "{text}");
    assert!(text.contains("to repeat one: sockeye lab run --seed "), "{text}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let place = TempDir::new();
    let file = place.path().join("wrong.toml");
    fs::write(&file, "[[host]]\nname = \"a\"\naddreses = \"10.0.0.1/24\"\n").expect("it can be written");
    let path = file.to_str().expect("a plain path");
    let told = finish(&mut sockeye(["lab", "run", path]));
    assert_eq!(told.code(), 2);
    let errors = told.errors();
    assert!(
        errors.contains(&format!("{path}:3:1: a host has no addreses; did you mean addresses?")),
        "{errors}"
    );
    let told = finish(&mut sockeye(["lab", "check", "/nowhere.toml"]));
    assert_eq!(told.code(), 2);
}

/// Unmodified programs on two hosts with a router between them.
#[test]
fn programs_run_on_their_hosts() {
    if !need(&["python3", "curl"]) {
        return;
    }
    let place = TempDir::new();
    let mut command = sockeye(["lab", "run", WEB]);
    command.env("XDG_RUNTIME_DIR", place.path());
    let told =
        finish(&mut command).well().says("[aoraki index] <!DOCTYPE HTML>").says("missing: ended with 22");
    told.says("server: served to the end");
    let left = fs::read_dir(place.path().join("sockeye")).expect("its folder").count();
    assert_eq!(left, 0, "nothing is left behind");
}

/// The client hears nothing of a server whose host is rebooted, until it sends: then it is reset.
#[test]
fn a_reboot_ends_what_ran_and_starts_it_again() {
    if !need(&["python3"]) {
        return;
    }
    let place = TempDir::new();
    let server = "import socket\ns = socket.create_server((\"\", 7000))\nwhile True:\n  c, _ = s.accept()\n  c.sendall(b\"hello\")";
    let events = ["1s", "5s", "15s"].map(|at| format!("[[event]]\nat = \"{at}\"\nreboot = \"b\"\n")).concat();
    // It may come too late to be there when its peer goes down: there are other reboots.
    let client = "import socket, time\ndef hello():\n  while True:\n    try:\n      c = socket.create_connection((\"b\", 7000), 2)\n      \
                  if c.recv(5) == b\"hello\": return c\n    except OSError: pass\nc = hello()\ntry:\n  \
                  while True:\n    time.sleep(0.1)\n    c.sendall(b\"?\")\nexcept OSError as e: print(e.strerror)\n\
                  print(hello() and \"hello again\")";
    let text = format!(
        "[[host]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\n[[host]]\nname = \"b\"\naddresses = \"10.0.0.2/24\"\n\
         [[link]]\nbetween = [\"a\", \"b\"]\n[[program]]\nname = \"server\"\nhost = \"b\"\nserver = true\nready = {{ port = 7000 }}\n\
         run = [\"python3\", \"-c\", '''{server}''']\n[[program]]\nname = \"client\"\nhost = \"a\"\nafter = \"server\"\n\
         prints = [\"Connection reset by peer\", \"hello again\"]\nrun = [\"python3\", \"-c\", '''{client}''']\nwithin = \"40s\"\n{events}"
    );
    let file = place.path().join("reboot.toml");
    fs::write(&file, text).expect("it can be written");
    let mut command = sockeye(["lab", "run", file.to_str().expect("a plain path")]);
    command.env("XDG_RUNTIME_DIR", place.path());
    finish(&mut command).well().says("client: ended with 0");
}

#[test]
fn what_programs_dont_do_is_told() {
    let place = TempDir::new();
    let file = place.path().join("fails.toml");
    let text = "[[host]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\n\
                [[program]]\nname = \"one\"\nhost = \"a\"\nrun = \"echo yes; exit 3\"\nprints = \"no\"\n\
                [[program]]\nname = \"two\"\nhost = \"a\"\nrun = [\"/nowhere\"]\n\
                [[program]]\nname = \"three\"\nhost = \"a\"\nrun = [\"sleep\", \"60\"]\nwithin = \"300ms\"\n";
    fs::write(&file, text).expect("it can be written");
    let mut command = sockeye(["lab", "run", file.to_str().expect("a plain path")]);
    command.env("XDG_RUNTIME_DIR", place.path());
    let told = finish(&mut command).exits(1).says("[a one] yes").says("FAILED  one: ended with 3, not 0");
    let told = told
        .says("FAILED  one: did not print \"no\"")
        .says("FAILED  two: can't be started: /nowhere: No such");
    told.says("FAILED  three: takes longer than 300ms");
}

/// A file's network for several terminals: its hosts serve by themselves until somebody is them.
#[test]
fn a_file_is_held_up() {
    if !need(&["curl"]) {
        return;
    }
    let place = TempDir::new();
    let file = place.path().join("up.toml");
    let text = "[[host]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\n[[host]]\nname = \"b\"\naddresses = \"10.0.0.2/24\"\n\
                files = { \"/\" = \"unused\", \"/hello.txt\" = \"Hello from b.\" }\n[[link]]\nbetween = [\"a\", \"b\"]\n";
    fs::write(&file, text).expect("it can be written");
    let command = |words: &[&str]| {
        let mut command = sockeye(words);
        command.env("XDG_RUNTIME_DIR", place.path());
        command
    };
    finish(&mut command(&["up", "--daemon", file.to_str().expect("a plain path")])).well();
    let run =
        |host: &str, url: &str| finish(&mut command(&["run", "--host", host, "--", "curl", "-sS", url]));
    run("a", "http://b/hello.txt").well().says("Hello from b.");
    run("c", "http://b/hello.txt").exits(2).complains("the network has no host c; there are a, b");
    finish(&mut command(&["down"])).well();
}

/// Each command of docs/experiments.md prints what stands there. With SOCKEYE_BLESS it is written anew.
#[test]
fn experiments_are_as_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("docs/experiments.md");
    let page = fs::read_to_string(&path).expect("the page");
    let place = TempDir::new();
    std::os::unix::fs::symlink(root.join("examples"), place.path().join("examples")).expect("a link");
    let (mut commands, mut anew, mut in_block) = (0, String::new(), false);
    for line in page.split_inclusive('\n') {
        if line.starts_with("```") {
            in_block = line == "```text\n";
        } else if let Some(command) = line.strip_prefix("$ sockeye ").filter(|_| in_block) {
            let script = format!("exec \"$0\" {command}");
            let mut run = Command::new("sh");
            run.args(["-c", &script, env!("CARGO_BIN_EXE_sockeye")]).current_dir(place.path());
            anew += line;
            anew += &finish(&mut run).text();
            commands += 1;
            continue;
        } else if in_block {
            continue;
        }
        anew += line;
    }
    assert!(commands > 30, "{commands} commands");
    let files = fs::read_dir(place.path()).expect("the folder").map(|file| file.expect("a file").path());
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "pcapng");
    well_formed(&files.filter(is_capture).collect::<Vec<_>>());
    if std::env::var_os("SOCKEYE_BLESS").is_some() {
        fs::write(&path, anew).expect("it can be written");
    } else if let Some(difference) = difference(&page, &anew) {
        panic!("docs/experiments.md: not as shown (- shown, + printed)\n{difference}");
    }
}
