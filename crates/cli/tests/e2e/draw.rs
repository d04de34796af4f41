//! `sockeye draw`.

use crate::common::{TempDir, finish, need, sockeye, well_formed};

#[test]
fn a_connection_as_a_ladder_and_as_pictures() {
    if !need(&["curl"]) {
        return;
    }
    let place = TempDir::new();
    let pcap = place.path().join("pcapng");
    let mut command = sockeye(["run", "--loss", "4%", "--seed", "5", "--pcap"]);
    finish(command.arg(&pcap).args(["--", "curl", "-s", "-o", "/dev/null", "http://10.61.0.2/bytes/60K"]))
        .well();
    well_formed(&[&pcap]);
    let ladder = finish(sockeye(["draw"]).arg(&pcap).args(["port", "80"])).well().text();
    for part in [
        "10.61.0.2:80",
        "SYN-SENT",
        "SYN-RECEIVED",
        "ESTABLISHED",
        "FIN-WAIT-1",
        "lost on the link",
        "(again)",
    ] {
        assert!(ladder.contains(part), "no {part} in\n{ladder}");
    }
    assert!(ladder.lines().all(|line| line.chars().count() < 130));
    for kind in [&["--svg"][..], &["--sequence", "--svg"], &["--states", "--svg"]] {
        let picture = place.path().join("svg");
        finish(sockeye(["draw"]).args(kind).arg(&picture).arg(&pcap)).well();
        let picture = std::fs::read_to_string(picture).expect("a picture");
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>") && picture.len() > 5000);
    }
    finish(sockeye(["draw"]).arg(&pcap).args(["port", "81"]))
        .exits(1)
        .complains("no such TCP connection")
        .in_one_line();
}

#[test]
fn what_cannot_be_drawn() {
    finish(&mut sockeye(["draw", "/nowhere"])).exits(2).complains("No such file").in_one_line();
    finish(&mut sockeye(["draw", "--sequence", "--states", "x"]))
        .exits(2)
        .complains("--states")
        .in_one_line();
}
