//! SO_LINGER, SO_RCVLOWAT: what dropping and reading a stream wait for; and that nobody waits for a port.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use sockeye::socket::{Family, Message, Opt, Transport, Value};
use sockeye::time::Instant;
use sockeye::{LinkOptions, Simulation, Socket, net, thread};

use crate::pair;

const TRIP: Duration = Duration::from_millis(100);

/// How long dropping takes when the stream lingers so, the other end reads, or not, and the cable is pulled, or not.
fn dropped(linger: Option<Duration>, reads: bool, cut: bool) -> Duration {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new().delay(TRIP / 2));
    simulation.thread(&b, move || {
        let listener = net::TcpListener::bind("b:80").unwrap();
        let Ok((mut stream, _)) = listener.accept() else { return };
        if reads {
            let _ = stream.read_to_end(&mut Vec::new());
        }
        thread::sleep(Duration::from_secs(100));
    });
    let b_too = b.clone();
    let client = simulation.thread(&a, move || {
        thread::sleep(TRIP);
        let mut stream = net::TcpStream::connect("b:80").unwrap();
        stream.set_linger(linger).unwrap();
        stream.write_all(b"hello").unwrap();
        if cut {
            b_too.power_off();
        }
        let begun = Instant::now();
        drop(stream);
        Instant::now().duration_since(begun)
    });
    simulation.run().ok();
    client.take().unwrap()
}

#[test]
fn until_the_peer_has_it() {
    assert_eq!(dropped(None, true, false), Duration::ZERO);
    assert_eq!(dropped(Some(Duration::ZERO), true, false), Duration::ZERO);
    // Whoever doesn't read acknowledges all the same; the FIN's acknowledgement may wait for company.
    for reads in [true, false] {
        let waited = dropped(Some(Duration::from_secs(5)), reads, false);
        assert!((TRIP..=TRIP + Duration::from_millis(40)).contains(&waited), "{waited:?}");
    }
}

#[test]
fn until_the_time_is_up() {
    assert_eq!(dropped(Some(Duration::from_secs(5)), true, true), Duration::from_secs(5));
}

#[test]
fn until_there_is_enough() {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new());
    let server = simulation.thread(&b, || {
        let listener = Socket::new(Family::Inet, Transport::Tcp).unwrap();
        listener.set_option(Opt::SoRcvLowat, Value::Int(4)).unwrap();
        listener.bind("0.0.0.0:80".parse().unwrap()).unwrap();
        listener.listen(1).unwrap();
        let mut stream = net::TcpStream::from(listener.accept().unwrap().0);
        let mut seen = Vec::new();
        let mut buffer = [0; 16];
        // Enough; what there is when time is up; who asks for less is not woken for less, as on Linux; the rest.
        for (room, limit) in [(16, None), (16, Some(TRIP)), (1, None), (16, None)] {
            stream.set_read_timeout(limit).unwrap();
            let length = stream.read(&mut buffer[..room]).unwrap();
            seen.push((length, Instant::now().since_start().as_millis() / 100));
        }
        seen
    });
    simulation.thread(&a, || {
        thread::sleep(TRIP);
        let mut stream = net::TcpStream::connect("b:80").unwrap();
        stream.set_nodelay(true).unwrap();
        for bytes in ["ab", "cde", "f", "", "", "gh"] {
            stream.write_all(bytes.as_bytes()).unwrap();
            thread::sleep(TRIP);
        }
    });
    simulation.run().unwrap();
    assert_eq!(server.take().unwrap(), [(5, 2), (1, 3), (1, 7), (1, 7)]);
}

#[test]
fn nobody_waits_for_a_port() {
    let simulation = Simulation::new(1);
    let (a, _b) = pair(simulation.lab(), &LinkOptions::new());
    a.set_sysctl("net.ipv4.ip_local_port_range", "50000 50000").unwrap();
    let errors = simulation.thread(&a, || {
        let to = "10.0.0.2:7".parse().unwrap();
        let send = |socket: &Socket| socket.send_message(&Message::new(b"x").to(to));
        let open = || Socket::new(Family::Inet, Transport::Udp).unwrap();
        let first = open();
        send(&first).unwrap();
        [send(&open()).map(drop), open().connect(to)].map(|outcome| outcome.unwrap_err().kind())
    });
    simulation.run().unwrap();
    assert_eq!(errors.take().unwrap(), [ErrorKind::WouldBlock; 2]);
}
