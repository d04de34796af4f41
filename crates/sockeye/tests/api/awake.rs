//! No blocked caller stays asleep: threads in calls of every kind, while another does anything to their sockets. Whenever the
//! same call would not have to wait if it were made now, who made it before must have been woken.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sockeye::poll::{Events, Interest, Mode, Poll, Token};
use sockeye::socket::UnixMessage;
use sockeye::socket::{
    Errno, Family, MessageFlags, Opt, Readiness, SocketType, Transport, UnixAddress, Value,
};
use sockeye::{Host, LinkOptions, Simulation, Socket, thread};
use sockeye_base::Rng;

use crate::pair;

const PLACES: [&str; 6] =
    ["10.0.0.1:80", "10.0.0.2:80", "127.0.0.1:80", "10.0.0.9:80", "10.0.0.2:81", "[fd00::2]:80"];
const SIZES: [usize; 5] = [0, 1, 1000, 60_000, 3_000_000];
const READABLE: Readiness = Readiness::IN.union(Readiness::RDHUP);
const ENDS: Readiness = Readiness::ERR.union(Readiness::HUP).union(Readiness::NVAL);

/// A call that may wait.
#[derive(Clone, Copy, Debug)]
enum Call {
    Accept,
    Connect(usize),
    Receive(usize),
    Peek,
    Send(usize),
    Poll(bool, bool),
}

/// Somebody in a call.
struct Sleeper {
    socket: Socket,
    call: Call,
    is_awake: Arc<AtomicBool>,
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len() as u64) as usize]
}

fn place(number: usize) -> SocketAddr {
    PLACES[number % PLACES.len()].parse().unwrap()
}

fn name(number: usize) -> UnixAddress {
    UnixAddress::Abstract(vec![number as u8 % 3])
}

/// Makes a call; gives what it opened.
fn make(socket: &Socket, call: Call) -> io::Result<Option<Socket>> {
    let is_unix = socket.unix_kind().is_some();
    match call {
        Call::Accept if is_unix => return socket.accept_unix().map(|(accepted, _)| Some(accepted)),
        Call::Accept => return socket.accept().map(|(accepted, _)| Some(accepted)),
        Call::Connect(to) if is_unix => socket.connect_unix(&name(to))?,
        Call::Connect(to) => socket.connect(place(to))?,
        Call::Receive(_) | Call::Peek => {
            let (room, flags) = match call {
                Call::Receive(room) => (room, MessageFlags::empty()),
                _ => (10, MessageFlags::PEEK),
            };
            let mut buffer = vec![0; room];
            match is_unix {
                true => drop(socket.recv_unix(&mut buffer, 1, flags)?),
                false => drop(socket.recv_from(&mut buffer, flags)?),
            }
        }
        Call::Send(length) => {
            let (bytes, flags) = (vec![7; length], MessageFlags::NOSIGNAL);
            match is_unix {
                true => socket.send_unix(&bytes, &UnixMessage { flags, ..UnixMessage::default() })?,
                false => socket.send(&bytes, flags)?,
            };
        }
        Call::Poll(read, write) => {
            let mut poll = socket.host().run(Poll::new)?;
            poll.registry().register(socket, Token(0), interest(read, write), Mode::Level)?;
            poll.poll(&mut Events::with_capacity(1), None)?;
        }
    }
    Ok(None)
}

fn interest(read: bool, write: bool) -> Interest {
    match (read, write) {
        (true, false) => Interest::READABLE,
        (false, _) => Interest::WRITABLE,
        (true, true) => Interest::READABLE | Interest::WRITABLE,
    }
}

/// What is wrong if somebody still waits in this call; `None` if it would have to wait now.
fn is_overdue(socket: &Socket, call: Call) -> Option<String> {
    let bits = socket.readiness().unwrap_or(Readiness::NVAL);
    if let Call::Poll(read, write) = call {
        let mut wanted = ENDS;
        wanted.set(READABLE, read);
        wanted.set(Readiness::OUT, write);
        return bits.intersects(wanted).then(|| format!("{bits:?}"));
    }
    match make(socket, call) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) if [Errno::EINPROGRESS, Errno::EALREADY].contains(&Errno(error.raw_os_error()?)) => None,
        // As on Linux, who waits for room goes on when there is a good deal of it.
        Ok(_) if matches!(call, Call::Send(_)) && !bits.contains(Readiness::OUT) => None,
        outcome => Some(format!("{:?} {bits:?}", outcome.map(drop))),
    }
}

