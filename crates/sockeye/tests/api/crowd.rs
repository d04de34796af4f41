//! Many hosts that all have something to do at one moment of virtual time: they have their turns in parts.

use std::io::ErrorKind;

use sockeye::async_net::{TcpListener, TcpStream};
use sockeye::time::{Duration, Instant};
use sockeye::{Host, LinkOptions, Simulation, net};
use tokio::io::AsyncReadExt;

const PAIRS: usize = 100;

/// Pairs of hosts, each with a link of a millisecond.
fn crowd(simulation: &Simulation) -> Vec<(Host, Host)> {
    let lab = simulation.lab();
    let link = LinkOptions::new().delay(Duration::from_millis(1));
    let pair = |n: usize| {
        let host = |name: &str, last: u8| lab.host(&format!("{name}{n}"), [format!("10.0.{n}.{last}/24")]);
        let (a, b) = (host("a", 1).unwrap(), host("b", 2).unwrap());
        lab.link(&a, &b, &link);
        (a, b)
    };
    (0..PAIRS).map(pair).collect()
}

fn echo() -> (Duration, Vec<sockeye::Captured>) {
    let simulation = Simulation::new(5);
    simulation.lab().capture(true);
    for (n, (a, b)) in crowd(&simulation).into_iter().enumerate() {
        simulation.spawn(&b, async {
            let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
            let mut stream = listener.accept().await.unwrap().0;
            let mut byte = [0];
            while stream.read_exact(&mut byte).await.is_ok() {
                stream.write_all(&byte).await.unwrap();
            }
        });
        simulation.spawn(&a, async move {
            let mut stream = TcpStream::connect(format!("b{n}:7")).await.unwrap();
            for round in 1..=3u8 {
                stream.write_all(&[round]).await.unwrap();
                assert_eq!(stream.read_u8().await.unwrap(), round);
            }
        });
    }
    simulation.run().unwrap();
    (simulation.now().since_start(), simulation.lab().captured())
}

#[test]
fn what_many_do_at_once_takes_no_longer_and_is_the_same_again() {
    let (took, frames) = echo();
    // ARP, the handshake, three echoes, and the FIN that ends the last task.
    assert_eq!(took, Duration::from_millis(11));
    assert_eq!(frames.iter().filter(|frame| frame.dropped.is_some()).count(), 0);
    assert!(frames.is_sorted_by_key(|frame| frame.at));
    assert_eq!((took, frames), echo());
}

#[test]
fn who_asks_again_and_again_is_answered() {
    let simulation = Simulation::new(5);
    let crowd = crowd(&simulation);
    let bind = |host: &Host| host.run(|| net::UdpSocket::bind("0.0.0.0:9")).unwrap();
    let sockets: Vec<_> = crowd.iter().map(|(a, b)| (bind(a), bind(b))).collect();
    for (n, (from, to)) in sockets.iter().enumerate() {
        to.set_nonblocking(true).unwrap();
        from.send_to(b"?", format!("10.0.{n}.2:9")).unwrap();
    }
    let (first, last) = (sockets[0].1.try_clone().unwrap(), sockets[PAIRS - 1].1.try_clone().unwrap());
    simulation.spawn(&crowd[0].1, async move {
        let mut buffer = [0; 8];
        let mut receive = |socket: &net::UdpSocket| socket.recv(&mut buffer);
        while receive(&first).is_err() {
            sockeye::time::sleep(Duration::from_millis(1)).await;
        }
        let moment = Instant::now();
        // Its datagram comes at the same moment, and nobody lets time pass meanwhile.
        while let Err(error) = receive(&last) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        assert_eq!(Instant::now(), moment);
    });
    simulation.run().unwrap();
}
