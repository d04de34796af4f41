//! Urgent data (RFC 9293, section 3.8.5; RFC 6093) as Linux's sockets show it: one byte, out of band until it is read
//! past. On the wire there is only a pointer into the stream, and only the latest counts: the byte of one that is
//! overtaken stays in the stream (but for one that is next to be read: Linux drops it).

use sockeye_base::{Chain, Instant, SeqNum};
use sockeye_wire::tcp::{Flags, Segment};

use crate::tcb::Tcb;

/// The furthest a segment's urgent pointer reaches.
const FURTHEST: u32 = 0xffff;

/// What is urgent at the moment, in one direction or both.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Urgent {
    /// The peer's latest urgent byte, until it is read past.
    mark: Option<Mark>,
    /// SND.UP: behind the last byte that the user called urgent, until it is acknowledged.
    snd_up: Option<SeqNum>,
    /// The probe that says so has gone, the one behind the window is next.
    probed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    seq: SeqNum,
    byte: Byte,
}

/// The byte at the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Byte {
    /// Announced only.
    OnItsWay,
    /// Here, not read out of band.
    Here(u8),
    /// Read out of band.
    Read,
}

/// Why there is no urgent byte to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrgentError {
    /// None was announced, it has been read, or it comes in line.
    None,
    /// It was announced, and is on its way.
    OnItsWay,
}

/// Receiving.
impl Tcb {
    /// The segment announces urgent data, or brings what was announced. RFC 6093, section 3: the pointer says which byte
    /// follows the urgent one, as everybody has it; with `stdurg` the byte itself (RFC 9293, section 3.8.5).
    pub(crate) fn process_urgent(&mut self, segment: &Segment) {
        if segment.flags.contains(Flags::URG) {
            let pointer = u32::from(segment.urgent);
            let off = if self.config.stdurg { pointer } else { pointer.saturating_sub(1) };
            self.move_mark(segment.seq + off);
        }
        let data_seq = Tcb::data_seq(segment);
        if let Some(mark) = self.mark_mut().filter(|mark| mark.byte == Byte::OnItsWay)
            && mark.seq.at_or_after(data_seq)
            && let Some(byte) =
                segment.payload.slice(mark.seq.offset_from(data_seq) as usize, 1).to_vec().first()
        {
            mark.byte = Byte::Here(*byte);
        }
    }

    /// Only what is beyond all that came before is news.
    fn move_mark(&mut self, seq: SeqNum) {
        let newer = self.mark().is_none_or(|mark| seq.after(mark.seq));
        if seq.before(self.rcv_nxt) || !newer {
            return;
        }
        // As Linux: an urgent byte that is next to be read is lost when another overtakes it.
        if self.at_mark() && !self.config.oob_inline {
            self.receive_queue.advance(1.min(self.receive_queue.len()));
        }
        self.urgent.get_or_insert_default().mark = Some(Mark { seq, byte: Byte::OnItsWay });
    }

    /// Takes at most `max` bytes, and none of them from both sides of the mark. At the mark the urgent byte is left out,
    /// unless it comes in line. The window this opens may be worth telling: `decide` knows.
    pub fn receive(&mut self, now: Instant, max: usize) -> Chain {
        if self.urgent.is_none() {
            return self.take(now, max);
        }
        let (skip, most) = self.up_to_mark(max);
        drop(self.take(now, skip));
        self.take(now, most)
    }

    /// The same, left where it is.
    pub fn peek(&self, max: usize) -> Chain {
        let (skip, most) = self.up_to_mark(max);
        self.receive_queue.slice(skip, most)
    }

    /// For who passes the stream on: the bytes before the mark, or the urgent byte alone and `true`.
    pub fn receive_marked(&mut self, now: Instant, max: usize) -> (Chain, bool) {
        match self.to_mark() {
            Some(0) => (self.take(now, 1), true),
            Some(distance) => (self.take(now, max.min(distance)), false),
            None => (self.take(now, max), false),
        }
    }

    /// Takes the urgent byte out of band; with `peek` it stays.
    pub fn receive_urgent(&mut self, peek: bool) -> Result<u8, UrgentError> {
        if self.config.oob_inline {
            return Err(UrgentError::None);
        }
        let mark = self.mark_mut().ok_or(UrgentError::None)?;
        match mark.byte {
            Byte::Read => Err(UrgentError::None),
            Byte::OnItsWay => Err(UrgentError::OnItsWay),
            Byte::Here(byte) => {
                if !peek {
                    mark.byte = Byte::Read;
                }
                Ok(byte)
            }
        }
    }

    /// Whether the mark is next (SIOCATMARK).
    pub fn at_mark(&self) -> bool {
        self.mark().is_some_and(|mark| mark.seq == self.read_seq())
    }

    /// Whether an urgent byte is here and not read out of band (POLLPRI).
    pub fn has_urgent(&self) -> bool {
        self.mark().is_some_and(|mark| matches!(mark.byte, Byte::Here(_)))
    }

