//! Requests over UDP that arrive, and are carried out once, over links that lose, repeat and reorder.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sockeye::async_net::UdpSocket;
use sockeye::reliable::{AsyncClient, AsyncServer, Client, Config, LONGEST, Server};
use sockeye::time::{self, Instant};
use sockeye::{Host, LinkOptions, Loss, Reorder, Simulation, Unfinished};

use crate::pair;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A fifth is lost, a tenth comes twice, a tenth late.
fn bad(delay: Duration) -> LinkOptions {
    let reorder = Reorder { chance: 100_000, by: delay * 3 };
    LinkOptions::new().delay(delay).loss(Loss::PerMillion(200_000)).duplicate(100_000).reorder(reorder)
}

/// Carries out what comes and answers with its double; what it carried out, in this order.
fn doubling(simulation: &Simulation, host: &Host) -> Rc<RefCell<Vec<u64>>> {
    let carried_out = Rc::new(RefCell::new(Vec::new()));
    let noted = carried_out.clone();
    simulation.spawn(host, async move {
        let mut server = AsyncServer::bind("0.0.0.0:4000").await.unwrap();
        loop {
            let request = server.recv().await.unwrap();
            let asked = u64::from_be_bytes(request.payload().try_into().unwrap());
            noted.borrow_mut().push(asked);
            server.answer(&request, &(asked * 2).to_be_bytes()).await.unwrap();
        }
    });
    carried_out
}

#[test]
fn one_after_the_other() {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &bad(ms(10)));
    let carried_out = doubling(&simulation, &b);
    simulation
        .block_on(&a, async {
            let mut client = AsyncClient::connect("b:4000").await.unwrap();
            for asked in 0..300u64 {
                let reply = client.call(&asked.to_be_bytes()).await.unwrap();
                assert_eq!(reply, (asked * 2).to_be_bytes());
            }
            assert!(client.round_trip().is_some_and(|time| time >= ms(20) && time < ms(100)));
        })
        .unwrap();
    assert_eq!(*carried_out.borrow(), (0..300).collect::<Vec<_>>());
}

/// Many at a time: each once, and in order where that is asked for.
#[test]
fn many_at_a_time() {
    for ordered in [false, true] {
        let simulation = Simulation::new(2);
        let (a, b) = pair(simulation.lab(), &bad(ms(10)));
        let carried_out = doubling(&simulation, &b);
        simulation
            .block_on(&a, async move {
                let config = Config { ordered, patience: Duration::from_secs(600), ..Config::default() };
                let mut client = AsyncClient::connect_with("b:4000", config).await.unwrap();
                let (mut next, mut answered) = (0u64, 0);
                while answered < 500 {
                    while next < 500 && client.start(&next.to_be_bytes()).is_ok() {
                        next += 1;
                    }
                    let (number, reply) = client.finish().await.unwrap().unwrap();
                    // The first number is 1.
                    assert_eq!(reply.unwrap(), ((number - 1) * 2).to_be_bytes());
                    answered += 1;
                }
                assert!(client.finish().await.unwrap().is_none());
            })
            .unwrap();
        let mut carried_out = carried_out.borrow().clone();
        assert_eq!(carried_out.is_sorted(), ordered);
        carried_out.sort_unstable();
        assert_eq!(carried_out, (0..500).collect::<Vec<_>>());
    }
}

/// Each request is sent at 0, 1, 3, 7, 15, 31 seconds, and given up after 60.
#[test]
fn nobody_answers() {
    let simulation = Simulation::new(3);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new());
    let heard = Rc::new(RefCell::new(Vec::new()));
    let noted = heard.clone();
    simulation.spawn(&b, async move {
        let socket = UdpSocket::bind("0.0.0.0:4000").await.unwrap();
        loop {
            socket.recv(&mut [0; 100]).await.unwrap();
            noted.borrow_mut().push(Instant::now().since_start().as_secs());
        }
    });
    let outcome = simulation.block_on(&a, async {
        let mut client = AsyncClient::connect("10.0.0.2:4000").await.unwrap();
        (client.call(b"anybody?").await.unwrap_err().kind(), Instant::now().since_start())
    });
    assert_eq!(outcome, Ok((ErrorKind::TimedOut, Duration::from_secs(60))));
    assert_eq!(*heard.borrow(), [0, 1, 3, 7, 15, 31]);
}

/// A server that is started late is found; one that never is, is told of as what the network said.
#[test]
fn nobody_is_there_yet() {
    let simulation = Simulation::new(4);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new());
    let refused = simulation.block_on(&a, async {
        let config = Config { patience: Duration::from_secs(5), ..Config::default() };
        let mut client = AsyncClient::connect_with("10.0.0.2:4000", config).await.unwrap();
        client.call(b"anybody?").await.unwrap_err().kind()
    });
    assert_eq!(refused, Ok(ErrorKind::ConnectionRefused));
    simulation.spawn(&b, async {
        time::sleep(Duration::from_secs(10)).await;
        let mut server = AsyncServer::bind("0.0.0.0:4000").await.unwrap();
        let request = server.recv().await.unwrap();
        server.answer(&request, b"here").await.unwrap();
    });
    let answered = simulation.block_on(&a, async {
        let mut client = AsyncClient::connect("10.0.0.2:4000").await.unwrap();
        client.call(b"anybody?").await.unwrap()
    });
    assert_eq!(answered, Ok(b"here".to_vec()));
}

