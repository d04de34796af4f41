use sha2::{Digest, Sha256};

use super::*;

const KEPT: &str = "HTTP/1.1\r\nHost: tekapo\r\n";
const CLOSE: &str = "HTTP/1.1\r\nHost: tekapo\r\nConnection: close\r\n";

fn web(address: IpAddr) -> SocketAddr {
    (address, 80).into()
}

/// One request on a connection of its own: the answer's head and body.
fn request(world: &mut World, text: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    let socket = world.connect(web(TEKAPO));
    let answer = world.talk(socket, text.as_ref(), |_| false);
    world.close(socket);
    split(answer)
}

fn split(answer: Vec<u8>) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end..].to_vec())
}

fn status(head: &str) -> u16 {
    head[9..12].parse().unwrap()
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| i % 65_521).map(|k| (k ^ (k >> 8)) as u8).collect()
}

fn summary(data: &[u8]) -> String {
    let hash: String = Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("length {}\nsha256 {hash}\n", data.len())
}

#[test]
fn the_index_tells_what_happened() {
    for (address, version) in [(TEKAPO, "IPv4"), (TEKAPO6, "IPv6")] {
        let mut world = World::new();
        let socket = world.connect(web(address));
        let local = world.client().0.local_addr(socket).unwrap();
        let answer = world.talk(socket, format!("GET / {CLOSE}\r\n").as_bytes(), |_| false);
        let (head, body) = split(answer);
        let body = String::from_utf8(body).unwrap();
        assert!(head.contains("Content-Type: text/plain"), "{head}");
        let from = format!("{}, port {}", local.ip(), local.port());
        for fact in [&from, version, "tekapo", "handshake", "3 in, 2 out", "/bytes/10M"] {
            assert!(body.contains(fact), "{fact} in {body}");
        }
    }
    let (head, body) = request(&mut World::new(), format!("GET / {CLOSE}Accept: text/html\r\n\r\n"));
    assert!(head.contains("Content-Type: text/html") && body.starts_with(b"<!DOCTYPE html>"));
}

#[test]
fn bodies_of_any_size() {
    for (path, len) in [("0", 0), ("1", 1), ("65521", 65_521), ("1M", 1 << 20), ("10M", 10 << 20)] {
        let (head, body) = request(&mut World::new(), format!("GET /bytes/{path} {CLOSE}\r\n"));
        assert!(head.contains(&format!("Content-Length: {len}\r\n")), "{head}");
        assert!(body == pattern(len), "{path}: {} bytes", body.len());
    }
}

