//! The table of carriers: what program and supervisor tell each other of one without a call.
//!
//! The supervisor enters a connected carrier in the slot that its cookie (SO_COOKIE) names; a slot that is another's leaves it without.
//!
//! *Corks* (TCP_CORK): the object sets and clears [`CORK`]. The supervisor, while it sees the cork, leaves the program's bytes where they
//! are, and then takes them all at once. If the cork stays it takes *hold*: from then on the stack is corked, and the
//! next word about it has to be a call.
//!
//! *Connecting*: who doesn't wait for a connection calls `connect` once more when it is there. It is [`UNTOLD`] until then.
//!
//! *Listening*: who waits for connections without blocking may take them by itself ([`crate::Accepts`]) where it says [`LISTENS`].
//!
//! Cookie and bits are one word, so that what is meant for one carrier never meets another that has the slot by now.
//! Whatever a hostile program writes here, it writes of its own family's sockets, and no more than this.

use core::sync::atomic::{AtomicU64, Ordering};

/// Slots of the table.
pub const SLOTS: usize = 16_384;
/// The program has set the cork.
const CORK: u64 = 1;
/// The supervisor has told the stack so.
const HELD: u64 = 2;
/// It is connected, and the program was told that this is under way.
const UNTOLD: u64 = 4;
/// Connections may be accepted without a call of the supervisor's.
const LISTENS: u64 = 8;
const BITS: u32 = 4;
const MASK: u64 = (1 << BITS) - 1;

/// What a slot says of a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cork {
    /// Nothing: it isn't the carrier's.
    Unknown,
    /// There is no cork.
    Open,
    /// There is one, and the stack doesn't know.
    Shut,
    /// There is one, and the stack knows.
    Held,
}

/// The table, in memory that supervisor and programs share.
#[repr(transparent)]
pub struct Table([AtomicU64; SLOTS]);

impl Table {
    /// The cork of a carrier.
    pub fn look(&self, cookie: u64) -> Cork {
        let word = self.slot(cookie).load(Ordering::Acquire);
        match word ^ key(cookie) {
            another if another >> BITS != 0 => Cork::Unknown,
            bits if bits & (CORK | HELD) == 0 => Cork::Open,
            bits if bits & HELD == 0 => Cork::Shut,
            // Held without a cork is a hostile program's.
            _ => Cork::Held,
        }
    }

