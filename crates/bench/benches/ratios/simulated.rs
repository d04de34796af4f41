//! Many hosts in virtual time: pairs that exchange echoes over links of 1 ms, beside turmoil; what a host costs when there are
//! ten thousand; and the memory of a thousand with ten connections each.

use std::net::{IpAddr, SocketAddr};
use std::process::{Command, ExitCode};
use std::time::Duration;

use sockeye::async_net::{TcpListener, TcpStream};
use sockeye::{LinkOptions, Simulation};
use sockeye_abi::{Family, Transport};
use sockeye_base::Instant;
use sockeye_lab::{Direction, HostId, HostSpec, Lab, LinkSpec, Loss};
use sockeye_socket::SocketId;
use sockeye_stack::Cidr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::memory::resident;
use crate::report::{Better, Row};
use crate::sampling::{Effort, cpu_seconds, rate};
use crate::{Figures, Rows};

/// How this program asks itself to measure the memory of so many hosts.
pub(crate) const CHILD: &str = "--memory-of-hosts";

const EXCHANGES: usize = 10;
const LATENCY: Duration = Duration::from_millis(1);
/// Of turmoil's steps no more are measured than fit in so many seconds.
const LONG_ENOUGH: f64 = 15.0;
/// Connections that each host opens to the next.
const EACH: usize = 10;
const MEGA: f64 = 1e6;

pub(crate) fn rows() -> Rows {
    let turmoil =
        |name, target| Row { name, unit: "hosts/s", better: Better::More, peer_name: "turmoil", target };
    let grows = |name| Row {
        name,
        unit: "hosts/s",
        better: Better::More,
        peer_name: "Sockeye with 10 hosts",
        target: 0.8,
    };
    let packets = Row {
        name: "virtual time: packets through a link that loses 1 %",
        unit: "1/s",
        better: Better::More,
        peer_name: "a million",
        target: 1.0,
    };
    let memory = Row {
        name: "memory of 1,000 hosts, 10 connections each",
        unit: "MB",
        better: Better::Less,
        peer_name: "100 MB",
        target: 1.0,
    };
    vec![
        (
            turmoil("virtual time: 100 hosts, 10 echoes each", 3.0),
            Box::new(|effort: &Effort| Some(beside_turmoil(effort, 100))),
        ),
        (
            turmoil("virtual time: 1,000 hosts, 10 echoes each", 500.0),
            // It takes a quarter of a minute.
            Box::new(|effort: &Effort| {
                (effort.samples > 3).then(|| beside_turmoil(&Effort { samples: 1, ..*effort }, 1000))
            }),
        ),
        (grows("virtual time: 100 hosts"), Box::new(|effort: &Effort| Some(beside_ten(effort, 100)))),
        (grows("virtual time: 1,000 hosts"), Box::new(|effort: &Effort| Some(beside_ten(effort, 1000)))),
        (grows("virtual time: 10,000 hosts"), Box::new(|effort: &Effort| Some(beside_ten(effort, 10_000)))),
        (
            packets,
            Box::new(|effort: &Effort| {
                let mut link = Lossy::new();
                Some(effort.medians(|sample| rate(sample, || link.carry()), |_| 1e6))
            }),
        ),
        (memory, Box::new(|_: &Effort| Some(Figures::new(measured(1000)? as f64 / MEGA, 100.0)))),
    ]
}

fn beside_turmoil(effort: &Effort, hosts: usize) -> Figures {
    let sides = |_| {
        (
            hosts_per_second(hosts, sockeye),
            if effort.alone { f64::NAN } else { hosts as f64 / seconds_of_turmoil(hosts) },
        )
    };
    let (ours, theirs) = (0..effort.samples).map(sides).unzip();
    Figures::of(ours, theirs)
}

/// Ten hosts as often as it takes to be as many.
fn beside_ten(effort: &Effort, hosts: usize) -> Figures {
    let few = |_: usize| (0..hosts / 10).for_each(|_| sockeye(10));
    let sides = |_| (hosts_per_second(hosts, sockeye), hosts_per_second(hosts, few));
    let (many, ten) = (0..effort.samples.min(3)).map(sides).unzip();
    Figures::of(many, ten)
}

fn hosts_per_second(hosts: usize, run: impl Fn(usize)) -> f64 {
    let begun = cpu_seconds();
    run(hosts);
    hosts as f64 / (cpu_seconds() - begun)
}

/// Pairs of hosts, each with a link of its own. The first of a pair asks, the second answers.
fn sockeye(hosts: usize) {
    let simulation = Simulation::new(7);
    let lab = simulation.lab();
    let asking = (0..hosts / 2).map(|pair| {
        let network = |host: usize| {
            format!("10.{}.{}.{}/30", pair >> 14 & 255, pair >> 6 & 255, (pair & 63) * 4 + host)
        };
        let client = lab.host(&format!("c{pair}"), [network(1)]).expect("a host");
        let server = lab.host(&format!("s{pair}"), [network(2)]).expect("a host");
        lab.link(&client, &server, &LinkOptions::new().delay(LATENCY));
        simulation.spawn(&server, async {
            let listener = TcpListener::bind("0.0.0.0:7").await.expect("a free port");
            answer(listener.accept().await.expect("a connection").0).await;
        });
        simulation.spawn(&client, async move {
            ask(TcpStream::connect(format!("s{pair}:7")).await.expect("a connection")).await;
        })
    });
    let asking: Vec<_> = asking.collect();
    simulation.run().expect("all come to their end");
    assert!(asking.iter().all(|asking| asking.is_finished()));
}

