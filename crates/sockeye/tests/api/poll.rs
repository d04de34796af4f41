//! Poll sets: what they tell and when, as epoll on Linux 6.18 does.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use sockeye::net::{RawSocket, Shutdown, TcpListener, TcpStream, UdpSocket};
use sockeye::poll::{Event, Events, Interest, Mode, Poll, Source, Token, Waker};
use sockeye::time::Instant;
use sockeye::{Host, Lab, LinkOptions, Simulation, thread};

use crate::pair;

/// A connection from `a` to `b`: its end at `b` and the other, both non-blocking and without Nagle.
fn connected(a: &Host, b: &Host, port: u16) -> (TcpStream, TcpStream) {
    let listener = b.run(|| TcpListener::bind(("b", port))).unwrap();
    let far = a.run(|| TcpStream::connect(("b", port))).unwrap();
    let (near, _) = listener.accept().unwrap();
    for stream in [&near, &far] {
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
    }
    (near, far)
}

/// A set on `host`, with a source in it.
fn watching(host: &Host, source: &impl Source, interest: Interest, mode: Mode) -> Poll {
    let poll = host.run(Poll::new).unwrap();
    poll.registry().register(source, Token(1), interest, mode).unwrap();
    poll
}

fn letters(event: &Event) -> String {
    let all = [
        (event.is_readable(), 'r'),
        (event.is_writable(), 'w'),
        (event.is_error(), 'e'),
        (event.is_hang_up(), 'h'),
        (event.is_read_closed(), 'c'),
    ];
    all.into_iter().filter(|(is, _)| *is).map(|(_, letter)| letter).collect()
}

/// What a set tells after 50 ms.
fn told(poll: &mut Poll) -> String {
    thread::sleep(Duration::from_millis(50));
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    events.iter().map(letters).collect::<Vec<_>>().join(",")
}

/// Runs blocking code on `b` in virtual time.
fn simulated(work: impl FnOnce(Host, Host) + Send + 'static) {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new());
    let here = b.clone();
    simulation.thread(&b, move || work(a, here));
    simulation.run().unwrap();
}

fn fill(stream: &mut TcpStream) -> usize {
    let mut all = 0;
    loop {
        match stream.write(&[1; 65_536]) {
            Ok(n) => all += n,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return all;
            }
        }
    }
}

