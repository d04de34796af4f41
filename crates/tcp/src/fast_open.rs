//! Fast open (RFC 7413): data in the SYN, by a cookie that the server gave to the client's address before.
//!
//! The two sides differ much. A client's SYN may carry data; whatever goes wrong, an ordinary SYN follows and the data is
//! sent again. A server's connection whose SYN had a good cookie is as good as established before the handshake is over:
//! it is in that state here, and only its SYN-ACK is repeated until it is acknowledged.

use sockeye_base::{Chain, Instant};
use sockeye_wire::tcp::{FastOpen as Offer, Flags, MAX_OPTIONS_LEN, Segment};

use crate::config::Config;
use crate::input::{Outcome, Step, may_answer_again, reset_for};
use crate::recovery::{Armed, Phase};
use crate::rtt::backed_off;
use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

/// What a connection that opens fast knows more than others. There are few such, so it has a place of its own.
#[derive(Debug, Default)]
pub(crate) struct FastOpen {
    /// The client waits for the data that its SYN is to carry (TCP_FASTOPEN_CONNECT).
    deferred: bool,
    /// The option of our first SYN or SYN-ACK.
    offer: Option<Offer>,
    /// Bytes our first SYN carries.
    syn_data: u32,
    /// The caller has more to send as soon as it may: an acknowledgement can wait for that.
    more_follows: bool,
    /// Our SYN-ACK is not acknowledged yet (server).
    pub(crate) pending: bool,
    /// Data in a SYN was acknowledged by the peer, or taken from it (TCPI_OPT_SYN_DATA).
    pub(crate) data_acked: bool,
    pub(crate) failure: Failure,
    news: News,
}

/// Why a client's data did not go with its SYN (tcpi_fastopen_client_fail).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failure {
    /// It did, or was not to.
    #[default]
    None,
    /// There was no cookie.
    NoCookie,
    /// The peer acknowledged only the SYN.
    NotAcknowledged,
    /// The SYN was repeated, without the data.
    Repeated,
}

/// What a client learns from the answer to its SYN, to be kept for the next connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// The peer's MSS option.
    pub mss: Option<u16>,
    /// Its cookie.
    pub cookie: Option<Offer>,
    /// We asked for a cookie, in this form, and got none.
    pub refused: Option<Form>,
}

/// The two forms of the option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// That of RFC 7413.
    Standard,
    /// That of the experiment before it.
    Experimental,
}

/// What has happened that concerns others than the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// For the client's cache.
    pub learned: Option<Learned>,
    /// Something on the way may swallow what opens fast (RFC 7413, section 7.1; Linux's blackhole detection).
    pub swallowed: bool,
    /// One that opened fast has ended, and data came by it.
    pub heard: bool,
}

impl Tcb {
    /// Opens passively, for a listener that got `syn` with a cookie that is right, or needs none: the data in the SYN can
    /// be read, and data sent, before the handshake is over (RFC 7413, section 4.2.2). Otherwise as [`Tcb::accept`].
    pub fn accept_fast(
        now: Instant,
        config: impl Into<std::sync::Arc<Config>>,
        iss: sockeye_base::SeqNum,
        timestamp_offset: u32,
        syn: Segment,
    ) -> Tcb {
        let mut tcb = Tcb::accept(now, config, iss, timestamp_offset, &syn);
        tcb.state = State::Established;
        tcb.snd_una = iss + 1;
        tcb.size_buffers(now);
        tcb.recovery.armed = Armed::SynAck;
        let data_acked = !syn.payload.is_empty();
        tcb.rare().fast_open = Some(Box::new(FastOpen { pending: true, data_acked, ..FastOpen::default() }));
        if data_acked {
            tcb.counters.data_segs_in += 1;
            tcb.measure_rcv_mss(&syn);
            tcb.deliver(syn.payload);
            // As Linux: what the SYN-ACK's field was too small for isn't told by a window update, but by the next segment.
            tcb.rcv_adv = tcb.rcv_nxt + tcb.window.ssthresh;
        }
        tcb
    }

    pub(crate) fn fast(&self) -> Option<&FastOpen> {
        self.rare.as_ref()?.fast_open.as_deref()
    }

    fn fast_mut(&mut self) -> Option<&mut FastOpen> {
        self.rare.as_mut()?.fast_open.as_deref_mut()
    }

