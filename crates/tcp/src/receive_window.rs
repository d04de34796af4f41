//! The window we tell: how large it may be, how it opens, and how the buffer behind it grows with what the program reads
//! in a round trip (Linux's dynamic right-sizing).
//!
//! Linux counts for each byte received what the memory around it takes, which depends on drivers and comes to about twice
//! the payload; it begins with exactly that (TCP_DEFAULT_SCALING_RATIO) and here it stays so: a window is half of a
//! buffer. What is queued and the window together never pass that half, so memory is bounded by the buffer.

use sockeye_base::{Chain, Duration, Instant, SeqNum};
use sockeye_wire::tcp::Segment;

use crate::config::{Buffer, Config};
use crate::tcb::Tcb;
use crate::timers::Timer;

/// Segments a program is taken to read in the first round trip (TCP_INIT_CWND).
const FIRST_READ: u32 = 10;
/// Bounds of the first guess at the peer's segments (TCP_MSS_DEFAULT, TCP_MIN_MSS).
const DEFAULT_MSS: u32 = 536;
const LEAST_MSS: u32 = 88;
/// A clamp is no less (SOCK_MIN_RCVBUF / 2).
const LEAST_CLAMP: u32 = 1152;
/// Segments shorter than this don't open the window further (as Linux).
const LEAST_TO_GROW: u32 = 128;

/// The window, and what it was reckoned from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveWindow {
    /// Bytes, overhead included (sk_rcvbuf).
    pub(crate) buffer: u32,
    /// Largest window.
    pub(crate) clamp: u32,
    /// The largest window told yet: it opens segment by segment (rcv_ssthresh).
    pub(crate) ssthresh: u32,
    /// Most bytes that the program read in a round trip...
    pub(crate) read: u32,
    /// ...of which the present one began here, then.
    read_from: SeqNum,
    read_since: Instant,
    /// The peer's round trip as seen from here, eightfold, microseconds; 0: not known.
    rtt: u32,
    /// One is being measured, unless this is zero: from then until this has come.
    rtt_since: Instant,
    rtt_until: SeqNum,
    /// The latest echo that was measured by.
    rtt_echo: u32,
}

/// The payload that a buffer of so many bytes is for.
pub(crate) fn window_of(buffer: u32) -> u32 {
    buffer / 2
}

/// The largest window there may ever be.
pub(crate) fn largest_window(config: &Config) -> u32 {
    let clamp = config.window_clamp.unwrap_or(u32::from(u16::MAX) << 14);
    let buffer = &config.receive_buffer;
    if buffer.locked { clamp.min(window_of(buffer.first)) } else { clamp }
}

impl ReceiveWindow {
    /// As the SYN tells it: whole segments.
    pub(crate) fn new(config: &Config, mss: u32) -> ReceiveWindow {
        let buffer = config.receive_buffer.first;
        let space = window_of(buffer).min(largest_window(config));
        let ssthresh = if space > mss { space / mss * mss } else { space };
        ReceiveWindow {
            buffer,
            clamp: largest_window(config),
            ssthresh,
            read: 0,
            read_from: SeqNum(0),
            read_since: Instant::ZERO,
            rtt: 0,
            rtt_since: Instant::ZERO,
            rtt_until: SeqNum(0),
            rtt_echo: 0,
        }
    }

    /// The round trip as the receiver sees it.
    pub(crate) fn rtt(&self) -> Duration {
        Duration::from_micros(u64::from(self.rtt / 8))
    }

    /// A measured round trip. One that a window's worth of data took may have waited for the program, so only the
    /// smallest counts.
    fn note_rtt(&mut self, sample: Duration, by_window: bool, queue_is_empty: bool) {
        let sample = u32::try_from(sample.as_micros()).unwrap_or(u32::MAX).clamp(1, u32::MAX / 8);
        if self.rtt == 0 || sample * 8 < self.rtt {
            self.rtt = sample * 8;
        } else if !by_window && queue_is_empty {
            self.rtt = self.rtt - self.rtt / 8 + sample;
        }
    }
}

impl Tcb {
    /// The window of our SYN: as much as 16 bits say.
    pub(crate) fn syn_window(&self) -> u16 {
        u16::try_from(self.window.ssthresh).unwrap_or(u16::MAX)
    }

    /// The connection is established: how large its buffers and windows are to begin with.
    pub(crate) fn size_buffers(&mut self, now: Instant) {
        self.expand_send_buffer();
        let (most, mss) = (window_of(self.window.buffer), self.advmss());
        let field = u32::from(u16::MAX) << self.rcv_shift();
        let window = &mut self.window;
        window.clamp = window.clamp.min(field).min(most);
        // As Linux, a segment less than fits.
        if window.clamp > 2 * mss && window.clamp + mss > most {
            window.clamp = (most - mss).max(2 * mss);
        }
        window.ssthresh = window.ssthresh.min(window.clamp);
        window.read = window.ssthresh.min(FIRST_READ * mss);
        window.read_from = self.rcv_nxt;
        window.read_since = now;
        // As Linux: a first guess at what the peer sends, that fits the window twice. (One above the window would shut it
        // for good.)
        let told = self.window.ssthresh / 2;
        self.rcv_mss = mss.min(self.snd_mss()).min(told).clamp(LEAST_MSS, DEFAULT_MSS);
    }

