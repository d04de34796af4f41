//! Where connections began: the numbers that tcpdump counts from.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use sockeye_base::SeqNum;

/// How many connections are remembered. One that is forgotten is taken for new when it is seen again.
const MOST: usize = 65_536;

/// A connection's end.
type End = (u16, IpAddr);

/// Both ends in an order that does not depend on the direction: the lower port first, then the lower address.
type Key = (End, End);

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
    /// Finds or notes the start of a connection, from a segment that acknowledges something. As in tcpdump, one that opens
    /// the connection, or the first that is seen, is printed as it is and noted.
    pub(super) fn start_of(
        &mut self,
        from: End,
        to: End,
        (seq, ack): (SeqNum, SeqNum),
        opens: bool,
    ) -> Start {
        let reversed = from > to;
        let key = if reversed { (to, from) } else { (from, to) };
        let in_direction = |(first, second)| if reversed { (second, first) } else { (first, second) };
        match self.starts.get(&key) {
            Some(start) if !opens => {
                let (seq, ack) = in_direction(*start);
                Start { seq, ack, sack: ack }
            }
            _ => {
                self.note(key, in_direction((seq, ack - 1)));
                Start { sack: ack - 1, ..Start::default() }
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
        let mut start_of = |port: u32| {
            let to = (port as u16, b);
            connections.start_of(((port >> 16) as u16, a), to, (SeqNum(1000), SeqNum(500)), false)
        };
        for port in 0..=MOST as u32 {
            assert_eq!(start_of(port).seq, SeqNum(0), "new");
        }
        assert_eq!(start_of(1), Start { seq: SeqNum(1000), ack: SeqNum(499), sack: SeqNum(499) });
        assert_eq!(start_of(0).seq, SeqNum(0), "forgotten");
        assert_eq!((connections.starts.len(), connections.order.len()), (MOST, MOST));
    }
}
