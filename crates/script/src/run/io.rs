//! Calls that send and receive. All data are zeroes; what counts is how much.

use std::net::SocketAddr;

use sockeye_abi::{Errno, MessageFlags, Opt, Readiness, Transport};
use sockeye_socket::Outgoing;

use super::Runner;
use super::calls::{Attempt, Returned};
use super::flow::PORT;
use super::value::{Address, Arguments};
use crate::failure::{Failure, Result};
use crate::syntax::Expr;

/// What a call that sends or receives asks for.
struct Transfer {
    len: usize,
    flags: MessageFlags,
    to: Option<SocketAddr>,
    /// Its buffer is a null pointer.
    null: bool,
}

impl Runner {
    /// read, recv, recvfrom, readv, recvmsg.
    pub(super) fn receive(
        &mut self,
        arguments: Arguments<'_>,
        attempt: &mut Attempt,
    ) -> Result<Option<Returned>> {
        let known = MessageFlags::OOB
            | MessageFlags::PEEK
            | MessageFlags::DONTWAIT
            | MessageFlags::NOSIGNAL
            | MessageFlags::WAITALL;
        let transfer = self.transfer(arguments, known)?;
        let (id, nonblocking) = match self.socket_of(arguments)? {
            Ok(socket) => socket,
            Err(errno) => return Ok(Some(Err(errno))),
        };
        if transfer.null && transfer.len > 0 && self.world.host.unread(id).is_ok_and(|len| len > 0) {
            return Ok(Some(Err(Errno::EFAULT)));
        }
        let peek = transfer.flags.contains(MessageFlags::PEEK);
        let blocking = !nonblocking && !transfer.flags.contains(MessageFlags::DONTWAIT);
        if transfer.flags.contains(MessageFlags::OOB) {
            let received = self.world.host.receive_urgent(self.world.clock(), id, peek);
            return Ok(Some(received.map(|chain| number(chain.len().min(transfer.len)))));
        }
        let is_stream = self.world.host.transport(id) == Ok(Transport::Tcp);
        let wanted = transfer.len.saturating_sub(attempt.done);
        let received = self.world.host.receive(self.world.clock(), id, wanted, peek);
        self.world.collect();
        let waits_for_all = transfer.flags.contains(MessageFlags::WAITALL) && is_stream && !peek;
        match received {
            Ok(chain) => {
                let ended = chain.is_empty() || self.world.host.at_mark(id) == Ok(true);
                attempt.done += chain.len().min(transfer.len);
                if waits_for_all && blocking && !ended && attempt.done < transfer.len {
                    // What is there has been taken; the rest is to come.
                    return self.receive(arguments, attempt);
                }
                Ok(Some(Ok(number(attempt.done))))
            }
            Err(Errno::EAGAIN) if blocking && self.blocks(id, Opt::SoRcvTimeo, attempt) => Ok(None),
            Err(_) if attempt.done > 0 => Ok(Some(Ok(number(attempt.done)))),
            Err(errno) => Ok(Some(Err(errno))),
        }
    }

