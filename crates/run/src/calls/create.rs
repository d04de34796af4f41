//! `socket`.

use std::io;
use std::os::fd::AsFd;

use sockeye_abi::netlink::{self, AF_NETLINK};
use sockeye_abi::{Errno, Request};
use sockeye_socket::{Opener, SocketId};

use super::Answer;
use crate::carriers::{Inet, NewCarrier};
use crate::process::descriptors;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

impl Supervisor {
    pub(super) fn create(&mut self, call: &Call) -> Result<Answer, Errno> {
        self.look_at_program(call)?;
        let (domain, type_, protocol) = (call.int(0), call.int(1), call.int(2));
        if domain == AF_NETLINK {
            let request = netlink::Request::decode(type_, protocol)?;
            let process = descriptors::process_of(call.tid).unwrap_or(call.tid);
            let user = rustix::process::geteuid().as_raw();
            let socket = self.network.host().netlink_socket(request.protocol, Opener { process, user });
            let made = self.carriers.create_netlink(socket, request.kind.number(), request.nonblock);
            return self.give(call, (socket, made), request.cloexec);
        }
        let request = Request::decode(domain, type_, protocol)?;
        let socket = self.network.host().socket(request.family, request.transport)?;
        let inet = Inet { family: request.family, transport: request.transport };
        let made = self.carriers.create(socket, inet, request.nonblock).or_else(|_| {
            self.sweep_all();
            self.carriers.create(socket, inet, request.nonblock)
        });
        self.give(call, (socket, made), request.cloexec)
    }

    /// Gives the program its end of a new socket's carrier.
    fn give(
        &mut self,
        call: &Call,
        (socket, made): (SocketId, io::Result<NewCarrier>),
        cloexec: bool,
    ) -> Result<Answer, Errno> {
        let gone = self.carriers.some_unwatched();
        self.sweep(gone);
        let now = self.network.now();
        let answered = made.and_then(|new| {
            let number = self.listener.answer_descriptor(call.id, new.program_end.as_fd(), cloexec)?;
            Ok((new, number))
        });
        match answered {
            Ok((new, Some(number))) => {
                let (id, stale) = self.carriers.insert(new, (call.tid, number));
                if let Some(stale) = stale {
                    self.network.host().close(now, stale);
                }
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
