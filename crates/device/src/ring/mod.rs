//! Rings in shared memory: records of bytes from one process to another, both ways, without a system call while both are awake.
//!
//! Each direction has an area and two numbers, how many bytes were put there and how many were taken, which only ever grow. A
//! record is contiguous: its length and its tag, its bytes, padding to eight. One that doesn't fit behind the last goes to the
//! beginning, and so does one that comes when all are taken and a quarter is used: so little memory is touched, and what is
//! touched is in the caches.
//!
//! The other side may be hostile. Every number is read once and checked, every byte is copied out before it is looked at:
//! who scribbles spoils what is sent by himself, and is found [`Broken`] as soon as a number can't be. Who sleeps is woken by
//! other means, after [`Receiver::may_sleep`]; a sender that finds no room likewise.

mod memory;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use bytes::{Bytes, BytesMut};
use sockeye_base::Pool;

pub use memory::memory;
use memory::{AREA, Lane, Mapping};

use crate::MAX_LEN;

/// What stands ahead of a record's bytes: their number, and the tag.
const AHEAD: usize = 8;
/// Records begin at multiples of it.
const STEP: usize = 8;
/// In place of a length: nothing more until the beginning.
const SKIP: u32 = u32::MAX;
/// So far from its beginning an empty ring begins again. (Until that is seen, there is only so much room.)
const AGAIN: usize = AREA / 4;
/// Bytes shorter than this are copied to memory of their own: in a pooled chunk they would keep that.
const SHORT: usize = 16 << 10;

/// The other side has written what can't be: nothing more of it is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ring in shared memory was spoiled")]
pub struct Broken;

/// Which of the two sides one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// That which sends by the first direction.
    First,
    /// That which sends by the second.
    Second,
}

impl Side {
    /// The direction it sends by.
    fn lane(self) -> Lane {
        match self {
            Side::First => Lane(0),
            Side::Second => Lane(1),
        }
    }

    /// The one on the other side.
    pub fn other(self) -> Side {
        match self {
            Side::First => Side::Second,
            Side::Second => Side::First,
        }
    }
}

/// What sends, and what receives, on one side of this memory.
///
/// # Errors
/// `InvalidData` if it isn't what [`memory`] makes; the machine's.
pub fn open(memory: impl AsFd, side: Side) -> io::Result<(Sender, Receiver)> {
    let mapping = Arc::new(Mapping::new(memory)?);
    let sender = Sender { mapping: mapping.clone(), lane: side.lane(), head: 0, frames: 0, octets: 0 };
    let receiver = Receiver { mapping, lane: side.other().lane(), tail: 0 };
    receiver.mapping.heard(receiver.lane).store(1, Ordering::Release);
    Ok((sender, receiver))
}

/// One end of one direction.
pub struct Sender {
    mapping: Arc<Mapping>,
    lane: Lane,
    head: u64,
    frames: u64,
    octets: u64,
}

/// The other end of it.
pub struct Receiver {
    mapping: Arc<Mapping>,
    lane: Lane,
    tail: u64,
}

/// Somebody else who reads what both say of themselves.
pub struct Meter(Mapping);

impl Sender {
    /// Puts a record of `len` bytes, in these parts, behind the others; `false` if there is no room.
    ///
    /// # Errors
    /// `Broken`.
    pub fn send<'a>(
        &mut self,
        tag: u32,
        len: usize,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Result<bool, Broken> {
        if len > MAX_LEN {
            return Ok(false);
        }
        let free = AREA - self.waiting()?;
        let need = AHEAD + len.next_multiple_of(STEP);
        let at = place(self.head);
        let to_end = AREA - at;
        let starts_again = need > to_end || (free == AREA && at >= AGAIN);
        let skipped = if starts_again { to_end } else { 0 };
        if skipped + need > free {
            return Ok(false);
        }
        let at = if starts_again {
            self.mapping.put(self.lane, at, &SKIP.to_le_bytes());
            0
        } else {
            at
        };
        let (mut next, end) = (at + AHEAD, at + AHEAD + len);
        for part in parts {
            let part = &part[..part.len().min(end - next)];
            self.mapping.put(self.lane, next, part);
            next += part.len();
        }
        let length = (next - at - AHEAD) as u32;
        self.mapping.put(self.lane, at, &length.to_le_bytes());
        self.mapping.put(self.lane, at + 4, &tag.to_le_bytes());
        self.head += (skipped + need) as u64;
        self.mapping.head(self.lane).store(self.head, Ordering::Release);
        Ok(true)
    }

    /// Counts frames that were sent, and their bytes, for who has a [`Meter`].
    pub fn count(&mut self, frames: usize, octets: usize) {
        self.frames += frames as u64;
        self.octets += octets as u64;
        let (frames, bytes) = self.mapping.carried(self.lane);
        frames.store(self.frames, Ordering::Relaxed);
        bytes.store(self.octets, Ordering::Relaxed);
    }

    /// Whether there is a receiver, and hasn't gone of its own accord.
    pub fn is_heard(&self) -> bool {
        self.mapping.heard(self.lane).load(Ordering::Acquire) != 0
    }