/// Sockets of a kind, on the first host unless they are a pair.
fn open(rng: &mut Rng, [host, other]: [&Host; 2]) -> io::Result<Vec<Socket>> {
    let of = |family, transport| host.run(|| Socket::new(family, transport)).map(|socket| vec![socket]);
    let made = match rng.below(9) {
        0 => of(Family::Inet, Transport::Tcp)?,
        1 => of(Family::Inet6, Transport::Tcp)?,
        2 => of(Family::Inet, Transport::Udp)?,
        3 => of(Family::Inet, Transport::Raw(1))?,
        4 => {
            let kind = pick(rng, &[SocketType::Stream, SocketType::Datagram, SocketType::SeqPacket]);
            vec![host.run(|| Socket::unix(kind))?]
        }
        5 => {
            let kind = pick(rng, &[SocketType::Stream, SocketType::Datagram, SocketType::SeqPacket]);
            let (a, b) = host.run(|| Socket::unix_pair(kind))?;
            vec![a, b]
        }
        6..8 => {
            let listener = other.run(|| Socket::new(Family::Inet, Transport::Tcp))?;
            listener.listen(5)?;
            let client = of(Family::Inet, Transport::Tcp)?.remove(0);
            client.connect(
                listener.local_addr().map(|own| SocketAddr::new(other.addresses()[0], own.port()))?,
            )?;
            vec![client, listener.accept()?.0, listener]
        }
        _ => {
            let bound = other.run(|| Socket::new(Family::Inet, Transport::Udp))?;
            bound.bind(SocketAddr::new(other.addresses()[0], 0))?;
            let connected = of(Family::Inet, Transport::Udp)?.remove(0);
            connected.connect(bound.local_addr()?)?;
            bound.connect(connected.local_addr()?)?;
            vec![connected, bound]
        }
    };
    for socket in &made {
        if rng.below(3) > 0 {
            socket.set_option(Opt::SoSndBuf, Value::Int(4096))?;
            socket.set_option(Opt::SoRcvBuf, Value::Int(4096))?;
        }
        socket.set_nonblocking(true)?;
    }
    Ok(made)
}

fn shown(socket: &Socket) -> String {
    format!(
        "{} {socket:?} {:?} {:?}",
        socket.host().name(),
        socket.unix_kind(),
        socket.option(Opt::SoType).ok()
    )
}

fn any_call(rng: &mut Rng) -> Call {
    match rng.below(8) {
        0 => Call::Accept,
        1 => Call::Connect(rng.below(6) as usize),
        2 | 3 => Call::Receive(pick(rng, &SIZES)),
        4 => Call::Peek,
        5 | 6 => Call::Send(pick(rng, &SIZES)),
        _ => Call::Poll(rng.below(2) == 0, rng.below(2) == 0),
    }
}

/// Somebody makes a call that waits.
fn sleeper(rng: &mut Rng, socket: &Socket) -> Sleeper {
    let call = any_call(rng);
    let is_awake = Arc::new(AtomicBool::new(false));
    let (own, done) = (socket.clone(), is_awake.clone());
    let _ = socket.set_nonblocking(false);
    socket.host().run(|| {
        thread::spawn(move || {
            let _ = make(&own, call);
            done.store(true, Ordering::Relaxed);
        })
    });
    thread::sleep(Duration::from_nanos(1));
    let _ = socket.set_nonblocking(true);
    Sleeper { socket: socket.clone(), call, is_awake }
}

