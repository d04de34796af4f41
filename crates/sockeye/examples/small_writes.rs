//! Why a message of 1 KiB took a fifth of a second: Nagle's algorithm against delayed acknowledgements, in virtual time.
//!
//! A course measured TCP in the 1990s, and saw 0.046 Mb/s with messages of 1 KiB and about 3 Mb/s with 2 KiB, on one host
//! and on a 10 Mb/s Ethernet alike, where larger ones came to 71.6 and 6.9 Mb/s. This rebuilds both machines and tries what
//! may have been the reason. docs/experiments/small-writes.md tells what comes of it.

use std::io::{self, Read, Write};
use std::num::NonZeroU64;
use std::time::Duration;

use sockeye::net::{TcpListener, TcpStream};
use sockeye::time::Instant;
use sockeye::{Captured, LinkOptions, Simulation, Socket, thread};
use sockeye_view::{Flow, Flows, ladder};

/// How a message goes from the client to the server.
#[derive(Clone, Copy, PartialEq)]
enum Pattern {
    /// Its length in four bytes, then the message, each by a write; the next when the server has answered by a byte.
    HeaderAndBody,
    /// The same, but both by one write.
    Together,
    /// The message alone by one write; the next when the server has answered.
    Asked,
    /// One write after the other, and one answer at the end.
    Streamed,
    /// One write after the other, each only when all before it is acknowledged: a send buffer no larger than a message.
    SmallBuffer,
}

/// What is tried.
#[derive(Clone, Copy)]
struct Trial {
    pattern: Pattern,
    /// How long an acknowledgement waits for company: 200 ms then, 40 ms on Linux.
    delayed_ack: Duration,
    /// TCP_NODELAY: no Nagle.
    nodelay: bool,
    messages: usize,
}

const THEN: Duration = Duration::from_millis(200);
const LINUX: Duration = Duration::from_millis(40);
/// What a packet took from one program to the other on both machines' processors.
const HOSTS: Duration = Duration::from_micros(1200);
const ETHERNET: NonZeroU64 = NonZeroU64::new(10_000_000).unwrap();
/// Messages of a run.
const RUN: usize = 8;

impl Trial {
    const fn new(pattern: Pattern) -> Trial {
        Trial { pattern, delayed_ack: THEN, nodelay: false, messages: RUN }
    }

    /// Carries the messages; gives their rate in Mb/s, and what was on the cable. On one host there is no cable, but the
    /// hosts' work.
    fn run(self, size: usize, ethernet: bool) -> io::Result<(f64, Vec<Captured>)> {
        let simulation = Simulation::new(1);
        let lab = simulation.lab();
        let (client, server) = (lab.host("client", ["10.0.0.1/24"])?, lab.host("server", ["10.0.0.2/24"])?);
        for host in [&client, &server] {
            host.set_delayed_ack(self.delayed_ack);
            // Segments as they were: 1460 bytes of data at most.
            for option in ["tcp_timestamps", "tcp_sack"] {
                host.set_sysctl(&format!("net.ipv4.{option}"), "0")?;
            }
        }
        let cable = LinkOptions::new().delay(HOSTS);
        lab.link(&client, &server, &if ethernet { cable.rate(ETHERNET) } else { cable });
        lab.capture(true);
        simulation.thread(&server, move || self.serve(size).expect("served"));
        let took = simulation.thread(&client, move || self.ask(size).expect("answered"));
        simulation.run()?;
        let took = took.take().expect("it has ended");
        Ok(((self.messages * size * 8) as f64 / took.as_secs_f64() / 1e6, lab.captured()))
    }

    /// Whether the server answers each message.
    fn answers(self) -> bool {
        matches!(self.pattern, Pattern::HeaderAndBody | Pattern::Together | Pattern::Asked)
    }

    fn serve(self, size: usize) -> io::Result<()> {
        let (mut stream, _) = TcpListener::bind("0.0.0.0:2000")?.accept()?;
        let header = if matches!(self.pattern, Pattern::HeaderAndBody | Pattern::Together) { 4 } else { 0 };
        let mut message = vec![0; size];
        for number in 1..=self.messages {
            stream.read_exact(&mut message[..header])?;
            stream.read_exact(&mut message)?;
            if self.answers() || number == self.messages {
                stream.write_all(&[1])?;
            }
        }
        Ok(())
    }

    fn ask(self, size: usize) -> io::Result<Duration> {
        let mut stream = TcpStream::connect("10.0.0.2:2000")?;
        stream.set_nodelay(self.nodelay)?;
        let whole = vec![7; 4 + size];
        let (header, message) = whole.split_at(4);
        let start = Instant::now();
        for number in 1..=self.messages {
            match self.pattern {
                Pattern::HeaderAndBody => {
                    stream.write_all(header)?;
                    stream.write_all(message)?;
                }
                Pattern::Together => stream.write_all(&whole)?,
                Pattern::Asked | Pattern::Streamed | Pattern::SmallBuffer => stream.write_all(message)?,
            }
            if self.answers() || number == self.messages {
                stream.read_exact(&mut [0])?;
            } else if self.pattern == Pattern::SmallBuffer {
                stream = acknowledged(stream)?;
            }
        }
        Ok(start.elapsed())
    }
}

