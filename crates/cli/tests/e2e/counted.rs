//! `sockeye netstat -s` and `-i`, beside what net-tools' own says of the same host from within.

use std::process::{Command, Stdio};

use crate::common::{TempDir, finish, need, read_line, sockeye, start};

/// Some of everything: connections that work, are refused and are reset; datagrams to somebody and to nobody; pings; then what the
/// ordinary netstat says, once for each set of options.
const TRAFFIC: &str = "
import socket, subprocess, sys
l = socket.create_server(('127.0.0.1', 8000))
c = socket.create_connection(('127.0.0.1', 8000))
s, _ = l.accept()
c.sendall(bytes(100000))
s.recv(1, socket.MSG_PEEK)
s.close()
c.close()
for host in '127.0.0.1', '::1', '10.61.0.2':
    try: socket.create_connection((host, 9), timeout=5)
    except OSError: pass
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    u = socket.socket(family, socket.SOCK_DGRAM)
    u.connect((host, 9))
    for _ in range(3):
        try: u.send(b'x')
        except OSError: pass
subprocess.run(['ping', '-n', '-q', '-c1', '10.61.0.2'], capture_output=True)
subprocess.run(['ping', '-n', '-q', '-c1', '::1'], capture_output=True)
with open(sys.argv[1], 'w') as said:
    for options in sys.argv[2:]:
        said.write('====' + subprocess.run(['netstat', options], capture_output=True, text=True).stdout)
print('own' if '- fuse sockeye' in open('/proc/self/mountinfo').read() else 'other', flush=True)
sys.stdin.read()
";

#[test]
fn what_was_counted_is_said_as_net_tools_says_it() {
    if !need(&["python3", "netstat", "ping"]) {
        return;
    }
    let place = TempDir::new();
    let in_place = |words: &[&str]| -> Command {
        let mut command = sockeye(words);
        command.env("XDG_RUNTIME_DIR", place.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    };
    let file = place.path().join("said");
    let path = file.to_str().expect("a path");
    let options = ["-s", "-s6", "-st", "-su", "-sw", "-i", "-ia"];
    let mut running =
        start(&mut in_place(&[&["run", "--", "python3", "-c", TRAFFIC, path], &options[..]].concat()));
    let output = running.stdout.as_mut().expect("a pipe");
    let files = read_line(output);
    let said = std::fs::read_to_string(&file).expect("what they said");
    let theirs: Vec<&str> = said.split("====").skip(1).map(str::trim_end).collect();
    assert_eq!(theirs.len(), options.len(), "{said}");
    // Without the right to mount netstat reads the machine's files.
    for (options, theirs) in options.iter().zip(theirs).filter(|_| files == "own") {
        let ours = finish(&mut in_place(&["netstat", options])).well().text();
        assert_eq!(ours.trim_end(), theirs, "{options}");
    }
    drop(running.stdin.take());
    assert!(running.wait().expect("it ends").success());
}