/// Does anything.
fn step(rng: &mut Rng, hosts: &[Host; 2], sockets: &mut Vec<Socket>, asleep: &mut Vec<Sleeper>) -> String {
    if sockets.is_empty() || sockets.len() < 10 && rng.below(6) == 0 {
        let first = rng.below(2) as usize;
        // A host that is off has none.
        sockets.extend(open(rng, [&hosts[first], &hosts[1 - first]]).unwrap_or_default());
        return "open".to_owned();
    }
    let at = rng.below(sockets.len() as u64) as usize;
    let socket = sockets[at].clone();
    let what = match rng.below(24) {
        0..3 => {
            let number = rng.below(6) as usize;
            let _ = if socket.unix_kind().is_some() {
                socket.bind_unix(&name(number))
            } else {
                socket.bind(place(number))
            };
            socket.listen(rng.below(3) as i32).map_or("bind", |()| "listen").to_owned()
        }
        3..9 if asleep.len() < 6 => {
            asleep.push(sleeper(rng, &socket));
            format!("sleep {:?}", asleep.last().map(|sleeper| sleeper.call))
        }
        3..18 => {
            let call = any_call(rng);
            // Who waits for a Unix listener's room hears of nothing else, as on Linux.
            let waits = |other: &Sleeper| other.socket.local_unix().ok() == socket.local_unix().ok();
            if matches!(call, Call::Poll(..))
                || socket.unix_kind().is_some()
                    && matches!(call, Call::Connect(_))
                    && asleep.iter().any(waits)
            {
                return "nothing".to_owned();
            }
            let outcome = make(&socket, call);
            let shown = format!("{call:?} = {:?}", outcome.as_ref().map(Option::is_some));
            if let Ok(Some(accepted)) = outcome {
                let _ = accepted.set_nonblocking(true);
                sockets.push(accepted);
            }
            shown
        }
        18 => {
            let how = pick(rng, &[Shutdown::Read, Shutdown::Write, Shutdown::Both]);
            format!("{how:?} {:?}", socket.shutdown(how))
        }
        19 => {
            let _ = if socket.unix_kind().is_some() { socket.disconnect_unix() } else { socket.disconnect() };
            "disconnect".to_owned()
        }
        20 | 21 => {
            let reset = rng.below(2) == 0;
            if reset {
                let _ = socket.set_option(Opt::SoLinger, Value::Linger { on: true, seconds: 0 });
            }
            sockets.swap_remove(at);
            "close".to_owned()
        }
        22 => {
            let span = Duration::from_secs(pick(rng, &[1, 10, 300]));
            thread::sleep(span);
            format!("{span:?}")
        }
        _ if rng.below(4) == 0 => {
            let host = pick(rng, &[0, 1]);
            match rng.below(3) {
                0 => hosts[host].reboot(),
                1 => hosts[host].power_off(),
                _ => hosts[host].power_on(),
            }
            "power".to_owned()
        }
        _ => "nothing".to_owned(),
    };
    format!("{}: {what}", shown(&socket))
}

/// Lets all who are woken go on; what they leave may be the last hold on a socket, whose end wakes others.
fn settle(asleep: &mut Vec<Sleeper>) {
    let mut count = usize::MAX;
    while asleep.len() < count {
        count = asleep.len();
        thread::sleep(Duration::from_nanos(10_000_019));
        asleep.retain(|sleeper| !sleeper.is_awake.load(Ordering::Relaxed));
    }
}

/// A random life of many, none of whom may oversleep.
fn life(seed: u64) -> Result<(), String> {
    let simulation = Simulation::new(seed);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new());
    let hosts = [a.clone(), b];
    let all = simulation.thread(&a, move || {
        let mut rng = Rng::from_seed(seed);
        let (mut sockets, mut asleep, mut log) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..60 {
            log.push(step(&mut rng, &hosts, &mut sockets, &mut asleep));
            settle(&mut asleep);
            for Sleeper { socket, call, .. } in &asleep {
                if let Some(why) = is_overdue(socket, *call) {
                    return Err(format!(
                        "seed {seed}: {call:?} on {socket:?} still waits: {why}\n{}",
                        log.join("\n")
                    ));
                }
            }
        }
        Ok(())
    });
    // Some are still asleep at the end.
    let _ = simulation.run();
    all.take().expect("it has ended")
}

#[test]
fn nobody_oversleeps() {
    for seed in 0..200 {
        if let Err(wrong) = life(seed) {
            panic!("{wrong}");
        }
    }
}
