//! `getsockopt` and `setsockopt`.

use sockeye_abi::{
    Errno, Family, Opt, Value, decode_get, decode_question, decode_set, encode_value, value_size,
};

use super::{Answer, Outcome, Subject};
use crate::carriers::{Inet, State};
use crate::process::memory;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// No option's value is longer (a `struct group_filter` with all its sources); what a program gives beyond is not looked at.
const VALUE_MAX: usize = 16_384;

/// What getsockopt is asked stands in so many bytes (a `struct group_filter` without sources).
const QUESTION_MAX: usize = 144;

impl Supervisor {
    pub(super) fn set_option(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let length = usize::try_from(call.int(4)).map_err(|_| Errno::EINVAL)?;
        let (name, length) = ((call.int(1), call.int(2)), length.min(VALUE_MAX));
        let size = value_size(subject.family, subject.transport, name, length);
        let mut bytes = memory::read_vec(call.tid, call.args[3], size)?;
        bytes.resize(length, 0);
        let (option, value) = decode_set(subject.family, subject.transport, name, &bytes)?;
        let now = self.network.now();
        let corked = !matches!(value, Value::Int(0));
        self.network.host().set_option(now, subject.socket, option, value)?;
        if option == Opt::TcpCork {
            self.note_cork(subject.carrier, corked);
        }
        self.say_if_listens(subject.carrier);
        self.settle();
        self.lingers |= self.network.host().linger_time(subject.socket).is_some();
        match option {
            // The kernel's own waits on the carrier are to end in time as well; and urgent bytes are the carrier's.
            Opt::SoRcvTimeo
            | Opt::SoRcvTimeoNew
            | Opt::SoSndTimeo
            | Opt::SoSndTimeoNew
            | Opt::SoOobInline => Ok(Answer::Pass),
            Opt::SoRcvLowat if subject.is_stream() => Ok(Answer::Pass),
            Opt::SoSndBuf | Opt::SoSndBufForce | Opt::SoRcvBuf | Opt::SoRcvBufForce => {
                let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
                if let (State::Connected(link), Some(program_end)) = (&carrier.state, carrier.borrow()) {
                    link.bound(&program_end, self.network.host(), subject.socket);
                }
                Ok(Answer::Value(0))
            }
            Opt::Ipv6AddrForm => {
                let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
                carrier.inet = Some(Inet { family: Family::Inet, transport: subject.transport });
                Ok(Answer::Value(0))
            }
            _ => Ok(Answer::Value(0)),
        }
    }

    pub(super) fn get_option(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let option = decode_get(subject.family, subject.transport, call.int(1), call.int(2));
        // A level that isn't the socket's has nobody who would look at the arguments.
        if option == Err(Errno::EOPNOTSUPP) && call.int(1) != libc::SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        let room = usize::try_from(memory::read_i32(call.tid, call.args[4])?).map_err(|_| Errno::EINVAL)?;
        let option = option?;
        let question = memory::read_vec(call.tid, call.args[3], room.min(QUESTION_MAX)).unwrap_or_default();
        if let Some(asked) = decode_question(option, &question) {
            let filter = self.network.host().group_filter(subject.socket, option, &asked?)?;
            let bytes = encode_value(option, &Value::Filter(filter), room)?;
            memory::write(call.tid, call.args[3], &bytes)?;
            memory::write(call.tid, call.args[4], &(bytes.len() as i32).to_ne_bytes())?;
            return Ok(Answer::Value(0));
        }
        let now = self.network.now();
        let mut value = self.network.host().option(now, subject.socket, option)?;
        if option == Opt::SoError
            && let Some(error) = self.take_native_error(subject)
            && value == Value::Int(0)
        {
            value = Value::Int(error.0);
        }
        if option == Opt::SoError
            && value == Value::Int(0)
            && let Some(Outcome::Error(error)) = self.unheard(call, subject.carrier)
        {
            value = Value::Int(error.0);
        }
        let bytes = encode_value(option, &value, room)?;
        memory::write(call.tid, call.args[3], &bytes)?;
        memory::write(call.tid, call.args[4], &(bytes.len() as i32).to_ne_bytes())?;
        Ok(Answer::Value(0))
    }

    /// Takes the error that the carrier keeps, and the native one by which it shows it.
    pub(super) fn take_native_error(&mut self, subject: Subject) -> Option<Errno> {
        let carrier = self.carriers.get(subject.carrier)?;
        let is_stream = subject.is_stream();
        let kept = match &mut carrier.state {
            State::Broken(error) => error.take(),
            State::Datagram(mailbox) => Some(mailbox.take_error()?),
            // Its carrier shows nothing natively yet.
            State::Connected(link) => return link.take_error(),
            _ => return None,
        };
        let had_ended = carrier.had_ended;
        let native = rustix::net::sockopt::socket_error(carrier.borrow()?).ok()?;
        // If the program has met the native error already, it knows; but behind the gate only a call that had moved some of
        // its bytes met it, and told those.
        if is_stream && (self.exact || had_ended) { kept } else { native.err().and(kept) }
    }
}
