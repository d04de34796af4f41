//! The other small services of old: discard (RFC 863), daytime (RFC 867), chargen (RFC 864) and time (RFC 868), each on TCP
//! and UDP. The time is the host's wall clock, in UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sockeye_abi::Errno;
use sockeye_base::{Chain, Duration, Instant};
use sockeye_socket::{Host, SocketId};

use crate::Service;
use crate::datagrams::Datagrams;
use crate::server::{Progress, READ_SIZE, Server, Session, send_all};

/// Seconds from 1900 to 1970.
const FROM_1900: u64 = 2_208_988_800;
/// The printable characters of ASCII.
const PRINTABLE: std::ops::Range<u8> = b' '..b'\x7f';
/// Characters in a line of chargen.
const LINE: usize = 72;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Port 9: takes everything and says nothing.
    Discard,
    /// Port 13: the date and time as text.
    Daytime,
    /// Port 19: lines of characters for as long as somebody reads; one for each datagram.
    Chargen,
    /// Port 37: seconds since 1900, as four bytes.
    Time,
}

/// One of the small services.
pub struct Small {
    kind: Kind,
    tcp: Server<Stream>,
    udp: Datagrams,
    /// Lines sent over UDP.
    lines: usize,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Discard, Kind::Daytime, Kind::Chargen, Kind::Time];

    /// Its port.
    pub fn port(self) -> u16 {
        match self {
            Kind::Discard => 9,
            Kind::Daytime => 13,
            Kind::Chargen => 19,
            Kind::Time => 37,
        }
    }

    /// What it says once, at this time since 1970.
    fn message(self, clock: Duration) -> Chain {
        match self {
            Kind::Daytime => {
                let seconds = i64::try_from(clock.as_secs()).unwrap_or(0);
                let time = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(TimeZone::UTC);
                Chain::from(time.strftime("%a %b %e %H:%M:%S %Y\r\n").to_string().into_bytes())
            }
            // Those 32 bits are full in 2036, and begin again.
            Kind::Time => {
                Chain::from((clock.as_secs().wrapping_add(FROM_1900) as u32).to_be_bytes().to_vec())
            }
            Kind::Discard | Kind::Chargen => Chain::new(),
        }
    }
}

impl Small {
    /// The service, not started yet.
    pub fn new(kind: Kind) -> Small {
        let lines = if kind == Kind::Chargen { all_lines() } else { Chain::new() };
        let session = move |_| Stream { kind, lines: lines.clone(), output: Chain::new(), began: false };
        Small { kind, tcp: Server::new(kind.port(), session), udp: Datagrams::new(kind.port()), lines: 0 }
    }
}

impl Service for Small {
    fn start(&mut self, host: &mut Host, now: Instant) -> Result<(), Errno> {
        self.tcp.start(host, now)?;
        self.udp.start(host, now)
    }

    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> bool {
        let (kind, lines) = (self.kind, &mut self.lines);
        let answer = |host: &mut Host, _, _| match kind {
            Kind::Discard => None,
            Kind::Daytime | Kind::Time => Some(kind.message(host.wall_clock(now))),
            Kind::Chargen => {
                *lines += 1;
                Some(Chain::from(line(*lines - 1)))
            }
        };
        self.udp.ready(host, now, socket, answer) || self.tcp.ready(host, now, socket)
    }
}

/// One connection.
struct Stream {
    kind: Kind,
    /// What chargen says before it begins again.
    lines: Chain,
    output: Chain,
    /// It has said what it says once.
    began: bool,
}

impl Session for Stream {
    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Progress {
        // Whatever the peer says, nobody listens.
        let open = loop {
            match host.receive(now, socket, READ_SIZE, false) {
                Ok(data) if data.is_empty() => break false,
                Ok(_) => {}
                Err(Errno::EAGAIN) => break true,
                Err(_) => return Progress::Done,
            }
        };
        if !std::mem::replace(&mut self.began, true) {
            self.output = self.kind.message(host.wall_clock(now));
        }
        loop {
            match send_all(host, now, socket, &mut self.output) {
                Ok(true) => {}
                Ok(false) => return Progress::Busy,
                Err(_) => return Progress::Done,
            }
            match self.kind {
                Kind::Discard if open => return Progress::Idle,
                Kind::Chargen if open => self.output = self.lines.clone(),
                Kind::Discard | Kind::Chargen | Kind::Daytime | Kind::Time => return Progress::Done,
            }
        }
    }
}

/// A line: each begins one character further than the one before.
fn line(number: usize) -> Vec<u8> {
    let from = number % PRINTABLE.len();
    PRINTABLE.cycle().skip(from).take(LINE).chain(*b"\r\n").collect()
}

/// The lines after which they begin again.
fn all_lines() -> Chain {
    Chain::from((0..PRINTABLE.len()).flat_map(line).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_they_say() {
        let clock = Duration::from_secs(1_000_000_000);
        assert_eq!(Kind::Daytime.message(clock).to_vec(), b"Sun Sep  9 01:46:40 2001\r\n");
        assert_eq!(Kind::Time.message(clock).to_vec(), 3_208_988_800_u32.to_be_bytes());
        // RFC 868's own example: 2,208,988,800 is 00:00 1 Jan 1970 GMT.
        assert_eq!(Kind::Time.message(Duration::ZERO).to_vec(), 2_208_988_800_u32.to_be_bytes());
        assert!(
            line(0).starts_with(b" !\"#") && line(1).starts_with(b"!\"#$") && line(94).starts_with(b"~ !")
        );
        assert_eq!((line(95), all_lines().len()), (line(0), 95 * 74));
    }
}
