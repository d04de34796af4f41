//! Explicit congestion notification (RFC 3168): routers mark packets instead of dropping them; the receiver echoes the
//! mark (ECE) until the sender says that it has slowed down (CWR). Which flags and codepoints go where is here; the
//! slowing down is `recovery`'s.
//!
//! Not modelled: accurate ECN (RFC 9768); its SYN is answered as RFC 3168's.

use sockeye_wire::ip::Ecn;
use sockeye_wire::tcp::{Flags, Segment};

use crate::tcb::Tcb;

/// Who uses it (tcp_ecn).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EcnMode {
    /// Nobody.
    Off,
    /// Asked for when connecting, granted when asked.
    On,
    /// Granted when asked.
    #[default]
    Passive,
}

impl EcnMode {
    const ALL: [EcnMode; 3] = [EcnMode::Off, EcnMode::On, EcnMode::Passive];

    /// Linux's number.
    pub fn number(self) -> u64 {
        match self {
            EcnMode::Off => 0,
            EcnMode::On => 1,
            EcnMode::Passive => 2,
        }
    }

    /// The mode of this number.
    pub fn from_number(number: u64) -> Option<EcnMode> {
        EcnMode::ALL.into_iter().find(|mode| mode.number() == number)
    }
}

/// What a connection knows of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EcnState {
    /// Both ends do it; before the peer's SYN: we would.
    pub(crate) on: bool,
    /// The window was reduced: the next new data says so (CWR).
    cwr_due: bool,
    /// A mark came, and the peer has not said yet that it slowed down: every segment says ECE.
    echo: bool,
    /// Data came from a transport that knows of marks.
    pub(crate) seen: bool,
    /// Of the packet that is being looked at, and of the one built last.
    arrived: Ecn,
    pub(crate) leaves: Ecn,
    /// Segments that arrived, as acknowledgements with ECE told; wraps around.
    pub(crate) delivered_ce: u32,
}

impl Tcb {
    /// A segment arrives in a packet whose header says `ecn`.
    pub(crate) fn note_ecn(&mut self, ecn: Ecn) {
        if let Some(rare) = &mut self.rare {
            rare.ecn.arrived = ecn;
        }
    }

    /// What the packet of the segment that [`Tcb::decide`] just gave says. Section 6.1: only new data is marked, as only
    /// its loss would be noticed; no mere acknowledgement, no probe, no repetition.
    pub fn ecn(&self) -> Ecn {
        self.ecn_state().leaves
    }

    pub(crate) fn ecn_state(&self) -> EcnState {
        self.rare.as_ref().map(|rare| rare.ecn).unwrap_or_default()
    }

    /// The state, if both ends do it.
    fn ecn_in_use(&mut self) -> Option<&mut EcnState> {
        self.rare.as_mut().map(|rare| &mut rare.ecn).filter(|ecn| ecn.on)
    }

    /// We connect, and would like to.
    pub(crate) fn ask_for_ecn(&mut self) {
        if self.config.ecn == EcnMode::On {
            self.rare().ecn.on = true;
        }
    }

    /// Section 6.1.1: a SYN asks with both flags; its answer has ECE alone. What was unanswered once may have met a
    /// router that doesn't like them (section 6.1.1.1; tcp_ecn_fallback).
    pub(crate) fn syn_ecn(&self, with_ack: bool) -> Flags {
        let given_up = self.syn_repeated && self.config.ecn_fallback;
        match (self.ecn_state().on, with_ack) {
            (true, true) => Flags::ECE,
            (true, false) if !given_up => Flags::ECE | Flags::CWR,
            (true | false, _) => Flags::empty(),
        }
    }

    /// What the peer's SYN says to that.
    pub(crate) fn negotiate_ecn(&mut self, flags: Flags) {
        let cwr = !flags.contains(Flags::ACK);
        let agrees = flags.contains(Flags::ECE) && flags.contains(Flags::CWR) == cwr;
        if self.passive {
            if agrees && self.config.ecn != EcnMode::Off {
                self.rare().ecn.on = true;
            }
        } else if let Some(ecn) = self.ecn_in_use() {
            ecn.on = agrees;
        }
    }

    /// The window is being reduced: the peer is to know.
    pub(crate) fn queue_cwr(&mut self) {
        if let Some(ecn) = self.ecn_in_use() {
            ecn.cwr_due = true;
        }
    }

    /// That was taken back.
    pub(crate) fn withdraw_cwr(&mut self) {
        if let Some(ecn) = self.ecn_in_use() {
            ecn.cwr_due = false;
        }
    }

    /// A segment with new data is about to leave.
    pub(crate) fn mark_new_data(&mut self, segment: &mut Segment) {
        if let Some(ecn) = self.ecn_in_use() {
            ecn.leaves = Ecn::Ect0;
            segment.flags.set(Flags::CWR, std::mem::take(&mut ecn.cwr_due));
        }
    }

    /// Any segment but a SYN is being built.
    pub(crate) fn echo_ecn(&mut self, flags: &mut Flags) {
        if let Some(ecn) = self.ecn_in_use() {
            ecn.leaves = Ecn::NotEct;
            flags.set(Flags::ECE, ecn.echo);
        }
    }

    /// An acknowledgement says that a mark came.
    pub(crate) fn is_echo(&self, segment: &Segment) -> bool {
        segment.flags.contains(Flags::ECE) && !segment.flags.contains(Flags::SYN) && self.ecn_state().on
    }

    /// So many segments arrived, and that told of a mark.
    pub(crate) fn count_echoed(&mut self, delivered: u32) {
        if let Some(ecn) = self.ecn_in_use() {
            ecn.delivered_ce = ecn.delivered_ce.wrapping_add(delivered);
        }
    }

    /// Section 6.1.3: the peer says that it slowed down. Its window may be small: as Linux, it hears soon.
    pub(crate) fn take_cwr(&mut self, segment: &Segment) {
        if segment.flags.contains(Flags::CWR)
            && let Some(ecn) = self.ecn_in_use()
        {
            ecn.echo = false;
            self.ack_now |= segment.sequence_len() > 0;
        }
    }

    /// Section 6.1.3, data arrived: a mark is echoed from now on. As Linux, acknowledgements don't wait then, nor after
    /// data that isn't marked as the others are, which was probably repeated.
    pub(crate) fn note_mark(&mut self) {
        let Some(ecn) = self.ecn_in_use() else { return };
        let urgent = match ecn.arrived {
            Ecn::NotEct => ecn.seen,
            Ecn::Ect0 | Ecn::Ect1 => {
                ecn.seen = true;
                false
            }
            Ecn::Ce => {
                ecn.seen = true;
                !std::mem::replace(&mut ecn.echo, true)
            }
        };
        if urgent {
            self.quick_acks = self.quick_acks.max(2);
            self.interactive = false;
        }
    }
}
