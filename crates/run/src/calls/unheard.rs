//! Calls whose caller was gone when they were answered: a signal had interrupted them, and they may be made again.
//! What they took is put back, and what they did is not counted as done twice.
//!
//! Mostly the kernel says so. But a caller that is on its way out when the answer arrives drops it unseen, so what may
//! not be done twice leaves a mark: a call made again has its caller's stack unchanged, another call has not.

use sockeye_abi::{Errno, MessageFlags, Opt, decode_get};
use sockeye_stack::Received;

use super::message::flags_of;
use crate::carriers::{CarrierId, Inet, State};
use crate::process::memory;
use crate::process::threads::Threads;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// What a caller may not have been told: the same call is told it when it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is connected.
    Connected,
    /// Connecting is under way.
    InProgress,
    /// So many bytes went with MSG_FASTOPEN.
    Sent(i64),
    /// It is bound.
    Bound,
    /// It listens no more.
    Shut,
    /// The socket's error, which was taken for it.
    Error(Errno),
}

/// An outcome that may have been unheard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unheard {
    outcome: Outcome,
    /// The mark of the call; `None` if it is certain that nobody heard.
    mark: Option<Mark>,
}

/// A datagram taken for a call.
pub(crate) struct Taken {
    pub(crate) carrier: CarrierId,
    pub(crate) data: Vec<u8>,
    /// How it came; nothing is known of what netlink answers.
    pub(crate) received: Option<Received>,
}

impl Supervisor {
    /// Answers a call with a value or an error. If nobody is there to hear it, the call is undone as far as can be.
    pub(crate) fn tell(&mut self, call: &Call, result: Result<i64, Errno>) {
        let outcome = self.outcome(call, result);
        let mark = outcome.map(|_| Mark::of(call, &self.carriers.threads));
        self.carriers.threads.put_down();
        let heard = match result {
            Ok(value) => self.listener.answer(call.id, value),
            Err(errno) => self.listener.fail(call.id, errno),
        };
        if !heard && result.is_ok() && matches!(call.number, libc::SYS_recvfrom | libc::SYS_recvmsg) {
            self.put_back_datagram();
        }
        if let Some((id, outcome)) = outcome
            && let Some(carrier) = self.carriers.get(id)
        {
            carrier.unheard = Some(Unheard { outcome, mark: mark.filter(|_| heard) });
        }
    }

    /// What must not be done again, if this call has done it.
    fn outcome(&mut self, call: &Call, result: Result<i64, Errno>) -> Option<(CarrierId, Outcome)> {
        let kind = match (call.number, result) {
            (libc::SYS_connect, Ok(_)) => Outcome::Connected,
            (libc::SYS_connect, Err(Errno::EINPROGRESS)) => Outcome::InProgress,
            (libc::SYS_sendto | libc::SYS_sendmsg, _) if opens_fast(call) => match result {
                Ok(length) => Outcome::Sent(length),
                Err(Errno::EINPROGRESS) => Outcome::InProgress,
                Err(_) => return None,
            },
            (libc::SYS_bind, Ok(_)) => Outcome::Bound,
            (libc::SYS_getsockopt, Ok(_)) if call.int(1) == libc::SOL_SOCKET => Outcome::Error(Errno(
                memory::read_i32(call.tid, call.args[3]).ok().filter(|&error| error != 0)?,
            )),
            _ => return None,
        };
        let id = match self.about {
            Some((about, id)) if about == call.id => id,
            // Another was served meanwhile.
            _ => self.subject(call)?.carrier,
        };
        let carrier = self.carriers.get(id)?;
        let right = match kind {
            Outcome::Connected => matches!(carrier.state, State::Connected(_)),
            Outcome::Sent(_) | Outcome::InProgress | Outcome::Bound | Outcome::Shut => true,
            Outcome::Error(_) => carrier.inet.is_some_and(|Inet { family, transport }| {
                decode_get(family, transport, call.int(1), call.int(2)) == Ok(Opt::SoError)
            }),
        };
        right.then_some((id, kind))
    }

