//! Header prediction, after Jacobson: most segments of a connection that runs well are the very next ones, with nothing to
//! say but data or an acknowledgement of data. For these the steps of section 3.10.7 come to very little, and that is here;
//! what is left out would find nothing to do. All other segments take the long way, and so could these.

use sockeye_base::Instant;
use sockeye_wire::tcp::{Flags, Segment};

use crate::recovery::Repeat;
use crate::state::State;
use crate::tcb::Tcb;

impl Tcb {
    /// Takes a segment that was to be expected; `false` if it is another, and nothing has happened.
    pub(super) fn take_expected(&mut self, now: Instant, segment: &mut Segment) -> bool {
        let (acked, len) = (segment.ack.offset_from(self.snd_una), segment.payload.len() as u32);
        // What brings nothing new may be a duplicate.
        let news = acked > 0 || len > 0;
        if !news || acked > self.flight() || len > self.rcv_wnd() || !self.expects(segment) {
            return false;
        }
        let covered = if acked > 0 { self.recovery.sent.covered(segment.ack) } else { None };
        if covered.is_none() && acked > 0 {
            return false;
        }
        self.last_heard = now;
        self.probes = 0;
        self.note_timestamp(now, segment);
        self.update_window(segment);
        self.recovery.echo =
            segment.options.timestamps.filter(|_| self.negotiated.timestamps).map(|ts| ts.echo);
        self.recovery.repeat = Repeat::Nothing;
        if let Some(covered) = covered {
            self.take_covered(now, segment.ack, &covered);
        }
        self.sending.hold = false;
        self.forget_records();
        if len > 0 {
            self.measure_receive_echo(now, segment);
            self.measure_rcv_mss(segment);
            self.last_data_received = Some(now);
            self.take_in_order(now, std::mem::take(&mut segment.payload), false);
        }
        true
    }

    /// Whether it is the next in order, and neither it nor the connection is anything out of the ordinary.
    fn expects(&self, segment: &Segment) -> bool {
        let is_older = |value: u32| value.wrapping_sub(self.ts_recent).cast_signed() < 0;
        let overtaken = segment.options.timestamps.is_some_and(|timestamps| is_older(timestamps.value));
        self.state == State::Established
            && segment.flags.difference(Flags::PSH) == Flags::ACK
            && segment.seq == self.rcv_nxt
            && segment.options.sack.is_empty()
            && !overtaken
            && self.reassembly.is_empty()
            && self.reassembly.fin.is_none()
            && self.urgent.is_none()
            && self.recovery.is_calm()
            // Without SACK acknowledgements are counted in another way.
            && self.negotiated.sack
            && self.rare.as_ref().is_none_or(|rare| rare.is_calm())
    }
}
