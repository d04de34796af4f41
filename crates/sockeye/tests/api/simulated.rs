//! Tasks and threads in virtual time.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use sockeye::async_net::{TcpListener, TcpStream};
use sockeye::time::{self, Instant};
use sockeye::{LinkOptions, Loss, Simulation, Unfinished, net, task, thread};

use crate::pair;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_handshake_takes_a_round_trip() {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new().delay(ms(20)));
    simulation.spawn(&b, async {
        let listener = TcpListener::bind("b:80").await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"hello").await.unwrap();
    });
    let answer = simulation.block_on(&a, async {
        // The first packet to a neighbour waits for its address: another round trip.
        let mut stream = TcpStream::connect("b:80").await.unwrap();
        let connected = Instant::now().since_start();
        let mut buffer = [0; 16];
        let length = stream.read(&mut buffer).await.unwrap();
        (connected, buffer[..length].to_vec())
    });
    assert_eq!(answer.unwrap(), (ms(80), b"hello".to_vec()));
}

#[test]
fn three_hosts_on_a_switch() {
    let simulation = Simulation::new(1);
    let lab = simulation.lab();
    let switch = lab.switch("s");
    let hosts =
        [1, 2, 3].map(|number| lab.host(&format!("h{number}"), [format!("10.0.0.{number}/24")]).unwrap());
    for host in &hosts {
        lab.link(host, &switch, &LinkOptions::new().delay(ms(5)));
    }
    for server in &hosts[1..] {
        simulation.spawn(server, async {
            let listener = TcpListener::bind("0.0.0.0:80").await.unwrap();
            listener.accept().await.unwrap().0.write_all(b"hello").await.unwrap();
        });
    }
    let connected = simulation.block_on(&hosts[0], async {
        TcpStream::connect("h2:80").await.unwrap();
        TcpStream::connect("h3:80").await.unwrap();
        Instant::now().since_start()
    });
    // Two links each way: for the address, and for the handshake.
    assert_eq!(connected, Ok(ms(80)));
}

#[test]
fn a_router_between_two_networks() {
    let simulation = Simulation::new(1);
    let lab = simulation.lab();
    let host = |name: &str, address: &str| lab.host(name, [address]).unwrap();
    let (a, router, b) = (host("a", "10.0.1.2/24"), host("r", "10.0.1.1/24"), host("b", "10.0.2.2/24"));
    assert_eq!(router.add_interface(["10.0.2.1/24"]).unwrap().name, "eth1");
    let link = LinkOptions::new().delay(ms(5));
    lab.link(&a, &router, &link);
    lab.link(router.plug("eth1").unwrap(), &b, &link);
    router.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
    a.add_route("0.0.0.0/0", "10.0.1.1").unwrap();
    b.add_route("0.0.0.0/0", "10.0.2.1").unwrap();
    let unreachable = a.add_route("0.0.0.0/0", "10.0.9.1").unwrap_err().kind();
    assert_eq!(unreachable, ErrorKind::NetworkUnreachable);
    assert_eq!(a.plug("eth1").err().map(|error| error.kind()), Some(ErrorKind::NotFound));
    simulation.spawn(&b, async {
        let listener = TcpListener::bind("0.0.0.0:80").await.unwrap();
        listener.accept().await.unwrap().0.write_all(b"hello").await.unwrap();
    });
    let answer = simulation.block_on(&a, async {
        let mut stream = TcpStream::connect("b:80").await.unwrap();
        let mut buffer = [0; 16];
        let length = stream.read(&mut buffer).await.unwrap();
        (buffer[..length].to_vec(), stream.peer_addr().unwrap().to_string())
    });
    assert_eq!(answer, Ok((b"hello".to_vec(), "10.0.2.2:80".to_owned())));
}

#[test]
fn a_peer_that_reboots_resets() {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new().delay(ms(5)));
    let server = simulation.spawn(&b, async {
        let listener = TcpListener::bind("b:80").await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read(&mut [0; 16]).await.unwrap_err().raw_os_error()
    });
    let (off, on) = (b.clone(), b.clone());
    let errors = simulation.block_on(&a, async move {
        let mut stream = TcpStream::connect("b:80").await.unwrap();
        time::sleep(ms(50)).await;
        off.power_off();
        // Nobody says so: the byte is only sent again and again.
        stream.write_all(b"x").await.unwrap();
        let waited = time::timeout(Duration::from_secs(3), stream.read(&mut [0; 16])).await;
        on.power_on();
        let reset = stream.read(&mut [0; 16]).await.unwrap_err().kind();
        let refused = TcpStream::connect("b:80").await.unwrap_err().kind();
        (waited.is_err(), reset, refused)
    });
    assert_eq!(errors, Ok((true, ErrorKind::ConnectionReset, ErrorKind::ConnectionRefused)));
    // EBADF.
    assert_eq!(simulation.block_on(&a, server).unwrap(), Some(9));
}