/// What it takes turmoil. Every millisecond it looks, for each host, at the links of all pairs of hosts, whatever goes on
/// there: of many hosts some of these steps tell what all would take.
fn seconds_of_turmoil(hosts: usize) -> f64 {
    let begun = cpu_seconds();
    let mut simulation = turmoil(hosts);
    let built = cpu_seconds();
    let mut steps = 0;
    while !simulation.step().expect("no error") {
        steps += 1;
        let so_far = cpu_seconds() - built;
        if so_far > LONG_ENOUGH {
            // All pairs do the same at the same moments, so there are as many steps with few hosts as with many.
            let mut few = turmoil(10);
            let all = 1 + (0..).take_while(|_| !few.step().expect("no error")).count();
            return built - begun + so_far * all as f64 / f64::from(steps);
        }
    }
    cpu_seconds() - begun
}

fn turmoil(hosts: usize) -> turmoil::Sim<'static> {
    let mut builder = turmoil::Builder::new();
    builder.min_message_latency(LATENCY).max_message_latency(LATENCY).rng_seed(7);
    let mut simulation = builder.simulation_duration(Duration::from_secs(60)).build();
    for pair in 0..hosts / 2 {
        simulation.host(format!("s{pair}"), || async {
            let listener = turmoil::net::TcpListener::bind("0.0.0.0:7").await?;
            answer(listener.accept().await?.0).await;
            Ok(())
        });
        simulation.client(format!("c{pair}"), async move {
            ask(turmoil::net::TcpStream::connect(format!("s{pair}:7")).await?).await;
            Ok(())
        });
    }
    simulation
}

async fn ask(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    let mut buffer = [7; 64];
    for _ in 0..EXCHANGES {
        stream.write_all(&buffer).await.expect("room");
        stream.read_exact(&mut buffer).await.expect("the echo");
    }
}

async fn answer(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    let mut buffer = [0; 64];
    while stream.read_exact(&mut buffer).await.is_ok() {
        stream.write_all(&buffer).await.expect("room");
    }
}

/// Two hosts, and datagrams from one to the other over a link that loses one of a hundred.
struct Lossy {
    lab: Lab,
    now: Instant,
    ends: [(HostId, SocketId); 2],
    to: SocketAddr,
}

impl Lossy {
    fn new() -> Lossy {
        let mut lab = Lab::new(7);
        let addresses = [1, 2].map(|host| IpAddr::from([10, 0, 0, host]));
        let ids = addresses.map(|address| {
            lab.add_host(HostSpec::new(&address.to_string(), Cidr::new(address, 24).into_iter().collect()))
        });
        let direction = Direction { delay: LATENCY, loss: Loss::PerMillion(10_000), ..Direction::default() };
        lab.add_link(LinkSpec {
            directions: [direction.clone(), direction],
            ..LinkSpec::new(ids[0], ids[1])
        });
        let mut open = |at: usize| {
            let host = lab.host_mut(ids[at]);
            let socket = host.socket(Family::Inet, Transport::Udp).expect("a socket");
            host.bind(Instant::ZERO, socket, SocketAddr::new(addresses[at], 9)).expect("a free port");
            (ids[at], socket)
        };
        let ends = [open(0), open(1)];
        Lossy { lab, now: Instant::ZERO, ends, to: SocketAddr::new(addresses[1], 9) }
    }

    /// A hundred packets each millisecond; how many.
    fn carry(&mut self) -> u64 {
        const BATCH: u64 = 100;
        let [(from, sender), (to, receiver)] = self.ends;
        for _ in 0..BATCH {
            let sent = self.lab.host_mut(from).send_to(self.now, sender, &[7; 100], Some(self.to));
            assert_eq!(sent, Ok(100));
            self.lab.advance(self.now);
        }
        self.now = self.lab.run_until(self.now, self.now + LATENCY, |lab, now| {
            while lab.host_mut(to).receive(now, receiver, 100, false).is_ok() {}
            false
        });
        BATCH
    }
}

/// Bytes of memory that so many hosts and their connections take.
fn measured(hosts: usize) -> Option<usize> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program).args([CHILD, &hosts.to_string()]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The process that measures: each host has opened ten connections to the other of its pair, and said something on each.
pub(crate) fn child(hosts: Option<String>) -> ExitCode {
    let Some(hosts) = hosts.and_then(|text| text.parse::<usize>().ok()) else { return ExitCode::from(2) };
    let before = resident();
    let simulation = Simulation::new(7);
    let lab = simulation.lab();
    let mut open = Vec::new();
    for pair in 0..hosts / 2 {
        let network = |host: usize| format!("10.0.{}.{}/30", pair >> 6 & 255, (pair & 63) * 4 + host);
        let names = [format!("a{pair}"), format!("b{pair}")];
        let ends = [1, 2].map(|host| lab.host(&names[host - 1], [network(host)]).expect("a host"));
        lab.link(&ends[0], &ends[1], &LinkOptions::new().delay(LATENCY));
        for (own, other) in [(0, 1), (1, 0)] {
            open.push(simulation.spawn(&ends[own], async {
                let listener = TcpListener::bind("0.0.0.0:7").await.expect("a free port");
                let mut streams = Vec::new();
                for _ in 0..EACH {
                    let mut stream = listener.accept().await.expect("a connection").0;
                    stream.read_exact(&mut [0]).await.expect("a byte");
                    streams.push(stream);
                }
                streams
            }));
            let to = format!("{}:7", names[other]);
            open.push(simulation.spawn(&ends[own], async move {
                let mut streams = Vec::new();
                for _ in 0..EACH {
                    let mut stream = TcpStream::connect(&to).await.expect("a connection");
                    stream.write_all(&[7]).await.expect("room");
                    streams.push(stream);
                }
                streams
            }));
        }
    }
    simulation.run().expect("all come to their end");
    println!("{}", resident().saturating_sub(before));
    ExitCode::SUCCESS
}
