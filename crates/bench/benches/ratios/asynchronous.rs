//! The crate's async streams under tokio, in real time, one task at both ends; beside tokio's own over the kernel's
//! loopback, its in-memory pipe, and turmoil-net, whose two stacks are driven without its runtime and its ticks.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use sockeye::async_net;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use turmoil_net::shim::tokio::net as turmoil;
use turmoil_net::{EnterGuard, HostId, KernelConfig, Net};

use crate::Rows;
use crate::kernel::on_one_cpu;
use crate::library::hosts;
use crate::report::{Better, Row};
use crate::sampling::{Effort, rate};

const WRITE: usize = 64 * 1024;
const BATCH: u64 = 100;
const GIGA: f64 = 1e9;
/// turmoil-net's packets, at its best.
const LARGEST: u32 = 65_535;

/// Both ends of a stream, and what drives them.
struct Ends<S> {
    runtime: Runtime,
    near: S,
    far: S,
}

pub(crate) fn rows() -> Rows {
    let (kernel, pipe, turmoil) =
        ("kernel loopback on one CPU", "tokio::io::duplex", "turmoil-net 0.1, MTU 65535");
    let bulk_row =
        |name, peer_name, target| Row { name, unit: "GB/s", better: Better::More, peer_name, target };
    let trip_row =
        |name, peer_name, target| Row { name, unit: "1/s", better: Better::More, peer_name, target };
    let bulks = |sample| bulk(sample, sockeye_stream());
    let trips = |sample| round_trips(sample, sockeye_stream());
    vec![
        (
            bulk_row("tokio: write and read of 64 KiB", kernel, 3.0),
            Box::new(move |effort: &Effort| beside_kernel(effort, bulks, bulk)),
        ),
        (
            bulk_row("tokio: 64 KiB, beside turmoil-net", turmoil, 1.0),
            Box::new(move |effort: &Effort| Some(effort.medians(bulks, turmoil_bulk))),
        ),
        (
            bulk_row("tokio: 64 KiB, beside a pipe", pipe, 0.5),
            Box::new(move |effort: &Effort| Some(effort.medians(bulks, |sample| bulk(sample, duplex())))),
        ),
        (
            trip_row("tokio: 1-byte round trips", kernel, 20.0),
            Box::new(move |effort: &Effort| beside_kernel(effort, trips, round_trips)),
        ),
        (
            trip_row("tokio: 1-byte round trips, beside turmoil-net", turmoil, 1.0),
            Box::new(move |effort: &Effort| Some(effort.medians(trips, turmoil_round_trips))),
        ),
        (
            trip_row("tokio: 1-byte round trips, beside a pipe", pipe, 0.2),
            Box::new(move |effort: &Effort| {
                Some(effort.medians(trips, |sample| round_trips(sample, duplex())))
            }),
        ),
    ]
}

fn beside_kernel(
    effort: &Effort,
    ours: impl FnMut(Duration) -> f64,
    kernels: fn(Duration, Ends<tokio::net::TcpStream>) -> f64,
) -> Option<crate::Figures> {
    let kernel = move |sample| on_one_cpu(move || Ok(kernels(sample, kernel_stream()?)));
    kernel(Duration::from_millis(1))?;
    Some(effort.medians(ours, |sample| kernel(sample).unwrap_or(f64::NAN)))
}

fn bulk<S: AsyncRead + AsyncWrite + Unpin>(sample: Duration, ends: Ends<S>) -> f64 {
    let Ends { runtime, mut near, mut far } = ends;
    let (data, mut buffer) = (vec![1; WRITE], vec![0; WRITE]);
    let step = || {
        runtime.block_on(async {
            near.write_all(&data).await.expect("room");
            far.read_exact(&mut buffer).await.expect("what was written");
        });
        WRITE as u64
    };
    rate(sample, step) / GIGA
}

