//! Fast open: `connect` that waits for the first data (TCP_FASTOPEN_CONNECT), and MSG_FASTOPEN.
//!
//! The first goes natively: P is connected, and what the program writes first is what the SYN carries. The second can't: a
//! Unix-domain socket takes no address. So these bytes, alone among a stream's, are copied by a trapped call; what a call
//! that was interrupted had sent is told when it is made again.

use sockeye_abi::{Errno, MessageFlags, Opt, decode_connect};
use sockeye_socket::Outgoing;

use super::message::Header;
use super::{Answer, Outcome, Subject, read_address};
use crate::process::memory;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// How much is copied at a time; more than any SYN carries.
const PIECE: usize = 65_536;

/// What a blocking call has sent so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FastSend {
    call: u64,
    done: usize,
}

impl Supervisor {
    /// `connect` has made a connection that waits for its first data: P is connected, so that they can be written.
    pub(super) fn begin_deferred(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        self.revive(call, subject)?;
        self.link(subject.carrier)?;
        self.watch(subject.carrier).map_err(|_| Errno::ENOBUFS)?;
        Ok(Answer::Value(0))
    }

    /// `sendto` or `sendmsg` with MSG_FASTOPEN.
    pub(super) fn send_fast(
        &mut self,
        call: &Call,
        subject: Subject,
        flags: MessageFlags,
    ) -> Result<Answer, Errno> {
        let blocks = !flags.contains(MessageFlags::DONTWAIT) && !self.is_nonblocking(subject);
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        if let Some(sent) = carrier.fast_send.take_if(|sent| sent.call == call.id) {
            return self.go_on(call, subject, sent.done);
        }
        match self.unheard(call, subject.carrier) {
            Some(Outcome::Sent(length)) => return Ok(Answer::Value(length)),
            Some(Outcome::InProgress) => return Err(Errno::EINPROGRESS),
            Some(Outcome::Connected | Outcome::Bound | Outcome::Shut | Outcome::Error(_)) | None => {}
        }
        let message = Message::read(call)?;
        let to = match &message.name {
            Some(name) => {
                // tcp(7) has no word on it: Linux refuses AF_UNSPEC.
                Some(decode_connect(subject.family, subject.transport, name)?.ok_or(Errno::EOPNOTSUPP)?)
            }
            None => None,
        };
        to.into_iter().for_each(|to| self.sweep_for(to));
        let data = message.bytes(call.tid, 0, PIECE)?;
        let mut flags = MessageFlags::FASTOPEN;
        flags.set(MessageFlags::DONTWAIT, !blocks);
        let now = self.network.now();
        let host = self.network.host();
        let was_open = host.state(subject.socket).is_some_and(|state| !state.is_opening());
        if was_open {
            // As Linux: the first such call on a connection that has come about is like any other.
            host.connect_outcome(now, subject.socket)?;
            return self.go_on(call, subject, 0);
        }
        let message = Outgoing { bytes: &data, to, flags, ..Outgoing::default() };
        let sent = match self.network.host().send_message(now, subject.socket, &message) {
            Ok(sent) => sent,
            Err(Errno::EINPROGRESS) => 0,
            Err(error) => return Err(error),
        };
        self.begin_stream(call, subject, !blocks)?;
        match (blocks, sent) {
            (false, 0) => Err(Errno::EINPROGRESS),
            (false, sent) => Ok(Answer::Value(sent as i64)),
            (true, sent) => self.go_on(call, subject, sent),
        }
    }

    /// A blocking call waits until the connection is there, then sends the rest.
    fn go_on(&mut self, call: &Call, subject: Subject, mut done: usize) -> Result<Answer, Errno> {
        let now = self.network.now();
        match self.network.host().connect_outcome(now, subject.socket) {
            Err(Errno::EALREADY) => return self.wait_on(call, subject, done),
            Ok(()) | Err(Errno::EISCONN) => {}
            Err(error) => return self.connecting(subject, Err(error)),
        }
        let message = Message::read(call)?;
        while done < message.length {
            let data = message.bytes(call.tid, done, PIECE)?;
            match self.network.host().send(now, subject.socket, &data) {
                Ok(sent) => done += sent,
                Err(Errno::EAGAIN) if !self.is_nonblocking(subject) => {
                    self.settle();
                    return self.wait_on(call, subject, done);
                }
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Answer::Value(done as i64))
    }

    fn wait_on(&mut self, call: &Call, subject: Subject, done: usize) -> Result<Answer, Errno> {
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        carrier.fast_send = Some(FastSend { call: call.id, done });
        let limit = self.time_limit(subject, Opt::SoSndTimeo);
        Ok(Answer::Wait { carrier: subject.carrier, limit })
    }
}

/// What a call is to send.
struct Message {
    name: Option<Vec<u8>>,
    pieces: Vec<(u64, usize)>,
    length: usize,
}

impl Message {
    fn read(call: &Call) -> Result<Message, Errno> {
        let (name, pieces) = if call.number == libc::SYS_sendto {
            let name = if call.args[4] == 0 { None } else { Some(read_address(call, 4, 5)?) };
            let length = usize::try_from(call.args[2]).unwrap_or(usize::MAX).min(i32::MAX as usize);
            (name, vec![(call.args[1], length)])
        } else {
            let header = Header::read(call.tid, call.args[1])?;
            (header.read_name(call.tid)?, header.pieces)
        };
        let length = pieces.iter().fold(0usize, |sum, (_, length)| sum.saturating_add(*length));
        Ok(Message { name, pieces, length })
    }

    /// At most `max` bytes from `offset` on.
    fn bytes(&self, tid: u32, mut offset: usize, max: usize) -> Result<Vec<u8>, Errno> {
        let mut data = Vec::new();
        for &(address, length) in &self.pieces {
            let skip = offset.min(length);
            offset -= skip;
            let take = (length - skip).min(max - data.len());
            data.extend(memory::read_vec(tid, address.wrapping_add(skip as u64), take)?);
        }
        Ok(data)
    }
}
