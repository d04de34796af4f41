//! Where what comes for an address is to go: out, to the machine itself, to its DNS server, or nowhere.
//!
//! Without [`Outside::Loopback`] nothing may come to the machine itself, whose services trust who is on it. What an address of
//! its own is the kernel knows best: it is asked each time.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_base::{Duration, Instant};
use sockeye_names::ResolvConf;
use sockeye_socket::Host;
use sockeye_stack::Refusal;

use crate::{Outside, native};

/// The port of DNS.
pub(crate) const DNS: u16 = 53;
/// A DNS server that has not answered for so long is passed over: twice as long, and a libc gives a question up
/// (resolv.conf(5), `timeout`).
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// What is said once.
const OWN: &str = "the program called this machine itself: only --outside=loopback lets it, and the name gateway is its loopback";
const NO_PING: &str = "ping doesn't get out: net.ipv4.ping_group_range of this machine leaves out this user's group (root can set it: sysctl \
     net.ipv4.ping_group_range=\"0 2147483647\")";

/// How far a question has come among the DNS servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// The one that is asked.
    server: usize,
    /// Those that are still to be asked if it isn't there.
    left: usize,
}

impl Turn {
    /// Whether there is another server to ask.
    pub(crate) fn has_next(self) -> bool {
        self.left > 0
    }
}

/// The rules.
pub(crate) struct Targets {
    outside: Option<Outside>,
    resolvers: Vec<SocketAddr>,
    /// The one that is asked.
    resolver: usize,
    /// Since when it has not answered.
    unanswered: Option<Instant>,
    notes: VecDeque<&'static str>,
    said: Vec<&'static str>,
}

impl Targets {
    pub(crate) fn new(outside: Option<Outside>, resolvers: Vec<SocketAddr>) -> Targets {
        let resolvers = match resolvers.is_empty() {
            false => resolvers,
            true => {
                let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
                ResolvConf::parse(&text).servers
            }
        };
        let (notes, said) = (VecDeque::new(), Vec::new());
        Targets { outside, resolvers, resolver: 0, unanswered: None, notes, said }
    }

    /// Whether there is a way out.
    pub(crate) fn lead_out(&self) -> bool {
        self.outside.is_some()
    }

    pub(crate) fn poll_note(&mut self) -> Option<&'static str> {
        self.notes.pop_front()
    }

    fn note(&mut self, note: &'static str) {
        if !self.said.contains(&note) {
            self.said.push(note);
            self.notes.push_back(note);
        }
    }

    /// Echo requests can't be sent.
    pub(crate) fn note_no_ping(&mut self) {
        self.note(NO_PING);
    }

    /// Where what is for `to` goes; whose turn it is, if that is a DNS server.
    pub(crate) fn of(
        &mut self,
        host: &Host,
        now: Instant,
        to: SocketAddr,
    ) -> Result<(SocketAddr, Option<Turn>), Refusal> {
        let outside = self.outside;
        if host.stack().is_local(to.ip()) {
            return match outside {
                Some(_) if to.port() == DNS => self.ask(now).ok_or(Refusal::Port),
                Some(Outside::Loopback) => Ok((SocketAddr::new(loopback(to.ip()), to.port()), None)),
                Some(Outside::Network) => {
                    self.note(OWN);
                    Err(Refusal::Port)
                }
                None => Err(Refusal::Port),
            };
        }
        match outside {
            None => Err(Refusal::Net),
            Some(Outside::Loopback) => Ok((to, None)),
            Some(Outside::Network) if native::is_own(to.ip()) => {
                self.note(OWN);
                Err(Refusal::Port)
            }
            Some(Outside::Network) => Ok((to, None)),
        }
    }

    /// The DNS server to be asked now.
    fn ask(&mut self, now: Instant) -> Option<(SocketAddr, Option<Turn>)> {
        if self.unanswered.is_some_and(|since| now.since(since) >= PATIENCE) {
            self.pass_over(self.resolver);
        }
        self.unanswered.get_or_insert(now);
        let server = *self.resolvers.get(self.resolver)?;
        Some((server, Some(Turn { server: self.resolver, left: self.resolvers.len() - 1 })))
    }

    /// The DNS server has answered.
    pub(crate) fn answered(&mut self) {
        self.unanswered = None;
    }

    /// The DNS server that was asked isn't there: the next one, if this question has not been to all.
    pub(crate) fn next(&mut self, turn: &mut Turn) -> Option<SocketAddr> {
        self.pass_over(turn.server);
        turn.left = turn.left.checked_sub(1)?;
        turn.server = self.behind(turn.server);
        self.resolvers.get(turn.server).copied()
    }

    /// Others ask the next, too.
    fn pass_over(&mut self, server: usize) {
        if self.resolver == server {
            self.unanswered = None;
            self.resolver = self.behind(server);
        }
    }

    fn behind(&self, server: usize) -> usize {
        (server + 1) % self.resolvers.len().max(1)
    }
}

fn loopback(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}
