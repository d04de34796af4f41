//! Unix-domain sockets with std's and tokio's names, in real and in virtual time.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sockeye::async_net;
use sockeye::net::{TcpListener, TcpStream};
use sockeye::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use sockeye::poll::{Events, Interest, Mode, Poll, Token};
use sockeye::socket::{Errno, MessageFlags, Opt, Passed, SocketType, UnixAddress, UnixMessage, Value};
use sockeye::{Credentials, Host, Identity, Lab, Simulation, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn host() -> Host {
    Lab::new(1).host("a", ["10.0.0.1/24"]).unwrap()
}

#[test]
fn echo_between_threads() {
    let host = host();
    let listener = host.run(|| UnixListener::bind("/echo")).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        assert!(peer.is_unnamed());
        let mut copy = stream.try_clone().unwrap();
        std::io::copy(&mut stream, &mut copy).unwrap()
    });
    let mut client = host.run(|| UnixStream::connect("/echo")).unwrap();
    let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7) as u8).collect();
    let mut reader = client.try_clone().unwrap();
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        all
    });
    // A blocking write takes all of it.
    assert_eq!(client.write(&sent).unwrap(), sent.len());
    client.shutdown(Shutdown::Write).unwrap();
    assert!(reading.join().unwrap() == sent);
    assert_eq!(server.join().unwrap(), sent.len() as u64);
}

