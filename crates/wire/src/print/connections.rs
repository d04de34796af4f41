//! Where connections began: the numbers that tcpdump counts from.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use sockeye_base::SeqNum;

use crate::tcp::{Flags, Segment};

/// How many connections are remembered. One that is forgotten is taken for new when it is seen again.
const MOST: usize = 4096;

/// Both ends in an order that does not depend on the direction: the lower port first, then the lower address.
type Key = ((u16, IpAddr), (u16, IpAddr));

/// The numbers each direction's are counted from: for what the segment's sender sends, and for what it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// Taken off the sequence number.
    pub(super) seq: SeqNum,
    /// Taken off the acknowledgement number.
    pub(super) ack: SeqNum,
    /// Taken off the edges of SACK blocks. It differs from `ack` in the segment that opens a connection.
    pub(super) sack: SeqNum,
}

/// The connections that were seen.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// The first numbers of the end that comes first in the key, and of the other.
    starts: BTreeMap<Key, (SeqNum, SeqNum)>,
    /// The keys, oldest first.
    order: VecDeque<Key>,
}

impl Connections {
    /// Finds or notes the start of a segment's connection. As in tcpdump a SYN without ACK is printed as it is and
    /// noted nowhere; a SYN with ACK, or the first segment seen, is printed as it is and noted.
    pub(super) fn start_of(&mut self, source: IpAddr, destination: IpAddr, segment: &Segment) -> Start {
        if !segment.flags.contains(Flags::ACK) {
            return Start::default();
        }
        let (from, to) = ((segment.source, source), (segment.destination, destination));
        let reversed = from > to;
        let key = if reversed { (to, from) } else { (from, to) };
        let in_direction = |(first, second)| if reversed { (second, first) } else { (first, second) };
        match self.starts.get(&key) {
            Some(start) if !segment.flags.contains(Flags::SYN) => {
                let (seq, ack) = in_direction(*start);
                Start { seq, ack, sack: ack }
            }
            _ => {
                let (seq, ack) = (segment.seq, segment.ack - 1);
                self.note(key, in_direction((seq, ack)));
                Start { sack: ack, ..Start::default() }
            }
        }
    }

    fn note(&mut self, key: Key, start: (SeqNum, SeqNum)) {
        if self.starts.insert(key, start).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.starts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest() {
        let mut connections = Connections::default();
        let [a, b] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        let segment = |source| Segment {
            source,
            destination: 80,
            seq: SeqNum(1000),
            ack: SeqNum(500),
            flags: Flags::ACK,
            ..Segment::default()
        };
        for source in 0..=MOST as u16 {
            assert_eq!(connections.start_of(a, b, &segment(1000 + source)).seq, SeqNum(0), "new");
        }
        assert_eq!((connections.starts.len(), connections.order.len()), (MOST, MOST));
        let known = Start { seq: SeqNum(1000), ack: SeqNum(499), sack: SeqNum(499) };
        assert_eq!(connections.start_of(a, b, &segment(1001)), known);
        assert_eq!(connections.start_of(a, b, &segment(1000)).seq, SeqNum(0), "forgotten");
    }
}
