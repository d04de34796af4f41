//! `socket`.

use std::io;
use std::os::fd::AsFd;

use sockeye_abi::netlink::{self, AF_NETLINK};
use sockeye_abi::{Errno, Request};
use sockeye_preload::{ASK, Question};
use sockeye_socket::{Opener, SocketId};

use super::Answer;
use crate::carriers::{Carriers, Inet, NewCarrier};
use crate::files::{self, Source};
use crate::process::{descriptors, memory, privileges};
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// The longest path that is looked at: none of the host's is so long.
const PATH_MAX: usize = 255;

impl Supervisor {
    pub(super) fn create(&mut self, call: &Call) -> Result<Answer, Errno> {
        let (domain, type_, protocol) = (call.int(0), call.int(1), call.int(2));
        if domain == ASK {
            return self.answer_object(call, Question::of(type_));
        }
        self.look_at_program(call)?;
        if domain == AF_NETLINK {
            // Who opens a netlink socket may ask for all sockets there are.
            self.sweep_all();
            let request = netlink::Request::decode(type_, protocol)?;
            let process = descriptors::process_of(call.tid).unwrap_or(call.tid);
            let user = rustix::process::geteuid().as_raw();
            let socket = self.network.host().netlink_socket(request.protocol, Opener { process, user });
            let (kind, nonblock) = (request.kind.number(), request.nonblock);
            let made = self.make(|carriers| carriers.create_netlink(socket, kind, nonblock));
            return self.give(call, (socket, made), request.cloexec);
        }
        let request = Request::decode(domain, type_, protocol)?;
        let socket = self.network.host().socket(request.family, request.transport)?;
        let inet = Inet { family: request.family, transport: request.transport };
        let made = self.make(|carriers| carriers.create(socket, inet, request.nonblock));
        self.give(call, (socket, made), request.cloexec)
    }

    /// The object asks for something.
    fn answer_object(&mut self, call: &Call, question: Option<Question>) -> Result<Answer, Errno> {
        let none = |_| Errno::EAFNOSUPPORT;
        match question {
            // Behind the gate no byte may wait.
            Some(Question::Shared) if !self.exact => {
                // It makes sockets by itself from now on: not one of which something is to be said then.
                if privileges::of_process(call.tid) != Some(false) {
                    return Err(Errno::EAFNOSUPPORT);
                }
                self.share().map_err(none)?;
                let memory = self.carriers.shared.file().ok_or(Errno::EAFNOSUPPORT)?;
                self.listener.answer_descriptor(call.id, memory, true).map_err(none)?;
                Ok(Answer::Done)
            }
            Some(Question::File) => self.open_file(call),
            Some(Question::Shared) | None => Err(Errno::EAFNOSUPPORT),
        }
    }

    /// Makes the memory that the object shares, when it is asked for first: with it come all carriers of which something can be said.
    fn share(&mut self) -> io::Result<()> {
        if self.carriers.shared.open(self.preloaded.is_none())? {
            for id in self.carriers.connected() {
                self.enter_cork(id);
            }
            for id in self.carriers.listening() {
                self.say_if_listens(id);
            }
        }
        Ok(())
    }

    /// The object opens one of the host's files.
    fn open_file(&mut self, call: &Call) -> Result<Answer, Errno> {
        let preloaded = self.preloaded.as_mut().ok_or(Errno::EAFNOSUPPORT)?;
        let length = usize::try_from(call.args[3]).ok().filter(|length| *length <= PATH_MAX);
        let path = memory::read_vec(call.tid, call.args[2], length.ok_or(Errno::EXDEV)?)?;
        let path = std::str::from_utf8(&path).map_err(|_| Errno::EXDEV)?;
        let flags = call.int(4);
        let user = files::user_of(call.tid).ok_or(Errno::EACCES)?;
        let now = self.network.now();
        let mut source = Source { now, host: self.network.host(), carriers: &self.carriers };
        let file = preloaded.open(path, flags, user, &mut source)?;
        let given = self.listener.answer_descriptor(call.id, file.as_fd(), flags & libc::O_CLOEXEC != 0);
        given.map_err(|error| error.raw_os_error().map_or(Errno::EMFILE, Errno))?;
        Ok(Answer::Done)
    }

    /// Makes a carrier; with one more try, for those who are gone may have what it takes.
    fn make(&mut self, make: impl Fn(&Carriers) -> io::Result<NewCarrier>) -> io::Result<NewCarrier> {
        make(&self.carriers).or_else(|_| {
            self.sweep_all();
            make(&self.carriers)
        })
    }

    /// Gives the program its end of a new socket's carrier.
    fn give(
        &mut self,
        call: &Call,
        (socket, made): (SocketId, io::Result<NewCarrier>),
        cloexec: bool,
    ) -> Result<Answer, Errno> {
        let now = self.network.now();
        let answered = made.and_then(|new| {
            let number = self.listener.answer_descriptor(call.id, new.program_end.as_fd(), cloexec)?;
            Ok((new, number))
        });
        match answered {
            Ok((new, Some(number))) => {
                let id = self.carriers.insert(new, (call.tid, number));
                if self.watch(id).is_err() {
                    self.close_carrier(id);
                }
                Ok(Answer::Done)
            }
            Ok((_, None)) => {
                self.network.host().close(now, socket);
                Ok(Answer::Done)
            }
            Err(error) => {
                self.network.host().close(now, socket);
                Err(error.raw_os_error().map_or(Errno::ENOBUFS, Errno))
            }
        }
    }
}
