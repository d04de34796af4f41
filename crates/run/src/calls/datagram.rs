//! Sends and receives: the addressed ones of datagram sockets, and the odd ones of streams.
//!
//! A datagram call may be made twice (a signal can make the kernel restart it after it was answered): a datagram may
//! be lost or doubled, as on any network.

use rustix::net::RecvFlags;
use sockeye_abi::{Errno, MessageFlags, Opt, Transport, decode_destination, encode_sockaddr};
use std::net::SocketAddr;

use super::message::{Header, IOV_MAX, MMSGHDR, MSG_LEN, flags_of};
use super::{Answer, Subject, Taken, read_address};
use crate::carriers::State;
use crate::process::memory;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// The largest datagram and one byte: what is longer can't be sent and need not be read.
const DATAGRAM_MAX: usize = 65_536;

/// What is taken from P's queue.
struct Received {
    data: Vec<u8>,
    /// Its whole length, though `data` may be less.
    length: usize,
    source: SocketAddr,
}

impl Supervisor {
    /// A stream's `sendto` with an address or odd flags, `sendmsg`, `sendmmsg`: the kernel makes it on the carrier,
    /// unless it asks what a carrier can't do. Urgent bytes are looked for from the first on.
    pub(super) fn stream_send(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let flags = flags_of(call);
        if flags.contains(MessageFlags::FASTOPEN) {
            return match call.number {
                libc::SYS_sendto | libc::SYS_sendmsg => self.send_fast(call, subject, flags),
                _ => Err(Errno::EOPNOTSUPP),
            };
        }
        if flags.contains(MessageFlags::OOB)
            && let State::Connected(link) = self.state(subject)?
        {
            link.look_for_marks().map_err(|_| Errno::ENOBUFS)?;
            // TCP sends nothing then; a carrier refuses.
            let nothing = match call.number {
                libc::SYS_sendto => call.args[2] == 0,
                libc::SYS_sendmsg => Header::read(call.tid, call.args[1])?.room() == 0,
                _ => false,
            };
            if nothing {
                return Ok(Answer::Value(0));
            }
        }
        self.gate_send(call, subject, flags)
    }

    /// The same for receiving.
    pub(super) fn stream_receive(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let flags = flags_of(call);
        if flags.contains(MessageFlags::ERRQUEUE) {
            // Nothing is ever queued there.
            return Err(Errno::EAGAIN);
        }
        if flags.contains(MessageFlags::OOB)
            && let State::Listening(_) = self.state(subject)?
        {
            return Err(Errno::ENOTCONN);
        }
        if flags.contains(MessageFlags::TRUNC) {
            return Err(Errno::EOPNOTSUPP);
        }
        self.gate_receive(call, subject, flags)
    }

    pub(super) fn send_to(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        reject_odd_sends(call.int(3))?;
        let length = usize::try_from(call.args[2]).unwrap_or(usize::MAX);
        if length >= DATAGRAM_MAX {
            return Err(Errno::EMSGSIZE);
        }
        let name = if call.args[4] == 0 { None } else { Some(read_address(call, 4, 5)?) };
        let data = memory::read_vec(call.tid, call.args[1], length)?;
        self.send_datagram(subject, &data, name.as_deref())
    }

    pub(super) fn send_message(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        reject_odd_sends(call.int(2))?;
        let header = Header::read(call.tid, call.args[1])?;
        self.send_header(call, subject, &header)
    }

    pub(super) fn send_messages(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        reject_odd_sends(call.int(3))?;
        let count = (call.args[2] as u32 as usize).min(IOV_MAX);
        self.many(call, count, |supervisor, header| supervisor.send_header(call, subject, header))
    }

    pub(super) fn receive_from(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let flags = MessageFlags::from_bits_retain(call.int(3));
        let room = usize::try_from(call.args[2]).unwrap_or(usize::MAX);
        let Some(received) = self.take_datagram(subject, room, flags)? else {
            return self.wait_to_receive(subject, flags);
        };
        memory::write(call.tid, call.args[1], &received.data)?;
        if call.args[4] != 0 {
            memory::write_value_result(
                call.tid,
                call.args[4],
                call.args[5],
                &encode_sockaddr(&received.source),
            )?;
        }
        Ok(Answer::Value(received.answer(flags)))
    }

    pub(super) fn receive_message(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let flags = MessageFlags::from_bits_retain(call.int(2));
        let header = Header::read(call.tid, call.args[1])?;
        self.receive_header(call, subject, &header, flags)
    }

    /// `recvmmsg` waits for the first message only; that is MSG_WAITFORONE, and without it a blocking caller gets
    /// fewer than it asked for, as it must expect when a signal comes.
    pub(super) fn receive_messages(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let flags = MessageFlags::from_bits_retain(call.int(3) & !libc::MSG_WAITFORONE);
        let count = (call.args[2] as u32 as usize).min(IOV_MAX);
        self.many(call, count, |supervisor, header| supervisor.receive_header(call, subject, header, flags))
    }

