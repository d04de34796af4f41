//! One connection, begun in any of the eleven states (a listener's is that of the connection it makes), and a peer and a
//! program that do anything.

use sockeye_base::{Chain, Duration, Instant, SeqNum};
use sockeye_tcp::{Buffer, Config, Congestion, Decision, EcnMode, Keepalive, Ports, State, Tcb};
use sockeye_wire::ip::Ecn;
use sockeye_wire::tcp::{Flags, Segment, Timestamps};

use crate::reader::Reader;

const PORTS: Ports = Ports { local: 4000, remote: 80 };
/// Close below the wrap-around, both of them.
const ISS: u32 = u32::MAX - 3000;
const IRS: u32 = u32::MAX - 1000;
const MSS: u16 = 1000;

/// The first byte says in which state it begins, the next two with which options; then comes what happens.
pub fn segments(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let Some(state) = STATES.get(usize::from(reader.u8()) % STATES.len()) else { return };
    let config = config(reader.u16());
    let mut scene = Scene::begin(*state, config, &mut reader);
    while !reader.is_empty() {
        scene.step(&mut reader);
        scene.settle();
    }
    // Whatever was, it can be ended.
    scene.tcb.abort(scene.now);
    scene.settle();
    assert_eq!(scene.tcb.state(), State::Closed);
}

/// None stands for LISTEN.
const STATES: [Option<State>; 11] = [
    None,
    Some(State::SynSent),
    Some(State::SynReceived),
    Some(State::Established),
    Some(State::FinWait1),
    Some(State::FinWait2),
    Some(State::CloseWait),
    Some(State::Closing),
    Some(State::LastAck),
    Some(State::TimeWait),
    Some(State::Closed),
];

fn config(bits: u16) -> Config {
    let bit = |n: u16| bits >> n & 1 == 1;
    Config {
        mss: if bit(0) { MSS } else { 88 },
        send_buffer: if bit(1) { Buffer::locked(100_000) } else { Buffer::locked(4096) },
        receive_buffer: if bit(2) { Config::default().receive_buffer } else { Buffer::locked(2000) },
        nodelay: bit(3),
        cork: bit(4),
        window_scaling: bit(5),
        timestamps: bit(6),
        sack: bit(7),
        ecn: if bit(8) { EcnMode::On } else { EcnMode::Passive },
        congestion: if bit(9) { Congestion::Reno } else { Congestion::Cubic },
        gso: bit(10),
        quick_ack: bit(11),
        oob_inline: bit(12),
        keepalive: bit(13).then(Keepalive::default),
        user_timeout: bit(14).then_some(Duration::from_secs(20)),
        slow_start_after_idle: bit(15),
        ..Config::default()
    }
}

struct Scene {
    tcb: Tcb,
    now: Instant,
    /// What it expects next, as far as it has told.
    expected: SeqNum,
    /// The last timestamp it sent.
    echo: u32,
}

fn plain(flags: Flags, seq: SeqNum, ack: SeqNum) -> Segment {
    let (source, destination) = (PORTS.remote, PORTS.local);
    Segment { source, destination, seq, ack, flags, window: 20_000, ..Segment::default() }
}

impl Scene {
    /// A connection in this state, reached as a well-meaning peer and program would; or whatever came of a SYN that says
    /// anything.
    fn begin(state: Option<State>, config: Config, reader: &mut Reader<'_>) -> Scene {
        let now = Instant::from_millis(1);
        let (options, irs) = (config.clone(), SeqNum(IRS));
        let greet = |mut segment: Segment| {
            segment.options.mss = Some(MSS);
            segment.options.sack_permitted = options.sack;
            segment.options.window_scale = options.window_scaling.then_some(7);
            segment.options.timestamps = options.timestamps.then_some(Timestamps { value: 1, echo: 1 });
            segment
        };
        let tcb = match state {
            None => {
                let mut syn = greet(plain(Flags::SYN, irs, SeqNum(0)));
                // What else is set is for others: a listener answers no ACK, and drops RST and FIN.
                let others = Flags::ACK | Flags::RST | Flags::FIN;
                syn.flags |= Flags::from_bits_truncate(reader.u8()).difference(others);
                syn.window = reader.u16();
                (syn.options.mss, syn.options.window_scale) = (Some(reader.u16()), Some(reader.u8()));
                Tcb::accept(now, config, SeqNum(ISS), 0, &syn)
            }
            Some(State::SynReceived) => {
                Tcb::accept(now, config, SeqNum(ISS), 0, &greet(plain(Flags::SYN, irs, SeqNum(0))))
            }
            Some(_) => Tcb::connect(now, config, PORTS, SeqNum(ISS), 0),
        };
        let mut scene = Scene { tcb, now, expected: irs + 1, echo: 1 };
        scene.settle();
        if let Some(state) = state
            && !matches!(state, State::SynReceived | State::SynSent)
        {
            scene.input(greet(plain(Flags::SYN | Flags::ACK, irs, SeqNum(ISS) + 1)), Ecn::NotEct);
            scene.lead_to(state);
            assert_eq!(scene.tcb.state(), state);
        }
        scene
    }