fn drain(stream: &mut TcpStream, mut left: usize) {
    let mut buffer = vec![0; 65_536];
    while left > 0 {
        match stream.read(&mut buffer) {
            Ok(n) => left -= n,
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[test]
fn edges_of_who_reads() {
    simulated(|a, b| {
        let (mut near, mut far) = connected(&a, &b, 7);
        let mut poll = watching(&b, &near, Interest::READABLE, Mode::Edge);
        assert_eq!(told(&mut poll), "");
        far.write_all(b"a").unwrap();
        assert_eq!([told(&mut poll), told(&mut poll)], ["r", ""]);
        far.write_all(b"b").unwrap();
        assert_eq!(told(&mut poll), "r", "with the first unread");
        near.write_all(b"x").unwrap();
        assert_eq!(told(&mut poll), "", "an acknowledgement is no news");
        near.read_exact(&mut [0]).unwrap();
        assert_eq!(told(&mut poll), "", "nor is a rest");
        far.shutdown(Shutdown::Write).unwrap();
        assert_eq!([told(&mut poll), told(&mut poll)], ["rc", ""]);
    });
}

#[test]
fn edges_of_who_reads_and_writes() {
    simulated(|a, b| {
        let (mut near, mut far) = connected(&a, &b, 7);
        let mut poll = watching(&b, &near, Interest::READABLE | Interest::WRITABLE, Mode::Edge);
        assert_eq!([told(&mut poll), told(&mut poll)], ["w", ""]);
        far.write_all(b"a").unwrap();
        assert_eq!(told(&mut poll), "rw");
        let full = fill(&mut near);
        assert_eq!(told(&mut poll), "");
        drain(&mut far, full);
        assert_eq!([told(&mut poll), told(&mut poll)], ["rw", ""]);
    });
}

#[test]
fn edges_of_who_writes() {
    simulated(|a, b| {
        let (mut near, mut far) = connected(&a, &b, 7);
        let mut poll = watching(&b, &near, Interest::WRITABLE, Mode::Edge);
        assert_eq!(told(&mut poll), "w");
        far.write_all(b"a").unwrap();
        assert_eq!(told(&mut poll), "");
        drop(far);
        assert_eq!(told(&mut poll), "w", "a FIN wakes all");
        near.write_all(b"q").unwrap();
        assert_eq!(told(&mut poll), "wehc");
    });
}

#[test]
fn edges_of_datagrams_and_listeners() {
    simulated(|a, b| {
        let socket = UdpSocket::bind("b:7").unwrap();
        let mut poll = watching(&b, &socket, Interest::READABLE, Mode::Edge);
        let sender = a.run(|| UdpSocket::bind("a:0")).unwrap();
        sender.send_to(b"1", "10.0.0.2:7").unwrap();
        assert_eq!([told(&mut poll), told(&mut poll)], ["r", ""]);
        sender.send_to(b"2", "10.0.0.2:7").unwrap();
        assert_eq!(told(&mut poll), "r");

        let listener = TcpListener::bind("b:7").unwrap();
        let mut poll = watching(&b, &listener, Interest::READABLE, Mode::Edge);
        let _first = a.run(|| TcpStream::connect("b:7")).unwrap();
        assert_eq!([told(&mut poll), told(&mut poll)], ["r", ""]);
        let _second = a.run(|| TcpStream::connect("b:7")).unwrap();
        assert_eq!(told(&mut poll), "r");
    });
}

#[test]
fn once_is_once_and_level_as_long_as_it_lasts() {
    simulated(|a, b| {
        let (mut near, mut far) = connected(&a, &b, 7);
        let mut poll = watching(&b, &near, Interest::READABLE, Mode::Once);
        far.write_all(b"a").unwrap();
        assert_eq!(told(&mut poll), "r");
        far.write_all(b"b").unwrap();
        assert_eq!(told(&mut poll), "");
        let registry = poll.registry().clone();
        registry.reregister(&near, Token(1), Interest::READABLE, Mode::Once).unwrap();
        assert_eq!([told(&mut poll), told(&mut poll)], ["r", ""]);
        registry.reregister(&near, Token(1), Interest::READABLE, Mode::Level).unwrap();
        assert_eq!([told(&mut poll), told(&mut poll)], ["r", "r"]);
        near.read_exact(&mut [0; 2]).unwrap();
        assert_eq!(told(&mut poll), "");
        far.write_all(b"c").unwrap();
        assert_eq!(told(&mut poll), "r");
        registry.deregister(&near).unwrap();
        assert_eq!(told(&mut poll), "");
    });
}

#[test]
fn what_does_not_fit_comes_next() {
    simulated(|a, b| {
        let mut ends: Vec<_> = (0..5).map(|port| connected(&a, &b, 7 + port)).collect();
        let mut poll = b.run(Poll::new).unwrap();
        for (at, (near, far)) in ends.iter_mut().enumerate() {
            poll.registry().register(near, Token(at), Interest::READABLE, Mode::Level).unwrap();
            far.write_all(b"a").unwrap();
        }
        let mut events = Events::with_capacity(2);
        let mut seen = Vec::new();
        for _ in 0..5 {
            poll.poll(&mut events, None).unwrap();
            seen.extend(events.iter().map(|event| event.token().0));
        }
        assert_eq!(seen, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4], "in turn");
        drop(ends);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty(), "closed sockets are gone");
    });
}

#[test]
fn it_waits_in_virtual_time() {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new().delay(Duration::from_millis(20)));
    let server = simulation.thread(&b, || {
        let socket = UdpSocket::bind("b:7").unwrap();
        let mut poll = Poll::new().unwrap();
        poll.registry().register(&socket, Token(7), Interest::READABLE, Mode::Level).unwrap();
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::from_millis(90))).unwrap();
        let nothing = (events.is_empty(), Instant::now().since_start());
        poll.poll(&mut events, Some(Duration::from_millis(90))).unwrap();
        (nothing, events.iter().map(Event::token).collect::<Vec<_>>(), Instant::now().since_start())
    });
    simulation.thread(&a, || {
        let socket = UdpSocket::bind("a:0").unwrap();
        thread::sleep(Duration::from_millis(100));
        // The neighbour's address is asked for first.
        socket.send_to(b"!", "10.0.0.2:7").unwrap();
    });
    simulation.run().unwrap();
    let ms = Duration::from_millis;
    assert_eq!(server.take(), Some(((true, ms(90)), vec![Token(7)], ms(160))));
}

