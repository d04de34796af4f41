//! The passive side: who is shaking hands, and who waits to be accepted. It moves no segments; the stack makes a
//! [`crate::Tcb`] for each SYN this admits and tells what becomes of it.

use std::collections::{BTreeSet, VecDeque};

use sockeye_base::{Duration, Instant};

use crate::config::Config;

/// So long after the last cookie was sent one may come back (Linux's TCP_SYNCOOKIE_VALID).
const COOKIES_LAST: Duration = Duration::from_secs(120);

/// How long a connection that opened fast and was reset after it was accepted counts as under way: who makes others
/// believe that they are a client by its stolen cookie soon finds fast open off (Linux's 60 s).
const RESET_COUNTS: Duration = Duration::from_secs(60);

/// Connections that opened fast and whose handshake isn't over (RFC 7413, section 5.1).
#[derive(Debug, Default)]
struct FastOpens {
    limit: usize,
    pending: usize,
    /// When those that were reset count no more, in order.
    resets: VecDeque<Instant>,
}

/// A listener; `K` is what the stack calls a connection.
#[derive(Debug)]
pub struct Listener<K> {
    config: Config,
    backlog: usize,
    syn_queue: BTreeSet<K>,
    accept_queue: VecDeque<K>,
    /// So many were taken ahead: they count as waiting.
    ahead: usize,
    /// When the last cookie was sent.
    cookie_sent: Option<Instant>,
    fast_opens: FastOpens,
}

impl<K: Copy + Ord> Listener<K> {
    /// A listener whose connections get `config` and whose accept queue holds `backlog` + 1.
    pub fn new(config: Config, backlog: usize) -> Listener<K> {
        let (syn_queue, accept_queue) = (BTreeSet::new(), VecDeque::new());
        Listener {
            config,
            backlog,
            syn_queue,
            accept_queue,
            ahead: 0,
            cookie_sent: None,
            fast_opens: FastOpens::default(),
        }
    }

    /// Changes the backlog; who is in a queue stays there.
    pub fn set_backlog(&mut self, backlog: usize) {
        self.backlog = backlog;
    }

    /// The backlog.
    pub fn backlog(&self) -> usize {
        self.backlog
    }

    /// What its connections begin with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The same, to change (options set on a listening socket are inherited by later connections).
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Whether one more handshake may begin: as Linux, a backlog of n admits n + 1. Otherwise it gets a cookie, or nothing
    /// (listen(2): the client tries again).
    pub fn admits_syn(&self) -> bool {
        self.syn_queue.len() <= self.backlog
    }

    /// How many handshakes are under way.
    pub fn opening(&self) -> usize {
        self.syn_queue.len()
    }

    /// A cookie was sent.
    pub fn sent_cookie(&mut self, now: Instant) {
        self.cookie_sent = Some(now);
    }

    /// Whether an acknowledgement may bring a cookie.
    pub fn expects_cookies(&self, now: Instant) -> bool {
        self.cookie_sent.is_some_and(|sent| now.since(sent) <= COOKIES_LAST)
    }

    /// Whether a finished handshake has room; otherwise the ACK that would finish it is dropped, and the SYN-ACK will
    /// be repeated (tcp_abort_on_overflow=0). As Linux, a backlog of n admits n + 1.
    pub fn admits_established(&self) -> bool {
        self.ready() <= self.backlog
    }

    /// A connection has begun its handshake.
    pub fn syn_received(&mut self, connection: K) {
        self.syn_queue.insert(connection);
    }

    /// A connection has finished its handshake.
    pub fn established(&mut self, connection: K) {
        if self.syn_queue.remove(&connection) {
            self.accept_queue.push_back(connection);
        }
    }

    /// A connection ended. Before its handshake was finished: it is forgotten. After: it stays to be accepted, and the
    /// program that accepts it learns of its end (as Linux).
    pub fn gone(&mut self, connection: K) {
        self.syn_queue.remove(&connection);
    }

    /// The next finished connection, first come first served.
    pub fn accept(&mut self) -> Option<K> {
        self.accept_queue.pop_front()
    }

    /// One was accepted ahead of the program that is to have it: it counts as waiting until [`Listener::accepted`].
    pub fn accepted_ahead(&mut self) {
        self.ahead += 1;
    }

    /// The program has one that was taken ahead, or it is gone.
    pub fn accepted(&mut self) {
        self.ahead = self.ahead.saturating_sub(1);
    }

    /// How many connections that opened fast may be shaking hands (TCP_FASTOPEN); 0: none opens fast.
    pub fn set_fast_open_limit(&mut self, limit: usize) {
        self.fast_opens.limit = limit;
    }

    /// Whether another one may.
    pub fn admits_fast_open(&mut self, now: Instant) -> bool {
        let opens = &mut self.fast_opens;
        if opens.pending + opens.resets.len() >= opens.limit {
            opens.resets.pop_front_if(|until| *until <= now);
        }
        opens.pending + opens.resets.len() < opens.limit
    }

    /// One does.
    pub fn fast_open_begun(&mut self) {
        self.fast_opens.pending += 1;
    }

    /// Its handshake is over, or it is; `reset`: by the peer, after it was accepted.
    pub fn fast_open_ended(&mut self, now: Instant, reset: bool) {
        self.fast_opens.pending = self.fast_opens.pending.saturating_sub(1);
        if reset {
            self.fast_opens.resets.push_back(now + RESET_COUNTS);
        }
    }

    /// How many wait to be accepted, those included that were taken ahead.
    pub fn ready(&self) -> usize {
        self.accept_queue.len() + self.ahead
    }

    /// Who is shaking hands, in the order of their keys.
    pub fn syn_queue(&self) -> impl Iterator<Item = K> {
        self.syn_queue.iter().copied()
    }

    /// Who waits to be accepted, in the order they finished.
    pub fn accept_queue(&self) -> impl Iterator<Item = K> {
        self.accept_queue.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_of_n_admits_n_plus_one() {
        let mut listener = Listener::new(Config::default(), 2);
        for id in 0..3 {
            assert!(listener.admits_syn());
            listener.syn_received(id);
            listener.established(id);
        }
        assert!(listener.admits_syn() && !listener.admits_established());
        assert_eq!(listener.accept(), Some(0));
        assert!(listener.admits_established());
        listener.syn_received(7);
        listener.gone(7);
        listener.established(7);
        listener.gone(1);
        assert_eq!(listener.accept_queue().collect::<Vec<_>>(), [1, 2]);
        assert_eq!((listener.ready(), listener.syn_queue().count()), (2, 0));
        assert_eq!(listener.accept(), Some(1));
        listener.accepted_ahead();
        assert_eq!((listener.ready(), listener.accept(), listener.accept()), (2, Some(2), None));
        assert_eq!(listener.ready(), 1);
        listener.accepted();
        assert_eq!(listener.ready(), 0);
    }

    #[test]
    fn resets_of_what_opened_fast_count_for_a_minute() {
        let mut listener = Listener::<u8>::new(Config::default(), 9);
        let now = Instant::from_millis(1);
        assert!(!listener.admits_fast_open(now));
        listener.set_fast_open_limit(2);
        for reset in [true, false] {
            assert!(listener.admits_fast_open(now));
            listener.fast_open_begun();
            listener.fast_open_ended(now, reset);
        }
        listener.fast_open_begun();
        assert!(!listener.admits_fast_open(now + Duration::from_secs(59)));
        assert!(listener.admits_fast_open(now + Duration::from_secs(60)));
    }
}