#[test]
fn an_hour_of_sleep_takes_no_time() {
    let simulation = Simulation::new(1);
    let (a, _) = pair(simulation.lab(), &LinkOptions::new());
    let ticks = Rc::new(Cell::new(0));
    let counted = ticks.clone();
    simulation.spawn(&a, async move {
        let mut interval = time::interval(Duration::from_secs(60));
        loop {
            interval.tick().await;
            counted.set(counted.get() + 1);
        }
    });
    assert_eq!(simulation.run_for(Duration::from_secs(3600)), Err(Unfinished::TimeUp(1)));
    assert_eq!((ticks.get(), simulation.now().since_start()), (61, Duration::from_secs(3600)));
}

#[test]
fn blocking_code_runs_one_thread_at_a_time() {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new().delay(ms(10)));
    let server = simulation.thread(&b, || {
        let listener = net::TcpListener::bind("b:7").unwrap();
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let (mut stream, _) = listener.accept().unwrap();
                thread::spawn(move || {
                    let mut copy = stream.try_clone().unwrap();
                    std::io::copy(&mut stream, &mut copy).unwrap()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u64>()
    });
    let clients: Vec<_> = (1..=3u64)
        .map(|n| {
            simulation.thread(&a, move || {
                thread::sleep(ms(100 * n));
                let mut stream = net::TcpStream::connect("b:7").unwrap();
                stream.write_all(&vec![7; 1000 * n as usize]).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                let mut all = Vec::new();
                stream.read_to_end(&mut all).unwrap();
                (all.len(), Instant::now().since_start())
            })
        })
        .collect();
    simulation.run().unwrap();
    assert_eq!(server.take(), Some(6000));
    let ends: Vec<_> = clients.iter().map(|client| client.take().unwrap()).collect();
    assert!(ends.iter().map(|(length, _)| *length).eq([1000, 2000, 3000]));
    assert!(ends.is_sorted_by_key(|(_, at)| *at), "{ends:?}");
}

#[test]
fn a_seed_repeats_a_run() {
    let run = |seed| {
        let simulation = Simulation::new(seed);
        let options = LinkOptions::new().delay(ms(15)).loss(Loss::PerMillion(50_000));
        let (a, b) = pair(simulation.lab(), &options);
        simulation.spawn(&b, async {
            let listener = TcpListener::bind("b:80").await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(&vec![1; 300_000]).await.unwrap();
        });
        let took = simulation.block_on(&a, async {
            let mut stream = TcpStream::connect("b:80").await.unwrap();
            let (mut all, mut buffer) = (0, vec![0; 10_000]);
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => break,
                    n => all += n,
                }
            }
            assert_eq!(all, 300_000);
            Instant::now()
        });
        took.unwrap()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn a_rate_is_the_throughput() {
    let simulation = Simulation::new(1);
    let rate = std::num::NonZeroU64::new(10_000_000).unwrap();
    let (a, b) = pair(simulation.lab(), &LinkOptions::new().delay(ms(10)).jitter(ms(1)).rate(rate));
    simulation.spawn(&b, async {
        let listener = TcpListener::bind("b:80").await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&vec![1; 5_000_000]).await.unwrap();
    });
    let took = simulation.block_on(&a, async {
        let mut stream = TcpStream::connect("b:80").await.unwrap();
        let (began, mut left) = (Instant::now(), 5_000_000);
        while left > 0 {
            left -= stream.read(&mut [0; 65_536]).await.unwrap();
        }
        Instant::now() - began
    });
    // 1448 of 1514 bytes are data.
    let (took, wire) = (took.unwrap(), Duration::from_secs_f64(5e6 * 8.0 / 1e7 * 1514.0 / 1448.0));
    assert!(took >= wire && took < wire.mul_f64(1.1), "{took:?}, at best {wire:?}");
}

