//! Servers and clients that meet under one `run`.

use crate::common::{finish, need, python, shell, users};

/// A client that starts python's own server and fetches from it, once the server has said that it serves.
const CLIENT: &str = r"
import subprocess, sys, urllib.request
bind, *urls = sys.argv[1:]
server = subprocess.Popen([sys.executable, '-u', '-m', 'http.server', '--directory', '/', '--bind', bind, '8000'],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
server.stdout.readline()
for url in urls:
    body = urllib.request.urlopen(url, timeout=20).read()
    print(url, b'Directory listing' in body)
server.terminate()
server.wait()
";

#[test]
fn urllib_meets_http_server() {
    if !need(&["python3"]) {
        return;
    }
    let of_wildcard = [
        "0.0.0.0",
        "http://127.0.0.1:8000/",
        "http://localhost:8000/",
        "http://10.61.0.1:8000/",
        "http://pukaki:8000/",
    ];
    let of_wildcard6 = [
        "::",
        "http://127.0.0.1:8000/",
        "http://localhost:8000/",
        "http://[::1]:8000/",
        "http://[fd61::1]:8000/",
    ];
    for user in users() {
        for arguments in [
            &of_wildcard[..],
            &of_wildcard6,
            &["127.0.0.1", "http://127.0.0.1:8000/"],
            &["::1", "http://[::1]:8000/"],
        ] {
            let words = ["python3", "-c", CLIENT].iter().chain(arguments);
            let finished = finish(&mut user.run(words)).well();
            let expected: String = arguments[1..].iter().map(|url| format!("{url} True\n")).collect();
            assert_eq!(finished.text(), expected);
        }
    }
}

/// The README's own line, but with a client that asks until somebody answers.
#[test]
fn a_server_in_the_background_of_a_shell() {
    if !need(&["python3", "curl"]) {
        return;
    }
    let script = "python3 -m http.server 8000 >/dev/null 2>&1 & \
                  until curl -sS http://localhost:8000/ 2>/dev/null; do :; done; kill $!";
    finish(&mut shell(script)).well().says("Directory listing");
}

#[test]
fn a_server_that_forks_before_it_accepts() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import os, signal, socket
server = socket.create_server(('10.61.0.1', 8000))
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        while True:
            connection, _ = server.accept()
            connection.sendall(b'%d' % os.getpid())
            connection.close()
    children.append(child)
seen = set()
for _ in range(40):
    with socket.create_connection(('10.61.0.1', 8000), timeout=20) as c:
        seen.add(int(c.makefile('rb').read()))
print(seen <= set(children), len(seen) >= 1)
for child in children:
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
";
    assert_eq!(finish(&mut python(program)).well().text(), "True True\n");
}

#[test]
fn an_event_loop_serves_many() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import asyncio
async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def ask(n):
    reader, writer = await asyncio.open_connection('127.0.0.1', 8000)
    body = bytes([n % 256]) * (n * 997)
    writer.write(body)
    writer.write_eof()
    back = await reader.read()
    writer.close()
    return back == body
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 8000)
    print(sum(await asyncio.gather(*(ask(n) for n in range(100)))))
    server.close()
asyncio.run(main())
";
    assert_eq!(finish(&mut python(program)).well().text(), "100\n");
}

#[test]
fn datagrams_between_processes() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import os, socket
for family, address in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'), (socket.AF_INET, '10.61.0.1'):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((address, 0))
    server.settimeout(20)
    if os.fork() == 0:
        client = socket.socket(family, socket.SOCK_DGRAM)
        client.settimeout(20)
        client.connect(server.getsockname())
        for size in 0, 1, 1400, 9000, 60000:
            client.send(b'x' * size)
            assert client.recv(65536) == b'%d' % size
        os._exit(0)
    for _ in range(5):
        data, source = server.recvfrom(65536)
        server.sendto(b'%d' % len(data), source)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
";
    assert_eq!(finish(&mut python(program)).well().text(), "0\n0\n0\n");
}

#[test]
fn a_backlog_fills_and_empties() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import socket
server = socket.socket()
server.bind(('127.0.0.1', 0))
server.listen(64)
clients = [socket.create_connection(server.getsockname(), timeout=20) for _ in range(60)]
names = [server.accept()[1] for _ in clients]
print(names == [client.getsockname() for client in clients])
";
    assert_eq!(finish(&mut python(program)).well().text(), "True\n");
}
