//! SO_LINGER's wait (socket(7)): `close` that returns when the peer has acknowledged everything, the FIN too, or the time is
//! up. Whoever holds the sockets does the waiting.

use sockeye_abi::How;
use sockeye_base::{Duration, Instant};
use sockeye_tcp::State;

use crate::host::{Host, SocketId};

impl Host {
    /// Begins what `close` of a socket's last descriptor does, if that is to wait: what is queued goes out, and a FIN behind
    /// it. Gives how long to wait at most for [`Host::is_lingering`] to end; [`Host::close`] must follow. `None` where
    /// `close` waits for nothing: SO_LINGER is off or of no time, there is no connection, or unread data will reset it.
    pub fn begin_close(&mut self, now: Instant, id: SocketId) -> Option<Duration> {
        let time = self.linger_time(id)?;
        let (socket, stream) = self.stream(id).ok()?;
        if socket.holders != 1 {
            return None;
        }
        let state = stream.live(&self.stack)?;
        let unread = stream.tcb(&self.stack).is_some_and(|tcb| tcb.receive_len() > 0);
        if unread || matches!(state, State::SynSent) {
            return None;
        }
        let _ = self.shutdown(now, id, How::Both);
        self.is_lingering(id).then_some(time)
    }

    /// How long `close` of a stream may wait, if SO_LINGER says that it does.
    pub fn linger_time(&self, id: SocketId) -> Option<Duration> {
        let seconds = self.stream(id).ok()?.0.options.linger.filter(|seconds| *seconds != 0)?;
        // As Linux, which takes a negative time for an endless one.
        Some(Duration::from_secs(seconds.cast_unsigned().into()))
    }

    /// Whether a stream's FIN, or what stands before it, is not acknowledged yet.
    pub fn is_lingering(&self, id: SocketId) -> bool {
        let state = self.stream(id).ok().and_then(|(_, stream)| stream.live(&self.stack));
        matches!(state, Some(State::FinWait1 | State::Closing | State::LastAck))
    }
}