    /// SO_RCVBUF: bytes, overhead included. The buffer grows no more. A window already told stays open; its scale is
    /// settled by the SYN.
    pub fn set_receive_buffer(&mut self, _now: Instant, bytes: u32) {
        self.config.change(|config| config.receive_buffer = Buffer::locked(bytes));
        self.window.buffer = bytes;
        self.window.clamp = window_of(bytes).max(LEAST_CLAMP);
    }

    /// SO_RCVLOWAT: a buffer that grows by itself grows so that as much may come.
    pub fn set_receive_lowat(&mut self, bytes: u32) {
        self.config.change(|config| config.receive_lowat = bytes.max(1));
        let space = bytes.saturating_mul(2);
        if !self.config.receive_buffer.locked && self.window.buffer < space {
            self.window.buffer = space;
            self.window.clamp = self.window.clamp.max(bytes);
        }
    }

    /// The receive buffer as it is.
    pub fn receive_buffer(&self) -> u32 {
        self.window.buffer
    }

    /// TCP_WINDOW_CLAMP.
    pub fn set_window_clamp(&mut self, _now: Instant, bytes: u32) {
        let clamp = bytes.max(LEAST_CLAMP);
        self.config.change(|config| config.window_clamp = Some(clamp));
        let (told, window) = (self.rcv_told(), &mut self.window);
        window.ssthresh = if clamp < window.clamp {
            window.ssthresh.min(clamp)
        } else {
            window.ssthresh.max(told.min(clamp))
        };
        window.clamp = clamp;
    }

    /// TCP_WINDOW_CLAMP as getsockopt shows it.
    pub fn window_clamp(&self) -> u32 {
        self.window.clamp
    }

    /// The window as it was last told (Linux's rcv_wnd).
    pub(crate) fn rcv_told(&self) -> u32 {
        self.rcv_adv.offset_from(self.last_ack_sent)
    }

    /// What the buffer still takes.
    fn receive_space(&self) -> u32 {
        let queued = u32::try_from(self.receive_queue.len()).unwrap_or(u32::MAX);
        window_of(self.window.buffer).saturating_sub(queued)
    }

    /// The window the buffer is good for now. RFC 9293, section 3.8.6.2.2: none rather than a silly one (as Linux less
    /// than a segment, or a sixteenth of the buffer); without scaling in whole segments.
    fn open_window(&self) -> u32 {
        let allowed = window_of(self.window.buffer);
        let full = self.window.clamp.min(allowed);
        let mss = self.rcv_mss.min(full);
        let grain = 1u32 << self.rcv_shift();
        let mut free = self.receive_space();
        if mss == 0 {
            return 0;
        }
        if free < full / 2 {
            free = free / grain * grain;
            if free < allowed / 16 || free < mss {
                return 0;
            }
        }
        free = free.min(self.window.ssthresh);
        if grain > 1 {
            return free.next_multiple_of(grain);
        }
        // Where a segment is as long as the largest window, half of that is worth telling. (In Linux the clamp follows the
        // overhead of what comes; here the window may be held lower still.)
        let largest = full.min(self.window.ssthresh).max(1);
        let mss = mss.min(largest);
        let told = self.rcv_told();
        if told > free || told + mss <= free {
            free / mss * mss
        } else if mss == largest && free > told + largest / 2 {
            free
        } else {
            told
        }
    }

    /// The window field. RFC 9293, section 3.8.6: the right edge never moves left.
    pub(crate) fn select_window(&mut self) -> u16 {
        let shift = self.rcv_shift();
        let grain = 1u32 << shift;
        let mut window = self.open_window().max(self.rcv_wnd());
        if !window.is_multiple_of(grain) {
            // RFC 7323, section 2.4: rounding must not take back what was offered, so up; unless byte by byte that
            // would lead beyond the buffer.
            let up = window.next_multiple_of(grain);
            let held = self.receive_queue.len() as u64 + u64::from(up);
            let within = held <= u64::from(window_of(self.window.buffer)) + u64::from(grain);
            window = if within { up } else { window / grain * grain };
        }
        let field = (window >> shift).min(u32::from(u16::MAX));
        self.rcv_adv = self.rcv_adv.max(self.rcv_nxt + (field << shift));
        field as u16
    }

    /// The program has read: an acknowledgement that waited for this may go, and a window that has opened be told.
    pub(crate) fn note_read(&mut self, now: Instant) {
        // Only states that expect data have a window to speak of.
        if !self.state.may_receive() {
            return;
        }
        self.adjust_receive_space(now);
        let waiting = self.rcv_nxt.offset_from(self.last_ack_sent);
        let owed = waiting > self.rcv_mss && self.timers.is_set(Timer::DelayedAck);
        self.ack_now |= owed || self.window_update_due();
    }

