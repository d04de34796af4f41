//! The model and its pictures, without a network or a terminal.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use sockeye_abi::TcpInfo;
use sockeye_look::{
    About, Holder, Host, Interface, Link, Memory, Protocol, Role, Snapshot, Socket, State, VERSION, Way,
};

use super::model::{Key, Model};
use super::rows::{Cell, Tab, scaled};
use super::{as_json, tables, view};

/// A network of two hosts after so many seconds, in which pukaki has sent a megabyte a second on each of two connections.
fn snapshot(seconds: u64) -> Snapshot {
    let about = About {
        version: VERSION,
        pid: 4711,
        role: Role::Run,
        network: None,
        program: Some("curl".to_owned()),
        uid: 0,
        began: 7,
    };
    let way = |bytes: u64, lost: u64| Way {
        rate: Some(10_000_000),
        frames: bytes / 1000,
        bytes,
        dropped: if lost > 0 { vec![("lost on the link".to_owned(), lost)] } else { Vec::new() },
        ..Way::default()
    };
    let link = Link {
        number: 0,
        ends: ["pukaki/eth0".to_owned(), "tekapo/eth0".to_owned()],
        mtu: 1500,
        dead: None,
        ways: [way(1_000_000 * seconds, 3 * seconds), way(50_000 * seconds, 0)],
    };
    let sockets = [80, 443].map(|port| socket(seconds, port)).to_vec();
    let hosts = [("pukaki", sockets), ("tekapo", Vec::new())].map(|(name, sockets)| Host {
        name: name.to_owned(),
        up: true,
        program: (name == "pukaki").then(|| "curl".to_owned()),
        interfaces: vec![Interface {
            name: "eth0".to_owned(),
            addresses: vec![format!("10.61.0.{}/24", name.len()), "fe80::1/64".to_owned()],
            ..Interface::default()
        }],
        sockets,
        counters: vec![("NO_SOCKET".to_owned(), 2 * seconds), ("TcpInSegs".to_owned(), 1000)],
        ..Host::default()
    });
    Snapshot { about, now: seconds * 1_000_000_000, hosts: hosts.into(), links: vec![link] }
}

fn socket(seconds: u64, port: u16) -> Socket {
    let tcp = TcpInfo {
        rtt: 20_500,
        snd_cwnd: 10 * seconds as u32,
        bytes_acked: seconds * 1000 * u64::from(port),
        total_retrans: 5,
        ..TcpInfo::default()
    };
    Socket {
        protocol: Protocol::Tcp,
        number: None,
        state: State::Established,
        local: ([10, 61, 0, 1], 40_000).into(),
        remote: ([10, 61, 0, 2], port).into(),
        interface: None,
        receive_queue: 0,
        send_queue: 1448,
        timer: None,
        inode: 1,
        age: None,
        cookie: port.into(),
        holders: vec![Holder { pid: 4712, program: "curl".to_owned(), fd: 5 }],
        shut: (false, false),
        v6only: false,
        tos: 0,
        priority: 0,
        mark: 0,
        memory: Memory::default(),
        tcp: Some(tcp),
        congestion: Some("cubic".to_owned()),
    }
}

/// Two seconds of it.
fn model() -> Model {
    let mut model = Model::new(snapshot(1));
    model.take(snapshot(2));
    model
}

fn press(model: &mut Model, keys: &str) {
    keys.chars().for_each(|c| assert!(model.press(Key::Char(c)), "{c} ends it"));
}

/// What stands on a screen of this size.
fn screen(model: &mut Model, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, model)).unwrap();
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(usize::from(width.max(1)));
    let lines = lines.map(|cells| cells.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn hosts_have_rates() {
    let text = screen(&mut model(), (100, 8));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "run curl (4711)  up 0:00:02  2 hosts, 1 link, 2 sockets");
    assert_eq!(lines[1], " hosts   links   sockets   drops");
    assert_eq!(lines[2], "HOST  ▼ OUT/s  IN/s  OUT pkt/s  IN pkt/s  DROPS/s  SOCKETS  PROGRAM  ADDRESSES");
    let words: Vec<_> = lines[3].split_whitespace().collect();
    assert_eq!(words, ["pukaki", "1.0M", "50k", "1.0k", "50", "2", "2", "curl", "10.61.0.6"]);
}

#[test]
fn tables_are_sorted_and_filtered() {
    let mut model = model();
    press(&mut model, "3");
    let column = |model: &Model, at: usize| -> Vec<String> {
        model.rows().0.iter().map(|row| row.cells[at].shown()).collect()
    };
    // By what is sent, the most first.
    assert_eq!(column(&model, 5), ["443k", "80k"]);
    press(&mut model, "r");
    assert_eq!(column(&model, 5), ["80k", "443k"]);
    press(&mut model, "/:443");
    assert!(model.editing);
    model.press(Key::Enter);
    assert_eq!(column(&model, 2), ["10.61.0.2:443"]);
    model.press(Key::Escape);
    assert_eq!(column(&model, 2).len(), 2);
    for _ in 0..30 {
        model.press(Key::Right);
    }
    assert_eq!(model.looked().sort, (12, false));
    model.press(Key::Next);
    assert_eq!(model.tab, Tab::Drops);
    // Links' and hosts' own, the most first.
    assert_eq!(column(&model, 1), ["lost on the link", "NO_SOCKET", "NO_SOCKET"]);
    assert_eq!(column(&model, 2), ["3", "2", "2"]);
    model.press(Key::Next);
    assert_eq!(model.tab, Tab::Hosts);
    assert!(!model.press(Key::Char('q')));
}

