//! What is wrong with a network's file, told alike by whoever reads it; and the flags that mean the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::common::{TempDir, finish, sockeye};

const HOST: &str = "[[host]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\n";

/// A file in a folder.
fn file(place: &TempDir, text: &str) -> PathBuf {
    let path = place.path().join("network.toml");
    fs::write(&path, text).expect("it can be written");
    path
}

/// What `lab check` says is wrong, without the file's name; `lab run` says the same.
fn mistakes(place: &TempDir, text: &str) -> Vec<String> {
    let path = file(place, text);
    let [check, run] = ["check", "run"].map(|how| {
        let told = finish(sockeye(["lab", how]).arg(&path));
        assert_eq!(told.code(), 2, "{}", told.errors());
        told.errors()
    });
    assert_eq!(check, run);
    let begin = format!("sockeye: {}:", path.display());
    check.lines().map(|line| line.strip_prefix(&begin).unwrap_or(line).to_owned()).collect()
}

#[test]
fn check_and_run_refuse_the_same() {
    let place = TempDir::new();
    let told = mistakes(
        &place,
        &format!(
            "{HOST}[[program]]\nhost = \"a\"\nrun = \"true\"\n[[traffic]]\nfrom = \"a\"\nto = \"a\"\nbytes = \"1\"\n"
        ),
    );
    let both = "7:1: programs run in real time and traffic in virtual time: a network has one or the other";
    assert_eq!(told, [both]);
    let told = mistakes(&place, "[[host]]\nname = \"a\"\ninterfaces = []\n");
    assert_eq!(told, ["3:14: a host needs an interface, if only one without addresses: [{}]"]);
}

#[test]
fn the_first_mistakes_are_told() {
    let place = TempDir::new();
    let told = mistakes(&place, &"[[host]]\nnme = \"a\"\n".repeat(1000));
    assert_eq!(told.len(), 21);
    assert_eq!((told[0].as_str(), told[20].as_str()), ("1:1: a host needs name", " and 2980 more"));
}

#[test]
fn what_is_no_file_is_refused() {
    let told = finish(&mut sockeye(["lab", "check", "/dev/zero"]));
    assert_eq!((told.code(), told.errors().as_str()), (2, "sockeye: /dev/zero: neither a file nor a pipe\n"));
    let place = TempDir::new();
    let big = file(&place, "");
    fs::File::options().write(true).open(&big).and_then(|file| file.set_len(17 << 20)).expect("a hole");
    let told = finish(sockeye(["lab", "check"]).arg(big));
    assert_eq!(told.code(), 2);
    assert!(told.errors().ends_with(": more than 16 MiB, which no network needs\n"), "{}", told.errors());
}

/// What can't be served is told with the place that names it; a link that leads nowhere isn't served.
#[test]
fn what_a_docroot_holds() {
    let place = TempDir::new();
    let told = mistakes(&place, &format!("{HOST}docroot = {{ \"/\" = \"nowhere\" }}\n"));
    let nowhere = place.path().join("nowhere");
    assert_eq!(
        told,
        [format!("4:13: docroot: {}: No such file or directory (os error 2)", nowhere.display())]
    );
    fs::create_dir(&nowhere).expect("a folder");
    fs::write(nowhere.join("index.html"), "Hello.").expect("it can be written");
    symlink("gone", nowhere.join("dangling")).expect("a link");
    symlink("self", nowhere.join("self")).expect("a link");
    finish(sockeye(["lab", "check"]).arg(place.path().join("network.toml"))).well();
}

/// A flag takes what its key takes, and says the same of what it doesn't.
#[test]
fn flags_are_written_as_keys() {
    let place = TempDir::new();
    let good =
        ["run", "--jitter", "1ms", "--rate", "10mbit", "--queue", "64K", "--mtu", "1400", "--", "true"];
    finish(&mut sockeye(good)).well();
    for (flag, value, more) in [
        ("delay", "200y", ""),
        ("jitter", "5", ""),
        ("spread", "gauss", "jitter = \"1ms\"\n"),
        ("queue", "64k", "rate = \"1mbit\"\n"),
        ("rate", "10", ""),
        ("loss", "1", ""),
        ("reorder", "1%", ""),
    ] {
        let told = finish(&mut sockeye(["run", &format!("--{flag}"), value, "--", "true"]));
        assert_eq!(told.code(), 2, "{flag}");
        let link = format!(
            "{HOST}[[switch]]\nname = \"s\"\n[[link]]\nbetween = [\"a\", \"s\"]\n{more}{flag} = \"{value}\"\n"
        );
        let key = mistakes(&place, &link);
        let [key] = &key[..] else { panic!("{key:?}") };
        let (_, why) = key.split_once(&format!(": {flag}: ")).expect("its key");
        assert!(told.errors().contains(&format!(">': {why} (see ")), "{key}: {}", told.errors());
    }
}
