//! The user's calls (RFC 9293, section 3.10), and what ICMP has to tell.

use sockeye_base::{Chain, Counter, Duration, Instant, SeqNum, nanos};

use crate::config::{Buffer, Config, Keepalive, Ports};
use crate::error::{Error, SendError};
use crate::options::SMALLEST_MSS;
use crate::output::{Boundary, MOST_AT_ONCE};
use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

/// What Linux reckons for each buffer of the send queue beside its bytes.
const PIECE_OVERHEAD: u32 = 832;

impl Tcb {
    /// How many bytes may be queued now; 0 when none can: the handshake isn't over (as Linux), we have closed, or the
    /// buffer is full. Linux looks at that, and at TCP_NOTSENT_LOWAT, before each piece, so the last may reach beyond.
    pub fn send_room(&self) -> usize {
        if self.fin_wanted || self.state.is_opening() || !self.state.may_send() {
            return 0;
        }
        let piece = self.piece();
        let unsent = self.unsent();
        let tail = match unsent.min(self.sending.tail) {
            0 => 0,
            begun => piece.saturating_sub(begun),
        };
        let free = self.sending.buffer.saturating_sub(self.send_charge());
        let by_buffer = free.div_ceil(piece + PIECE_OVERHEAD);
        let by_mark = match self.config.notsent_lowat {
            u32::MAX => u32::MAX,
            lowat => lowat.saturating_sub(unsent + tail).div_ceil(piece),
        };
        by_buffer.min(by_mark).saturating_mul(piece).saturating_add(tail) as usize
    }

    /// How many of `len` bytes may be queued now. Few need no reckoning: where there is any room, there is room for a piece.
    pub fn room_for(&self, len: usize) -> usize {
        let few = len <= usize::from(SMALLEST_MSS)
            && self.state == State::Established
            && self.config.notsent_lowat == u32::MAX
            && self.send_charge() < self.sending.buffer;
        if few { len } else { self.send_room().min(len) }
    }

    /// How much of a call is best queued at first: as in Linux, what begins a queue is sent before more is taken.
    pub fn first_piece(&self) -> usize {
        if self.unsent() == 0 { self.piece() as usize } else { usize::MAX }
    }

    /// The program found no room, and waits for it.
    pub fn note_no_space(&mut self) {
        self.sending.no_space = true;
    }

    /// What tells one event of a connection from the next: the bytes received in all, and how often who found no room was
    /// told that there is some again (which wraps around).
    pub fn progress(&self) -> (u64, u8) {
        (self.counters.bytes_received, self.sending.rooms)
    }

    /// What the queue is charged (sk_wmem_queued).
    fn send_charge(&self) -> u32 {
        let unsent = self.unsent();
        let waiting = if unsent == 0 { 0 } else { unsent.div_ceil(self.piece()) };
        let pieces = self.recovery.sent.len() as u32 + waiting;
        let bytes = u32::try_from(self.send_buffer.len()).unwrap_or(u32::MAX);
        bytes.saturating_add(pieces.saturating_mul(PIECE_OVERHEAD))
    }

    /// Whether poll calls it writable: what is free is at least half of what is taken (sk_stream_is_writeable), and
    /// TCP_NOTSENT_LOWAT, halved for who waits, is not reached.
    pub fn is_writable(&self) -> bool {
        let (charge, lowat) = (self.send_charge(), self.config.notsent_lowat);
        let below = lowat == u32::MAX || u64::from(self.unsent()) * 2 < u64::from(lowat);
        charge < self.sending.buffer && self.sending.buffer - charge >= charge / 2 && below
    }

    /// How much Linux puts in one buffer of the send queue: as many segments as may leave as one.
    fn piece(&self) -> u32 {
        let mss = self.effective_mss();
        (self.max_snd_wnd / 2).clamp(mss, MOST_AT_ONCE.max(mss)) / mss * mss
    }

    /// Queues all of `data`; the caller respects [`Tcb::send_room`] (before the handshake is over data waits for it).
    pub fn send(&mut self, now: Instant, data: Chain) -> Result<(), SendError> {
        self.send_message(now, data, Boundary::None)
    }

