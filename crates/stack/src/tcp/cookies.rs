//! How a listener answers when more SYNs come than it can remember: with cookies, if tcp_syncookies says so.

use std::net::IpAddr;
use std::sync::Arc;

use sockeye_base::{Counter, Instant};
use sockeye_tcp::{COOKIE_MSS_V4, COOKIE_MSS_V6, Config, Tcb};
use sockeye_wire::tcp::Segment;

use super::{Owner, Tuple};
use crate::route::Path;
use crate::stack::{ConnectionId, ListenerId, Stack};

/// What tcp_syncookies may be besides "when the SYN queue is full".
const NEVER: u8 = 0;
const ALWAYS: u8 = 2;

/// What a listener does with a SYN.
pub(super) enum Verdict {
    /// A handshake begins.
    Admit,
    /// The answer remembers it.
    Cookie,
    Drop,
}

impl Stack {
    /// As Linux's tcp_conn_request. A connection that takes another's place in TIME-WAIT is let in beyond the SYN queue.
    pub(super) fn judge_syn(&mut self, listener: ListenerId, replaces: bool) -> Verdict {
        let Some(entry) = self.tcp.listeners.get(listener) else { return Verdict::Drop };
        let queued = entry.listener.opening();
        let (roomy, accepts) = (entry.listener.admits_syn(), entry.listener.admits_established());
        let cookies = self.settings.tcp_syncookies;
        let mut verdict = Verdict::Admit;
        if !replaces && (!roomy || cookies == ALWAYS) {
            if cookies == NEVER {
                self.count(Counter::ReqQFullDrop);
                self.count(Counter::ListenDrops);
                return Verdict::Drop;
            }
            self.count(Counter::ReqQFullDoCookies);
            verdict = Verdict::Cookie;
        }
        if !accepts {
            self.count(Counter::ListenOverflows);
            self.count(Counter::ListenDrops);
            return Verdict::Drop;
        }
        // The last quarter is for those who have proved that they are there, and nobody has: nothing is remembered of
        // old connections.
        let most = self.settings.tcp_max_syn_backlog;
        let reserved = !replaces && most.saturating_sub(queued) < most / 4;
        if cookies == NEVER && reserved {
            self.count(Counter::ListenDrops);
            return Verdict::Drop;
        }
        verdict
    }

    /// Answers a SYN with a cookie; nothing is kept of it.
    pub(super) fn send_cookie(
        &mut self,
        now: Instant,
        (listener, config): (ListenerId, Arc<Config>),
        (tuple, path): (&Tuple, &Path),
        syn: &Segment,
    ) {
        let (_, offset) = self.initial_numbers(now, tuple);
        let ends = (tuple, sizes(tuple), offset);
        let Some(answer) = self.tcp.cookies.answer(now, config, ends, syn) else { return };
        let Some(entry) = self.tcp.listeners.get_mut(listener) else { return };
        entry.listener.sent_cookie(now);
        let options = entry.options.of_syn_ack();
        if let Some(ip) = self.ip_header(tuple.local.ip(), tuple.remote.ip(), options) {
            self.count(Counter::SyncookiesSent);
            self.transmit_segment(now, path, ip, answer);
        }
    }

    /// An acknowledgement for no connection came to a listener: the connection it makes, if it brings a cookie of ours
    /// and there is room, or nothing to be said of it; an error if it is to be refused.
    pub(super) fn take_cookie(
        &mut self,
        now: Instant,
        listener: ListenerId,
        (tuple, path): (Tuple, Path),
        ack: &Segment,
    ) -> Result<Option<ConnectionId>, NoCookie> {
        let entry = self.tcp.listeners.get(listener).ok_or(NoCookie)?;
        if self.settings.tcp_syncookies == NEVER || !entry.listener.expects_cookies(now) {
            return Err(NoCookie);
        }
        let (bind, options, room) = (entry.bind, entry.options, entry.listener.admits_established());
        let config = self.config_for(entry.listener.config().clone(), &path, tuple.remote.ip());
        let (_, offset) = self.initial_numbers(now, &tuple);
        let ends = (&tuple, sizes(&tuple), offset);
        let Some(syn) = self.tcp.cookies.recover(now, &config, ends, ack) else {
            self.count(Counter::SyncookiesFailed);
            return Err(NoCookie);
        };
        self.count(Counter::SyncookiesRecv);
        if !room {
            self.count(Counter::ListenOverflows);
            self.count(Counter::ListenDrops);
            return Ok(None);
        }
        let tcb = Tcb::accept_cookie(now, config, offset, &syn, ack.ack - 1);
        let bind = self.tcp_ports.inherit(bind, tuple.local.ip());
        let owner = Owner::Listener { id: listener, established: false };
        let id = self.tcp_insert(tcb, (tuple, path), (owner, bind), options);
        if let Some(entry) = self.tcp.listeners.get_mut(listener) {
            entry.listener.syn_received(id);
        }
        Ok(Some(id))
    }
}

/// It is not ours, or too old.
pub(super) struct NoCookie;

fn sizes(tuple: &Tuple) -> &'static [u16; 4] {
    match tuple.remote.ip() {
        IpAddr::V4(_) => &COOKIE_MSS_V4,
        IpAddr::V6(_) => &COOKIE_MSS_V6,
    }
}
