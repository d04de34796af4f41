//! The corks (TCP_CORK) that programs set without a call, by the object that is preloaded (`sockeye_preload::Table`).
//!
//! While a cork is in, what the program writes is left in its carrier, for the program is about to take the cork away, and then all
//! goes at once. If it stays in, it is held: the stack is told of it, takes the bytes, and sends what full segments there are.

use sockeye_abi::{Opt, Value};
use sockeye_base::{Duration, Instant};
use sockeye_preload::Cork;

use crate::carriers::{Carrier, CarrierId, State};
use crate::supervisor::Supervisor;

/// How long a cork may stay in before it is held: about what a call of the program's would have cost.
const PATIENCE: Duration = Duration::from_micros(30);

/// Whose cork is in.
#[derive(Default)]
pub(crate) struct Corks {
    waiting: Vec<(CarrierId, Instant)>,
}

impl Corks {
    /// Whether a carrier's bytes are waited with.
    pub(crate) fn any_waits(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Supervisor {
    /// A stream is connected: programs may say of it what they like.
    pub(crate) fn enter_cork(&mut self, id: CarrierId) {
        if self.carriers.shared.table().is_none() {
            return;
        }
        let Some(&mut Carrier { cookie, socket, .. }) = self.carriers.get(id) else { return };
        let now = self.network.now();
        let corked = self.network.host().option(now, socket, Opt::TcpCork) == Ok(Value::Int(1));
        self.carriers.shared.table().into_iter().for_each(|table| table.enter(cookie, corked));
    }

    fn look(&self, cookie: u64) -> Cork {
        self.carriers.shared.table().map_or(Cork::Unknown, |table| table.look(cookie))
    }

    /// Whether what a program has written is left where it is for now.
    pub(crate) fn awaits_uncorking(&mut self, id: CarrierId) -> bool {
        if self.carriers.shared.table().is_none() {
            return false;
        }
        let Some(carrier) = self.carriers.get(id) else { return false };
        let State::Connected(link) = &carrier.state else { return false };
        let (may_wait, cookie) = (link.may_wait(), carrier.cookie);
        if !may_wait || self.look(cookie) != Cork::Shut {
            return false;
        }
        if !self.corks.waiting.iter().any(|(waiting, _)| *waiting == id) {
            self.corks.waiting.push((id, self.network.now() + PATIENCE));
        }
        true
    }

    /// Looks at the corks that are in: whose was taken away goes on; whose stays in too long is held.
    pub(crate) fn look_at_corks(&mut self) {
        let now = self.network.now();
        for (id, until) in std::mem::take(&mut self.corks.waiting) {
            let Some(&mut Carrier { cookie, .. }) = self.carriers.get(id) else { continue };
            match self.look(cookie) {
                Cork::Shut if now < until => self.corks.waiting.push((id, until)),
                Cork::Shut => self.hold_cork(id),
                Cork::Open | Cork::Held | Cork::Unknown => self.pump(id),
            }
        }
        if self.corks.any_waits() {
            // Who is to take it away may want this processor.
            std::thread::yield_now();
        }
    }

    /// The stack learns of a cork that is in, and takes what was written.
    pub(crate) fn hold_cork(&mut self, id: CarrierId) {
        if self.carriers.shared.table().is_none() {
            return;
        }
        let Some(&mut Carrier { cookie, socket, .. }) = self.carriers.get(id) else { return };
        if self.look(cookie) != Cork::Shut {
            return;
        }
        if self.carriers.shared.table().is_some_and(|table| table.hold(cookie)) {
            let now = self.network.now();
            // A connection that is gone has none.
            let _ = self.network.host().set_option(now, socket, Opt::TcpCork, Value::Int(1));
        }
        self.pump(id);
    }

    /// The stack was told by a call.
    pub(crate) fn note_cork(&mut self, id: CarrierId, corked: bool) {
        let Some(&mut Carrier { cookie, .. }) = self.carriers.get(id) else { return };
        self.carriers.shared.table().into_iter().for_each(|table| table.told(cookie, corked));
    }
}