    /// The same, with what the call says of its end.
    pub fn send_message(&mut self, _now: Instant, data: Chain, boundary: Boundary) -> Result<(), SendError> {
        if self.fin_wanted || !self.state.may_send() {
            return Err(SendError::Closed);
        }
        let grown = self.unsent().min(self.sending.tail) + data.len() as u32;
        self.sending.tail =
            if grown <= self.effective_mss() { grown } else { (grown - 1) % self.piece() + 1 };
        self.send_buffer.push(data);
        self.sending.note_call(self.send_end(), boundary);
        if boundary == Boundary::Urgent {
            self.call_urgent(self.send_end());
        }
        Ok(())
    }

    /// Bytes received and not read, urgent ones included.
    pub fn receive_len(&self) -> usize {
        self.receive_queue.len()
    }

    /// Whether an acknowledgement is to go at once: [`Tcb::decide`] makes it.
    pub fn owes_ack(&self) -> bool {
        self.ack_now
    }

    /// Whether reading gives the end of the stream: all is read, and the peer closed, the user reads no more, or the
    /// connection is over.
    pub fn receive_closed(&self) -> bool {
        self.receive_queue.is_empty() && (self.receive_shutdown || self.peer_closed())
    }

    /// Whether nothing more will come (queued data may still be there to read).
    pub fn peer_closed(&self) -> bool {
        !self.state.may_receive() && self.state != State::SynSent
    }

    /// Whether the peer's FIN came, however the connection ended after it.
    pub fn fin_received(&self) -> bool {
        self.fin_received
    }

    /// Whether nothing more can be queued: shut down for sending, or over.
    pub fn send_closed(&self) -> bool {
        self.fin_wanted || !self.state.may_send()
    }

    /// CLOSE as RFC 9293, section 3.10.4, has it: FIN goes behind what is queued; receiving goes on.
    pub fn shutdown_send(&mut self, _now: Instant) {
        match self.state {
            // Nobody knows of the connection yet.
            State::SynSent => self.enter_closed(),
            // The FIN waits for the handshake.
            State::SynReceived => self.fin_wanted = true,
            State::Established => {
                self.fin_wanted = true;
                self.state = State::FinWait1;
            }
            State::CloseWait => {
                self.fin_wanted = true;
                self.state = State::LastAck;
            }
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => {}
        }
    }

    /// The user reads no more: what is queued can still be read, then comes the end. The peer isn't told; what it
    /// sends is acknowledged and kept (as Linux).
    pub fn shutdown_receive(&mut self) {
        self.receive_shutdown = true;
    }

    /// The user is gone. RFC 2525, section 2.17: with data unread the peer must learn that it was lost: a reset.
    /// Otherwise FIN; whatever comes after that is answered by a reset, and FIN-WAIT-2 has an end.
    pub fn close(&mut self, now: Instant) {
        let unread = !self.receive_queue.is_empty();
        self.orphan = true;
        self.receive_shutdown = true;
        self.receive_queue = Chain::new();
        if self.state.is_over() {
            return;
        }
        if unread {
            self.reset_due = true;
            self.enter_closed();
            return;
        }
        self.shutdown_send(now);
        if self.state == State::FinWait2 {
            self.limit_fin_wait_2(now);
        }
    }

    /// TCP_LINGER2; none: the host's.
    pub fn set_linger2(&mut self, _now: Instant, span: Option<Duration>) {
        self.config.change(|config| config.linger2 = span);
    }

    /// An orphan doesn't wait for the peer's FIN forever (Linux's tcp_fin_timeout), or not at all.
    pub(crate) fn limit_fin_wait_2(&mut self, now: Instant) {
        let wait = self.config.linger2.unwrap_or(self.config.fin_timeout);
        if wait.is_zero() && self.config.linger2.is_some() {
            self.reset_due = true;
            self.enter_closed();
            return;
        }
        self.timers.clear(Timer::Keepalive);
        self.timers.set(Timer::TimeWait, now + wait);
    }

