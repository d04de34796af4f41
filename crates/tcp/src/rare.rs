//! What most connections do without, in a box that is made when it is first needed: an idle connection is small.

use sockeye_base::{Counter, Duration, Instant, Tally};

use crate::ecn::EcnState;
use crate::fast_open::FastOpen;
use crate::mtu::MtuSearch;
use crate::tcb::Tcb;

#[derive(Debug, Default)]
pub(crate) struct Rare {
    pub(crate) ecn: EcnState,
    /// When the first probe of a window that is shut since was due.
    pub(crate) shut_since: Option<Instant>,
    pub(crate) mtu_search: Option<MtuSearch>,
    /// When paced data may leave next.
    pub(crate) next_paced: Option<Instant>,
    /// It opens, or opened, by RFC 7413.
    pub(crate) fast_open: Option<Box<FastOpen>>,
    /// A bare acknowledgement of the SYN-ACK came, and was put off (TCP_DEFER_ACCEPT).
    pub(crate) deferred: bool,
    /// To be counted.
    tally: Tally,
    /// How long sending waited for the peer's window, and for room in the send buffer.
    pub(crate) limited_by_window: Duration,
    pub(crate) limited_by_buffer: Duration,
    /// Timeouts, those after progress, and how long it took until something was acknowledged again.
    pub(crate) timeouts: u16,
    pub(crate) timeout_recoveries: u16,
    pub(crate) timeout_time: Duration,
}

impl Rare {
    /// Nothing of it bears on what arrives.
    pub(crate) fn is_calm(&self) -> bool {
        let opening = self.fast_open.as_ref().is_some_and(|open| open.pending);
        !self.ecn.on && self.mtu_search.is_none() && !opening
    }
}

impl Tcb {
    /// The box; makes it.
    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Notes something to be counted.
    pub(crate) fn count(&mut self, counter: Counter) {
        self.rare().tally.note(counter);
    }

    /// What happened since the last call that is to be counted. To be asked after each input, call and decision.
    pub fn take_tally(&mut self) -> Tally {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.tally)).unwrap_or_default()
    }

    /// A retransmission timeout; `first`: since the last progress.
    pub(crate) fn count_timeout(&mut self, first: bool) {
        let rare = self.rare();
        rare.timeouts = rare.timeouts.wrapping_add(1);
        rare.timeout_recoveries = rare.timeout_recoveries.wrapping_add(first.into());
    }

    /// Something is acknowledged: what timeouts there were are over.
    pub(crate) fn end_timeouts(&mut self, now: Instant) {
        self.recovery.timeouts = 0;
        if let Some(first) = self.recovery.repair().first_repeat_at {
            self.recovery.forget(|repair| repair.first_repeat_at = None);
            self.rare().timeout_time += now.since(first);
        }
    }

    /// The peer's window is not shut.
    pub(crate) fn note_open_window(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.shut_since = None;
        }
    }
}