#[test]
fn uploads_are_measured() {
    let data = pattern(3_000_000);
    let mut world = World::new();
    let mut plain = format!("POST /anything {CLOSE}Content-Length: {}\r\n\r\n", data.len()).into_bytes();
    plain.extend(&data);
    assert_eq!(request(&mut world, plain).1, summary(&data).into_bytes());

    let mut chunked = format!("PUT / {CLOSE}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in data.chunks(10_000) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    assert_eq!(request(&mut world, chunked).1, summary(&data).into_bytes());
    assert_eq!(request(&mut world, format!("POST / {CLOSE}\r\n")).1, summary(b"").into_bytes());
}

#[test]
fn a_client_may_wait_for_continue() {
    let mut world = World::new();
    let socket = world.connect(web(TEKAPO));
    let head = format!("POST / {CLOSE}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let sign = world.talk(socket, head.as_bytes(), |came| came.ends_with(b"\r\n\r\n"));
    assert_eq!(sign, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(split(world.talk(socket, b"hello", |_| false)).1, summary(b"hello").into_bytes());

    let head = format!("DELETE / {KEPT}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let (head, _) = request(&mut world, head);
    assert_eq!(status(&head), 405);
    assert!(head.contains("Connection: close\r\n"));
}

#[test]
fn connections_are_kept() {
    let mut world = World::new();
    let socket = world.connect(web(TEKAPO));
    for _ in 0..3 {
        let answer = world
            .talk(socket, format!("GET /bytes/5 {KEPT}\r\n").as_bytes(), |came| came.ends_with(&pattern(5)));
        assert!(!String::from_utf8_lossy(&answer).contains("Connection:"));
    }
    let old = "GET /bytes/5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let answer = world.talk(socket, old.as_bytes(), |came| came.ends_with(&pattern(5)));
    assert!(String::from_utf8_lossy(&answer).contains("Connection: keep-alive\r\n"));
    // HTTP/1.0 without keep-alive: the server closes.
    let answer = world.talk(socket, b"GET /bytes/5 HTTP/1.0\r\n\r\n", |_| false);
    assert_eq!(split(answer).1, pattern(5));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut world = World::new();
    let mut requests = Vec::new();
    let mut bodies = Vec::new();
    for i in 0..200usize {
        let data = pattern(i);
        if i % 2 == 0 {
            requests.extend(format!("GET /bytes/{i} {KEPT}\r\n").bytes());
            bodies.push(data);
        } else {
            requests.extend(format!("POST / {KEPT}Content-Length: {i}\r\n\r\n").bytes());
            bodies.push(summary(&data).into_bytes());
            requests.extend(data);
        }
    }
    requests.extend(format!("GET /bytes/1M {CLOSE}\r\n").bytes());
    bodies.push(pattern(1 << 20));
    let socket = world.connect(web(TEKAPO));
    let mut rest = world.talk(socket, &requests, |_| false);
    for body in bodies {
        let (head, tail) = split(rest);
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        assert!(tail[..body.len()] == body);
        rest = tail[body.len()..].to_vec();
    }
    assert!(rest.is_empty());
}

#[test]
fn heads_alone_and_odd_requests() {
    let mut world = World::new();
    for path in ["/", "/bytes/1G", "/nothing"] {
        let (head, body) = request(&mut world, format!("HEAD {path} {CLOSE}\r\n"));
        assert!(head.contains("Content-Length: ") && body.is_empty(), "{path}");
    }
    let long = format!("GET /{} {CLOSE}\r\n", "x".repeat(20_000));
    for (text, code) in [
        (format!("GET /nothing {CLOSE}\r\n"), 404),
        (format!("GET /bytes/x {CLOSE}\r\n"), 400),
        (format!("DELETE / {CLOSE}Content-Length: 5\r\n\r\nhello"), 405),
        (format!("OPTIONS * {CLOSE}\r\n"), 204),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("hello\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n".to_owned(), 505),
        (format!("POST / {KEPT}Transfer-Encoding: chunked\r\n\r\nx\r\n"), 400),
        (long, 431),
    ] {
        let (head, _) = request(&mut world, &text);
        assert_eq!(status(&head), code, "{text}");
        assert!(head.contains("Connection: close\r\n"));
        assert_eq!(head.contains("Allow: GET, HEAD"), code == 405 || code == 204);
    }
    let (_, body) = request(&mut world, format!("GET /nothing {CLOSE}\r\n"));
    assert!(String::from_utf8(body).unwrap().contains("/bytes/10M"));
}

#[test]
fn a_part_of_a_body() {
    let mut world = World::new();
    let (_, whole) = request(&mut world, format!("GET /bytes/200000 {CLOSE}\r\n"));
    for (range, said, part) in [
        ("10-19", "bytes 10-19/200000", 10..20),
        ("199000-", "bytes 199000-199999/200000", 199_000..200_000),
        ("-5", "bytes 199995-199999/200000", 199_995..200_000),
    ] {
        let (head, body) =
            request(&mut world, format!("GET /bytes/200000 {CLOSE}Range: bytes={range}\r\n\r\n"));
        assert_eq!(status(&head), 206);
        assert!(head.contains(&format!("Content-Range: {said}\r\n")), "{head}");
        assert_eq!(body, whole[part]);
    }
    let (head, _) = request(&mut world, format!("GET /bytes/5 {CLOSE}Range: bytes=5-\r\n\r\n"));
    assert!(status(&head) == 416 && head.contains("Content-Range: bytes */5\r\n"), "{head}");
    let (head, body) = request(&mut world, format!("GET /bytes/5 {CLOSE}Range: bytes=0-1,3-4\r\n\r\n"));
    assert!(
        status(&head) == 200 && body == whole[..5] && head.contains("Accept-Ranges: bytes\r\n"),
        "{head}"
    );
}

#[test]
fn a_slow_reader_holds_the_server_back() {
    let mut world = World::new();
    let socket = world.connect(web(TEKAPO));
    let (host, now) = world.client();
    host.send(now, socket, format!("GET /bytes/1G {CLOSE}\r\n").as_bytes()).unwrap();
    // It ends: the server stops when the buffers are full.
    world.settle();
    let first = world.client().0.receive(Instant::ZERO, socket, 4096, false).unwrap().to_vec();
    assert!(first.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let (host, now) = world.client();
    host.abort(now, socket);
    world.settle();
    assert_eq!(status(&request(&mut world, format!("GET / {CLOSE}\r\n")).0), 200);
}

#[test]
fn many_connections_at_once() {
    let mut world = World::new();
    let sockets: Vec<SocketId> = (0..1100).map(|_| world.connect(web(TEKAPO))).collect();
    // There is room for 1024; those that were idle for longest had to go, the last are served.
    for socket in &sockets[1000..] {
        let answer = world
            .talk(*socket, format!("GET /bytes/5 {KEPT}\r\n").as_bytes(), |came| came.ends_with(&pattern(5)));
        assert_eq!(status(&split(answer).0), 200);
    }
    assert!(world.talk(sockets[0], b"", |_| false).is_empty());
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let mut world = World::new();
    let socket = world.connect(web(TEKAPO));
    let (host, now) = world.client();
    host.send(now, socket, format!("GET /bytes/3 {KEPT}\r\n").as_bytes()).unwrap();
    host.shutdown(now, socket, How::Write).unwrap();
    assert_eq!(split(world.talk(socket, b"", |_| false)).1, pattern(3));
}