    /// From ESTABLISHED to this state.
    fn lead_to(&mut self, state: State) {
        let fin = |scene: &Scene, ack: u32| {
            let mut fin = plain(Flags::FIN | Flags::ACK, SeqNum(IRS) + 1, SeqNum(ISS) + ack);
            fin.options.timestamps = Some(Timestamps { value: 1, echo: scene.echo });
            fin
        };
        if matches!(state, State::CloseWait | State::LastAck) {
            self.input(fin(self, 1), Ecn::NotEct);
        }
        if !matches!(state, State::Established | State::CloseWait | State::Closed) {
            self.tcb.shutdown_send(self.now);
            self.settle();
        }
        if matches!(state, State::FinWait2 | State::TimeWait) {
            let mut ack = fin(self, 2);
            ack.flags = Flags::ACK;
            self.input(ack, Ecn::NotEct);
        }
        match state {
            State::Closing => self.input(fin(self, 1), Ecn::NotEct),
            State::TimeWait => self.input(fin(self, 2), Ecn::NotEct),
            State::Closed => self.tcb.abort(self.now),
            State::SynSent
            | State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::LastAck => {}
        }
        self.settle();
    }

    /// Something happens.
    fn step(&mut self, reader: &mut Reader<'_>) {
        let (what, now) = (reader.u8(), self.now);
        match what % 16 {
            0..=6 => {
                let (segment, ecn) = self.segment(what, reader);
                self.input(segment, ecn);
            }
            7 => drop(self.tcb.send(now, vec![7; reader.u16().into()].into())),
            8 => drop(self.tcb.receive(now, reader.u16().into())),
            9 => self.now += Duration::from_millis(reader.u16().into()),
            10 => self.now += Duration::from_secs(reader.u8().into()),
            11 => self.tcb.shutdown_send(now),
            12 => self.tcb.set_receive_buffer(now, reader.u16().into()),
            13 => self.tcb.path_mtu(now, reader.u16().max(36)),
            14 => {
                let on = reader.u8();
                self.tcb.set_nodelay(now, on & 1 == 1);
                self.tcb.set_cork(now, on & 2 == 2);
                self.tcb.set_keepalive(now, (on & 4 == 4).then(Keepalive::default));
                self.tcb.set_quick_ack(now, on & 8 == 8);
                self.tcb.set_send_buffer(now, u32::from(on) * 100);
            }
            _ if what >> 4 == 15 => self.tcb.close(now),
            _ => drop(self.tcb.peek(reader.u16().into())),
        }
    }

    /// A segment whose numbers are near what the connection expects; the upper half of `what` says which of its parts are
    /// as they should be.
    fn segment(&self, what: u8, reader: &mut Reader<'_>) -> (Segment, Ecn) {
        let flags = if what & 0x10 == 0 { Flags::ACK } else { Flags::from_bits_truncate(reader.u8()) };
        let offset = |reader: &mut Reader<'_>| u32::from(reader.u16()).wrapping_sub(0x4000);
        let mut segment = plain(flags, self.expected, self.tcb.snd_nxt());
        if what & 0x20 != 0 {
            segment.seq += offset(reader);
        }
        if what & 0x40 != 0 {
            segment.ack += offset(reader);
        }
        segment.options.timestamps = Some(Timestamps { value: 1, echo: self.echo });
        let mut ecn = Ecn::NotEct;
        if what & 0x80 != 0 {
            segment.window = reader.u16();
            segment.urgent = reader.u16();
            let more = reader.u8();
            segment.gso_size = if more & 1 == 1 { u16::from(reader.u8()) * 8 } else { 0 };
            if more & 2 == 2 {
                let value = u32::from(reader.u8());
                segment.options.timestamps =
                    (more & 4 == 4).then_some(Timestamps { value, echo: reader.u16().into() });
            }
            let una = self.tcb.snd_una();
            for _ in 0..more >> 3 & 3 {
                let left = una + offset(reader);
                segment.options.sack.push((left, left + u32::from(reader.u16())));
            }
            if more & 0x20 != 0 {
                ecn = Ecn::Ce;
            }
        }
        segment.payload = Chain::from(vec![1; usize::from(reader.u16() & 0xfff)]);
        (segment, ecn)
    }

    fn input(&mut self, mut segment: Segment, ecn: Ecn) {
        if let Some(reply) = self.tcb.input_marked(self.now, &mut segment, ecn).reply {
            self.sent(&reply);
        }
        self.settle();
    }

    fn settle(&mut self) {
        self.check();
        for round in 0.. {
            assert!(round < 10_000, "no end of segments");
            let decision = self.tcb.decide(self.now);
            self.check();
            match decision {
                Decision::Send(segment) => self.sent(&segment),
                Decision::Wait(at) => {
                    assert!(at.is_none_or(|at| at > self.now), "waits for the past");
                    return;
                }
            }
        }
    }

    fn sent(&mut self, segment: &Segment) {
        assert!(segment.header_len() <= 60 && segment.len() <= 65_515, "too long: {segment:?}");
        if segment.flags.contains(Flags::ACK) && !segment.flags.contains(Flags::RST) {
            self.expected = segment.ack;
        }
        self.echo = segment.options.timestamps.map_or(self.echo, |timestamps| timestamps.value);
    }

    fn check(&self) {
        self.tcb.check_invariants().unwrap_or_else(|broken| panic!("{broken}"));
        let info = self.tcb.info();
        assert!(info.sacked + info.lost <= info.unacked && info.retrans <= info.unacked, "{info:?}");
    }
}
