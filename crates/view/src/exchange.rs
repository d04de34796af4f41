//! What two hosts say to each other without TCP: UDP with what it carries, ICMP, and the rest of IP.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use sockeye_wire::print::Printer;
use sockeye_wire::{Frame, Packet};

use crate::flow::Side;

/// Pairs of hosts that are told apart; those beyond are left out.
const MOST_PAIRS: usize = 1000;
/// Packets that are kept, of all.
const MOST_PACKETS: usize = 20_000;

/// Two hosts, and what they said.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The one who began, and the other.
    pub ends: [IpAddr; 2],
    /// The packets, in their order.
    pub messages: Vec<Message>,
    /// Packets beyond those that are kept.
    pub left_out: usize,
}

/// A packet.
#[derive(Clone, Debug)]
pub struct Message {
    /// When it was sent.
    pub at: Duration,
    /// By whom: the client is the one who began.
    pub from: Side,
    /// Ports, if it has any, and what it says, as tcpdump has it.
    pub words: String,
    /// Why it did not arrive, if it did not.
    pub dropped: Option<Box<str>>,
    /// Hops it may still go, and what it carries, in bytes.
    mark: (u8, usize),
}

/// What all hosts of a capture say to each other without TCP.
#[derive(Default)]
pub struct Exchanges {
    exchanges: Vec<Exchange>,
    /// By both hosts, the lesser first.
    known: BTreeMap<[IpAddr; 2], usize>,
    kept: usize,
    printer: Printer,
}

impl Exchanges {
    /// None yet.
    pub fn new() -> Exchanges {
        Exchanges::default()
    }

    /// Takes a frame, and why it did not arrive if it did not. TCP is left to [`Flows`](crate::Flows).
    pub fn add(&mut self, at: Duration, frame: &Frame, dropped: Option<&str>) {
        let Some(packet) = frame.as_packet().filter(|packet| packet.as_segment().is_none()) else { return };
        let (from, to) = (packet.source(), packet.destination());
        let key = if from <= to { [from, to] } else { [to, from] };
        let known = self.known.get(&key).copied();
        let number = match known {
            Some(number) => number,
            None if self.exchanges.len() >= MOST_PAIRS => return,
            None => {
                self.exchanges.push(Exchange { ends: [from, to], messages: Vec::new(), left_out: 0 });
                self.known.insert(key, self.exchanges.len() - 1);
                self.exchanges.len() - 1
            }
        };
        let side = if self.exchanges[number].ends[0] == from { Side::Client } else { Side::Server };
        let words = self.words(frame, packet);
        let exchange = &mut self.exchanges[number];
        let mark = (packet.ip.hop_limit(), packet.len());
        // A router passes on what was captured already; if it gets lost there, that did not arrive.
        let passed = |message: &&mut Message| {
            (message.from, message.mark.1, &message.words) == (side, mark.1, &words)
                && message.mark.0 > mark.0
        };
        if let Some(first) = exchange.messages.iter_mut().rev().take(100).find(passed) {
            if let Some(why) = dropped {
                first.dropped = Some(why.into());
            }
            return;
        }
        if self.kept >= MOST_PACKETS {
            exchange.left_out += 1;
            return;
        }
        self.kept += 1;
        exchange.messages.push(Message { at, from: side, words, dropped: dropped.map(Box::from), mark });
    }

    fn words(&mut self, frame: &Frame, packet: &Packet) -> String {
        let line = self.printer.line(frame, "");
        // What is of no known kind has its bytes behind the first line.
        let line = line.lines().next().unwrap_or_default();
        let said = line.split_once(": ").map_or(line, |(_, said)| said);
        match packet.ports() {
            Some((from, to)) => format!("{from} > {to} {said}"),
            None => said.to_owned(),
        }
    }

    /// Them, in the order in which they began.
    pub fn into_vec(self) -> Vec<Exchange> {
        self.exchanges
    }
}
