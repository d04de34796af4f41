//! std's names in real time.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use sockeye::net::{TcpListener, TcpStream, UdpSocket};
use sockeye::socket::{Errno, Family, Opt, Readiness, Transport, Value};
use sockeye::{Host, Lab, LinkOptions, Socket};

use crate::pair;

fn network() -> (Host, Host) {
    pair(&Lab::new(1), &LinkOptions::new())
}

#[test]
fn echo_between_threads() {
    let (a, b) = network();
    let listener = b.run(|| TcpListener::bind("0.0.0.0:7")).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut copy = stream.try_clone().unwrap();
        std::io::copy(&mut stream, &mut copy).unwrap()
    });
    let mut client = a.run(|| TcpStream::connect("b:7")).unwrap();
    let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7) as u8).collect();
    let mut reader = client.try_clone().unwrap();
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        all
    });
    client.write_all(&sent).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert!(reading.join().unwrap() == sent);
    assert_eq!(server.join().unwrap(), sent.len() as u64);
}

#[test]
fn errors_are_linuxs() {
    let (a, b) = network();
    let refused = a.run(|| TcpStream::connect("b:9")).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::ECONNREFUSED.0));
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(
        a.run(|| TcpStream::connect("192.0.2.1:9")).unwrap_err().kind(),
        ErrorKind::NetworkUnreachable
    );
    assert_eq!(a.run(|| TcpStream::connect("nobody:9")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(a.run(|| TcpStream::connect("b")).unwrap_err().kind(), ErrorKind::InvalidInput);
    let _first = b.run(|| TcpListener::bind("0.0.0.0:80")).unwrap();
    assert_eq!(b.run(|| TcpListener::bind("10.0.0.2:80")).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(b.run(|| TcpListener::bind("a:80")).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    let outside = TcpStream::connect("10.0.0.2:80").unwrap_err();
    assert!(outside.to_string().contains("no host entered"), "{outside}");
}

#[test]
fn a_reset_and_what_follows() {
    let (a, b) = network();
    let listener = b.run(|| TcpListener::bind("b:80")).unwrap();
    let mut client = a.run(|| TcpStream::connect("b:80")).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    assert_eq!(client.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(client.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn time_limits_and_nonblocking() {
    let (a, b) = network();
    let listener = b.run(|| TcpListener::bind("b:80")).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut client = a.run(|| TcpStream::connect("b:80")).unwrap();
    assert_eq!(client.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
    client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(client.read_timeout().unwrap(), Some(Duration::from_millis(5)));
    assert_eq!(client.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.set_nonblocking(true).unwrap();
    assert_eq!(client.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);

    // What fits in both buffers, and no more.
    let mut written = 0;
    let full = loop {
        match client.write(&[0; 100_000]) {
            Ok(n) => written += n,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    assert!(written > 10_000, "{written}");
}

#[test]
fn connect_within_a_time() {
    let lab = Lab::new(1);
    let (a, b) = pair(&lab, &LinkOptions::new());
    let link = lab.link(&a, &b, &LinkOptions::new());
    link.cut();
    let address = "10.0.0.2:80".parse().unwrap();
    let error = a.run(|| TcpStream::connect_timeout(&address, Duration::from_millis(5))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn names_and_options() {
    let (a, b) = network();
    let listener = b.run(|| TcpListener::bind("[::]:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = a.run(|| TcpStream::connect(("b", port))).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer.to_string(), format!("[::ffff:10.0.0.1]:{}", client.local_addr().unwrap().port()));
    assert_eq!(server.peer_addr().unwrap(), peer);
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap() && !server.nodelay().unwrap());
    client.set_ttl(9).unwrap();
    assert_eq!(client.ttl().unwrap(), 9);
    assert_eq!(client.linger().unwrap(), None);
    assert!(client.take_error().unwrap().is_none());
    assert!(format!("{client:?}").contains("peer: 10.0.0.2"), "{client:?}");
    assert_eq!(a, Host::clone(&a));
    assert_ne!(a, b);
}

#[test]
fn gathers_and_scatters() {
    let (a, b) = network();
    let listener = b.run(|| TcpListener::bind("b:80")).unwrap();
    let mut client = a.run(|| TcpStream::connect("b:80")).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let pieces = [IoSlice::new(b"kia "), IoSlice::new(b""), IoSlice::new(b"ora")];
    assert_eq!(client.write_vectored(&pieces).unwrap(), 7);
    assert_eq!(server.peek(&mut [0; 3]).unwrap(), 3);
    let (mut first, mut second) = ([0; 2], [0; 9]);
    let read = server
        .read_vectored(&mut [std::io::IoSliceMut::new(&mut first), std::io::IoSliceMut::new(&mut second)])
        .unwrap();
    assert_eq!((read, &first, &second[..5]), (7, b"ki", &b"a ora"[..]));
}

#[test]
fn datagrams() {
    let (a, b) = network();
    let server = b.run(|| UdpSocket::bind("b:53")).unwrap();
    let client = a.run(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
    client.connect("10.0.0.2:53").unwrap();
    client.send(b"who").unwrap();
    let mut buffer = [0; 2];
    let (length, from) = server.recv_from(&mut buffer).unwrap();
    // The rest of a datagram that was cut is lost.
    assert_eq!((length, &buffer), (2, b"wh"));
    server.send_to(b"it is I", from).unwrap();
    assert_eq!(client.peek(&mut [0; 16]).unwrap(), 7);
    assert_eq!(client.recv(&mut [0; 16]).unwrap(), 7);
    drop(server);
    client.send(b"gone").unwrap();
    assert_eq!(client.recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn call_by_call() {
    let (a, b) = network();
    let listener = b.run(|| Socket::new(Family::Inet, Transport::Tcp)).unwrap();
    listener.bind("10.0.0.2:80".parse().unwrap()).unwrap();
    listener.listen(1).unwrap();
    let client = a.run(|| Socket::new(Family::Inet, Transport::Tcp)).unwrap();
    client.set_nonblocking(true).unwrap();
    let under_way = client.connect("10.0.0.2:80".parse().unwrap()).unwrap_err();
    assert_eq!(under_way.raw_os_error(), Some(Errno::EINPROGRESS.0));
    assert!(client.readiness().unwrap().contains(Readiness::OUT));
    let (server, _) = listener.accept().unwrap();
    client.set_option(Opt::SoKeepAlive, Value::Int(1)).unwrap();
    assert_eq!(client.option(Opt::SoKeepAlive).unwrap(), Value::Int(1));
    client.send(b"abc", sockeye::socket::MessageFlags::MORE).unwrap();
    assert_eq!((server.unread().unwrap(), client.unacknowledged().unwrap()), (0, 3));
    assert_eq!(client.host(), a);
    let client = sockeye::net::TcpStream::from(client);
    assert_eq!(client.peer_addr().unwrap().port(), 80);
    assert_eq!(Socket::from(client).local_addr().unwrap().ip().to_string(), "10.0.0.1");
}

#[test]
fn the_default_network_serves() {
    let lab = Lab::default_network(1).unwrap();
    let pukaki = lab.find("pukaki").unwrap();
    let mut web = pukaki.run(|| TcpStream::connect("tekapo:80")).unwrap();
    web.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    web.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.") && page.contains("200 OK"), "{page}");
}

#[test]
fn urgent_data_and_what_is_counted() {
    let (a, b) = network();
    let listener = b.run(|| TcpListener::bind("0.0.0.0:7")).unwrap();
    let mut client = a.run(|| TcpStream::connect("b:7")).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    assert_eq!(server.recv_out_of_band().unwrap_err().kind(), ErrorKind::InvalidInput);
    client.write_all(b"abc").unwrap();
    assert_eq!(client.send_out_of_band(b"de").unwrap(), 2);
    client.write_all(b"fg").unwrap();
    let mut all = [0; 16];
    // What was sent is there when an answer is.
    server.write_all(b"!").unwrap();
    client.read_exact(&mut all[..1]).unwrap();
    assert_eq!(server.recv_out_of_band().unwrap(), b'e');
    assert_eq!(server.read(&mut all).unwrap(), 4);
    assert_eq!((&all[..4], server.at_mark().unwrap()), (&b"abcd"[..], true));
    assert_eq!(server.read(&mut all).unwrap(), 2);
    assert_eq!(&all[..2], b"fg");
    server.set_out_of_band_inline(true).unwrap();
    client.send_out_of_band(b"h").unwrap();
    assert_eq!(server.read(&mut all).unwrap(), 1);
    assert!(server.out_of_band_inline().unwrap());
    drop(listener);
    assert!(a.run(|| TcpStream::connect("10.0.0.2:7")).is_err());
    let counted = b.counters();
    for name in ["NO_SOCKET", "TcpOutRsts", "TcpPassiveOpens"] {
        assert!(counted.contains(&(name, 1)), "{name}: {counted:?}");
    }
}
