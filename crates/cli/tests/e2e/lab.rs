//! `sockeye lab`: networks in files.

use std::fs;

use crate::common::{TempDir, finish, sockeye};

const LOSSY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/lossy.toml");

#[test]
fn a_network_is_explained_and_runs() {
    let told = finish(&mut sockeye(["lab", "check", LOSSY])).well();
    assert!(told.text().contains("pukaki <-> tekapo, mtu 1500: there 25ms, loses 1%"), "{}", told.text());
    let told = finish(&mut sockeye(["lab", "run", LOSSY])).well();
    assert!(told.text().starts_with("a long link that loses: seed 7,"), "{}", told.text());
    assert!(told.text().contains("4194304 bytes in"), "{}", told.text());
}

/// The same seed gives the same capture, to the byte, whatever runs beside it; another seed another.
#[test]
fn a_seed_repeats_a_run() {
    let place = TempDir::new();
    let captures: Vec<_> = std::thread::scope(|scope| {
        let runs = [7, 7, 8].into_iter().enumerate().map(|(run, seed)| {
            let path = place.path().join(format!("{run}.pcapng"));
            scope.spawn(move || {
                let words = ["lab", "run", "--seed", &seed.to_string(), "--pcap"].map(str::to_owned);
                let file = path.to_str().expect("a plain path").to_owned();
                finish(&mut sockeye(words.into_iter().chain([file, LOSSY.to_owned()]))).well();
                fs::read(path).expect("a capture")
            })
        });
        let runs: Vec<_> = runs.collect();
        runs.into_iter().map(|run| run.join().expect("it ran")).collect()
    });
    assert!(captures[0].len() > 100_000);
    assert!(captures[0] == captures[1], "the same seed");
    assert!(captures[0] != captures[2], "another seed");
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
