//! SYN cookies (RFC 4987, section 3.6), in Linux's shape: instead of remembering a SYN, all that must be known of it
//! stands in the numbers of the SYN-ACK, and comes back with the acknowledgement.
//!
//! The sequence number is a keyed hash of the ends plus the peer's own number; its upper 8 bits count minutes, the lower
//! 24 hide which of four MSS the peer has. If the peer has timestamps, the lowest 6 bits of ours say what else it offered.
//!
//! Not modelled: RTT is not measured by the handshake (Linux takes the timestamp, which may be 64 ms off).

use std::hash::Hash;
use std::sync::Arc;

use sockeye_base::{Duration, Instant, Key, SeqNum};
use sockeye_wire::tcp::{Flags, Options, Segment};

use crate::config::Config;
use crate::output::Decision;
use crate::tcb::Tcb;

/// How long the minutes of a cookie are (Linux's TCP_SYNCOOKIE_PERIOD).
const PERIOD: Duration = Duration::from_secs(60);
/// A cookie is good in the minute it was made and the next (MAX_SYNCOOKIE_AGE).
const MOST_AGE: u32 = 2;
/// The bits below those that count minutes.
const DATA: u32 = (1 << 24) - 1;

/// What the two hashes begin with; the generator of initial numbers has 0 and 1, and may have the same secret.
const COVERS: u8 = 2;
const HIDES: u8 = 3;

/// The bits of our timestamp that say what the peer offered.
const STAMP: u32 = (1 << 6) - 1;
const WINDOW_SCALE: u32 = 0xf;
const SACK: u32 = 1 << 4;
const ECN: u32 = 1 << 5;

/// The MSS a cookie can say, of peers over IPv4.
pub const COOKIE_MSS_V4: [u16; 4] = [536, 1300, 1440, 1460];
/// The same over IPv6: minimum MTU, tunnels, Ethernet, jumbo frames; less 60.
pub const COOKIE_MSS_V6: [u16; 4] = [1220, 1420, 1440, 8940];

/// Makes cookies and knows them again. One per host.
#[derive(Clone, Debug)]
pub struct Cookies {
    key: Key,
}

impl Cookies {
    /// With this secret.
    pub fn new(key: Key) -> Cookies {
        Cookies { key }
    }

    /// The SYN-ACK that holds all that is to be known of this SYN. `table` is what MSS it can say; `offset` where the
    /// timestamp clock of a connection with these ends starts.
    pub fn answer(
        &self,
        now: Instant,
        config: impl Into<Arc<Config>>,
        (tuple, table, offset): (&impl Hash, &[u16; 4], u32),
        syn: &Segment,
    ) -> Option<Segment> {
        let mut syn = syn.clone();
        syn.payload.truncate(0);
        let mss = syn.options.mss.unwrap_or(0);
        if syn.options.timestamps.is_none() {
            syn.options = Options { mss: syn.options.mss, ..Options::default() };
            syn.flags.remove(Flags::ECE | Flags::CWR);
        }
        let index = table.iter().rposition(|known| *known <= mss).unwrap_or(0);
        let iss = self.number(now, tuple, syn.seq, index as u32);
        let mut tcb = Tcb::accept(now, config, iss, offset, &syn);
        let Decision::Send(mut answer) = tcb.decide(now) else { return None };
        if let Some(timestamps) = &mut answer.options.timestamps {
            let said = |on: bool, bit: u32| if on { bit } else { 0 };
            let scale = tcb.negotiated.wscale.map_or(WINDOW_SCALE, |wscale| u32::from(wscale.snd));
            let ecn = answer.flags.contains(Flags::ECE);
            let says = scale | said(tcb.negotiated.sack, SACK) | said(ecn, ECN);
            let clock = timestamps.value.wrapping_sub(offset);
            let stamp = clock & !STAMP | says;
            // A clock that is ahead could be refused later.
            let stamp = if stamp > clock { stamp.wrapping_sub(STAMP + 1) } else { stamp };
            timestamps.value = stamp.wrapping_add(offset);
        }
        Some(answer)
    }

