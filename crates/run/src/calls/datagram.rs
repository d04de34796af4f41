//! Sends and receives: the addressed ones of datagram sockets, and the odd ones of streams.
//!
//! A datagram call may be made twice (a signal can make the kernel restart it after it was answered): a datagram may
//! be lost or doubled, as on any network.

use rustix::net::RecvFlags;
use sockeye_abi::{Control, Errno, MessageFlags, Opt, Transport, decode_destination, encode_sockaddr};
use sockeye_socket::{Incoming, Outgoing};
use std::net::SocketAddr;
use std::time::Duration;

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
    /// Who sent it; of an entry of the error queue, where it was to go.
    source: SocketAddr,
    control: Vec<Control>,
    /// MSG_TRUNC, MSG_ERRQUEUE.
    flags: MessageFlags,
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
        let unconnected = matches!(self.state(subject)?, State::Fresh | State::Listening(_));
        if flags.contains(MessageFlags::TRUNC) && !unconnected {
            return Err(Errno::EOPNOTSUPP);
        }
        self.gate_receive(call, subject, flags)
    }

    pub(super) fn send_to(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let header = Header::of_piece(call.args[1], call.args[2])?;
        let name = if call.args[4] == 0 { None } else { Some(read_address(call, 4, 5)?) };
        let flags = MessageFlags::from_bits_retain(call.int(3));
        self.check_destination(subject, name.is_some(), (header.room(), flags))?;
        let bytes = &header.gather(call.tid, DATAGRAM_MAX)?;
        self.send_datagram(subject, name.as_deref(), Outgoing { bytes, flags, ..Outgoing::default() })
    }

    pub(super) fn send_message(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let header = Header::read(call.tid, call.args[1])?;
        self.send_header(call, subject, &header, MessageFlags::from_bits_retain(call.int(2)))
    }

    pub(super) fn send_messages(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let count = (call.args[2] as u32 as usize).min(IOV_MAX);
        let flags = MessageFlags::from_bits_retain(call.int(3));
        self.many(call, count, |supervisor, header| supervisor.send_header(call, subject, header, flags))
    }

    pub(super) fn receive_from(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let flags = MessageFlags::from_bits_retain(call.int(3));
        let room = Header::of_piece(call.args[1], call.args[2])?.room();
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
        let mut count = (call.args[2] as u32 as usize).min(IOV_MAX);
        // Whether the time is up is looked at when a message has come; all that are there come at once.
        if call.args[4] != 0 && read_limit(call)?.is_zero() {
            count = count.min(1);
        }
        self.many(call, count, |supervisor, header| supervisor.receive_header(call, subject, header, flags))
    }

    /// The `mmsg` calls: one message after the other, until one fails; its error counts only if it is the first.
    pub(super) fn many(
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
        flags: MessageFlags,
    ) -> Result<Answer, Errno> {
        let (name, control) = (header.read_name(call.tid)?, header.read_control(call.tid)?);
        self.check_destination(subject, name.is_some(), (header.room(), flags))?;
        let control = &Control::decode_all(&control)?;
        let bytes = &header.gather(call.tid, DATAGRAM_MAX)?;
        self.send_datagram(subject, name.as_deref(), Outgoing { bytes, to: None, control, flags })
    }

    /// Who names no destination and has none is told so before anybody looks at what is to be sent, but for its length and
    /// for a wish that no datagram fulfils.
    fn check_destination(
        &mut self,
        subject: Subject,
        is_named: bool,
        (length, flags): (usize, MessageFlags),
    ) -> Result<(), Errno> {
        let other = length >= DATAGRAM_MAX || flags.contains(MessageFlags::OOB);
        let has = is_named || other || self.network.host().has_destination(subject.socket);
        if has { Ok(()) } else { Err(Errno::EDESTADDRREQ) }
    }

    fn send_datagram(
        &mut self,
        subject: Subject,
        name: Option<&[u8]>,
        message: Outgoing<'_>,
    ) -> Result<Answer, Errno> {
        // Linux sends a raw packet without a look at what became of others.
        if !matches!(subject.transport, Transport::Raw(_))
            && let Some(error) = self.take_native_error(subject)
        {
            return Err(error);
        }
        let destination = match name {
            Some(name) => decode_destination(subject.family, subject.transport, name)?,
            None => None,
        };
        if destination.is_some_and(|to| to.ip().to_canonical().is_multicast()) {
            self.sweep_members();
        }
        let now = self.network.now();
        let message = Outgoing { to: destination, ..message };
        let sent = self.with_port(subject.socket, |host| host.send_message(now, subject.socket, &message))?;
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
        let shown = received.flags | (flags & MessageFlags::CMSG_CLOEXEC);
        let name = encode_sockaddr(&received.source);
        header.fill(call.tid, &received.data, &name, (&received.control, shown))?;
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
            return self.take_report(subject, room).map(Some);
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
        let next = mailbox.next().cloned();
        let peek = flags.contains(MessageFlags::PEEK);
        let mut native = RecvFlags::DONTWAIT;
        native.set(RecvFlags::PEEK, peek);
        match rustix::net::recv(&program_end, &mut self.buffer[..DATAGRAM_MAX], native) {
            Ok((length, _)) => {
                let received = next.ok_or(Errno::EAGAIN)?;
                let (source, control) = self.network.host().describe(subject.socket, &received)?;
                let whole = &self.buffer[..length];
                let data = whole[..length.min(room)].to_vec();
                let flags = if length > room { MessageFlags::TRUNC } else { MessageFlags::empty() };
                // It is taken whole, to be put back whole if the caller is gone.
                let carrier = subject.carrier;
                self.taken =
                    (!peek).then(|| Taken { carrier, data: whole.to_vec(), received: Some(received) });
                Ok(Some(Received { data, length, source, control, flags }))
            }
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(error) => Err(Errno(error.raw_os_error())),
        }
    }

    /// Takes an entry of the error queue. With the last one the carrier has no error to show any more.
    fn take_report(&mut self, subject: Subject, room: usize) -> Result<Received, Errno> {
        self.taken = None;
        self.pump(subject.carrier);
        let now = self.network.now();
        let host = self.network.host();
        let report = host.receive_message(now, subject.socket, room, MessageFlags::ERRQUEUE)?;
        if !host.has_reports(subject.socket) {
            let _ = self.take_native_error(subject);
        }
        let Incoming { payload, length, source, control, flags } = report;
        let source = source.ok_or(Errno::EAGAIN)?;
        Ok(Received { data: payload.to_vec(), length, source, control, flags })
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

/// The `struct timespec` of a `recvmmsg`; EINVAL if it is none.
fn read_limit(call: &Call) -> Result<Duration, Errno> {
    let mut bytes = [0; 16];
    memory::read(call.tid, call.args[4], &mut bytes)?;
    let word = |at: usize| i64::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]));
    match (u64::try_from(word(0)), u32::try_from(word(8))) {
        (Ok(seconds), Ok(nanos @ ..1_000_000_000)) => Ok(Duration::new(seconds, nanos)),
        _ => Err(Errno::EINVAL),
    }
}