    /// ABORT (RFC 9293, section 3.10.5): reset where the peer may still believe in the connection, then CLOSED.
    pub fn abort(&mut self, _now: Instant) {
        self.reset_due |= match self.state {
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait => true,
            // Linux: only if data or the FIN is still to be sent.
            State::Closing | State::LastAck => !self.fin_sent,
            State::SynSent | State::TimeWait | State::Closed => false,
        };
        self.orphan = true;
        self.receive_queue = Chain::new();
        self.enter_closed();
    }

    /// ICMP says `error` about a segment of ours. RFC 1122, section 4.2.3.9, and RFC 5927, section 4.1: it ends an
    /// attempt to connect; an established connection remembers it, to say why if it times out.
    ///
    /// `held`: a program has it. One that opened fast and that nobody has accepted yet is ended, too.
    pub fn soft_error(&mut self, _now: Instant, error: Error, held: bool) {
        if self.state.is_opening() || (self.handshake_pending() && !held) {
            self.fail(error);
        } else if self.state != State::Closed {
            self.soft_error = Some(error);
        }
    }

    /// ICMP says that the path takes segments of `mss` bytes and no larger (RFC 8201, RFC 1191). What is in flight is
    /// sent again, smaller, without taking it for congestion.
    pub fn path_mtu(&mut self, now: Instant, mss: u16) {
        if mss >= self.path_mss {
            return;
        }
        self.path_mss = mss;
        self.set_snd_mss();
        self.cwnd = self.cwnd.max(self.snd_mss());
        if self.state == State::SynSent && self.syn_data() > 0 && !self.syn_repeated {
            // The SYN was too long: an ordinary one follows.
            self.syn_repeated = true;
            self.syn_due = true;
            self.counters.total_retrans += 1;
            self.restart_retransmit_timer(now);
        }
        if self.state.may_transmit() {
            self.resend_smaller();
        }
    }

    /// Reads once what the next segment will need, a field of each line of the cache, and gives something made of it, so that it
    /// is read: of many connections it comes into the processor's cache at the same time, where otherwise one would be waited
    /// for after the other.
    pub fn look_ahead(&self) -> u64 {
        let spans = [nanos(self.sending.busy), self.rtt.srtt_nanos()];
        let times = [self.last_heard, self.last_data_received.unwrap_or_default()].map(Instant::as_nanos);
        let lengths = [self.send_buffer.len(), self.receive_queue.len()].map(|length| length as u64);
        let counts = [self.recovery.sent.packets(), self.recovery.reordering, self.window.read];
        let counts = [counts, [self.counters.segs_in.0, self.snd_una.0, u32::from(self.quick_acks)]];
        let control = self.control.look_ahead();
        let counts = counts.as_flattened().iter().fold(control, |seen, count| seen ^ count);
        [spans, times, lengths].as_flattened().iter().fold(u64::from(counts), |seen, one| seen ^ one)
    }

    /// The same of what it keeps elsewhere, when it has come itself.
    pub fn look_farther_ahead(&self) -> u64 {
        let in_flight = self.recovery.sent.first().map_or(0, |sent| sent.sent_at.as_nanos());
        let config = nanos(self.config.rto_min) ^ nanos(self.config.delayed_ack);
        in_flight ^ config ^ self.send_buffer.look_ahead()
    }

    /// Segments sent again.
    pub fn total_retrans(&self) -> u32 {
        self.counters.total_retrans
    }

    /// State.
    pub fn state(&self) -> State {
        self.state
    }

    /// Ports.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// What ended the connection, until it is taken.
    pub fn error(&self) -> Option<Error> {
        self.error
    }

    /// The same, and forgets it (SO_ERROR).
    pub fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// What ICMP said of an established connection, and forgets it.
    pub fn take_soft_error(&mut self) -> Option<Error> {
        self.soft_error.take()
    }

    /// Settings in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// TCP_NODELAY. Set, it lets go what is queued, even what TCP_CORK holds (as Linux).
    pub fn set_nodelay(&mut self, _now: Instant, on: bool) {
        self.config.change(|config| config.nodelay = on);
        self.sending.push_queued |= on;
    }