    /// The `mmsg` calls: one message after the other, until one fails; its error counts only if it is the first.
    fn many(
        &mut self,
        call: &Call,
        count: usize,
        mut one: impl FnMut(&mut Supervisor, &Header) -> Result<Answer, Errno>,
    ) -> Result<Answer, Errno> {
        for index in 0..count {
            let address = call.args[1].wrapping_add(index as u64 * MMSGHDR);
            let outcome = Header::read(call.tid, address).and_then(|header| one(self, &header));
            match outcome {
                Ok(Answer::Value(length)) => {
                    memory::write(call.tid, address.wrapping_add(MSG_LEN), &(length as u32).to_ne_bytes())?;
                }
                _ if index > 0 => return Ok(Answer::Value(index as i64)),
                other => return other,
            }
        }
        Ok(Answer::Value(count as i64))
    }

    pub(super) fn send_header(
        &mut self,
        call: &Call,
        subject: Subject,
        header: &Header,
    ) -> Result<Answer, Errno> {
        if header.control_len > 0 {
            // No ancillary data of datagram sockets is known yet.
            return Err(Errno::EINVAL);
        }
        let name = header.read_name(call.tid)?;
        let data = header.gather(call.tid, DATAGRAM_MAX)?;
        self.send_datagram(subject, &data, name.as_deref())
    }

    fn send_datagram(&mut self, subject: Subject, data: &[u8], name: Option<&[u8]>) -> Result<Answer, Errno> {
        // Linux sends a raw packet without a look at what became of others.
        if !matches!(subject.transport, Transport::Raw(_))
            && let Some(error) = self.take_native_error(subject)
        {
            return Err(error);
        }
        let family = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?.family;
        let destination = match name {
            Some(name) => decode_destination(family, subject.transport, name)?,
            None => None,
        };
        if destination.is_some_and(|to| to.ip().to_canonical().is_multicast()) {
            self.sweep_members();
        }
        let now = self.network.now();
        let sent =
            self.with_port(subject.socket, |host| host.send_to(now, subject.socket, data, destination))?;
        Ok(Answer::Value(sent as i64))
    }

    pub(super) fn receive_header(
        &mut self,
        call: &Call,
        subject: Subject,
        header: &Header,
        flags: MessageFlags,
    ) -> Result<Answer, Errno> {
        let Some(received) = self.take_datagram(subject, header.room(), flags)? else {
            return self.wait_to_receive(subject, flags);
        };
        let truncated = if received.length > received.data.len() { libc::MSG_TRUNC } else { 0 };
        header.fill(call.tid, &received.data, &encode_sockaddr(&received.source), truncated)?;
        Ok(Answer::Value(received.answer(flags)))
    }

    /// Takes the next datagram out of P's queue; `None` if there is none.
    fn take_datagram(
        &mut self,
        subject: Subject,
        room: usize,
        flags: MessageFlags,
    ) -> Result<Option<Received>, Errno> {
        if flags.contains(MessageFlags::ERRQUEUE) {
            return Err(Errno::EAGAIN);
        }
        if flags.contains(MessageFlags::OOB) && subject.transport != Transport::Udp {
            return Err(Errno::EOPNOTSUPP);
        }
        self.pump(subject.carrier);
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        let program_end = carrier.borrow().ok_or(Errno::EBADF)?;
        let State::Datagram(mailbox) = &mut carrier.state else { return Err(Errno::EINVAL) };
        if let Some(error) = mailbox.take_error() {
            // The carrier shows it natively, too: that is answered with this.
            let _ = rustix::net::sockopt::socket_error(&program_end);
            return Err(error);
        }
        let source = mailbox.next_source();
        let peek = flags.contains(MessageFlags::PEEK);
        let mut native = RecvFlags::DONTWAIT;
        native.set(RecvFlags::PEEK, peek);
        match rustix::net::recv(&program_end, &mut self.buffer[..DATAGRAM_MAX], native) {
            Ok((length, _)) => {
                let source = source.ok_or(Errno::EAGAIN)?;
                let whole = &self.buffer[..length];
                let data = whole[..length.min(room)].to_vec();
                // It is taken whole, to be put back whole if the caller is gone.
                let carrier = subject.carrier;
                self.taken = (!peek).then(|| Taken { carrier, data: whole.to_vec(), source });
                Ok(Some(Received { data, length, source }))
            }
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(error) => Err(Errno(error.raw_os_error())),
        }
    }

    fn wait_to_receive(&mut self, subject: Subject, flags: MessageFlags) -> Result<Answer, Errno> {
        if flags.contains(MessageFlags::DONTWAIT) || self.is_nonblocking(subject) {
            return Err(Errno::EAGAIN);
        }
        if self.network.host().is_shut(subject.socket).0 {
            return Ok(Answer::Value(0));
        }
        let limit = self.time_limit(subject, Opt::SoRcvTimeo);
        Ok(Answer::Wait { carrier: subject.carrier, limit })
    }
}

impl Received {
    /// The call's value: with MSG_TRUNC the datagram's whole length.
    fn answer(&self, flags: MessageFlags) -> i64 {
        if flags.contains(MessageFlags::TRUNC) { self.length as i64 } else { self.data.len() as i64 }
    }
}

/// A datagram socket can't send urgent data, and doesn't cork yet.
fn reject_odd_sends(flags: i32) -> Result<(), Errno> {
    if MessageFlags::from_bits_retain(flags).intersects(MessageFlags::OOB | MessageFlags::MORE) {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok(())
}
