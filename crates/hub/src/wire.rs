//! Frames both ways between two processes, by rings in memory that they share.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use sockeye_base::{Chain, Pool};
use sockeye_device::ring::{Broken, Receiver, Sender, Side, open};
use sockeye_device::{Codec, Layer};
use sockeye_wire::Frame;

/// Bytes that wait for a peer that doesn't read; what comes beyond is lost, as in a full queue.
const WAITING: usize = 8 << 20;

/// Checksums are left out: nobody is between who could spoil a bit.
const CODEC: Codec = Codec { layer: Layer::Ethernet, partial_checksums: true };

/// One side of it.
pub(crate) struct Wire {
    sender: Sender,
    receiver: Receiver,
    /// Frames that found no room.
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// Something was put in the ring since it was looked whether the other side sleeps.
    unannounced: bool,
    /// What stands ahead of a frame's data.
    head: Vec<u8>,
}

/// A frame as it will be sent: what stands ahead of its data, and that.
struct Waiting {
    interface: u32,
    head: Vec<u8>,
    data: Option<Chain>,
}

/// What receiving came to.
pub(crate) enum Received {
    /// A frame, and the number of the interface it left or is for.
    Frame(usize, Box<Frame>),
    /// Nothing for now.
    Nothing,
    /// What can't be.
    Rubbish,
}

impl Wire {
    /// This side of this memory.
    pub(crate) fn open(memory: impl AsFd, side: Side) -> io::Result<Wire> {
        let (sender, receiver) = open(memory, side)?;
        let (waiting, head) = (VecDeque::new(), Vec::new());
        Ok(Wire { sender, receiver, waiting, waiting_bytes: 0, unannounced: false, head })
    }

    /// Whether the other side is there.
    pub(crate) fn is_heard(&self) -> bool {
        self.sender.is_heard()
    }

    /// Sends a frame by an interface, or lets it wait; `false` if it is lost.
    pub(crate) fn send(&mut self, interface: usize, frame: &Frame) -> bool {
        let Ok(interface) = u32::try_from(interface) else { return false };
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        let sent = match CODEC.encode_head(frame, &mut head) {
            Ok(data) => self.send_parts(interface, &head, data),
            Err(_) => false,
        };
        self.head = head;
        if sent {
            self.sender.count(frame.count(), frame.len());
        }
        sent
    }

    fn send_parts(&mut self, interface: u32, head: &[u8], data: Option<&Chain>) -> bool {
        if self.waiting.is_empty() {
            match self.put(interface, head, data) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(Broken) => return false,
            }
        }
        let length = head.len() + data.map_or(0, Chain::len);
        if self.waiting_bytes + length > WAITING {
            return false;
        }
        self.waiting_bytes += length;
        self.waiting.push_back(Waiting { interface, head: head.to_vec(), data: data.cloned() });
        true
    }

    /// Puts a frame in the ring; if there is no room, it will be told when there is.
    fn put(&mut self, interface: u32, head: &[u8], data: Option<&Chain>) -> Result<bool, Broken> {
        let len = head.len() + data.map_or(0, Chain::len);
        let parts = || [head].into_iter().chain(data.into_iter().flat_map(Chain::pieces));
        let mut sent = self.sender.send(interface, len, parts())?;
        if !sent {
            self.sender.wait_for_room();
            sent = self.sender.send(interface, len, parts())?;
        }
        self.unannounced |= sent;
        Ok(sent)
    }

    /// Sends what waits, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some(Waiting { interface, head, data }) = self.waiting.pop_front() {
            if let Ok(false) = self.put(interface, &head, data.as_ref()) {
                self.waiting.push_front(Waiting { interface, head, data });
                return;
            }
            self.waiting_bytes -= head.len() + data.as_ref().map_or(0, Chain::len);
        }
    }

    /// Has another send what waits, by this interface.
    pub(crate) fn hand_over(&mut self, other: &mut Wire, interface: usize) {
        self.waiting_bytes = 0;
        let Ok(interface) = u32::try_from(interface) else { return };
        for Waiting { head, data, .. } in self.waiting.drain(..) {
            other.send_parts(interface, &head, data.as_ref());
        }
    }

    /// The next frame. Long ones are where the pool is.
    pub(crate) fn receive(&mut self, pool: &mut Pool) -> Received {
        match self.receiver.receive(pool) {
            Ok(None) => Received::Nothing,
            Ok(Some((interface, bytes))) => match (usize::try_from(interface), CODEC.decode(&bytes)) {
                (Ok(interface), Ok(frame)) => Received::Frame(interface, Box::new(frame)),
                (Err(_), _) | (_, Err(_)) => Received::Rubbish,
            },
            Err(Broken) => Received::Rubbish,
        }
    }

    /// Whether something is there. (What can't be is.)
    pub(crate) fn has_some(&self) -> bool {
        self.receiver.has_some().unwrap_or(true)
    }

    /// Whether one may go to sleep: the other side will ring when something comes.
    pub(crate) fn may_sleep(&self) -> bool {
        self.receiver.may_sleep().unwrap_or(false)
    }

    /// One doesn't sleep any more: no ringing is needed.
    pub(crate) fn is_awake(&self) {
        self.receiver.is_awake();
    }

    /// Whether the other side is to be rung up: it sleeps, and something was sent; or it waits for room, and there is some.
    pub(crate) fn must_ring(&mut self) -> bool {
        let sent = std::mem::take(&mut self.unannounced);
        (sent && self.sender.must_wake()) | self.receiver.must_tell_of_room()
    }
}

