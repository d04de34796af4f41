//! What is in flight: the segments between SND.UNA and SND.NXT in order, each with the time it last left and what the
//! peer said of it. A super-segment is one entry, split where the fates of its parts differ; neighbours that the peer
//! has are one. So there are never more entries than segments in flight.
//!
//! Counts are segments, as Linux's are.

use std::collections::VecDeque;

use sockeye_base::{Instant, SeqNum};

/// Segments alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) seq: SeqNum,
    /// Sequence numbers taken, FIN's included.
    pub(crate) len: u32,
    /// Payload of each but the last.
    pub(crate) mss: u32,
    /// The last one is pushed.
    pub(crate) push: bool,
    /// The last one carries our FIN.
    pub(crate) fin: bool,
    /// The peer has it (RFC 2018).
    pub(crate) sacked: bool,
    /// Taken for lost.
    pub(crate) lost: bool,
    /// Repeated, and not taken for lost again since.
    pub(crate) resent: bool,
    /// Was ever repeated: its acknowledgement may be the first one's (Karn).
    pub(crate) ever_resent: bool,
    /// When it left last.
    pub(crate) sent_at: Instant,
}

impl Sent {
    /// Leaves for the first time: `len` bytes in segments of `mss`, perhaps pushed, and perhaps a FIN.
    pub(crate) fn new(now: Instant, seq: SeqNum, (len, mss): (u32, u32), (push, fin): (bool, bool)) -> Sent {
        Sent {
            seq,
            len: len + u32::from(fin),
            mss,
            push,
            fin,
            sacked: false,
            lost: false,
            resent: false,
            ever_resent: false,
            sent_at: now,
        }
    }

    pub(crate) fn end(&self) -> SeqNum {
        self.seq + self.len
    }

    /// How many segments. A FIN rides on the last data.
    pub(crate) fn count(&self) -> u32 {
        let len = self.len - u32::from(self.fin);
        if len <= self.mss { 1 } else { len.div_ceil(self.mss) }
    }

    /// Where its last segment begins.
    pub(crate) fn last_seq(&self) -> SeqNum {
        self.seq + (self.count() - 1) * self.mss
    }

    /// The whole segments between two sequence numbers: the first, and one past the last.
    fn whole_segments(&self, left: SeqNum, right: SeqNum) -> (u32, u32) {
        let (from, count) =
            (left.distance_from(self.seq).max(0).cast_unsigned().div_ceil(self.mss), self.count());
        let to = if right.at_or_after(self.end()) {
            count
        } else {
            (right.distance_from(self.seq).max(0).cast_unsigned() / self.mss).min(count - 1)
        };
        (from, to)
    }

    fn alike(&self, other: &Sent) -> bool {
        let fate = |sent: &Sent| (sent.mss, sent.sacked, sent.lost, sent.resent, sent.ever_resent);
        fate(self) == fate(other)
            && !self.fin
            && (!self.push || self.sacked)
            && self.len.is_multiple_of(self.mss)
            && (self.sent_at == other.sent_at || self.sacked)
    }
}

/// All of them, with their sums.
#[derive(Debug, Default)]
pub(crate) struct SentList {
    entries: VecDeque<Sent>,
    /// Segments in flight or at the peer (Linux's packets_out).
    packets: u32,
    sacked: u32,
    lost: u32,
    resent: u32,
}

/// The first entries, acknowledged ([`SentList::covered`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Covered {
    entries: usize,
    pub(super) packets: u32,
    /// When the first left, and the last of them.
    pub(super) first: Instant,
    pub(super) last: Sent,
}

/// An empty list keeps room for this many.
const KEPT: usize = 4;

impl SentList {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Segments not cumulatively acknowledged.
    pub(crate) fn packets(&self) -> u32 {
        self.packets
    }

    /// Segments the peer says it has.
    pub(crate) fn sacked(&self) -> u32 {
        self.sacked
    }

