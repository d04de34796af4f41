//! `sockeye bench waiting`, on the kernel and on Sockeye.

use crate::common::{TempDir, finish, sockeye};

const WAYS: [&str; 6] = ["polling", "select", "poll", "epoll", "epollet", "sigio"];
const QUICK: [&str; 7] = ["bench", "waiting", "--connections", "1,8", "--runs=2", "--time", "1ms"];

#[test]
fn every_way_is_measured() {
    let place = TempDir::new();
    let picture = place.path().join("svg");
    let table = finish(sockeye(QUICK).arg("--svg").arg(&picture)).well().text();
    let mut lines = table.lines();
    assert_eq!(
        lines.next().map(|line| line.split_whitespace().collect::<Vec<_>>()),
        Some(["connections"].into_iter().chain(WAYS).collect())
    );
    for count in ["1", "8"] {
        let cells: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
        // The number of connections; of each way, how often, and its ratio.
        assert!(cells.len() == 1 + 2 * WAYS.len() && cells[0] == count, "{table}");
    }
    let picture = std::fs::read_to_string(picture).expect("a picture");
    assert!(picture.starts_with("<svg") && WAYS.iter().all(|way| picture.contains(way)));
}

#[test]
fn every_way_waits_under_run_as_well() {
    let this = env!("CARGO_BIN_EXE_sockeye");
    let json = finish(sockeye(["run", "--", this]).args(QUICK).arg("--json")).well().text();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let rows = json["rows"].as_array().expect("rows");
    let measured: Vec<&str> = rows.iter().filter_map(|row| row["way"].as_str()).collect();
    assert_eq!(measured, [WAYS, WAYS].concat());
    assert!(rows.iter().all(|row| row["per_second"]["median"].as_f64().is_some_and(|rate| rate > 0.0)));
}

#[test]
fn a_wrong_command_line_is_said_to_be_one() {
    for wrong in [["--connections", "0"], ["--ways", "sleep"], ["--runs", "0"], ["--time", "1h"]] {
        finish(sockeye(["bench", "waiting"]).args(wrong)).exits(2).complains(wrong[0]).in_one_line();
    }
}