/// What wakes somebody. Watch it for edges: it is never read.
pub(crate) struct Bell(pub(crate) OwnedFd);

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        Ok(Bell(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(crate) fn ring(&self) {
        // It fails only if somebody has counted it up to the end, whom nobody needs to wake.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use sockeye_device::ring::memory;
    use sockeye_wire::Payload;
    use sockeye_wire::ethernet::{Header, Mac};

    use super::*;

    fn frame(number: u8, length: usize) -> Frame {
        let (source, destination) = (Mac([2, 0, 0, 0, 0, number]), Mac([2; 6]));
        let header = Header { destination, source, ether_type: 0x88b5 };
        Frame::ethernet(header, Payload::Bytes(vec![number; length].into()))
    }

    fn pair() -> (Wire, Wire) {
        let memory = memory().expect("memory");
        let open = |side| Wire::open(&memory, side).expect("a wire");
        (open(Side::First), open(Side::Second))
    }

    /// What finds no room waits, up to a bound, and comes in order; and each side is rung up once for what it waits for.
    #[test]
    fn who_waits_is_rung_up() {
        let (mut a, mut b) = pair();
        let mut pool = Pool::new();
        assert!(!a.must_ring() && b.may_sleep());
        assert!(!a.must_ring(), "nothing was sent");
        assert!(a.send(0, &frame(1, 60)) && a.must_ring() && !a.must_ring());
        assert!(b.has_some() && !b.may_sleep());
        assert!(matches!(b.receive(&mut pool), Received::Frame(0, own) if *own == frame(1, 60)));
        assert!(!b.must_ring());
        let sent = (0..1000).take_while(|number| a.send(1, &frame(*number as u8, 60_000))).count();
        assert!((WAITING / 60_000..200).contains(&sent), "{sent} frames");
        a.must_ring();
        let mut came = 0;
        loop {
            match b.receive(&mut pool) {
                Received::Frame(1, own) => assert_eq!(*own, frame(came as u8, 60_000)),
                Received::Frame(..) | Received::Rubbish => panic!("not sent"),
                Received::Nothing => break,
            }
            came += 1;
            if b.must_ring() {
                a.flush();
            }
        }
        assert_eq!(came, sent);
        assert!(matches!(b.receive(&mut pool), Received::Nothing));
        let mut other = pair();
        a.hand_over(&mut other.0, 2);
        assert!(matches!(other.1.receive(&mut pool), Received::Nothing));
    }

    #[test]
    fn rubbish_is_no_frame() {
        let (mut a, mut b) = pair();
        let mut pool = Pool::new();
        for bytes in [&[][..], &[1; 9], &[0; 20], &[0xff; 100]] {
            assert_eq!(a.sender.send(0, bytes.len(), [bytes].into_iter()), Ok(true));
            assert!(matches!(b.receive(&mut pool), Received::Rubbish));
        }
    }
}