/// A server that takes longer than the client's patience says that it is at work: nothing is given up, nor done twice.
#[test]
fn a_slow_server() {
    let simulation = Simulation::new(5);
    let (a, b) = pair(simulation.lab(), &bad(ms(10)));
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    simulation.spawn(&b, async move {
        let mut server = AsyncServer::bind("0.0.0.0:4000").await.unwrap();
        let request = server.recv().await.unwrap();
        counted.set(counted.get() + 1);
        // While it works on one it listens for the next.
        let end = Instant::now() + Duration::from_secs(100);
        while time::timeout(end - Instant::now(), server.recv()).await.is_ok() {
            counted.set(counted.get() + 1);
        }
        server.answer(&request, b"done").await.unwrap();
        server.recv().await.unwrap();
    });
    let answered = simulation.block_on(&a, async {
        let config =
            Config { most: Duration::from_secs(4), patience: Duration::from_secs(30), ..Config::default() };
        let mut client = AsyncClient::connect_with("b:4000", config).await.unwrap();
        client.call(b"a lot").await
    });
    assert_eq!(answered.unwrap().unwrap(), b"done");
    assert_eq!(count.get(), 1);
}

/// The time-out follows the link: over a slow one nothing is repeated once a round trip was measured.
#[test]
fn a_long_way_is_no_loss() {
    let simulation = Simulation::new(6);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new().delay(ms(700)));
    let carried_out = doubling(&simulation, &b);
    let took = simulation.block_on(&a, async {
        let mut client = AsyncClient::connect("10.0.0.2:4000").await.unwrap();
        // Its first copy is repeated after a second.
        client.call(&1u64.to_be_bytes()).await.unwrap();
        let begun = Instant::now();
        for asked in 2..12u64 {
            client.call(&asked.to_be_bytes()).await.unwrap();
        }
        begun.elapsed()
    });
    assert_eq!(took, Ok(ms(14_000)));
    assert_eq!(carried_out.borrow().len(), 11);
}

/// The same in threads; a client that is started anew is another.
#[test]
fn in_threads() {
    let simulation = Simulation::new(7);
    let (a, b) = pair(simulation.lab(), &bad(ms(5)));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    simulation.thread(&b, move || {
        let mut server = Server::bind("0.0.0.0:4000").unwrap();
        while let Ok(request) = server.recv() {
            noted.lock().unwrap().push((request.payload().to_vec(), request.number()));
            server.answer(&request, request.payload()).unwrap();
        }
    });
    let client = simulation.thread(&a, || {
        for text in ["first", "second"] {
            let mut client = Client::connect("b:4000").unwrap();
            for _ in 0..50 {
                assert_eq!(client.call(text.as_bytes()).unwrap(), text.as_bytes());
            }
            assert!(client.finish().unwrap().is_none());
        }
    });
    // The server goes on.
    assert_eq!(simulation.run_for(Duration::from_secs(600)), Err(Unfinished::TimeUp(1)));
    assert!(client.is_finished());
    let each = ["first", "second"].into_iter().flat_map(|text| (1..=50).map(|number| (text.into(), number)));
    assert_eq!(*seen.lock().unwrap(), each.collect::<Vec<_>>());
}

#[test]
fn what_is_too_much() {
    let simulation = Simulation::new(8);
    let (a, _) = pair(simulation.lab(), &LinkOptions::new());
    let kinds = simulation.block_on(&a, async {
        let mut client = AsyncClient::connect("10.0.0.2:4000").await.unwrap();
        let long = client.start(&vec![0; LONGEST + 1]).unwrap_err().kind();
        let fits = client.start(&vec![0; LONGEST]).is_ok();
        (1..64).for_each(|_| assert!(client.start(b"").is_ok()));
        (long, fits, client.start(b"").unwrap_err().kind())
    });
    assert_eq!(kinds, Ok((ErrorKind::InvalidInput, true, ErrorKind::WouldBlock)));
}

/// Datagrams of anybody's do a server no harm.
#[test]
fn garbage() {
    let simulation = Simulation::new(9);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new());
    let carried_out = doubling(&simulation, &b);
    simulation
        .block_on(&a, async {
            let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
            for length in 0..60 {
                let mut datagram = vec![0xff; length];
                datagram.iter_mut().zip(*b"SR\x01\x00").for_each(|(byte, sound)| *byte = sound);
                // The number is 8 bytes from 16 on, how far back the oldest is follows.
                if length > 25 {
                    datagram[24..26].copy_from_slice(&[0, (length % 70) as u8]);
                }
                datagram.truncate(if length > 40 { 34 } else { length });
                let number = (1u64 << 40) + length as u64;
                if datagram.len() == 34 {
                    datagram[16..24].copy_from_slice(&number.to_be_bytes());
                    datagram[26..34].copy_from_slice(&7u64.to_be_bytes());
                }
                if datagram.len() < 26 || datagram.len() == 34 {
                    socket.send_to(&datagram, "b:4000").await.unwrap();
                }
            }
            let mut client = AsyncClient::connect("b:4000").await.unwrap();
            assert_eq!(client.call(&4u64.to_be_bytes()).await.unwrap(), 8u64.to_be_bytes());
        })
        .unwrap();
    assert_eq!(carried_out.borrow().last(), Some(&4));
}