#[test]
fn another_thread_ends_the_wait() {
    let lab = Lab::new(1);
    let (_, b) = pair(&lab, &LinkOptions::new());
    let mut poll = b.run(Poll::new).unwrap();
    let waker = Waker::new(poll.registry(), Token(9));
    let other = std::thread::spawn(move || waker.wake());
    let mut events = Events::with_capacity(1);
    poll.poll(&mut events, None).unwrap();
    assert_eq!(
        events.iter().map(|event| (event.token(), letters(event))).collect::<Vec<_>>(),
        [(Token(9), "r".to_owned())]
    );
    other.join().unwrap();
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.is_empty());
}

#[test]
fn what_cannot_be_registered() {
    let raw = |result: io::Result<()>| result.unwrap_err().raw_os_error();
    let (lab, other) = (Lab::new(1), Lab::new(2));
    let ((_, b), (_, stranger)) = (pair(&lab, &LinkOptions::new()), pair(&other, &LinkOptions::new()));
    assert_eq!(Poll::new().unwrap_err().kind(), ErrorKind::Other, "no host entered");
    let socket = b.run(|| UdpSocket::bind("b:7")).unwrap();
    let poll = watching(&b, &socket, Interest::READABLE, Mode::Level);
    let again = |poll: &Poll| poll.registry().register(&socket, Token(2), Interest::WRITABLE, Mode::Edge);
    assert_eq!(raw(again(&poll)), Some(17), "EEXIST");
    poll.registry().deregister(&socket).unwrap();
    assert_eq!(raw(poll.registry().deregister(&socket)), Some(2), "ENOENT");
    let change = poll.registry().reregister(&socket, Token(2), Interest::WRITABLE, Mode::Edge);
    assert_eq!(raw(change), Some(2), "ENOENT");
    let elsewhere = stranger.run(Poll::new).unwrap();
    assert_eq!(raw(again(&elsewhere)), Some(18), "EXDEV");
}

#[test]
fn registering_and_closing_leaves_nothing() {
    let lab = Lab::new(1);
    let (_, b) = pair(&lab, &LinkOptions::new());
    let mut poll = b.run(Poll::new).unwrap();
    for _ in 0..1000 {
        let socket = b.run(|| UdpSocket::bind("b:0")).unwrap();
        poll.registry().register(&socket, Token(1), Interest::WRITABLE, Mode::Level).unwrap();
    }
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.is_empty());
}

#[test]
fn watches_raw_and_ping_sockets() {
    let (a, _) = pair(&Lab::new(1), &LinkOptions::new());
    let ping = a.run(RawSocket::ping_v4).unwrap();
    let raw = a.run(|| RawSocket::v4(1)).unwrap();
    let mut poll = watching(&a, &ping, Interest::READABLE, Mode::Edge);
    poll.registry().register(&raw, Token(2), Interest::READABLE, Mode::Edge).unwrap();
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.is_empty());
    ping.send_to(b"\x08\0\0\0\0\0\0\x01kia ora", "127.0.0.1".parse().unwrap()).unwrap();
    poll.poll(&mut events, None).unwrap();
    let mut told: Vec<_> = events.iter().map(|event| (event.token(), letters(event))).collect();
    told.sort();
    assert_eq!(told, [(Token(1), "r".to_owned()), (Token(2), "r".to_owned())]);
}

#[test]
fn power_is_told() {
    simulated(|a, b| {
        let udp = b.run(|| UdpSocket::bind("b:53")).unwrap();
        let listener = b.run(|| TcpListener::bind("b:80")).unwrap();
        let mut poll = watching(&b, &udp, Interest::READABLE, Mode::Edge);
        poll.registry().register(&listener, Token(2), Interest::READABLE, Mode::Level).unwrap();
        let (b, other) = (b.clone(), a);
        other.run(|| {
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(1));
                b.reboot();
            })
        });
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, None).unwrap();
        assert!(events.iter().all(|event| event.is_error() && event.is_hang_up()));
        let mut told: Vec<_> = events.iter().map(|event| event.token()).collect();
        told.sort();
        assert_eq!(told, [Token(1), Token(2)]);
        assert!(poll.registry().deregister(&udp).is_ok());
    });
}
