//! Large bodies, there and back, with their hashes.

use crate::common::{TempDir, finish, finish_with, need, python, run, run_exact, shell};

const SIZE: usize = 100 << 20;
const PERIOD: usize = 65_521;

/// The first bytes of `/bytes/N`, as the index page documents them.
fn pattern(len: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..PERIOD).map(|k| (k ^ (k >> 8)) as u8).collect();
    let mut bytes = period.repeat(len / PERIOD + 1);
    bytes.truncate(len);
    bytes
}

/// The machine's own SHA-256 of these bytes.
fn sha256(bytes: Vec<u8>) -> String {
    let finished = finish_with(&mut std::process::Command::new("sha256sum"), bytes).well();
    finished.text().split_whitespace().next().expect("a hash").to_owned()
}

#[test]
fn a_download_of_100_mb() {
    if !need(&["curl", "sha256sum"]) {
        return;
    }
    let expected = sha256(pattern(SIZE));
    for family in ["-4", "-6"] {
        let script = format!("curl -sS {family} http://tekapo/bytes/100M | sha256sum");
        finish(&mut shell(&script)).well().says(&expected);
    }
}

#[test]
fn an_upload_of_100_mb() {
    if !need(&["curl", "sha256sum"]) {
        return;
    }
    let place = TempDir::new();
    let file = place.path().join("body");
    let body = pattern(SIZE);
    std::fs::write(&file, &body).expect("room for the file");
    let expected = sha256(body);
    let from = format!("@{}", file.display());
    for family in ["-4", "-6"] {
        let upload = ["curl", "-sS", family, "-H", "Expect:", "--data-binary", &from, "http://tekapo/"];
        finish(&mut run(upload)).well().says(&expected).says(&SIZE.to_string());
    }
}

#[test]
fn a_chunked_upload_from_a_pipe() {
    if !need(&["curl", "sha256sum"]) {
        return;
    }
    let body = pattern(3_000_001);
    let expected = sha256(body.clone());
    let mut command = run(["curl", "-sS", "-T", "-", "-X", "POST", "http://tekapo/"]);
    finish_with(&mut command, body).well().says(&expected).says("3000001");
}

#[test]
fn a_download_that_nobody_reads_to_its_end() {
    if !need(&["curl", "head"]) {
        return;
    }
    let finished = finish(&mut shell("curl -s http://tekapo/bytes/1G | head -c 1000000 | wc -c")).well();
    assert_eq!(finished.text().trim(), "1000000");
}

#[test]
fn sizes_at_the_edges() {
    if !need(&["curl"]) {
        return;
    }
    for size in [0, 1, 65_520, 65_521, 65_522, 1_048_576] {
        let url = format!("http://tekapo/bytes/{size}");
        let finished =
            finish(&mut run(["curl", "-sS", "-o", "/dev/null", "-w", "%{size_download}", &url])).well();
        assert_eq!(finished.text(), size.to_string());
    }
}

/// Both directions full at once, each end shutting its side right behind its last byte: nothing of what still waits in a
/// carrier may be lost, whoever is slow.
#[test]
fn both_directions_at_once_and_a_half_close_behind_the_last_byte() {
    let program = r"
import hashlib, random, socket, threading
up, down = random.Random(1).randbytes(8 << 20), random.Random(2).randbytes(8 << 20)
listener = socket.create_server(('127.0.0.1', 0))
digests = {}
def both(s, data, name):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    def send():
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    digest, part = hashlib.sha256(), b'x'
    while part:
        part = s.recv(20000)
        digest.update(part)
    sender.join()
    digests[name] = digest.digest()
    s.close()
server = threading.Thread(target=lambda: both(listener.accept()[0], down, 'server'))
server.start()
both(socket.create_connection(listener.getsockname()), up, 'client')
server.join()
print(digests['server'] == hashlib.sha256(up).digest(), digests['client'] == hashlib.sha256(down).digest())
";
    if need(&["python3"]) {
        assert_eq!(finish(&mut python(program)).well().text(), "True True\n");
    }
}

/// A stream that was shut both ways is a socket still: its calls are answered as TCP's, not as the carrier's.
#[test]
fn shut_both_ways_is_not_closed() {
    let program = r"
import socket
listener = socket.create_server(('127.0.0.1', 0))
c = socket.create_connection(listener.getsockname())
s, _ = listener.accept()
c.shutdown(socket.SHUT_RDWR)
print(s.recv(1))
s.shutdown(socket.SHUT_RDWR)
for _ in range(3):
    print(c.getsockname()[0], c.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), c.recv(1))
";
    if need(&["python3"]) {
        assert_eq!(
            finish(&mut python(program)).well().text(),
            format!("b''\n{}", "127.0.0.1 0 b''\n".repeat(3))
        );
    }
}

#[test]
fn through_the_gate_both_ways() {
    if !need(&["curl", "sha256sum"]) {
        return;
    }
    let expected = sha256(pattern(10 << 20));
    let script = "curl -sS http://tekapo/bytes/10M | tee body | sha256sum; curl -sS --data-binary @body http://tekapo/";
    let place = TempDir::new();
    let mut both = run_exact(["sh", "-c", script]);
    finish(both.current_dir(place.path())).well().says(&format!("{expected}  -")).says("10485760");
}
