//! The crate's blocking sockets in real time, beside std's over the kernel's loopback: the same calls, written once.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use sockeye::{Host, Lab, LinkOptions, net};

use crate::Rows;
use crate::kernel::on_one_cpu;
use crate::report::{Better, Row};
use crate::sampling::{Effort, rate};

const WRITE: usize = 64 * 1024;
const DATAGRAM: usize = 1024;
const BATCH: u64 = 100;
const GIGA: f64 = 1e9;

pub(crate) fn rows() -> Rows {
    let one_cpu = "kernel loopback on one CPU";
    let row = |name, unit, peer_name, target| Row { name, unit, better: Better::More, peer_name, target };
    let beside = |ours: fn(Duration) -> f64, kernels: fn(Duration) -> io::Result<f64>| {
        move |effort: &Effort| {
            on_one_cpu(move || kernels(Duration::from_millis(1)))?;
            let kernel = move |sample| on_one_cpu(move || kernels(sample)).unwrap_or(f64::NAN);
            Some(effort.medians(ours, kernel))
        }
    };
    vec![
        (
            row("library: write and read of 64 KiB, one thread", "GB/s", one_cpu, 3.0),
            Box::new(beside(
                |sample| bulk(sample, sockeye_stream()) / GIGA,
                |sample| Ok(bulk(sample, kernel_stream()?) / GIGA),
            )),
        ),
        (
            row("library: 1-byte round trips, one thread", "1/s", one_cpu, 20.0),
            Box::new(beside(
                |sample| round_trips(sample, sockeye_stream()),
                |sample| Ok(round_trips(sample, kernel_stream()?)),
            )),
        ),
        (
            row("library: 1-byte round trips, two threads", "1/s", "kernel loopback, two threads", 1.0),
            Box::new(|effort: &Effort| {
                kernel_stream().ok()?;
                let kernel = |sample| kernel_stream().map_or(f64::NAN, |ends| two_threads(sample, ends));
                Some(effort.medians(|sample| two_threads(sample, sockeye_stream()), kernel))
            }),
        ),
        (
            row("library: datagrams of 1 KiB, one thread", "1/s", one_cpu, 5.0),
            Box::new(beside(
                |sample| {
                    let (near, far) = sockeye_datagrams();
                    datagrams(sample, |data| near.send(data), |buffer| far.recv(buffer))
                },
                |sample| {
                    let (near, far) = kernel_datagrams()?;
                    Ok(datagrams(sample, |data| near.send(data), |buffer| far.recv(buffer)))
                },
            )),
        ),
    ]
}

fn bulk<S: Read + Write>(sample: Duration, (mut near, mut far): (S, S)) -> f64 {
    let (data, mut buffer) = (vec![1; WRITE], vec![0; WRITE]);
    rate(sample, || {
        near.write_all(&data).expect("room");
        far.read_exact(&mut buffer).expect("what was written");
        WRITE as u64
    })
}

pub(crate) fn round_trips<S: Read + Write>(sample: Duration, (mut near, mut far): (S, S)) -> f64 {
    let mut byte = [7];
    rate(sample, || {
        for _ in 0..BATCH {
            near.write_all(&byte).expect("room");
            far.read_exact(&mut byte).expect("a byte");
            far.write_all(&byte).expect("room");
            near.read_exact(&mut byte).expect("a byte");
        }
        BATCH
    })
}

/// Per second of real time: two processors may work at it.
pub(crate) fn two_threads<S: Read + Write + Send + 'static>(
    sample: Duration,
    (mut near, mut far): (S, S),
) -> f64 {
    let echo = std::thread::spawn(move || {
        let mut byte = [0];
        while far.read_exact(&mut byte).is_ok() && far.write_all(&byte).is_ok() {}
    });
    let (start, mut trips, mut byte) = (Instant::now(), 0u64, [7]);
    while start.elapsed() < sample {
        near.write_all(&byte).expect("room");
        near.read_exact(&mut byte).expect("the echo");
        trips += 1;
    }
    let rate = trips as f64 / start.elapsed().as_secs_f64();
    drop(near);
    echo.join().expect("the echo's thread");
    rate
}

fn datagrams(
    sample: Duration,
    send: impl Fn(&[u8]) -> io::Result<usize>,
    receive: impl Fn(&mut [u8]) -> io::Result<usize>,
) -> f64 {
    let (data, mut buffer) = ([1; DATAGRAM], [0; DATAGRAM]);
    rate(sample, || {
        for _ in 0..BATCH {
            send(&data).expect("sent");
            receive(&mut buffer).expect("received");
        }
        BATCH
    })
}

/// Two hosts of a network in real time, and a perfect link.
pub(crate) fn hosts() -> (Host, Host) {
    let lab = Lab::new(1);
    let a = lab.host("a", ["10.0.0.1/24"]).expect("a host");
    let b = lab.host("b", ["10.0.0.2/24"]).expect("a host");
    lab.link(&a, &b, &LinkOptions::new());
    (a, b)
}

pub(crate) fn sockeye_stream() -> (net::TcpStream, net::TcpStream) {
    let (a, b) = hosts();
    let listener = b.run(|| net::TcpListener::bind("b:7")).expect("a listener");
    let near = a.run(|| net::TcpStream::connect("b:7")).expect("a connection");
    let (far, _) = listener.accept().expect("a connection");
    near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).expect("TCP_NODELAY");
    (near, far)
}

fn kernel_stream() -> io::Result<(std::net::TcpStream, std::net::TcpStream)> {
    crate::kernel::connected()
}

fn sockeye_datagrams() -> (net::UdpSocket, net::UdpSocket) {
    let (a, b) = hosts();
    let far = b.run(|| net::UdpSocket::bind("b:7")).expect("a socket");
    let near = a.run(|| net::UdpSocket::bind("a:0")).expect("a socket");
    near.connect("10.0.0.2:7").expect("a peer");
    (near, far)
}

fn kernel_datagrams() -> io::Result<(std::net::UdpSocket, std::net::UdpSocket)> {
    let far = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let near = std::net::UdpSocket::bind("127.0.0.1:0")?;
    near.connect(far.local_addr()?)?;
    Ok((near, far))
}
