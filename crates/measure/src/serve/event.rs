//! One process and one thread for all connections: epoll(7) tells which can go on, and no step waits.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::Server;
use super::conversation::{Conversation, Step};
use super::stop::timespec;

/// What stands for the listener and for being told to stop; connections are their descriptors' numbers.
const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
/// Events taken at once.
const EVENTS: usize = 256;

/// The server's connections.
struct Loop<'a> {
    server: &'a Server,
    epoll: std::os::fd::OwnedFd,
    /// By descriptor.
    open: BTreeMap<u64, Open>,
    /// When each has to have gone on, the next first.
    deadlines: BTreeSet<(Instant, u64)>,
    /// Connections are taken: there are not too many.
    listening: bool,
    /// Told to stop: when what is left is left alone.
    end: Option<Instant>,
}

struct Open {
    conversation: Conversation,
    step: Step,
    deadline: Instant,
}

pub(super) fn serve(server: &Server) -> io::Result<()> {
    server.listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &server.stop, epoll::EventData::new_u64(STOP), epoll::EventFlags::IN)?;
    let mut events = Loop {
        server,
        epoll,
        open: BTreeMap::new(),
        deadlines: BTreeSet::new(),
        listening: false,
        end: None,
    };
    events.listen_if_there_is_room()?;
    events.run()
}

impl Loop<'_> {
    fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        while self.end.is_none() || !self.open.is_empty() {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), self.until_due().as_ref()) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    STOP => self.stop()?,
                    connection => self.go_on(connection),
                }
            }
            self.leave_the_late();
            self.listen_if_there_is_room()?;
            if self.end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
        }
        Ok(())
    }

    /// How long until somebody is late.
    fn until_due(&self) -> Option<Timespec> {
        let next = self.deadlines.first().map(|(at, _)| *at).into_iter().chain(self.end).min()?;
        Some(timespec(next.saturating_duration_since(Instant::now())))
    }

    /// Hears the listener, or not, as there is room.
    fn listen_if_there_is_room(&mut self) -> io::Result<()> {
        let room = self.open.len() < self.server.options.most && self.end.is_none();
        if room != self.listening {
            let listener = &self.server.listener;
            if room {
                let data = epoll::EventData::new_u64(LISTENER);
                epoll::add(&self.epoll, listener, data, epoll::EventFlags::IN)?;
            } else {
                epoll::delete(&self.epoll, listener)?;
            }
            self.listening = room;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        let Some(stream) = self.server.stop.take(&self.server.listener)? else { return Ok(()) };
        // Without room for it in the set it is closed.
        let _ = self.add(stream);
        Ok(())
    }

    fn add(&mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let id = u64::try_from(stream.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(id), epoll::EventFlags::IN)?;
        let deadline = Instant::now() + self.server.options.idle;
        self.deadlines.insert((deadline, id));
        let conversation = Conversation::new(stream);
        self.open.insert(id, Open { conversation, step: Step::Idle, deadline });
        Ok(())
    }

    /// A connection can go on.
    fn go_on(&mut self, id: u64) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let (before, keep) = (open.step, self.end.is_none());
        let readable = before != Step::Sending;
        let step = open.conversation.step(self.server, readable, keep);
        if step == Step::Over || step == Step::Idle && !keep || self.waits_for(id, before, step).is_err() {
            self.close(id);
        }
    }

    /// What a connection waits for now, and until when.
    fn waits_for(&mut self, id: u64, before: Step, step: Step) -> io::Result<()> {
        let Some(open) = self.open.get_mut(&id) else { return Ok(()) };
        if (before == Step::Sending) != (step == Step::Sending) {
            let flags = if step == Step::Sending { epoll::EventFlags::OUT } else { epoll::EventFlags::IN };
            epoll::modify(&self.epoll, open.conversation.as_fd(), epoll::EventData::new_u64(id), flags)?;
        }
        open.step = step;
        // A request's bytes don't give it more time; what leaves does.
        if step != Step::Reading || before == Step::Sending {
            self.deadlines.remove(&(open.deadline, id));
            open.deadline = Instant::now() + self.server.options.idle;
            self.deadlines.insert((open.deadline, id));
        }
        Ok(())
    }

    /// Closes who had time enough.
    fn leave_the_late(&mut self) {
        let now = Instant::now();
        while let Some((_, late)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.close(late);
        }
    }

    fn close(&mut self, id: u64) {
        if let Some(open) = self.open.remove(&id) {
            self.deadlines.remove(&(open.deadline, id));
        }
    }

    /// No more connections, and none that is idle.
    fn stop(&mut self) -> io::Result<()> {
        epoll::delete(&self.epoll, &self.server.stop)?;
        self.end = Some(Instant::now() + self.server.options.grace.min(Duration::from_secs(1 << 20)));
        self.server.deafen()?;
        let idle: Vec<u64> =
            self.open.iter().filter(|(_, open)| open.step == Step::Idle).map(|(id, _)| *id).collect();
        idle.into_iter().for_each(|id| self.go_on(id));
        Ok(())
    }
}