    /// Whether there is enough to read but an urgent byte out of line (POLLIN): by SO_RCVLOWAT, or, as Linux, because the
    /// peer may send no more.
    pub fn has_data(&self) -> bool {
        let hidden = usize::from(self.at_mark() && !self.config.oob_inline);
        let (len, lowat) = (self.receive_queue.len(), self.config.receive_lowat);
        let is_shut = || lowat > 1 && len > 0 && self.rcv_told() <= self.rcv_mss;
        len >= lowat as usize + hidden || is_shut()
    }

    /// Whether who waits for `max` bytes goes on waiting, though some are there: SO_RCVLOWAT asks for more.
    pub fn is_short_of(&self, max: usize) -> bool {
        let (len, lowat) = (self.receive_queue.len(), self.config.receive_lowat as usize);
        lowat > 1 && len > 0 && len < lowat.min(max) && !self.has_data() && !self.peer_closed()
    }

    /// Bytes up to the mark, if it is within what came and not in line; else all (FIONREAD).
    pub fn unread_len(&self) -> usize {
        let all = self.receive_queue.len();
        self.to_mark().filter(|_| !self.config.oob_inline).map_or(all, |distance| distance.min(all))
    }

    /// What a read of at most `max` bytes leaves out at the front, and how many it takes.
    fn up_to_mark(&self, max: usize) -> (usize, usize) {
        match self.to_mark() {
            Some(0) if !self.config.oob_inline && max > 0 => (1, max),
            Some(0) | None => (0, max),
            Some(distance) => (0, max.min(distance)),
        }
    }

    /// Bytes in the queue ahead of the urgent one, if that is there too.
    fn to_mark(&self) -> Option<usize> {
        let distance = self.mark()?.seq.offset_from(self.read_seq()) as usize;
        (distance < self.receive_queue.len()).then_some(distance)
    }

    /// Takes bytes off the queue; what the mark meant is over when it is behind them.
    fn take(&mut self, now: Instant, max: usize) -> Chain {
        let data = self.receive_queue.split_to(max);
        if self.urgent.is_some() && self.mark().is_some_and(|mark| self.read_seq().after(mark.seq)) {
            self.change_urgent(|urgent| urgent.mark = None);
        }
        if !data.is_empty() {
            self.note_read(now);
        }
        data
    }

    /// Sequence number of what is read next.
    fn read_seq(&self) -> SeqNum {
        self.rcv_nxt - u32::from(self.fin_received) - self.receive_queue.len() as u32
    }

    fn mark(&self) -> Option<&Mark> {
        self.urgent.as_ref()?.mark.as_ref()
    }

    fn mark_mut(&mut self) -> Option<&mut Mark> {
        self.urgent.as_mut()?.mark.as_mut()
    }
}

/// Sending.
impl Tcb {
    /// The byte ahead of `end` is urgent (MSG_OOB).
    pub(crate) fn call_urgent(&mut self, end: SeqNum) {
        self.urgent.get_or_insert_default().snd_up = Some(end);
    }

    /// Whether the peer still has to hear of urgent data: then nothing waits to grow, and segments go one by one.
    pub(crate) fn urgent_mode(&self) -> bool {
        self.snd_up().is_some()
    }

    /// RFC 9293, section 3.8.5: each segment that starts ahead of the urgent data's end says where that is, or, as Linux,
    /// how far a pointer reaches if something between has not been sent.
    pub(crate) fn point_to_urgent(&self, segment: &mut Segment) {
        let Some(snd_up) = self.snd_up().filter(|up| up.after(segment.seq)) else { return };
        let distance = snd_up.offset_from(segment.seq);
        if distance > FURTHEST && (segment.seq + FURTHEST).at_or_before(self.snd_nxt) {
            return;
        }
        segment.flags |= Flags::URG;
        segment.urgent = distance.min(FURTHEST) as u16;
    }

    /// An acknowledgement came.
    pub(crate) fn forget_urgent(&mut self) {
        if self.snd_up().is_some_and(|up| up.at_or_before(self.snd_una)) {
            self.change_urgent(|urgent| urgent.snd_up = None);
        }
    }

    /// Where a zero-window probe stands: just before the window; but first, as Linux, one in it, if there is urgent data
    /// for it to point to.
    pub(crate) fn probe_seq(&mut self) -> SeqNum {
        let una = self.snd_una;
        let near = self.snd_up().is_some_and(|up| up.offset_from(una) <= FURTHEST);
        if let Some(urgent) = self.urgent.as_mut().filter(|_| near) {
            urgent.probed = !urgent.probed;
            if urgent.probed {
                self.probe_due = true;
                return una;
            }
        }
        una - 1
    }

    fn snd_up(&self) -> Option<SeqNum> {
        self.urgent.as_ref()?.snd_up
    }

    /// Changes what is urgent, and lets go of it when nothing is.
    fn change_urgent(&mut self, change: impl FnOnce(&mut Urgent)) {
        let Some(urgent) = self.urgent.as_mut() else { return };
        change(urgent);
        if urgent.mark.is_none() && urgent.snd_up.is_none() {
            self.urgent = None;
        }
    }
}