#[test]
fn a_cable_pulled() {
    let simulation = Simulation::new(1);
    let lab = simulation.lab();
    let (a, b) = (lab.host("a", ["10.0.0.1/24"]).unwrap(), lab.host("b", ["10.0.0.2/24"]).unwrap());
    let link = lab.link(&a, &b, &LinkOptions::new().delay(ms(5)));
    simulation.spawn(&b, async {
        let listener = TcpListener::bind("b:80").await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        time::sleep(Duration::from_secs(100_000)).await;
        drop(stream);
    });
    let ended = simulation.block_on(&a, async move {
        let mut stream = TcpStream::connect("b:80").await.unwrap();
        link.cut();
        stream.write_all(b"anybody there?").await.unwrap();
        let error = stream.read(&mut [0; 8]).await.unwrap_err();
        (error.kind(), Instant::now().since_start())
    });
    let (kind, at) = ended.unwrap();
    // The neighbour stops answering before the retransmissions run out.
    assert_eq!(kind, ErrorKind::HostUnreachable);
    assert!(at > Duration::from_secs(1) && at < Duration::from_secs(1200), "{at:?}");
}

#[test]
fn what_never_happens_is_told() {
    let simulation = Simulation::new(1);
    let (a, _) = pair(simulation.lab(), &LinkOptions::new());
    simulation.spawn(&a, async {
        let listener = TcpListener::bind("a:80").await.unwrap();
        listener.accept().await.unwrap();
    });
    simulation.thread(&a, || net::UdpSocket::bind("a:53").unwrap().recv(&mut [0; 8]).unwrap());
    assert_eq!(simulation.run(), Err(Unfinished::Stalled(2)));
    // Dropping it unwinds the thread.
    drop(simulation);
}

#[test]
fn blocking_outside_is_an_error() {
    let simulation = Simulation::new(1);
    let (a, _) = pair(simulation.lab(), &LinkOptions::new());
    let socket = a.run(|| net::UdpSocket::bind("a:53")).unwrap();
    assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::Deadlock);
}

#[test]
#[should_panic(expected = "assertion of the thread's")]
fn a_threads_panic_ends_the_run() {
    let simulation = Simulation::new(1);
    let (a, _) = pair(simulation.lab(), &LinkOptions::new());
    simulation.thread(&a, || panic!("assertion of the thread's"));
    let _ = simulation.run();
}

#[test]
fn tasks_begin_tasks_and_wait_for_each_other() {
    let simulation = Simulation::new(1);
    let (a, _) = pair(simulation.lab(), &LinkOptions::new());
    let sum = simulation.block_on(&a, async {
        let parts: Vec<_> = (1..=10u64)
            .map(|n| {
                task::spawn(async move {
                    time::sleep(ms(n)).await;
                    task::yield_now().await;
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for part in parts {
            sum += part.await;
        }
        let late = time::timeout(ms(5), time::sleep(ms(6))).await;
        assert_eq!(late, Err(time::Elapsed));
        assert_eq!(time::timeout(ms(5), time::sleep(ms(4))).await, Ok(()));
        sum
    });
    assert_eq!(sum, Ok(55));
    assert_eq!(simulation.now().since_start(), ms(19));
}

/// Dropping it waits: for the network, then for the clock.
struct WaitsAtItsEnd(net::TcpStream, std::sync::mpsc::Sender<Option<ErrorKind>>);

impl Drop for WaitsAtItsEnd {
    fn drop(&mut self) {
        let ended = self.0.read(&mut [0]).map_err(|error| error.kind());
        thread::sleep(ms(1));
        self.1.send(ended.err()).unwrap();
    }
}

#[test]
fn a_simulation_that_is_dropped_ends_those_who_would_wait_on() {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new());
    let (tell, told) = std::sync::mpsc::channel();
    simulation.thread(&b, || {
        let listener = net::TcpListener::bind("b:7").unwrap();
        let accepted = listener.accept().unwrap();
        thread::sleep(Duration::from_secs(3600));
        drop(accepted);
    });
    simulation.thread(&a, move || {
        let mut last = WaitsAtItsEnd(net::TcpStream::connect("b:7").unwrap(), tell);
        last.0.read_exact(&mut [0]).unwrap();
    });
    assert_eq!(simulation.run_for(ms(100)), Err(Unfinished::TimeUp(2)));
    drop(simulation);
    // Or the end of its peer, which unwinds as well.
    assert!(matches!(told.recv(), Ok(Some(ErrorKind::Deadlock) | None)));
}

#[test]
fn the_rest_runs_on_after_a_tasks_panic() {
    let simulation = Simulation::new(1);
    let (a, _) = pair(simulation.lab(), &LinkOptions::new());
    simulation.spawn(&a, async { panic!("by design") });
    let other = simulation.spawn(&a, async { time::sleep(ms(1)).await });
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| simulation.run()));
    assert!(panic.is_err_and(|panic| panic.downcast_ref() == Some(&"by design")));
    assert_eq!((simulation.run(), other.is_finished()), (Ok(()), true));
}