    /// Enters a carrier, corked already or not, if its slot is free.
    pub fn enter(&self, cookie: u64, corked: bool) {
        let word = key(cookie) | if corked { CORK | HELD } else { 0 };
        let _ = self.slot(cookie).compare_exchange(0, word, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Takes it out.
    pub fn leave(&self, cookie: u64) {
        let leave = |word: u64| (word >> BITS == cookie).then_some(0);
        let _ = self.slot(cookie).fetch_update(Ordering::AcqRel, Ordering::Acquire, leave);
    }

    /// The program sets the cork; `false` if it has to do so by a call.
    pub fn shut(&self, cookie: u64) -> bool {
        self.change(cookie, |bits| Some(bits | CORK))
    }

    /// The program takes the cork away; `false` if it has to do so by a call.
    pub fn open(&self, cookie: u64) -> bool {
        self.change(cookie, |bits| (bits & HELD == 0).then_some(bits & !CORK))
    }

    /// The supervisor takes hold of a cork; `false` if there is none.
    pub fn hold(&self, cookie: u64) -> bool {
        self.change(cookie, |bits| (bits & CORK != 0).then_some(bits | HELD))
    }

    /// The supervisor was told of a cork by a call.
    pub fn told(&self, cookie: u64, corked: bool) {
        let _ =
            self.change(cookie, |bits| Some(bits & !(CORK | HELD) | if corked { CORK | HELD } else { 0 }));
    }

    /// The supervisor has connected it, and the program doesn't know; `false` if it isn't here.
    pub fn will_tell(&self, cookie: u64) -> bool {
        self.change(cookie, |bits| Some(bits | UNTOLD))
    }

    /// Whether the program is still to be told that it is connected.
    pub fn is_untold(&self, cookie: u64) -> bool {
        let word = self.slot(cookie).load(Ordering::Acquire);
        word >> BITS == cookie && word & UNTOLD != 0
    }

    /// Tells the program that it is connected; `false` if that is not to be told, or was.
    pub fn tell(&self, cookie: u64) -> bool {
        self.change(cookie, |bits| (bits & UNTOLD != 0).then_some(bits & !UNTOLD))
    }

    /// Whether connections of a listener may be accepted without a call.
    pub fn listens(&self, cookie: u64) -> bool {
        let word = self.slot(cookie).load(Ordering::Acquire);
        word >> BITS == cookie && word & LISTENS != 0
    }

    /// They may from now on, or not; the listener's carrier is entered if its slot is free.
    pub fn set_listens(&self, cookie: u64, may: bool) {
        let changed = self.change(cookie, |bits| Some(bits & !LISTENS | if may { LISTENS } else { 0 }));
        if !changed && may {
            let word = key(cookie) | LISTENS;
            let _ = self.slot(cookie).compare_exchange(0, word, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Changes a carrier's bits, if the slot is the carrier's and there are other ones.
    fn change(&self, cookie: u64, to: impl Fn(u64) -> Option<u64>) -> bool {
        let another = |word: u64| if word >> BITS == cookie { to(word & MASK) } else { None };
        let another = |word: u64| another(word).map(|bits| key(cookie) | bits);
        self.slot(cookie).fetch_update(Ordering::AcqRel, Ordering::Acquire, another).is_ok()
    }

    fn slot(&self, cookie: u64) -> &AtomicU64 {
        &self.0[(cookie % SLOTS as u64) as usize]
    }
}

/// A carrier's word without bits. No machine lives to see a cookie of more than 60.
fn key(cookie: u64) -> u64 {
    cookie << BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cork_is_taken_away_by_a_call_once_it_is_held() {
        let table = Table([const { AtomicU64::new(0) }; SLOTS]);
        assert!(!table.shut(7));
        table.enter(7, false);
        assert_eq!((table.look(7), table.look(8)), (Cork::Open, Cork::Unknown));
        assert!(table.shut(7) && table.shut(7));
        assert_eq!(table.look(7), Cork::Shut);
        assert!(table.open(7) && !table.hold(7));
        assert!(table.shut(7) && table.hold(7) && table.shut(7));
        assert_eq!(table.look(7), Cork::Held);
        assert!(!table.open(7));
        table.told(7, false);
        assert_eq!(table.look(7), Cork::Open);
    }

    #[test]
    fn a_connection_is_told_of_once() {
        let table = Table([const { AtomicU64::new(0) }; SLOTS]);
        assert!(!table.will_tell(7) && !table.is_untold(7) && !table.tell(7));
        table.enter(7, false);
        assert!(!table.tell(7) && table.will_tell(7) && table.is_untold(7));
        assert!(table.shut(7) && table.open(7));
        table.told(7, true);
        assert_eq!((table.look(7), table.is_untold(7)), (Cork::Held, true));
        assert!(table.tell(7) && !table.tell(7) && !table.is_untold(7));
        assert_eq!(table.look(7), Cork::Held);
        table.leave(7);
        assert!(!table.will_tell(7));
    }

    #[test]
    fn a_listener_is_one_while_that_is_said() {
        let table = Table([const { AtomicU64::new(0) }; SLOTS]);
        table.set_listens(7, false);
        assert!(!table.listens(7));
        table.set_listens(7, true);
        table.set_listens(7 + SLOTS as u64, true);
        assert!(table.listens(7) && !table.listens(7 + SLOTS as u64));
        table.told(7, true);
        assert!(table.listens(7));
        table.set_listens(7, false);
        assert_eq!((table.listens(7), table.look(7)), (false, Cork::Held));
    }

    #[test]
    fn a_slot_is_one_carriers() {
        let table = Table([const { AtomicU64::new(0) }; SLOTS]);
        let other = 7 + SLOTS as u64;
        table.enter(7, true);
        table.enter(other, false);
        assert_eq!((table.look(7), table.look(other)), (Cork::Held, Cork::Unknown));
        assert!(!table.shut(other) && !table.open(other) && !table.hold(other));
        table.leave(other);
        table.leave(7);
        table.enter(other, false);
        assert!(!table.shut(7) && table.shut(other));
        assert_eq!(table.look(other), Cork::Shut);
    }
}