    /// Takes at most `max` bytes that have come, if that is all there is to it: nothing is to be told, nothing grows, no byte
    /// is urgent. Then it doesn't matter when it is. `None` if it isn't so, or there is nothing.
    pub fn receive_plain(&mut self, max: usize) -> Option<Chain> {
        let waiting = self.rcv_nxt.offset_from(self.last_ack_sent);
        let owes = self.ack_now || (waiting > self.rcv_mss && self.timers.is_set(Timer::DelayedAck));
        let plain = self.state.may_receive()
            && !owes
            && self.urgent.is_none()
            && self.window.rtt == 0
            && self.window_is_well_known()
            && self.config.receive_lowat <= 1;
        (plain && max > 0 && !self.receive_queue.is_empty()).then(|| self.receive_queue.split_to(max))
    }

    /// Whether the peer knows of half of the largest window: then there is no hurry to tell it more.
    fn window_is_well_known(&self) -> bool {
        self.rcv_wnd().saturating_mul(2) > self.window.clamp
    }

    /// Whether reading has opened the window so far that the peer should hear of it without being asked: as Linux, to
    /// twice what it knows.
    fn window_update_due(&self) -> bool {
        if self.window_is_well_known() {
            return false;
        }
        let known = self.rcv_wnd();
        // What the field can't say is no news: without scaling a window stays at 65,535 however large the buffer is.
        let open = self.open_window().min(u32::from(u16::MAX) << self.rcv_shift());
        open > 0 && open >= known * 2
    }

    /// Whether an acknowledgement would not hold back the window that the peer knows: it may as well wait for the
    /// program to read.
    pub(crate) fn window_stays_open(&self) -> bool {
        self.open_window() >= self.rcv_told()
    }

    /// Data came: the window opens further (slow start of the receiver), and round trips are measured.
    pub(crate) fn grow_window(&mut self, len: u32) {
        let room = self.window.clamp.min(self.receive_space()).saturating_sub(self.window.ssthresh);
        if len < LEAST_TO_GROW || room == 0 {
            return;
        }
        self.window.ssthresh += room.min(2 * len.max(self.advmss()));
        self.quick_acks |= 1;
    }

    /// The round trip by the peer's echo of our clock: of full segments only, whose acknowledgement was not delayed.
    pub(crate) fn measure_receive_echo(&mut self, now: Instant, segment: &Segment) {
        let Some(timestamps) = segment.options.timestamps.filter(|_| self.negotiated.timestamps) else {
            return;
        };
        if timestamps.echo == self.window.rtt_echo {
            return;
        }
        self.window.rtt_echo = timestamps.echo;
        let millis = self.timestamp_clock(now).wrapping_sub(timestamps.echo);
        let full = segment.payload.len() as u64 >= u64::from(self.rcv_mss);
        if full && millis > 0 && u128::from(millis) <= now.since(self.opened_at).as_millis() {
            let empty = self.receive_queue.is_empty();
            self.window.note_rtt(Duration::from_millis(u64::from(millis)), false, empty);
        }
    }

    /// The round trip by the time a window's worth of data takes.
    pub(crate) fn measure_receive_window(&mut self, now: Instant) {
        if self.window.rtt_since != Instant::ZERO {
            if self.rcv_nxt.before(self.window.rtt_until) {
                return;
            }
            self.window.note_rtt(now.since(self.window.rtt_since), true, false);
        }
        self.window.rtt_until = self.rcv_nxt + self.rcv_told();
        self.window.rtt_since = now;
    }

    /// The program has read: if it was more in this round trip than in any before, the buffer grows.
    fn adjust_receive_space(&mut self, now: Instant) {
        if self.window.rtt == 0 || now.since(self.window.read_since) < self.window.rtt() {
            return;
        }
        let queued = self.receive_queue.len() as u32;
        let read_to = self.rcv_nxt - queued - u32::from(self.fin_received);
        let read = read_to.offset_from(self.window.read_from).saturating_sub(queued);
        if read > self.window.read {
            self.grow_receive_buffer(read);
        }
        self.window.read_from = read_to;
        self.window.read_since = now;
    }

    /// Makes the buffer large enough for a program that reads so many bytes in a round trip: twice that, as what is
    /// known is a round trip old, more if it was less before (the sender may be in slow start), and what waits for a gap
    /// to be filled.
    pub(crate) fn grow_receive_buffer(&mut self, read: u32) {
        let before = u64::from(std::mem::replace(&mut self.window.read, read).max(1));
        let buffer = self.config.receive_buffer;
        if !self.config.moderate_rcvbuf || buffer.locked {
            return;
        }
        let wanted = 2 * u64::from(read);
        let gain = wanted * u64::from(read).saturating_sub(before) / before;
        let waiting = self.reassembly.end().map_or(0, |end| end.offset_from(self.rcv_nxt));
        let wanted = 2 * (wanted + 2 * gain + u64::from(waiting));
        let bytes = u32::try_from(wanted).unwrap_or(u32::MAX).min(buffer.most);
        if bytes > self.window.buffer {
            self.window.buffer = bytes;
            self.window.clamp = window_of(bytes);
        }
    }
}