    /// The SYN that this acknowledgement's cookie stands for, if it is one of ours: feed it to [`Tcb::accept_cookie`],
    /// then the acknowledgement to the connection that makes.
    pub fn recover(
        &self,
        now: Instant,
        config: &Config,
        (tuple, table, offset): (&impl Hash, &[u16; 4], u32),
        ack: &Segment,
    ) -> Option<Segment> {
        let (seq, cookie) = (ack.seq - 1, ack.ack - 1);
        let mss = *table.get(self.data(now, tuple, seq, cookie)? as usize)?;
        let mut syn = Segment {
            source: ack.source,
            destination: ack.destination,
            seq,
            flags: Flags::SYN,
            window: ack.window,
            options: Options { mss: Some(mss), ..Options::default() },
            ..Segment::default()
        };
        if let Some(timestamps) = ack.options.timestamps {
            let says = timestamps.echo.wrapping_sub(offset) & STAMP;
            let scale = Some(says & WINDOW_SCALE).filter(|scale| *scale != WINDOW_SCALE);
            syn.options.timestamps = Some(timestamps);
            syn.options.window_scale = scale.map(|scale| scale as u8);
            syn.options.sack_permitted = says & SACK != 0;
            syn.flags.set(Flags::ECE | Flags::CWR, says & ECN != 0);
            // What was never granted can't have been asked for.
            let granted = config.timestamps
                && (config.sack || !syn.options.sack_permitted)
                && (config.window_scaling || scale.is_none());
            return granted.then_some(syn);
        }
        Some(syn)
    }

    fn number(&self, now: Instant, tuple: &impl Hash, seq: SeqNum, data: u32) -> SeqNum {
        let minute = minute(now);
        let hidden = self.hash(tuple, minute, HIDES).wrapping_add(data) & DATA;
        seq + self.hash(tuple, 0, COVERS).wrapping_add(minute << 24).wrapping_add(hidden)
    }

    /// What a cookie hides, if it is young enough.
    fn data(&self, now: Instant, tuple: &impl Hash, seq: SeqNum, cookie: SeqNum) -> Option<u32> {
        let left = cookie.0.wrapping_sub(self.hash(tuple, 0, COVERS)).wrapping_sub(seq.0);
        let age = minute(now).wrapping_sub(left >> 24) & 0xff;
        let made = minute(now).wrapping_sub(age);
        (age < MOST_AGE).then(|| left.wrapping_sub(self.hash(tuple, made, HIDES)) & DATA)
    }

    fn hash(&self, tuple: &impl Hash, minute: u32, salt: u8) -> u32 {
        self.key.hash(&(salt, minute, tuple)) as u32
    }
}

fn minute(now: Instant) -> u32 {
    (now.as_nanos() / PERIOD.as_nanos() as u64) as u32
}