fn round_trips<S: AsyncRead + AsyncWrite + Unpin>(sample: Duration, ends: Ends<S>) -> f64 {
    let Ends { runtime, mut near, mut far } = ends;
    let mut byte = [7];
    rate(sample, || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                near.write_all(&byte).await.expect("room");
                far.read_exact(&mut byte).await.expect("a byte");
                far.write_all(&byte).await.expect("room");
                near.read_exact(&mut byte).await.expect("a byte");
            }
        });
        BATCH
    })
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn sockeye_stream() -> Ends<async_net::TcpStream> {
    let (a, b) = hosts();
    let runtime = runtime().expect("a runtime");
    let (near, far) = runtime.block_on(async {
        let listener = b.run(|| async_net::TcpListener::bind("b:7")).await.expect("a listener");
        let near = a.run(|| async_net::TcpStream::connect("b:7")).await.expect("a connection");
        let (far, _) = listener.accept().await.expect("a connection");
        near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).expect("TCP_NODELAY");
        (near, far)
    });
    Ends { runtime, near, far }
}

fn kernel_stream() -> io::Result<Ends<tokio::net::TcpStream>> {
    let (near, far) = crate::kernel::connected()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    let runtime = runtime()?;
    let entered = runtime.enter();
    let (near, far) = (tokio::net::TcpStream::from_std(near)?, tokio::net::TcpStream::from_std(far)?);
    drop(entered);
    Ok(Ends { runtime, near, far })
}

fn duplex() -> Ends<tokio::io::DuplexStream> {
    let (near, far) = tokio::io::duplex(WRITE);
    Ends { runtime: runtime().expect("a runtime"), near, far }
}

/// turmoil-net's two hosts: packets are carried at once, as often as there are any.
struct Turmoil {
    net: EnterGuard,
    hosts: [HostId; 2],
    packets: Vec<turmoil_net::Packet>,
}

impl Turmoil {
    fn new() -> Turmoil {
        let mut net = Net::with_config(KernelConfig::default().mtu(LARGEST));
        let hosts = [net.add_host("a"), net.add_host("b")];
        Turmoil { net: net.enter(), hosts, packets: Vec::new() }
    }

    fn on(&self, host: usize) {
        self.net.set_current(self.hosts[host]);
    }

    fn carry(&mut self) {
        loop {
            self.net.egress_all(&mut self.packets);
            if self.packets.is_empty() {
                return;
            }
            self.packets.drain(..).for_each(|packet| self.net.deliver(packet));
        }
    }

    fn connect(&mut self) -> (turmoil::TcpStream, turmoil::TcpStream) {
        let runtime = runtime().expect("a runtime");
        self.on(1);
        let listener = runtime.block_on(turmoil::TcpListener::bind("0.0.0.0:7")).expect("a listener");
        self.on(0);
        let mut connecting: Pin<Box<dyn Future<Output = _>>> = Box::pin(turmoil::TcpStream::connect("b:7"));
        runtime.block_on(async {
            let near = std::future::poll_fn(|context| {
                self.on(0);
                let poll = connecting.as_mut().poll(context);
                self.carry();
                poll
            });
            let near = near.await.expect("a connection");
            self.on(1);
            (near, listener.accept().await.expect("a connection").0)
        })
    }
}

fn turmoil_bulk(sample: Duration) -> f64 {
    let mut net = Turmoil::new();
    let (near, far) = net.connect();
    let (data, mut buffer) = (vec![1; WRITE], vec![0; WRITE]);
    let step = || {
        let (mut sent, mut received) = (0, 0);
        while received < WRITE {
            net.on(0);
            sent += near.try_write(&data[sent..]).unwrap_or(0);
            net.carry();
            net.on(1);
            received += far.try_read(&mut buffer[received..]).unwrap_or(0);
            net.carry();
        }
        WRITE as u64
    };
    rate(sample, step) / GIGA
}

fn turmoil_round_trips(sample: Duration) -> f64 {
    let mut net = Turmoil::new();
    let (near, far) = net.connect();
    let mut byte = [7];
    rate(sample, || {
        for _ in 0..BATCH {
            for (host, from, to) in [(0, &near, &far), (1, &far, &near)] {
                net.on(host);
                from.try_write(&byte).expect("room");
                net.carry();
                net.on(1 - host);
                to.try_read(&mut byte).expect("a byte");
            }
        }
        net.carry();
        BATCH
    })
}