/// Waits until the peer has acknowledged everything.
fn acknowledged(stream: TcpStream) -> io::Result<TcpStream> {
    let socket = Socket::from(stream);
    while socket.unacknowledged()? > 0 {
        thread::sleep(Duration::from_micros(100));
    }
    Ok(TcpStream::from(socket))
}

/// What may have been the reason, and what is against it.
fn trials() -> Vec<(&'static str, Trial)> {
    use Pattern::{Asked, HeaderAndBody, SmallBuffer, Streamed, Together};
    let suspect = Trial::new(HeaderAndBody);
    vec![
        ("a length, then the message; each answered", suspect),
        ("the same, 200 messages", Trial { messages: 200, ..suspect }),
        ("the same with Linux's 40 ms", Trial { delayed_ack: LINUX, ..suspect }),
        ("the same with TCP_NODELAY", Trial { nodelay: true, ..suspect }),
        ("both by one write; each answered", Trial::new(Together)),
        ("the message alone; each answered", Trial::new(Asked)),
        ("messages one after the other", Trial::new(Streamed)),
        ("the same, 200 messages", Trial { messages: 200, ..Trial::new(Streamed) }),
        ("a send buffer of one message", Trial::new(SmallBuffer)),
        ("the same, 200 messages", Trial { messages: 200, ..Trial::new(SmallBuffer) }),
    ]
}

const KIB: usize = 1024;

/// The rates of a trial with messages of 1 and 2 KiB: on one host, then on the Ethernet.
fn rates(trial: Trial) -> io::Result<[f64; 4]> {
    let rate = |size, ethernet| trial.run(size, ethernet).map(|(rate, _)| rate);
    Ok([rate(KIB, false)?, rate(KIB, true)?, rate(2 * KIB, false)?, rate(2 * KIB, true)?])
}

/// A trial's segments on the Ethernet: the handshake and the first so many after it.
fn segments(trial: Trial, size: usize, count: usize) -> io::Result<String> {
    let mut flows = Flows::new();
    for frame in trial.run(size, true)?.1 {
        flows.add(Duration::from_nanos(frame.at.as_nanos()), &frame.frame, frame.dropped);
    }
    let mut flow: Flow = flows.into_vec().swap_remove(0);
    flow.steps.truncate(3 + count);
    Ok(ladder(&flow, 100, true))
}

fn main() -> io::Result<()> {
    println!("Mb/s                                           1 KiB             2 KiB");
    println!("                                          one host  Ethernet  one host  Ethernet");
    println!("{:<42}{:>8.3}{:>10.3}{:>10}{:>10}", "the course saw", 0.046, 0.046, "about 3", "about 3");
    for (name, trial) in trials() {
        let [host1, lan1, host2, lan2] = rates(trial)?;
        println!("{name:<42}{host1:>8.3}{lan1:>10.3}{host2:>10.3}{lan2:>10.3}");
    }
    let suspect = Trial::new(Pattern::HeaderAndBody);
    println!("\nA length, then 1 KiB: the second message waits for the acknowledgement of its own length\n");
    print!("{}", segments(suspect, KIB, 11)?);
    println!(
        "\nA length, then 2 KiB: a full segment goes at once, and is the second, so it is acknowledged\n"
    );
    print!("{}", segments(suspect, 2 * KIB, 12)?);
    println!(
        "\nMessages of 32 KiB, a length before each, on the Ethernet: {:.1} Mb/s",
        suspect.run(32 * KIB, true)?.0
    );
    let streamed = Trial { messages: 100, ..Trial::new(Pattern::Streamed) };
    println!(
        "Messages of 32 KiB, one after the other, on the Ethernet: {:.1} Mb/s",
        streamed.run(32 * KIB, true)?.0
    );
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}

/// Nagle's algorithm and the delayed acknowledgement together give the course's figures; without either there is nothing
/// like them, nor where nothing is asked.
#[test]
fn only_the_suspect_gives_the_courses_figures() {
    let mut alike = Vec::new();
    for (number, (_, trial)) in trials().into_iter().enumerate() {
        let [host1, lan1, host2, lan2] = rates(trial).expect("measured");
        let falls = [host1, lan1].iter().all(|rate| (0.044..0.0465).contains(rate));
        let rises = [host2, lan2].iter().all(|rate| (2.5..3.5).contains(rate));
        if falls && rises {
            alike.push(number);
        }
    }
    assert_eq!(alike, [0]);
}

/// Seven of eight messages wait 200 ms; the first finds a receiver that acknowledges at once, as Linux does in the beginning.
#[test]
fn each_message_but_the_first_waits() {
    let run = Trial::new(Pattern::HeaderAndBody).run(KIB, false).expect("measured");
    let seconds = (RUN * KIB * 8) as f64 / (run.0 * 1e6);
    assert!((seconds - (7.0 * 0.2 + 8.0 * 4.0 * 0.0012)).abs() < 1e-4, "{seconds} s");
}
