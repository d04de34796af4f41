//! `socket`.

use std::os::fd::AsFd;

use sockeye_abi::{Errno, Request};

use super::Answer;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

impl Supervisor {
    pub(super) fn create(&mut self, call: &Call) -> Result<Answer, Errno> {
        let request = Request::decode(call.int(0), call.int(1), call.int(2))?;
        self.look_at_program(call)?;
        let gone = self.carriers.some_unwatched();
        self.sweep(gone);

        let now = self.network.now();
        let socket = self.network.host().socket(request.family, request.transport)?;
        let made = self.carriers.create(socket, request.family, request.transport, request.nonblock);
        let answered = made.and_then(|new| {
            let number =
                self.listener.answer_descriptor(call.id, new.program_end.as_fd(), request.cloexec)?;
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
