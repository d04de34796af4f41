//! `sockeye bench stream`.

use crate::common::{TempDir, finish, sockeye};

#[test]
fn every_medium_is_measured() {
    let place = TempDir::new();
    let picture = place.path().join("svg");
    let quick = ["bench", "stream", "--sizes", "1K,64K", "--runs", "2", "--time", "1ms"];
    let csv = finish(sockeye(quick).args(["--csv", "--svg"]).arg(&picture)).well().text();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("size,medium,runs,median,mean,deviation,low,high,ratio"));
    let measured: Vec<[&str; 3]> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            assert!(cells.len() == 9 && cells[3].parse::<u64>().is_ok_and(|median| median > 0), "{line}");
            [cells[0], cells[1], cells[2]]
        })
        .collect();
    let media = ["kernel", "sockeye", "run", "unix", "pipe", "shared", "copy", "lan"];
    let wanted: Vec<[&str; 3]> =
        ["1024", "65536"].iter().flat_map(|size| media.map(|medium| [size, medium, "2"])).collect();
    assert_eq!(measured, wanted);
    let picture = std::fs::read_to_string(picture).expect("a picture");
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>") && picture.contains("kernel"));
}

#[test]
fn it_prints_tables_with_the_texts_findings() {
    let of = |how: &[&str]| {
        let mut command = sockeye(["bench", "stream", "--sizes", "1K", "--runs", "2", "--time", "1ms"]);
        finish(command.args(["--media", "pipe,copy"]).args(how)).well().text()
    };
    for part in ["message", "pipe", "copy", "324 Mb/s", "545 Mb/s", "a memory copy of 1 KiB"] {
        let (table, long) = (of(&[]), of(&["--long"]));
        assert!(table.contains(part) && long.contains(part), "no {part} in\n{table}\n{long}");
    }
    let json: serde_json::Value = serde_json::from_str(&of(&["--json"])).expect("JSON");
    assert_eq!(json["rows"][0]["medium"], "pipe");
    assert_eq!(json["rows"][1]["rate"]["samples"], 2);
    assert_eq!(json["findings"][0]["text"], 71.6);
}

#[test]
fn a_wrong_command_line_is_said_to_be_one() {
    for wrong in [["--sizes", "0"], ["--media", "train"], ["--runs", "0"], ["--time", "1h"]] {
        finish(sockeye(["bench", "stream"]).args(wrong)).exits(2).complains(wrong[0]).in_one_line();
    }
}