    /// Bytes that are not taken yet.
    fn waiting(&self) -> Result<usize, Broken> {
        let tail = self.mapping.tail(self.lane).load(Ordering::Acquire);
        difference(self.head, tail)
    }

    /// Whether the receiver sleeps, and is to be woken for what was sent: said once.
    pub fn must_wake(&self) -> bool {
        take(self.mapping.asleep(self.lane))
    }

    /// Has the receiver tell when there is room again. There may be some by now.
    pub fn wait_for_room(&self) {
        self.mapping.cramped(self.lane).store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }
}

impl Receiver {
    /// Takes the next record: its tag and its bytes, long ones in pooled chunks.
    ///
    /// # Errors
    /// `Broken`.
    pub fn receive(&mut self, pool: &mut Pool) -> Result<Option<(u32, Bytes)>, Broken> {
        let mut waiting = self.waiting()?;
        if waiting == 0 {
            return Ok(None);
        }
        let mut at = place(self.tail);
        let mut length = self.number(at);
        if length == SKIP {
            let skipped = AREA - at;
            waiting = waiting.checked_sub(skipped).filter(|waiting| *waiting > 0).ok_or(Broken)?;
            self.tail += skipped as u64;
            at = 0;
            length = self.number(at);
        }
        let len = usize::try_from(length).ok().filter(|len| *len <= MAX_LEN).ok_or(Broken)?;
        let need = AHEAD + len.next_multiple_of(STEP);
        if need > waiting || need > AREA - at {
            return Err(Broken);
        }
        let tag = self.number(at + 4);
        let bytes = self.bytes(at + AHEAD, len, pool);
        self.tail += need as u64;
        self.mapping.tail(self.lane).store(self.tail, Ordering::Release);
        Ok(Some((tag, bytes)))
    }

    fn number(&self, at: usize) -> u32 {
        let mut number = [std::mem::MaybeUninit::new(0); 4];
        self.mapping.take(self.lane, at, &mut number);
        // SAFETY: every byte was written, and zero before that.
        u32::from_le_bytes(number.map(|byte| unsafe { byte.assume_init() }))
    }

    fn bytes(&self, at: usize, len: usize, pool: &mut Pool) -> Bytes {
        let mut bytes = if len < SHORT { BytesMut::with_capacity(len) } else { pool.room(len) };
        let room = bytes.spare_capacity_mut().get_mut(..len);
        if let Some(room) = room {
            self.mapping.take(self.lane, at, room);
            // SAFETY: so many bytes were written.
            unsafe { bytes.set_len(len) };
        }
        bytes.freeze()
    }

    /// Bytes that are not taken yet.
    fn waiting(&self) -> Result<usize, Broken> {
        let head = self.mapping.head(self.lane).load(Ordering::Acquire);
        let waiting = difference(head, self.tail)?;
        if waiting.is_multiple_of(STEP) { Ok(waiting) } else { Err(Broken) }
    }

    /// Whether something is there.
    ///
    /// # Errors
    /// `Broken`.
    pub fn has_some(&self) -> Result<bool, Broken> {
        Ok(self.waiting()? > 0)
    }

    /// Says that one is about to sleep, and to be woken when something comes; `false` if something is there.
    ///
    /// # Errors
    /// `Broken`.
    pub fn may_sleep(&self) -> Result<bool, Broken> {
        self.mapping.asleep(self.lane).store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.waiting()? == 0 {
            return Ok(true);
        }
        self.is_awake();
        Ok(false)
    }

    /// Says that one is awake.
    pub fn is_awake(&self) {
        self.mapping.asleep(self.lane).store(0, Ordering::Relaxed);
    }

    /// Whether the sender waits for room, and is to be woken for that which there is now: said once, and when half is free.
    pub fn must_tell_of_room(&self) -> bool {
        self.waiting().is_ok_and(|waiting| waiting <= AREA / 2) && take(self.mapping.cramped(self.lane))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.mapping.heard(self.lane).store(0, Ordering::Release);
    }
}

impl Meter {
    /// One for rings in this memory.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(memory: impl AsFd) -> io::Result<Meter> {
        Ok(Meter(Mapping::numbers(memory)?))
    }

    /// Frames and their bytes that this side says it has sent.
    pub fn sent(&self, side: Side) -> (u64, u64) {
        let (frames, octets) = self.0.carried(side.lane());
        (frames.load(Ordering::Relaxed), octets.load(Ordering::Relaxed))
    }
}

/// Where in the area a number of bytes leads to.
fn place(total: u64) -> usize {
    (total % AREA as u64) as usize
}

/// How much further the one is than the other, which can't be more than there is room.
fn difference(head: u64, tail: u64) -> Result<usize, Broken> {
    let difference = usize::try_from(head.wrapping_sub(tail)).map_err(|_| Broken)?;
    if difference <= AREA { Ok(difference) } else { Err(Broken) }
}

/// Whether a flag was up; it isn't any more.
fn take(flag: &AtomicU32) -> bool {
    // What was written before is seen by who has set the flag and looks again.
    fence(Ordering::SeqCst);
    flag.load(Ordering::Relaxed) != 0 && flag.swap(0, Ordering::Relaxed) != 0
}
