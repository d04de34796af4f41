//! What most connections do without, in a box that is made when it is first needed: an idle connection is small.

use sockeye_base::Instant;

use crate::ecn::EcnState;
use crate::tcb::Tcb;

#[derive(Debug, Default)]
pub(crate) struct Rare {
    pub(crate) ecn: EcnState,
    /// When the first probe of a window that is shut since was due.
    pub(crate) shut_since: Option<Instant>,
}

impl Tcb {
    /// The box; makes it.
    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The peer's window is not shut.
    pub(crate) fn note_open_window(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.shut_since = None;
        }
    }
}