    /// This call goes on in the kernel, and a signal may have it made again.
    pub(super) fn may_come_again(&mut self, call: &Call, carrier: CarrierId, outcome: Outcome) {
        let mark = Some(Mark::of(call, &self.carriers.threads));
        if let Some(carrier) = self.carriers.get(carrier) {
            carrier.unheard = Some(Unheard { outcome, mark });
        }
    }

    /// What was not heard when this call was made before.
    pub(super) fn unheard(&mut self, call: &Call, carrier: CarrierId) -> Option<Outcome> {
        let unheard = self.carriers.get(carrier)?.unheard.take()?;
        let again = unheard.mark.is_none_or(|before| before.is_again(call, &self.carriers.threads));
        again.then_some(unheard.outcome)
    }

    fn put_back_datagram(&mut self) {
        let Some(Taken { carrier: id, data, received }) = self.taken.take() else { return };
        let Some(carrier) = self.carriers.get(id) else { return };
        let Some(program_end) = carrier.borrow() else { return };
        match (&mut carrier.state, received) {
            (State::Datagram(mailbox), Some(received)) => {
                mailbox.put_back(&program_end, (data, received), &mut self.buffer);
            }
            (State::Netlink(answers), _) => answers.put_back(&program_end, data, &mut self.buffer),
            _ => {}
        }
    }
}

fn opens_fast(call: &Call) -> bool {
    flags_of(call).contains(MessageFlags::FASTOPEN)
}

/// By what a call is known again: who makes it, with what, from where, and how it came there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    tid: u32,
    args: [u64; 6],
    /// Its stack; `None` if the thread runs: a signal has woken it already, and it is about to leave the call. Or if it isn't
    /// needed, for the object has counted the call.
    stack: Option<u64>,
}

impl Mark {
    pub(crate) fn of(call: &Call, threads: &Threads) -> Mark {
        let stack = if sockeye_preload::is_counted(&call.args) { None } else { stack(call, threads) };
        Mark { tid: call.tid, args: call.args, stack }
    }

    /// Whether a call may be this one, made again.
    pub(crate) fn is_again(&self, call: &Call, threads: &Threads) -> bool {
        self.tid == call.tid
            && self.args == call.args
            && self.stack.is_none_or(|before| stack(call, threads).is_none_or(|now| before == now))
    }
}

/// A hash of where a waiting thread is and what is on its stack.
fn stack(call: &Call, threads: &Threads) -> Option<u64> {
    let text = threads.syscall(call.tid)?;
    // The number, six arguments, the stack pointer and the program counter.
    let stack = text.split_whitespace().nth(7)?.strip_prefix("0x")?;
    let stack = u64::from_str_radix(stack, 16).ok()?;
    // Some frames of whatever language; near the stack's end there is less.
    let mut frames = [0; memory::PAGE];
    let size = memory::read_some(call.tid, stack, &mut frames);
    (size > 0).then(|| mix(mix(0, text.as_bytes()), &frames[..size]))
}

/// A hash that is quick, and that a program can only spoil for itself.
fn mix(seed: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(seed, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (hash.rotate_left(5) ^ u64::from_ne_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_call_is_not_the_same_again() {
        let call = Call { id: 1, tid: std::process::id(), number: libc::SYS_bind, args: [3, 4, 16, 0, 0, 0] };
        // This thread runs: nothing is known of its stack.
        let threads = Threads::new();
        let mark = Mark::of(&call, &threads);
        assert!(mark.is_again(&Call { id: 2, ..call }, &threads));
        assert!(!mark.is_again(&Call { args: [4, 4, 16, 0, 0, 0], ..call }, &threads));
        assert!(!mark.is_again(&Call { tid: 1, ..call }, &threads));
        let counted = |count: u64| Call { args: [0x50cc << 48 | count << 32 | 3, 4, 16, 0, 0, 0], ..call };
        let mark = Mark::of(&counted(1), &threads);
        assert!(mark.is_again(&counted(1), &threads) && !mark.is_again(&counted(2), &threads));
    }
}