impl Tcb {
    /// As [`Tcb::accept`], for a SYN that was recovered from a cookie: the SYN-ACK has been sent.
    pub fn accept_cookie(
        now: Instant,
        config: impl Into<Arc<Config>>,
        timestamp_offset: u32,
        syn: &Segment,
        cookie: SeqNum,
    ) -> Tcb {
        let mut tcb = Tcb::accept(now, config, cookie, timestamp_offset, syn);
        tcb.syn_due = false;
        tcb.syn_repeated = true;
        tcb
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;
    use sockeye_base::Rng;
    use sockeye_wire::tcp::Timestamps;

    const ENDS: (u32, u16) = (1, 2);
    const OFFSET: u32 = 12_345;

    fn cookies() -> Cookies {
        Cookies::new(Rng::from_seed(1).key())
    }

    fn syn(options: Options) -> Segment {
        Segment { seq: SeqNum(7), flags: Flags::SYN, window: 1000, options, ..Segment::default() }
    }

    /// The acknowledgement that answers a SYN-ACK.
    fn ack(answer: &Segment) -> Segment {
        let timestamps = answer.options.timestamps.map(|ours| Timestamps { value: 9, echo: ours.value });
        let options = Options { timestamps, ..Options::default() };
        Segment { seq: SeqNum(8), ack: answer.seq + 1, flags: Flags::ACK, options, ..Segment::default() }
    }

    fn there_and_back(options: Options, later: Duration) -> Option<Segment> {
        let (cookies, now) = (cookies(), Instant::from_millis(1_000_000));
        let ends = (&ENDS, &COOKIE_MSS_V4, OFFSET);
        let answer = cookies.answer(now, Config::default(), ends, &syn(options))?;
        assert_eq!(answer.flags, Flags::SYN | Flags::ACK);
        cookies.recover(now + later, &Config::default(), ends, &ack(&answer))
    }

    #[test]
    fn says_one_of_four_sizes() {
        for (mss, said) in [(0, 536), (536, 536), (1299, 536), (1300, 1300), (1459, 1440), (9000, 1460)] {
            let options = Options { mss: Some(mss), sack_permitted: true, ..Options::default() };
            let back = there_and_back(options, Duration::ZERO).expect("it is ours");
            assert_eq!(back.options, Options { mss: Some(said), ..Options::default() });
        }
    }

    #[test]
    fn says_the_rest_by_the_timestamp() {
        for (window_scale, sack_permitted) in
            [(None, false), (Some(7), true), (Some(14), false), (Some(0), true)]
        {
            let timestamps = Some(Timestamps { value: 5, echo: 0 });
            let options =
                Options { mss: Some(1460), window_scale, sack_permitted, timestamps, ..Options::default() };
            let back = there_and_back(options, Duration::ZERO).expect("it is ours").options;
            assert_eq!((back.window_scale, back.sack_permitted), (window_scale, sack_permitted));
        }
    }

    #[test]
    fn lasts_two_minutes_at_most() {
        let options = Options { mss: Some(1460), ..Options::default() };
        assert!(there_and_back(options.clone(), Duration::from_secs(60)).is_some());
        assert!(there_and_back(options, Duration::from_secs(121)).is_none());
    }

    #[test]
    fn can_not_be_guessed() {
        let (cookies, now) = (cookies(), Instant::from_millis(1_000_000));
        let ends = (&ENDS, &COOKIE_MSS_V4, OFFSET);
        let good = |cookie: u32| {
            let ack =
                Segment { seq: SeqNum(8), ack: SeqNum(cookie), flags: Flags::ACK, ..Segment::default() };
            cookies.recover(now, &Config::default(), ends, &ack).is_some()
        };
        let hits = (0..100_000u32).filter(|n| good(n.wrapping_mul(2_654_435_761))).count();
        assert!(hits < 5, "8 of 2^32 are good: {hits}");
    }

    #[test]
    fn makes_a_connection() {
        let (cookies, now) = (cookies(), Instant::from_millis(1_000_000));
        let ends = (&ENDS, &COOKIE_MSS_V4, OFFSET);
        let answer =
            cookies.answer(now, Config::default(), ends, &syn(Options::default())).expect("an answer");
        let ack = ack(&answer);
        let syn = cookies.recover(now, &Config::default(), ends, &ack).expect("it is ours");
        let mut tcb = Tcb::accept_cookie(now, Config::default(), OFFSET, &syn, ack.ack - 1);
        assert!(matches!(tcb.decide(now), Decision::Wait(_)), "nothing is said twice");
        assert_eq!(tcb.check_invariants(), Ok(()));
        tcb.input(now, ack);
        assert_eq!((tcb.state(), tcb.info().rtt), (State::Established, None));
        assert_eq!(tcb.check_invariants(), Ok(()));
    }
}