#[test]
fn names_as_std_shows_them() {
    let host = host();
    let _entered = host.enter();
    let listener = UnixListener::bind("/run/x").unwrap();
    assert_eq!(UnixListener::bind("/run/x").unwrap_err().kind(), ErrorKind::AddrInUse);
    let client = UnixStream::connect("/run/x").unwrap();
    assert_eq!(client.peer_addr().unwrap().as_pathname().unwrap().to_str(), Some("/run/x"));
    assert_eq!(format!("{client:?}"), "UnixStream { local: (unnamed), peer: \"/run/x\" (pathname) }");
    drop(listener);
    assert_eq!(UnixStream::connect("/run/x").unwrap_err().kind(), ErrorKind::ConnectionRefused);
    host.unlink("/run/x").unwrap();
    assert_eq!(UnixStream::connect("/run/x").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(host.unlink("/run/x").unwrap_err().kind(), ErrorKind::NotFound);
    let long = "x".repeat(108);
    assert_eq!(UnixListener::bind(&long).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(SocketAddr::from_pathname("a\0b").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(SocketAddr::from_abstract_name(&long).unwrap_err().kind(), ErrorKind::InvalidInput);
    let name = SocketAddr::from_abstract_name(b"a\0b").unwrap();
    let _listener = UnixListener::bind_addr(&name).unwrap();
    let client = UnixStream::connect_addr(&name).unwrap();
    assert_eq!(client.peer_addr().unwrap().as_abstract_name(), Some(&b"a\0b"[..]));
    assert_eq!(format!("{name:?}"), r#""a\x00b" (abstract)"#);
}

#[test]
fn another_host_has_other_names() {
    let lab = Lab::new(1);
    let (a, b) = (lab.host("a", ["10.0.0.1/24"]).unwrap(), lab.host("b", ["10.0.0.2/24"]).unwrap());
    let _listener = a.run(|| UnixListener::bind("/x")).unwrap();
    assert_eq!(b.run(|| UnixStream::connect("/x")).unwrap_err().kind(), ErrorKind::NotFound);
    let (one, _other) = b.run(|| Socket::unix_pair(SocketType::Stream)).unwrap();
    let foreign = Passed::Socket(a.run(|| Socket::unix(SocketType::Datagram)).unwrap());
    let refused = one.send_unix(b"x", &UnixMessage { passed: &[foreign], ..UnixMessage::default() });
    assert_eq!(refused.unwrap_err().raw_os_error(), Some(Errno::EBADF.0));
}

#[test]
fn datagrams_and_time_limits() {
    let host = host();
    let _entered = host.enter();
    let server = UnixDatagram::bind("/server").unwrap();
    let client = UnixDatagram::bind("/client").unwrap();
    client.send_to(b"hello", "/server").unwrap();
    let mut buffer = [0; 3];
    let (length, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!((length, from.as_pathname().unwrap().to_str()), (3, Some("/client")));
    server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(server.recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    // Ten wait, and one more.
    client.set_nonblocking(true).unwrap();
    for _ in 0..11 {
        client.send_to(b"x", "/server").unwrap();
    }
    assert_eq!(client.send_to(b"x", "/server").unwrap_err().kind(), ErrorKind::WouldBlock);
    client.set_nonblocking(false).unwrap();
    let sender = thread::spawn(move || client.send_to(b"last", "/server").unwrap());
    for _ in 0..11 {
        assert_eq!(server.recv(&mut buffer).unwrap(), 1);
    }
    server.set_read_timeout(None).unwrap();
    assert_eq!(server.recv(&mut buffer).unwrap(), 3);
    assert_eq!(sender.join().unwrap(), 4);
    server.shutdown(Shutdown::Read).unwrap();
    assert_eq!(server.recv(&mut buffer).unwrap(), 0);
    server.set_nonblocking(true).unwrap();
    assert_eq!(server.recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_full_listener_makes_connect_wait() {
    let host = host();
    let _entered = host.enter();
    let name = UnixAddress::Abstract(b"l".to_vec());
    let listener = Socket::unix(SocketType::SeqPacket).unwrap();
    listener.bind_unix(&name).unwrap();
    listener.listen(0).unwrap();
    let first = Socket::unix(SocketType::SeqPacket).unwrap();
    first.connect_unix(&name).unwrap();
    let second = Socket::unix(SocketType::SeqPacket).unwrap();
    second.set_nonblocking(true).unwrap();
    assert_eq!(second.connect_unix(&name).unwrap_err().kind(), ErrorKind::WouldBlock);
    second.set_nonblocking(false).unwrap();
    let (other, name) = (second.clone(), name.clone());
    let connecting = thread::spawn(move || other.connect_unix(&name));
    listener.accept_unix().unwrap();
    connecting.join().unwrap().unwrap();
    listener.shutdown(Shutdown::Read).unwrap();
    listener.accept_unix().unwrap();
    assert_eq!(listener.accept_unix().unwrap_err().raw_os_error(), Some(Errno::EINVAL.0));
}

#[test]
fn passes_sockets_and_descriptors() {
    let host = host();
    let _entered = host.enter();
    let (a, b) = Socket::unix_pair(SocketType::Stream).unwrap();
    let listener = TcpListener::bind("127.0.0.1:80").unwrap();
    let client = Socket::open(2, 1, 0).unwrap();
    client.connect("127.0.0.1:80".parse().unwrap()).unwrap();
    client.set_nonblocking(true).unwrap();
    let descriptor = Arc::new(OwnedFd::from(std::fs::File::open("/dev/null").unwrap()));
    let raw = descriptor.as_raw_fd();
    let passed = [Passed::Socket(client), Passed::Descriptor(descriptor)];
    a.send_unix(b"two", &UnixMessage { passed: &passed, ..UnixMessage::default() }).unwrap();
    drop(passed);
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock, "not closed on its way");

    let mut buffer = [0; 8];
    let received = b.recv_unix(&mut buffer, 9, MessageFlags::empty()).unwrap();
    assert_eq!((received.copied, received.passed.len()), (3, 2));
    let mut passed = received.passed.into_iter();
    let Some(Passed::Socket(client)) = passed.next() else { panic!("a socket") };
    assert!(client.is_nonblocking(), "one flag for all who have it");
    let mut client: TcpStream = client.into();
    client.write_all(b"hi").unwrap();
    assert_eq!(server.read(&mut buffer).unwrap(), 2);
    let Some(Passed::Descriptor(descriptor)) = passed.next() else { panic!("a descriptor") };
    assert_eq!(descriptor.as_raw_fd(), raw);
    drop(client);
    assert_eq!(server.read(&mut buffer).unwrap(), 0);
}

#[test]
fn a_network_with_rings_of_passed_sockets_is_dropped_whole() {
    let watched = Arc::new(OwnedFd::from(std::fs::File::open("/dev/null").unwrap()));
    let host = host();
    let (a, b) = host.run(|| Socket::unix_pair(SocketType::Stream)).unwrap();
    let passed = [Passed::Socket(a.clone()), Passed::Socket(b.clone()), Passed::Descriptor(watched.clone())];
    a.send_unix(b"x", &UnixMessage { passed: &passed, ..UnixMessage::default() }).unwrap();
    drop(passed);
    assert_eq!(Arc::strong_count(&watched), 2);
    drop((a, b));
    assert_eq!(Arc::strong_count(&watched), 1, "collected when nobody had it any more");
    // And what is still on its way when the network goes.
    let (a, b) = host.run(|| Socket::unix_pair(SocketType::Stream)).unwrap();
    let passed = [Passed::Descriptor(watched.clone())];
    a.send_unix(b"x", &UnixMessage { passed: &passed, ..UnixMessage::default() }).unwrap();
    drop((passed, a, b, host));
    assert_eq!(Arc::strong_count(&watched), 1);
}

#[test]
fn who_is_who() {
    let host = host();
    let user = |pid, uid| {
        let credentials = Credentials { pid, uid, gid: uid };
        host.act_as(Identity { credentials, groups: vec![7, 8] })
    };
    let (alice, bob) = (user(100, 1000), user(200, 2000));
    let listener = alice.run(|| UnixListener::bind("/alice")).unwrap();
    let client = bob.run(|| UnixStream::connect("/alice")).unwrap();
    let (server, _) = listener.accept().unwrap();
    assert_eq!(server.peer_cred().unwrap(), Credentials { pid: 200, uid: 2000, gid: 2000 });
    assert_eq!(client.peer_cred().unwrap(), Credentials { pid: 100, uid: 1000, gid: 1000 });
    let (_, mine) = host.run(UnixStream::pair).unwrap();
    assert_eq!(mine.peer_cred().unwrap().pid, std::process::id() as i32);

    let (a, b) = bob.run(|| Socket::unix_pair(SocketType::Datagram)).unwrap();
    b.set_option(Opt::SoPassCred, Value::Int(1)).unwrap();
    let groups = b.option(Opt::SoPeerGroups).unwrap();
    assert_eq!(groups, Value::Bytes([7u32, 8].iter().flat_map(|group| group.to_ne_bytes()).collect()));
    a.send_unix(b"x", &UnixMessage::default()).unwrap();
    let received = b.recv_unix(&mut [0; 9], 0, MessageFlags::empty()).unwrap();
    assert_eq!(received.credentials, Some(Credentials { pid: 200, uid: 2000, gid: 2000 }));
    // Passed on, a socket speaks for who received it.
    let (to_alice, at_alice) = (client, server);
    drop((to_alice, at_alice));
    let simulation = Simulation::new(1);
    let fixed = simulation.lab().host("a", ["10.0.0.1/24"]).unwrap();
    let (one, _other) = fixed.run(UnixStream::pair).unwrap();
    assert_eq!(one.peer_cred().unwrap(), Credentials { pid: 1, uid: 0, gid: 0 });
}

#[test]
fn virtual_time_threads_and_tasks() {
    let simulation = Simulation::new(1);
    let host = simulation.lab().host("a", ["10.0.0.1/24"]).unwrap();
    let server = simulation.thread(&host, || {
        let listener = UnixListener::bind("/s").unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let client = simulation.spawn(&host, async {
        sockeye::time::sleep(Duration::from_millis(5)).await;
        let mut stream = async_net::UnixStream::connect("/s").await.unwrap();
        for _ in 0..3 {
            stream.write_all(b"kia ora ").await.unwrap();
            sockeye::time::sleep(Duration::from_secs(1)).await;
        }
    });
    simulation.run().unwrap();
    assert_eq!(server.take().unwrap(), "kia ora kia ora kia ora ");
    assert!(client.take().is_some());
}

#[test]
fn blocked_for_ever_is_a_deadlock_in_virtual_time() {
    let simulation = Simulation::new(1);
    let host = simulation.lab().host("a", ["10.0.0.1/24"]).unwrap();
    let waits = simulation.thread(&host, || {
        let (a, b) = UnixStream::pair().unwrap();
        let outcome = (&a).read(&mut [0; 1]).unwrap_err().kind();
        drop(b);
        outcome
    });
    assert!(simulation.run().is_err());
    drop(waits);
}

#[tokio::test]
async fn tokio_traits() {
    let host = host();
    host.on(async {
        let listener = async_net::UnixListener::bind("/t").unwrap();
        let mut client = async_net::UnixStream::connect("/t").await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        AsyncWriteExt::write_all(&mut client, b"hello").await.unwrap();
        server.readable().await.unwrap();
        let mut buffer = [0; 5];
        assert_eq!(server.try_read(&mut buffer).unwrap(), 5);
        assert_eq!(server.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        let (mut reader, mut writer) = server.split();
        AsyncWriteExt::write_all(&mut writer, b"world").await.unwrap();
        AsyncReadExt::read_exact(&mut client, &mut buffer).await.unwrap();
        assert_eq!(&buffer, b"world");
        AsyncWriteExt::shutdown(&mut client).await.unwrap();
        assert_eq!(AsyncReadExt::read(&mut reader, &mut buffer).await.unwrap(), 0);

        let (a, b) = async_net::UnixDatagram::pair().unwrap();
        let sending = tokio::spawn(async move {
            for _ in 0..1000 {
                a.send(&[7; 1000]).await.unwrap();
            }
        });
        for _ in 0..1000 {
            assert_eq!(b.recv(&mut [0; 2000]).await.unwrap(), 1000);
        }
        sending.await.unwrap();
    })
    .await;
}

#[test]
fn edges_in_a_poll_set() {
    let host = host();
    let _entered = host.enter();
    let (mut a, mut b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    let mut poll = Poll::new().unwrap();
    poll.registry().register(&a, Token(1), Interest::READABLE | Interest::WRITABLE, Mode::Edge).unwrap();
    let mut events = Events::with_capacity(8);
    let mut seen = |poll: &mut Poll| {
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().map(|event| (event.is_readable(), event.is_writable())).collect::<Vec<_>>()
    };
    assert_eq!(seen(&mut poll), [(false, true)]);
    assert_eq!(seen(&mut poll), []);
    b.write_all(b"x").unwrap();
    assert_eq!(seen(&mut poll), [(true, true)]);
    assert_eq!(seen(&mut poll), []);
    // Each arrival is an edge, and so is each packet read while there is room.
    b.write_all(b"y").unwrap();
    assert_eq!(seen(&mut poll), [(true, true)]);
    while a.write(&[0; 4096]).is_ok() {}
    assert_eq!(seen(&mut poll), []);
    let mut buffer = vec![0; 100_000];
    b.read_exact(&mut buffer).unwrap();
    assert_eq!(seen(&mut poll), [], "more than a quarter is still used");
    b.read_exact(&mut buffer[..60_000]).unwrap();
    assert_eq!(seen(&mut poll), [(true, true)]);
}
