//! The passive side: who is shaking hands, and who waits to be accepted. It moves no segments; the stack makes a
//! [`crate::Tcb`] for each SYN this admits and tells what becomes of it.
//!
//! Not modelled: SYN cookies. Linux (tcp_syncookies=1) answers with cookies when its SYN queue is full and so hardly
//! ever drops a SYN for want of room there; ours has a fixed, roomy bound instead.

use std::collections::{BTreeSet, VecDeque};

use crate::config::Config;

/// Most handshakes under way at one listener (Linux's tcp_max_syn_backlog on a large machine).
const SYN_QUEUE: usize = 4096;

/// A listener; `K` is what the stack calls a connection.
#[derive(Debug)]
pub struct Listener<K> {
    config: Config,
    backlog: usize,
    syn_queue: BTreeSet<K>,
    accept_queue: VecDeque<K>,
}

impl<K: Copy + Ord> Listener<K> {
    /// A listener whose connections get `config` and whose accept queue holds `backlog` + 1.
    pub fn new(config: Config, backlog: usize) -> Listener<K> {
        Listener { config, backlog, syn_queue: BTreeSet::new(), accept_queue: VecDeque::new() }
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

    /// Whether a new SYN may be answered; otherwise it is dropped silently (listen(2): the client tries again).
    pub fn admits_syn(&self) -> bool {
        self.admits_established() && self.syn_queue.len() < SYN_QUEUE
    }

    /// Whether a finished handshake has room; otherwise the ACK that would finish it is dropped, and the SYN-ACK will
    /// be repeated (tcp_abort_on_overflow=0). As Linux, a backlog of n admits n + 1.
    pub fn admits_established(&self) -> bool {
        self.accept_queue.len() <= self.backlog
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

    /// How many wait to be accepted.
    pub fn ready(&self) -> usize {
        self.accept_queue.len()
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
        assert!(!listener.admits_syn() && !listener.admits_established());
        assert_eq!(listener.accept(), Some(0));
        assert!(listener.admits_syn());
        listener.syn_received(7);
        listener.gone(7);
        listener.established(7);
        listener.gone(1);
        assert_eq!(listener.accept_queue().collect::<Vec<_>>(), [1, 2]);
        assert_eq!((listener.ready(), listener.syn_queue().count()), (2, 0));
    }
}
