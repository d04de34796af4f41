//! What could not be honoured: in the report, the summary and the table; and the end of a program by `--strict`.

use crate::common::{TempDir, finish, need, sockeye};

/// Asks for what Linux has and Sockeye has not, and for what neither has.
const WISHES: &str = "
import ctypes, errno, fcntl, socket
def attempt(call, *arguments):
    try:
        call(*arguments)
        print('works')
    except OSError as error:
        print(errno.errorcode[error.errno])
tcp = socket.socket()
for _ in range(3):
    attempt(socket.socket, 40, socket.SOCK_STREAM)
attempt(socket.socket, socket.AF_INET, socket.SOCK_STREAM, 262)
attempt(tcp.setsockopt, socket.IPPROTO_TCP, 31, b'tls')
attempt(tcp.getsockopt, socket.IPPROTO_TCP, 28, 100)
attempt(tcp.setsockopt, socket.SOL_SOCKET, 60, 1)
attempt(socket.create_connection(('10.61.0.2', 19)).recv, 1, socket.MSG_TRUNC)
attempt(fcntl.ioctl, tcp, 0x8946, bytes(40))
attempt(fcntl.ioctl, tcp, 0x8914, b'eth0' + bytes(36))
attempt(socket.socket, 7, socket.SOCK_STREAM)
attempt(socket.socket, socket.AF_INET, socket.SOCK_STREAM, 17)
attempt(tcp.setsockopt, socket.IPPROTO_TCP, 9999, 1)
attempt(tcp.setsockopt, socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
attempt(fcntl.ioctl, tcp, 0x89ff, bytes(40))
ctypes.CDLL(None).syscall(425, 1, None)
";

const SEEN: &str = "EAFNOSUPPORT\nEAFNOSUPPORT\nEAFNOSUPPORT\nEPROTONOSUPPORT\nENOPROTOOPT\nENOPROTOOPT\nENOPROTOOPT\nENOTSUP\nENOTTY\nEPERM\n\
                    EAFNOSUPPORT\nEPROTONOSUPPORT\nENOPROTOOPT\nworks\nENOTTY\n";

/// What is to be reported of them: call, what, error, times.
const UNMET: [(&str, &str, &str, u64); 9] = [
    ("getsockopt", "TCP_SAVED_SYN", "ENOPROTOOPT", 1),
    ("io_uring_setup", "a ring", "ENOSYS", 1),
    ("ioctl", "SIOCETHTOOL", "ENOTTY", 1),
    ("ioctl", "SIOCSIFFLAGS", "EPERM", 1),
    ("recv", "MSG_TRUNC of a stream", "EOPNOTSUPP", 1),
    ("setsockopt", "SO_ZEROCOPY", "ENOPROTOOPT", 1),
    ("setsockopt", "TCP_ULP", "ENOPROTOOPT", 1),
    ("socket", "AF_VSOCK", "EAFNOSUPPORT", 3),
    ("socket", "IPPROTO_MPTCP", "EPROTONOSUPPORT", 1),
];

#[test]
fn what_was_not_honoured_is_reported() {
    if !need(&["python3"]) {
        return;
    }
    let place = TempDir::new();
    let file = place.path().join("report.json");
    let mut command = sockeye(["run", "--quiet", "--verbose", "--report"]);
    let finished = finish(command.arg(&file).args(["--", "python3", "-c", WISHES])).well();
    assert_eq!(finished.text(), SEEN);

    let written = std::fs::read_to_string(&file).expect("a report");
    let written: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(written["status"], 0);
    assert_eq!(written["command"][0], "python3");
    let unmet = written["unmet"].as_array().expect("a list");
    let seen: Vec<_> = unmet
        .iter()
        .map(|row| {
            assert_eq!(row["program"], "python3");
            let text = |name: &str| row[name].as_str().expect("text");
            (text("call"), text("what"), text("errno"), row["count"].as_u64().expect("a count"))
        })
        .collect();
    assert_eq!(seen, UNMET);

    let table = finish(sockeye(["report"]).arg(&file)).well().text();
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(table.starts_with("python3 -c"), "{table}");
    for (call, what, errno, times) in UNMET {
        let times = times.to_string();
        let row: Vec<&str> = std::iter::once("python3")
            .chain(std::iter::once(call))
            .chain(what.split_whitespace())
            .chain([errno, &times])
            .collect();
        assert!(words.contains(&row), "no {row:?} in\n{table}");
        let summary = finished.errors();
        assert!(summary.lines().any(|line| line.split_whitespace().eq(row.iter().copied())), "{summary}");
    }
}

#[test]
fn nothing_to_report() {
    let place = TempDir::new();
    let file = place.path().join("report.json");
    let mut command = sockeye(["run", "-v", "--report"]);
    let finished = finish(command.arg(&file).args(["--", "sh", "-c", "exit 3"])).exits(3).in_one_line();
    finished.complains("all that was asked for was honoured");
    finish(sockeye(["report"]).arg(&file)).well().says("ended with status 3").says("all that was asked for");
}

/// It ends at the first, before the call has returned; children as well, whatever they do about SIGTERM.
#[test]
fn strict_ends_the_program() {
    if !need(&["python3"]) {
        return;
    }
    for (before, after) in [
        ("", ""),
        ("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)", ""),
        ("import os, time\nif os.fork():\n    time.sleep(1000)", ""),
    ] {
        let program = format!(
            "{before}\nimport socket\nprint('begun', flush=True)\nsocket.socket(40, 1)\nprint('on'){after}"
        );
        let mut command = sockeye(["run", "--strict", "--", "python3", "-c", &program]);
        let finished = finish(&mut command).exits(124).in_one_line();
        assert_eq!(finished.text(), "begun\n");
        finished.complains("ended by --strict: python3: socket AF_VSOCK: EAFNOSUPPORT");
    }
    finish(&mut sockeye(["run", "--strict", "--", "sh", "-c", "exit 5"])).exits(5);
}

#[test]
fn reports_that_can_not_be_written_or_read() {
    let place = TempDir::new();
    let mut command = sockeye(["run", "--report", "/no/such/folder/report", "--", "echo", "ran"]);
    assert_eq!(finish(&mut command).exits(125).in_one_line().text(), "");
    let full =
        finish(&mut sockeye(["run", "--report", "/dev/full", "--", "echo", "ran"])).exits(125).in_one_line();
    full.says("ran").complains("No space left");
    finish(&mut sockeye(["report", "/no/such/file"])).exits(1).in_one_line().complains("No such file");
    for text in
        ["", "{", "[]", "{\"form\": 1}", "{\"form\": 2, \"command\": [], \"status\": 0, \"unmet\": []}"]
    {
        let file = place.path().join("wrong");
        std::fs::write(&file, text).expect("a file");
        finish(sockeye(["report"]).arg(&file)).exits(1).in_one_line().complains("no report");
    }
}