    /// Segments taken for lost.
    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    /// Segments repeated and on their way.
    pub(crate) fn resent(&self) -> u32 {
        self.resent
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Sent> {
        self.entries.get(at)
    }

    pub(crate) fn first(&self) -> Option<&Sent> {
        self.entries.front()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Sent> {
        self.entries.iter()
    }

    /// The entry that holds `seq`, or the first behind it.
    pub(crate) fn find(&self, seq: SeqNum) -> usize {
        self.entries.partition_point(|sent| sent.end().at_or_before(seq))
    }

    /// New segments leave, behind all others.
    pub(crate) fn push(&mut self, sent: Sent) {
        self.add(&sent);
        if self.entries.capacity() == 0 {
            // Many connections never have more in flight.
            self.entries.reserve_exact(1);
        }
        self.entries.push_back(sent);
    }

    /// What an acknowledgement of all up to `una` takes off, if nothing of it needs a thought: whole entries that left
    /// once, and of the others the peer has said nothing.
    pub(crate) fn covered(&self, una: SeqNum) -> Option<Covered> {
        if (self.sacked | self.lost | self.resent) != 0 {
            return None;
        }
        let mut entries = self.entries.iter();
        let mut last = entries.next()?;
        let (first, mut packets) = (last.sent_at, last.count());
        for count in 1.. {
            if last.ever_resent || last.end().after(una) {
                return None;
            }
            if last.end() == una {
                return Some(Covered { entries: count, packets, first, last: *last });
            }
            last = entries.next()?;
            packets += last.count();
        }
        None
    }

    /// Takes that off.
    pub(crate) fn take(&mut self, covered: &Covered) {
        if covered.entries == 1 {
            self.entries.pop_front();
        } else {
            self.entries.drain(..covered.entries.min(self.entries.len()));
        }
        self.packets -= covered.packets;
        if self.entries.is_empty() && self.entries.capacity() > KEPT {
            self.entries = VecDeque::new();
        }
    }

    /// Takes off the next whole segments before `una`. If it falls within a segment, that one is shortened.
    pub(crate) fn pop_before(&mut self, una: SeqNum) -> Option<Sent> {
        let front = self.entries.front()?;
        if una.at_or_before(front.seq) {
            return None;
        }
        if front.end().after(una) {
            let (_, whole) = front.whole_segments(front.seq, una);
            if whole == 0 {
                self.shorten_front(una);
                return None;
            }
            let boundary = front.seq + whole * front.mss;
            self.split(0, boundary);
        }
        let front = self.entries.pop_front()?;
        self.remove(&front);
        if self.entries.is_empty() && self.entries.capacity() > KEPT {
            self.entries = VecDeque::new();
        }
        Some(front)
    }

    fn shorten_front(&mut self, una: SeqNum) {
        let Some(front) = self.entries.front() else { return };
        let boundary = front.seq + front.mss;
        if front.count() > 1 {
            self.split(0, boundary);
        }
        if let Some(front) = self.entries.front_mut() {
            front.len -= una.offset_from(front.seq);
            front.seq = una;
        }
    }

    /// Makes an entry of its own of the whole segments that lie between `left` and `right` in entry `at`; says where
    /// it then is.
    pub(crate) fn isolate(&mut self, mut at: usize, left: SeqNum, right: SeqNum) -> Option<usize> {
        let sent = *self.entries.get(at)?;
        let (from, to) = sent.whole_segments(left, right);
        if from >= to {
            return None;
        }
        if to < sent.count() {
            self.split(at, sent.seq + to * sent.mss);
        }
        if from > 0 {
            self.split(at, sent.seq + from * sent.mss);
            at += 1;
        }
        Some(at)
    }

    /// Splits entry `at` at a boundary between its segments.
    fn split(&mut self, at: usize, boundary: SeqNum) {
        let Some(first) = self.entries.get_mut(at) else { return };
        let mut second = *first;
        first.len = boundary.offset_from(first.seq);
        first.push = false;
        first.fin = false;
        second.len -= first.len;
        second.seq = boundary;
        self.entries.insert(at + 1, second);
    }

    /// Changes an entry, keeping the sums.
    pub(crate) fn change(&mut self, at: usize, change: impl FnOnce(&mut Sent)) {
        let Some(sent) = self.entries.get_mut(at) else { return };
        let before = *sent;
        change(sent);
        let after = *sent;
        self.remove(&before);
        self.add(&after);
    }

    /// Changes all, keeping the sums.
    pub(crate) fn change_all(&mut self, mut change: impl FnMut(usize, &mut Sent)) {
        for at in 0..self.entries.len() {
            self.change(at, |sent| change(at, sent));
        }
    }

    /// Joins entry `at` with its neighbours, where they are alike.
    pub(crate) fn join(&mut self, at: usize) {
        for first in [at, at.wrapping_sub(1)] {
            let (Some(a), Some(b)) = (self.entries.get(first), self.entries.get(first.wrapping_add(1)))
            else {
                continue;
            };
            if a.alike(b) {
                let (len, push, fin) = (a.len + b.len, b.push, b.fin);
                let sent_at = a.sent_at.max(b.sent_at);
                self.entries.remove(first + 1);
                if let Some(a) = self.entries.get_mut(first) {
                    (a.len, a.push, a.fin, a.sent_at) = (len, push, fin, sent_at);
                }
            }
        }
    }

    /// Where the highest segment that the peer has ends.
    pub(crate) fn highest_sacked(&self) -> Option<SeqNum> {
        if self.sacked == 0 {
            return None;
        }
        self.entries.iter().rev().find(|sent| sent.sacked).map(Sent::end)
    }

    pub(crate) fn clear(&mut self) {
        *self = SentList::default();
    }

    fn add(&mut self, sent: &Sent) {
        let count = sent.count();
        self.packets += count;
        self.sacked += if sent.sacked { count } else { 0 };
        self.lost += if sent.lost { count } else { 0 };
        self.resent += if sent.resent { count } else { 0 };
    }

    fn remove(&mut self, sent: &Sent) {
        let count = sent.count();
        self.packets -= count;
        self.sacked -= if sent.sacked { count } else { 0 };
        self.lost -= if sent.lost { count } else { 0 };
        self.resent -= if sent.resent { count } else { 0 };
    }

    /// What must always hold: the entries cover `from` to `to` without a gap, and the sums are theirs.
    pub(crate) fn check(&self, from: SeqNum, to: SeqNum) -> Result<(), String> {
        let mut edge = from;
        let mut sums = SentList::default();
        for sent in &self.entries {
            if sent.seq != edge || sent.len == 0 || sent.mss == 0 {
                return Err(format!("in flight at {edge:?}: {sent:?}"));
            }
            if sent.sacked && (sent.lost || sent.resent) {
                return Err(format!("at the peer, and lost: {sent:?}"));
            }
            edge = sent.end();
            sums.add(sent);
        }
        if edge != to {
            return Err(format!("in flight up to {edge:?}, not {to:?}"));
        }
        let all = |list: &SentList| (list.packets, list.sacked, list.lost, list.resent);
        if all(&sums) != all(self) { Err(format!("sums {sums:?} of {self:?}")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(seq: SeqNum, len: u32, mss: u32, fin: bool) -> Sent {
        Sent {
            seq,
            len,
            mss,
            push: false,
            fin,
            sacked: false,
            lost: false,
            resent: false,
            ever_resent: false,
            sent_at: Instant::ZERO,
        }
    }

    #[test]
    fn a_fin_rides_on_the_last_data() {
        let one = |len| sent(SeqNum(5), len, 1000, true).count();
        assert_eq!([one(1), one(2), one(1001), one(1002), one(2001)], [1, 1, 1, 2, 2]);
        let mut list = SentList::default();
        list.push(sent(SeqNum(0), 2001, 1000, true));
        assert_eq!(list.pop_before(SeqNum(2000)).map(|sent| sent.len), Some(1000));
        assert_eq!(list.pop_before(SeqNum(2000)), None);
        assert_eq!((list.packets(), list.check(SeqNum(2000), SeqNum(2001))), (1, Ok(())));
    }

    #[test]
    fn splits_and_joins() {
        let mut list = SentList::default();
        list.push(sent(SeqNum(0), 10_000, 1000, false));
        list.push(sent(SeqNum(10_000), 500, 1000, false));
        list.push(sent(SeqNum(10_500), 500, 1000, false));
        assert_eq!((list.len(), list.packets()), (3, 12));
        let at = list.isolate(0, SeqNum(2500), SeqNum(6999));
        assert_eq!(at, Some(1));
        assert_eq!(list.get(1).map(|sent| (sent.seq, sent.len)), Some((SeqNum(3000), 3000)));
        list.change(1, |sent| sent.sacked = true);
        assert_eq!((list.len(), list.sacked(), list.highest_sacked()), (5, 3, Some(SeqNum(6000))));
        list.change(1, |sent| sent.sacked = false);
        list.join(1);
        assert_eq!((list.len(), list.check(SeqNum(0), SeqNum(11_000))), (3, Ok(())));
    }

    proptest! {
        #[test]
        fn sums_hold(base: u32, steps in prop::collection::vec((0u8..4, 0u32..9000, 1u32..4000), 0..60)) {
            let base = SeqNum(base);
            let mut list = SentList::default();
            let (mut una, mut nxt) = (base, base);
            for (what, a, b) in steps {
                match what {
                    0 => {
                        list.push(sent(nxt, b, 1 + a % 1500, false));
                        nxt += b;
                    }
                    1 => {
                        let to = una + a.min(nxt.offset_from(una));
                        while let Some(sent) = list.pop_before(to) {
                            prop_assert!(sent.end().at_or_before(to));
                        }
                        una = to;
                    }
                    _ => {
                        let (left, right) = (una + a, una + a + b);
                        let found = list.find(left);
                        if let Some(at) = list.isolate(found, left, right) {
                            let sent = list.get(at).unwrap();
                            prop_assert!(sent.seq.at_or_after(left) && sent.end().at_or_before(right));
                            list.change(at, |sent| if what == 2 { sent.sacked = !sent.sacked } else { sent.sacked = false });
                            list.join(at);
                        }
                    }
                }
                prop_assert_eq!(list.check(una, nxt), Ok(()));
            }
        }
    }
}