#[test]
fn what_is_chosen_stays_chosen() {
    let mut model = model();
    press(&mut model, "3j");
    let chosen = |model: &Model| {
        let (rows, at) = model.rows();
        rows[at].cells[2].shown()
    };
    assert_eq!(chosen(&model), "10.61.0.2:80");
    press(&mut model, "r");
    assert_eq!(chosen(&model), "10.61.0.2:80");
    let mut gone = snapshot(3);
    gone.hosts[0].sockets.remove(0);
    model.take(gone);
    assert_eq!(chosen(&model), "10.61.0.2:443");
}

#[test]
fn a_socket_has_a_life() {
    let mut model = model();
    press(&mut model, "3");
    model.press(Key::Enter);
    model.take(snapshot(3));
    let text = screen(&mut model, (80, 24));
    for words in [
        "tcp on pukaki: 10.61.0.1:40000 > 10.61.0.2:443",
        "curl (process 4712, descriptor 5)",
        "cubic, cwnd 30",
        "cwnd 30 segments, from 10 segments to 30 segments",
        "rtt 20.500 ms",
        "rate 443kB/s",
        "Esc back",
    ] {
        assert!(text.contains(words), "no {words} in\n{text}");
    }
    let mut gone = snapshot(4);
    gone.hosts[0].sockets.clear();
    model.take(gone);
    let text = screen(&mut model, (80, 24));
    assert!(text.contains("This socket is gone.") && text.contains("cwnd 30 segments"), "{text}");
    model.press(Key::Escape);
    assert!(model.detail.is_none());
}

#[test]
fn paused_it_stands_still_and_gone_is_said() {
    let mut model = model();
    press(&mut model, "p");
    model.take(snapshot(5));
    assert_eq!(model.now().now, 2_000_000_000);
    assert!(screen(&mut model, (60, 5)).contains("paused"));
    press(&mut model, "p");
    model.gone = Some("gone".to_owned());
    assert!(screen(&mut model, (30, 5)).contains("gone; q ends"));
    model.take(snapshot(5));
    assert!(model.gone.is_none());
    // Another process under that name: there is nothing to compare with.
    let mut other = snapshot(1);
    other.about.pid = 4712;
    model.take(other);
    assert_eq!(model.rows().0[0].cells[1], Cell::None);
}

#[test]
fn every_size_and_key_is_drawn() {
    let keys = [
        Key::Down,
        Key::Next,
        Key::End,
        Key::Next,
        Key::Enter,
        Key::Escape,
        Key::Char('?'),
        Key::Up,
        Key::PageDown,
        Key::Char('/'),
        Key::Char('ü'),
        Key::Enter,
        Key::Previous,
        Key::Left,
        Key::Backspace,
    ];
    for size in [(20, 5), (1, 1), (0, 0), (7, 2), (300, 3), (20, 60)] {
        let mut model = model();
        screen(&mut model, size);
        for key in keys {
            model.press(key);
            screen(&mut model, size);
        }
    }
    let mut narrow = model();
    press(&mut narrow, "3");
    let text = screen(&mut narrow, (20, 6));
    assert!(text.contains("HOST") && text.contains("OUT/s") && text.contains("443k"), "{text}");
}

#[test]
fn numbers_are_short() {
    let shown = [0.0, 999.0, 999.6, 9_949.0, 9_960.0, 999_499.0, 999_500.0, 2.5e9, 1e15].map(scaled);
    assert_eq!(shown, ["0", "999", "1.0k", "9.9k", "10k", "999k", "1.0M", "2.5G", "1000T"]);
}

#[test]
fn a_pipe_gets_all_of_it() {
    let (first, now) = (snapshot(1), snapshot(3));
    let tables = tables(super::rows::Times { before: Some(&first), now: &now });
    let text = view::as_text(&tables);
    assert!(text.starts_with("HOST") && text.contains("\nFROM") && text.contains("\nWHERE"), "{text}");
    assert!(text.contains("pukaki/eth0 > tekapo/eth0  lost on the link"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&as_json(&now, &tables)).unwrap();
    assert_eq!(json["sockets"][0]["sent_bytes_per_second"], 443_000.0);
    assert_eq!(json["links"][0]["use_percent"], 80.0);
    assert_eq!(json["hosts"][1]["program"], serde_json::Value::Null);
}