    /// TCP_QUICKACK: a delayed acknowledgement goes at once, and so do the next ones, until we answer data with data.
    /// Off: acknowledgements wait for company.
    pub fn set_quick_ack(&mut self, _now: Instant, on: bool) {
        self.interactive = !on;
        self.ack_now |= on && self.timers.is_set(Timer::DelayedAck);
    }

    /// TCP_QUICKACK as getsockopt shows it.
    pub fn quick_ack(&self) -> bool {
        !self.interactive
    }

    /// SO_OOBINLINE.
    pub fn set_oob_inline(&mut self, _now: Instant, on: bool) {
        self.config.change(|config| config.oob_inline = on);
    }

    /// TCP_CORK.
    pub fn set_cork(&mut self, _now: Instant, on: bool) {
        self.config.change(|config| config.cork = on);
    }

    /// SO_KEEPALIVE and its three times.
    pub fn set_keepalive(&mut self, now: Instant, keepalive: Option<Keepalive>) {
        self.config.change(|config| config.keepalive = keepalive);
        self.timers.clear(Timer::Keepalive);
        self.start_keepalive(now);
    }

    /// TCP_USER_TIMEOUT.
    pub fn set_user_timeout(&mut self, _now: Instant, timeout: Option<Duration>) {
        self.config.change(|config| config.user_timeout = timeout);
    }

    /// SO_SNDBUF: bytes, overhead included. The buffer grows no more; what is queued stays.
    pub fn set_send_buffer(&mut self, _now: Instant, bytes: u32) {
        self.config.change(|config| config.send_buffer = Buffer::locked(bytes));
        self.sending.buffer = bytes;
    }

    /// The send buffer as it is.
    pub fn send_buffer(&self) -> u32 {
        self.sending.buffer
    }

    /// TCP_SYNCNT, for a handshake that is under way.
    pub fn set_syn_retries(&mut self, _now: Instant, retries: u8) {
        self.config.change(|config| config.syn_retries = retries);
    }

    /// Changes settings that are looked at when they matter: timeouts, delays.
    pub fn tune(&mut self, change: impl FnOnce(&mut Config)) {
        self.config.change(change);
    }

    /// TCP_NOTSENT_LOWAT, bytes.
    pub fn set_notsent_lowat(&mut self, _now: Instant, bytes: u32) {
        self.config.change(|config| config.notsent_lowat = bytes);
    }

    /// Bytes queued and never sent (SIOCOUTQNSD).
    pub fn unsent_len(&self) -> usize {
        self.unsent() as usize
    }

    /// Bytes queued and not acknowledged, sent or not (SIOCOUTQ).
    pub fn unacked_len(&self) -> usize {
        self.send_buffer.len()
    }

    /// SND.UNA: with [`Tcb::snd_nxt`] what an ICMP error must quote to be believed (RFC 5927, section 4.1).
    pub fn snd_una(&self) -> SeqNum {
        if self.handshake_pending() { self.iss } else { self.snd_una }
    }

    /// SND.NXT.
    pub fn snd_nxt(&self) -> SeqNum {
        self.snd_nxt
    }

    /// Ends TIME-WAIT before its time; nothing in any other state.
    pub fn end_time_wait(&mut self) {
        if self.state == State::TimeWait {
            self.enter_closed();
        }
    }

    /// CLOSED, and no reset is owed: it may be dropped.
    pub fn is_finished(&self) -> bool {
        self.state == State::Closed && !self.reset_due
    }

    /// The connection ends with an error. RFC 1122, section 4.2.3.9: if ICMP said why nothing came through, that is
    /// the better answer than a timeout.
    pub(crate) fn fail(&mut self, error: Error) {
        if error == Error::TimedOut {
            self.count(Counter::AbortOnTimeout);
        }
        self.error = match (error, self.soft_error) {
            (Error::TimedOut, Some(soft)) => Some(soft),
            _ => Some(error),
        };
        self.enter_closed();
    }
}