    /// write, send, sendto, writev, sendmsg.
    pub(super) fn send(
        &mut self,
        arguments: Arguments<'_>,
        attempt: &mut Attempt,
    ) -> Result<Option<Returned>> {
        let known = MessageFlags::OOB
            | MessageFlags::DONTWAIT
            | MessageFlags::NOSIGNAL
            | MessageFlags::CONFIRM
            | MessageFlags::MORE
            | MessageFlags::EOR
            | MessageFlags::FASTOPEN;
        let transfer = self.transfer(arguments, known)?;
        let (id, nonblocking) = match self.socket_of(arguments)? {
            Ok(socket) => socket,
            Err(errno) => return Ok(Some(Err(errno))),
        };
        let blocking = !nonblocking && !transfer.flags.contains(MessageFlags::DONTWAIT);
        self.note_destination(arguments, transfer.to)?;
        if transfer.null && transfer.len > 0 {
            return Ok(Some(Err(Errno::EFAULT)));
        }
        let to = transfer.to.map(|to| self.setup.to_call(to));
        // As Linux: who waits for room is woken when poll would tell of it.
        if attempt.done > 0
            && !attempt.opening
            && !self.world.host.readiness(id).intersects(Readiness::OUT | Readiness::ERR | Readiness::HUP)
            && self.blocks(id, Opt::SoSndTimeo, attempt)
        {
            return Ok(None);
        }
        let mut flags = transfer.flags;
        flags.set(MessageFlags::DONTWAIT, !blocking);
        let opens = flags.contains(MessageFlags::FASTOPEN);
        if opens && matches!(arguments.address_of_message()?, Address::Unspec) {
            return Ok(Some(Err(Errno::EOPNOTSUPP)));
        }
        if !attempt.started
            && opens
            && self.world.host.state(id).is_none()
            && let Some(flow) = self.flow_of(arguments)?
        {
            flow.begin(transfer.to.unwrap_or(flow.remote));
        }
        let opens = !attempt.started && (opens || self.world.host.is_deferred(id));
        attempt.started = true;
        loop {
            if attempt.opening {
                match self.world.host.connect_outcome(self.world.clock(), id) {
                    Ok(()) if attempt.done >= transfer.len => return Ok(Some(Ok(number(attempt.done)))),
                    Ok(()) => (attempt.opening, flags) = (false, flags - MessageFlags::FASTOPEN),
                    Err(Errno::EALREADY) if self.blocks(id, Opt::SoSndTimeo, attempt) => return Ok(None),
                    Err(Errno::EALREADY) if attempt.done > 0 => return Ok(Some(Ok(number(attempt.done)))),
                    Err(Errno::EALREADY) => return Ok(Some(Err(Errno::EINPROGRESS))),
                    Err(errno) => return Ok(Some(Err(errno))),
                }
            }
            let left = transfer.len.saturating_sub(attempt.done);
            let message = Outgoing { bytes: &vec![0; left], to, flags, ..Outgoing::default() };
            let sent = self.world.host.send_message(self.world.clock(), id, &message);
            self.world.collect();
            let begun = opens && blocking && self.world.host.is_opening(id);
            match sent {
                Ok(sent) if begun => (attempt.done, attempt.opening) = (sent, true),
                Err(Errno::EINPROGRESS) if begun => attempt.opening = true,
                // Another call's connection is waited for, too.
                Err(Errno::EALREADY) if begun => attempt.opening = true,
                Ok(sent) => {
                    attempt.done += sent;
                    if !blocking || attempt.done >= transfer.len || sent == 0 {
                        return Ok(Some(Ok(number(attempt.done))));
                    }
                }
                Err(Errno::EAGAIN) if blocking && self.blocks(id, Opt::SoSndTimeo, attempt) => {
                    return Ok(None);
                }
                Err(_) if attempt.done > 0 => return Ok(Some(Ok(number(attempt.done)))),
                Err(errno) => return Ok(Some(Err(errno))),
            }
        }
    }

    /// The first datagram to an address says where the script's answers come from.
    fn note_destination(&mut self, arguments: Arguments<'_>, to: Option<SocketAddr>) -> Result<()> {
        if let (Some(to), Some(flow)) = (to, self.flow_of(arguments)?)
            && flow.is_udp
        {
            flow.associate(to);
        }
        Ok(())
    }

    fn transfer(&self, arguments: Arguments<'_>, known: MessageFlags) -> Result<Transfer> {
        let flags_at = |index| self.message_flags(arguments, arguments.int(index)?, known);
        let null = arguments.is_null(1);
        let none = MessageFlags::empty();
        let plain = |len, flags| Transfer { len, flags, to: None, null };
        Ok(match arguments.call.name.as_str() {
            "read" | "write" => plain(arguments.size(2)?, none),
            "recv" | "send" => plain(arguments.size(2)?, flags_at(3)?),
            "recvfrom" => plain(arguments.size(2)?, flags_at(3)?),
            "sendto" => {
                let flags = flags_at(3)?;
                Transfer { to: self.destination(arguments, flags)?, ..plain(arguments.size(2)?, flags) }
            }
            "readv" | "writev" => plain(arguments.vector(arguments.expr(1)?)?, none),
            _ => {
                let message = arguments.expr(1)?;
                if let Some(control) = arguments.field(message, "msg_control")
                    && !matches!(control, Expr::Ellipsis)
                {
                    return Err(Failure::unsupported(
                        arguments.line,
                        format_args!("control messages of {}()", arguments.call.name),
                    ));
                }
                let vector = arguments
                    .field(message, "msg_iov")
                    .ok_or_else(|| Failure::syntax(arguments.line, "a message needs its msg_iov"))?;
                let flags = flags_at(2)?;
                Transfer {
                    to: self.destination(arguments, flags)?,
                    ..plain(arguments.vector(vector)?, flags)
                }
            }
        })
    }

    /// Where a call sends to. `...` is the remote machine where an address matters.
    fn destination(&self, arguments: Arguments<'_>, flags: MessageFlags) -> Result<Option<SocketAddr>> {
        let is_udp = self.flow.as_ref().is_some_and(|flow| flow.is_udp);
        let matters = (is_udp && arguments.call.name == "sendto") || flags.contains(MessageFlags::FASTOPEN);
        Ok(match arguments.address_of_message()? {
            Address::Inet(address) => Some(address),
            Address::Unsaid if matters && !arguments.is_null(4) => {
                Some(SocketAddr::new(self.setup.remote, PORT))
            }
            Address::Unsaid | Address::Unspec => None,
        })
    }
}

fn number(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
