//! SO_LINGER: what dropping a stream waits for.

use std::io::{Read, Write};
use std::time::Duration;

use sockeye::time::Instant;
use sockeye::{LinkOptions, Simulation, net, thread};

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
