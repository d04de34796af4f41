//! What most connections do without, in a box that is made when it is first needed: an idle connection is small.

use sockeye_base::{Counter, Instant, Tally};

use crate::ecn::EcnState;
use crate::tcb::Tcb;

#[derive(Debug, Default)]
pub(crate) struct Rare {
    pub(crate) ecn: EcnState,
    /// When the first probe of a window that is shut since was due.
    pub(crate) shut_since: Option<Instant>,
    /// To be counted.
    tally: Tally,
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

    /// The peer's window is not shut.
    pub(crate) fn note_open_window(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.shut_since = None;
        }
    }
}
