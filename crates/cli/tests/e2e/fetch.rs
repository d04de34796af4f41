//! Fetching pages: the programs people have, over IPv4 and IPv6, as root and as an ordinary user.

use crate::common::{finish, need, python, run, users};

const GREETING: &str = "Hello from tekapo";

#[test]
fn curl_gets_the_index_page() {
    if !need(&["curl"]) {
        return;
    }
    for user in users() {
        finish(&mut user.run(["curl", "-sS", "http://tekapo/"])).well().says(GREETING);
        finish(&mut user.run(["curl", "-sS", "-4", "http://tekapo/"]))
            .well()
            .says("from         10.61.0.1")
            .says("IPv4");
        finish(&mut user.run(["curl", "-sS", "-6", "http://tekapo/"]))
            .well()
            .says("from         fd61::1")
            .says("IPv6");
    }
}

#[test]
fn curl_gets_it_by_address() {
    if !need(&["curl"]) {
        return;
    }
    finish(&mut run(["curl", "-sS", "http://10.61.0.2/"])).well().says("to           10.61.0.2, port 80");
    finish(&mut run(["curl", "-sS", "http://[fd61::2]/"])).well().says("to           fd61::2, port 80");
}

#[test]
fn curl_keeps_a_connection() {
    if !need(&["curl"]) {
        return;
    }
    let page = "http://tekapo/bytes/1000";
    let three = ["curl", "-sS", "-w", "%{num_connects} %{size_download}\\n", "-o", "/dev/null", page];
    let repeated = three.into_iter().chain(["-o", "/dev/null", page, "-o", "/dev/null", page]);
    let finished = finish(&mut run(repeated)).well();
    assert_eq!(finished.text(), "1 1000\n0 1000\n0 1000\n");
}

#[test]
fn wget_gets_the_index_page() {
    if !need(&["wget"]) {
        return;
    }
    for user in users() {
        finish(&mut user.run(["wget", "-nv", "-O-", "http://tekapo/"])).well().says(GREETING);
        finish(&mut user.run(["wget", "-nv", "-4", "-O-", "http://tekapo/"])).well().says(GREETING);
    }
}

/// A static binary, whose resolver is not in a shared library.
#[test]
fn static_busybox_gets_the_index_page() {
    if !need(&["busybox"]) {
        return;
    }
    for user in users() {
        finish(&mut user.run(["busybox", "wget", "-q", "-O-", "http://tekapo/"])).well().says(GREETING);
        finish(&mut user.run(["busybox", "wget", "-q", "-O-", "http://10.61.0.2/"])).well().says("IPv4");
        finish(&mut user.run(["busybox", "wget", "-q", "-O-", "http://[fd61::2]/"])).well().says("IPv6");
    }
}

#[test]
fn python_gets_the_index_page() {
    if !need(&["python3"]) {
        return;
    }
    let program =
        "import urllib.request; print(urllib.request.urlopen('http://tekapo/', timeout=20).read().decode())";
    finish(&mut python(program)).well().says(GREETING);
}

#[test]
fn parallel_fetches_by_threads() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import concurrent.futures, urllib.request
def fetch(n):
    host = ('tekapo', '10.61.0.2', '[fd61::2]')[n % 3]
    return len(urllib.request.urlopen(f'http://{host}/bytes/{n}K', timeout=30).read()) == n * 1024
with concurrent.futures.ThreadPoolExecutor(20) as pool:
    print(sum(pool.map(fetch, range(100))))
";
    assert_eq!(finish(&mut python(program)).well().text(), "100\n");
}

#[test]
fn parallel_fetches_by_processes() {
    if !need(&["curl"]) {
        return;
    }
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do curl -sS -o /dev/null -w '%{size_download}\\n' http://tekapo/bytes/${i}00K & done; wait";
    let finished = finish(&mut run(["sh", "-c", script])).well();
    let mut sizes: Vec<u64> = finished.text().lines().map(|line| line.parse().expect("a size")).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, (1..=10).map(|i| i * 102_400).collect::<Vec<_>>());
}

#[test]
fn echo_with_a_half_close() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import socket
for host in '10.61.0.2', 'fd61::2', 'tekapo':
    with socket.create_connection((host, 7), timeout=20) as s:
        s.sendall(b'first ')
        assert s.recv(6, socket.MSG_WAITALL) == b'first '
        s.sendall(b'second' * 10000)
        s.shutdown(socket.SHUT_WR)
        got = b''
        while piece := s.recv(65536):
            got += piece
        assert got == b'second' * 10000, len(got)
        print('ended')
";
    assert_eq!(finish(&mut python(program)).well().text(), "ended\nended\nended\n");
}