    /// The cookie has been given.
    pub(crate) fn forget_fast_open(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.fast_open = None;
        }
    }

    /// The first SYN-ACK is to give the peer a cookie.
    pub fn give_cookie(&mut self, offer: Offer) {
        self.rare().fast_open.get_or_insert_default().offer = Some(offer);
    }

    /// After [`Tcb::connect`] and before anything is sent: the SYN waits for [`Tcb::open_fast`].
    pub fn defer_open(&mut self) {
        self.syn_due = false;
        self.rare().fast_open = Some(Box::new(FastOpen { deferred: true, ..FastOpen::default() }));
    }

    /// Whether the SYN waits for [`Tcb::open_fast`].
    pub fn open_is_deferred(&self) -> bool {
        self.state == State::SynSent && self.fast().is_some_and(|open| open.deferred)
    }

    /// How many bytes a SYN may carry to a peer whose MSS is known from earlier. As Linux: room is left for all options
    /// there may be, lest a middlebox that adds some throws the segment away.
    pub fn syn_data_room(&self, peer_mss: Option<u16>) -> usize {
        let mss = peer_mss.unwrap_or(u16::MAX).min(self.config.mss).min(self.path_mss);
        usize::from(mss).saturating_sub(MAX_OPTIONS_LEN)
    }

    /// Sends the SYN that was deferred, with this option and data; `more_follows`: the caller sends the rest as soon as
    /// there is an answer.
    pub fn open_fast(&mut self, now: Instant, offer: Option<Offer>, data: Chain, more_follows: bool) {
        if !self.open_is_deferred() {
            return;
        }
        let syn_data = data.len() as u32;
        let needs_cookie = offer.is_some_and(|offer| offer.cookie.is_none());
        let failure = if needs_cookie { Failure::NoCookie } else { Failure::None };
        self.rare().fast_open =
            Some(Box::new(FastOpen { offer, syn_data, more_follows, failure, ..FastOpen::default() }));
        self.send_buffer.push(data);
        self.opened_at = now;
        self.last_heard = now;
        self.syn_due = true;
    }

    /// Bytes of data in our first SYN.
    pub(crate) fn syn_data(&self) -> u32 {
        self.fast().map_or(0, |open| open.syn_data)
    }

    /// Adds to our first SYN what opens fast, or the cookie to our first SYN-ACK. Later ones go without: what was lost may
    /// have been lost for its sake.
    pub(crate) fn add_fast_open(&mut self, now: Instant, segment: &mut Segment) {
        let Some(open) = self.fast().filter(|_| !self.syn_repeated) else { return };
        if segment.flags.contains(Flags::ACK) && !self.passive {
            return;
        }
        segment.options.fast_open = open.offer.map(Box::new);
        let len = open.syn_data;
        if len > 0 {
            segment.payload = self.send_buffer.slice(0, len as usize);
            self.note_syn_data(now, len);
        }
    }

    /// RFC 7413, section 4.2.1: the answer to a SYN that was to open fast. Data that it doesn't acknowledge goes again,
    /// at once and whatever else was to be.
    pub(crate) fn settle_syn_data(&mut self, now: Instant, segment: &Segment) {
        let Some(open) = self.fast() else { return };
        if !self.opens_fast() {
            return;
        }
        let (offer, had_data) = (open.offer, open.syn_data > 0);
        let acked = segment.ack.offset_from(self.snd_una);
        self.send_buffer.advance(acked as usize);
        self.counters.bytes_acked += u64::from(acked);
        self.snd_una = segment.ack;
        while self.recovery.sent.pop_before(segment.ack).is_some() {}
        let lost = !self.recovery.sent.is_empty();
        let repeated = self.counters.total_retrans > 0;
        let answer = segment.options.fast_open.as_deref().copied().filter(|_| offer.is_some());
        let form = |offer: Offer| if offer.experimental { Form::Experimental } else { Form::Standard };
        let learned = Learned {
            mss: segment.options.mss.filter(|mss| *mss > 0),
            cookie: answer.filter(|answer| answer.cookie.is_some()),
            refused: offer.filter(|_| answer.is_none() && !repeated && !had_data).map(form),
        };
        if let Some(open) = self.fast_mut() {
            open.news.learned = Some(learned);
            open.data_acked = had_data && !lost;
            if lost {
                open.failure = if repeated { Failure::Repeated } else { Failure::NotAcknowledged };
            }
        }
        if lost {
            self.resend_all();
            self.restart_retransmit_timer(now);
        }
    }

    /// Whether our SYN asked for fast open or carried data.
    pub(crate) fn opens_fast(&self) -> bool {
        !self.passive && self.fast().is_some_and(|open| open.offer.is_some() || open.syn_data > 0)
    }

    /// The caller of `open_fast` has more to send at once.
    pub(crate) fn more_follows_syn(&self) -> bool {
        self.fast().is_some_and(|open| open.more_follows)
    }

    /// A SYN-ACK's data is taken only where fast open was asked for (as Linux).
    pub(crate) fn note_syn_ack_data(&mut self) {
        if let Some(open) = self.fast_mut() {
            open.data_acked = true;
        }
    }

    /// Whether the peer has not yet acknowledged the SYN-ACK of a connection that is in use already.
    pub fn handshake_pending(&self) -> bool {
        self.fast().is_some_and(|open| open.pending)
    }

    /// A SYN again while our SYN-ACK isn't acknowledged: that was lost, or slow.
    pub(crate) fn check_repeated_syn(&mut self, now: Instant, segment: &Segment) -> Step {
        let controls = segment.flags & (Flags::SYN | Flags::ACK | Flags::RST | Flags::FIN);
        if controls != Flags::SYN || segment.seq != self.irs || !self.handshake_pending() {
            return Step::Continue(());
        }
        if may_answer_again(&mut self.last_oow_ack, now) {
            self.syn_due = true;
            self.syn_repeated = true;
        }
        Step::Break(Outcome::default())
    }

    /// An acknowledgement while our SYN-ACK waits for one: it ends the handshake, or has nothing to do with us.
    pub(crate) fn end_fast_handshake(&mut self, now: Instant, segment: &Segment) -> Step {
        if segment.ack.before(self.snd_una) || segment.ack.after(self.snd_nxt) {
            return Step::Break(reset_for(segment).into());
        }
        if let Some(open) = self.fast_mut() {
            open.pending = false;
        }
        self.recovery.echo = segment.options.timestamps.map(|timestamps| timestamps.echo);
        self.recovery.armed = Armed::Timeout;
        self.timers.clear(Timer::Retransmit);
        self.note_handshake(now, segment);
        if self.recovery.phase == Phase::Loss && self.recovery.sent.is_empty() {
            self.try_undo_recovery();
        }
        if self.flight() > 0 {
            self.restart_retransmit_timer(now);
        }
        self.start_keepalive(now);
        Step::Continue(())
    }

    /// The SYN-ACK of a connection that opened fast is unanswered. Nothing else is repeated until it is.
    pub(crate) fn on_syn_ack_timeout(&mut self, now: Instant) {
        // As Linux, one more than of others.
        if self.recovery.syn_timeouts > u32::from(self.config.synack_retries) {
            self.fail(crate::Error::TimedOut);
            return;
        }
        if self.recovery.syn_timeouts == 1 {
            self.enter_loss(now);
        }
        let clock = self.timestamp_clock(now);
        self.recovery.repair_mut().retrans_stamp.get_or_insert(clock);
        self.recovery.syn_timeouts += 1;
        self.recovery.timeouts += 1;
        self.counters.total_retrans += 1;
        self.syn_repeated = true;
        self.syn_due = true;
        self.start_syn_ack_timer(now);
    }

    /// The SYN-ACK has left.
    pub(crate) fn start_syn_ack_timer(&mut self, now: Instant) {
        let (first, most) = (self.config.rto_initial, self.config.rto_max);
        let wait = backed_off(first, self.recovery.syn_timeouts, most);
        self.timers.set(Timer::Retransmit, now + wait);
    }

    /// Two timeouts in a row, or the end of all patience.
    pub(crate) fn suspect_fast_open(&mut self, gives_up: bool) {
        let timeouts = self.recovery.timeouts;
        if timeouts == 2 || (timeouts < 2 && gives_up) {
            self.note_swallowed();
        }
    }

    /// RFC 7413, section 7.1: the network may dislike connections that open fast.
    pub(crate) fn note_swallowed(&mut self) {
        if self.opens_fast()
            && let Some(open) = self.fast_mut()
        {
            open.news.swallowed = true;
        }
    }

    /// The connection ends: data that came shows that the way bears fast open; a lone FIN that came without what was before it
    /// shows the contrary.
    pub(crate) fn judge_fast_open(&mut self) {
        if !self.opens_fast() {
            return;
        }
        let heard = self.counters.data_segs_in.0 > 0;
        if !heard && self.reassembly.fin.is_some() {
            self.note_swallowed();
        }
        if let Some(open) = self.fast_mut() {
            open.news.heard = heard;
        }
    }

    /// Whether there may be news.
    pub fn has_fast_open(&self) -> bool {
        self.fast().is_some()
    }

    /// What has happened since this was last asked.
    pub fn take_fast_open_news(&mut self) -> Option<News> {
        let open = self.fast_mut()?;
        (open.news != News::default()).then(|| std::mem::take(&mut open.news))
    }
}
