//! What takes the machine long is done by a thread of its own: connections are begun, closed and reset. On the machine's
//! loopback a connection is made within the call that begins it, and who accepts it is woken by that.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::EventfdFlags;
use rustix::io::Errno;

use crate::{ItemId, native};

/// How long it is looked for another job.
const LOOK: Duration = Duration::from_micros(50);

/// A socket whose connection is begun, and whether it is there already.
pub(crate) type Begun = Result<(OwnedFd, bool), Errno>;

enum Job {
    Connect(ItemId, SocketAddr),
    Close(OwnedFd),
    Reset(OwnedFd),
}

/// The thread, which begins with the first job: a supervisor forks before; and what has come of its jobs.
pub(crate) struct Aside {
    thread: Option<(Sender<Job>, JoinHandle<()>)>,
    desk: Desk,
    begun: Receiver<(ItemId, Begun)>,
}

/// Where jobs are done, and what comes of them is put down.
#[derive(Clone)]
struct Desk {
    done: Sender<(ItemId, Begun)>,
    bell: Arc<OwnedFd>,
}

impl Aside {
    pub(crate) fn new() -> rustix::io::Result<Aside> {
        let bell = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (done, begun) = mpsc::channel();
        Ok(Aside { thread: None, desk: Desk { done, bell: Arc::new(bell) }, begun })
    }

    /// Begins a connection. What has come of it is told by [`Aside::poll`], of which an edge of the descriptor tells.
    pub(crate) fn connect(&mut self, id: ItemId, to: SocketAddr) {
        self.submit(Job::Connect(id, to));
    }

    /// Closes a connection.
    pub(crate) fn close(&mut self, socket: OwnedFd) {
        self.submit(Job::Close(socket));
    }

    /// Resets a connection.
    pub(crate) fn reset(&mut self, socket: OwnedFd) {
        self.submit(Job::Reset(socket));
    }

    /// A connection that is begun, or why it can't be.
    pub(crate) fn poll(&mut self) -> Option<(ItemId, Begun)> {
        self.begun.try_recv().ok()
    }

    fn submit(&mut self, job: Job) {
        if self.thread.is_none() {
            let (jobs, todo) = mpsc::channel();
            let desk = self.desk.clone();
            let thread = thread::Builder::new().name("outside".to_owned());
            let work = move || {
                let looks = thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1);
                while let Some(job) = next(&todo, if looks { LOOK } else { Duration::ZERO }) {
                    desk.serve(job);
                }
            };
            self.thread = thread.spawn(work).ok().map(|thread| (jobs, thread));
        }
        let left = match &self.thread {
            Some((jobs, _)) => jobs.send(job).err().map(|unsent| unsent.0),
            None => Some(job),
        };
        // Where there is no thread it takes its time here.
        left.into_iter().for_each(|job| self.desk.serve(job));
    }
}

impl AsFd for Aside {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.desk.bell.as_fd()
    }
}

/// What is to be reset is, before the process ends and all is closed.
impl Drop for Aside {
    fn drop(&mut self) {
        if let Some((jobs, thread)) = self.thread.take() {
            drop(jobs);
            let _ = thread.join();
        }
    }
}

impl Desk {
    fn serve(&self, job: Job) {
        match job {
            Job::Connect(id, to) => {
                let _ = self.done.send((id, native::connect(to)));
                let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
            }
            Job::Close(socket) => drop(socket),
            Job::Reset(socket) => native::reset(socket),
        }
    }
}

/// The next job, if there will be one. To wake who sleeps costs who submits a job as much as a part of them: after each it is
/// looked for another for a while, others being let ahead.
fn next(todo: &Receiver<Job>, look: Duration) -> Option<Job> {
    let began = Instant::now();
    while began.elapsed() < look {
        match todo.try_recv() {
            Ok(job) => return Some(job),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => thread::yield_now(),
        }
    }
    todo.recv().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use rustix::event::{PollFd, PollFlags};
    use slotmap::SlotMap;

    use super::*;

    #[test]
    fn connections_are_begun_and_ended_aside() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let to = listener.local_addr().expect("its address");
        let id = SlotMap::<ItemId, ()>::with_key().insert(());
        let mut aside = Aside::new().expect("an eventfd");

        aside.connect(id, to);
        let (of, begun) = aside.begun.recv().expect("word of it");
        assert_eq!(of, id);
        let mut rung = [PollFd::new(&aside, PollFlags::IN)];
        assert_eq!(rustix::event::poll(&mut rung, None), Ok(1));
        let (socket, is_there) = begun.expect("a connection");
        assert!(is_there, "the machine's loopback makes one at once");
        let (mut peer, _) = listener.accept().expect("it");
        aside.close(socket);
        assert_eq!(peer.read(&mut [0]).expect("an end"), 0);

        aside.connect(id, to);
        let (socket, _) = aside.begun.recv().expect("word of it").1.expect("a connection");
        let (mut peer, _) = listener.accept().expect("it");
        aside.reset(socket);
        // What is left to do is done before it is gone.
        drop(aside);
        let error = peer.read(&mut [0]).expect_err("a reset");
        assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
    }
}
