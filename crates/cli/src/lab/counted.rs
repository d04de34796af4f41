//! What is counted of the frames on a network.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sockeye_base::SeqNum;
use sockeye_lab::{Captured, End};
use sockeye_topology::Expectations;
use sockeye_wire::Packet;
use sockeye_wire::tcp::Flags;

/// Directions of connections that are told apart; those beyond are not looked at.
const MOST_WAYS: usize = 100_000;

/// Counts of a network's frames.
#[derive(Default)]
pub(super) struct Counted {
    /// Frames that did not arrive, by reason, as the network has counted them.
    pub(super) drops: BTreeMap<&'static str, u64>,
    again: u64,
    resets: u64,
    /// By sender and receiver: where its segments were seen first, which is nearest to the sender, and behind the last of
    /// them in sequence.
    ways: BTreeMap<[SocketAddr; 2], (End, SeqNum)>,
}

impl Counted {
    pub(super) fn count(&mut self, captured: &Captured) {
        let frames = captured.frame.count() as u64;
        let packet = captured.frame.as_packet();
        let Some((packet, segment)) = packet.and_then(|packet| Some((packet, Packet::as_segment(packet)?)))
        else {
            return;
        };
        let way = [
            SocketAddr::new(packet.source(), segment.source),
            SocketAddr::new(packet.destination(), segment.destination),
        ];
        let has_room = self.ways.len() < MOST_WAYS;
        let syn = segment.flags.contains(Flags::SYN);
        let end = segment.seq + segment.sequence_len();
        match self.ways.get_mut(&way) {
            // A router's, later.
            Some((first, _)) if *first != captured.end => return,
            Some((_, sent)) => {
                let beyond = end.offset_from(*sent).cast_signed() > 0;
                // A SYN somewhere else begins another connection.
                let anew = syn && end != *sent;
                if segment.sequence_len() > 0 && !beyond && !anew {
                    self.again += frames;
                }
                if beyond || anew {
                    *sent = end;
                }
            }
            None if has_room => {
                self.ways.insert(way, (captured.end, end));
            }
            None => return,
        }
        self.resets += u64::from(segment.flags.contains(Flags::RST));
    }

    /// What is more than was expected.
    pub(super) fn failures(&self, expected: &Expectations) -> Vec<String> {
        expected.exceeded([self.again, self.resets, self.drops.values().sum()])
    }
}

/// A line about the frames that did not arrive, if there are any.
pub(super) fn dropped(drops: &BTreeMap<&'static str, u64>) -> String {
    if drops.is_empty() {
        return String::new();
    }
    let drops: Vec<_> = drops.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    format!("dropped: {}\n", drops.join(", "))
}
