//! A test of one's own protocol: heartbeats each second, and a peer that is given up after five without one. The cable
//! is pulled after a minute; the test says to the millisecond when it was noticed, in no time at all.

use std::io;
use std::time::Duration;

use sockeye::async_net::UdpSocket;
use sockeye::time::{self, Instant};
use sockeye::{LinkOptions, Simulation};

const BEAT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends a heartbeat each second.
async fn beat(peer: &str) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    let mut interval = time::interval(BEAT);
    loop {
        interval.tick().await;
        // What becomes of it is the listener's business.
        let _ = socket.send_to(b"beat", peer).await;
    }
}

/// Waits for heartbeats until there are none.
async fn listen() -> io::Result<Instant> {
    let socket = UdpSocket::bind("0.0.0.0:4000").await?;
    loop {
        let beat = time::timeout(PATIENCE, socket.recv_from(&mut [0; 16])).await;
        if beat.is_err() {
            return Ok(Instant::now());
        }
    }
}

fn main() -> io::Result<()> {
    let simulation = Simulation::new(7);
    let lab = simulation.lab();
    let (a, b) = (lab.host("a", ["10.0.0.1/24"])?, lab.host("b", ["10.0.0.2/24"])?);
    let cable = lab.link(&a, &b, &LinkOptions::new().delay(Duration::from_millis(3)));

    simulation.spawn(&a, async { beat("b:4000").await.expect("a socket") });
    simulation.spawn(&a, async move {
        time::sleep(Duration::from_millis(60_500)).await;
        cable.cut();
    });
    let noticed = simulation.block_on(&b, listen())??;
    println!("the last beat came 60.003 s after the start, the peer was given up at {noticed:?}");
    assert_eq!(noticed.since_start(), Duration::from_millis(65_003));
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}
