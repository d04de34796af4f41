//! A conversation whose ends are programs: what each calls, one after the other.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use sockeye_base::Instant;
use sockeye_lab::{HostId, Lab};
use sockeye_socket::SocketId;

use super::actor::Actor;
use super::{Conversation, Own, Talked};
use crate::model::{Calls, Traffic};

pub(super) struct Script {
    begins: Instant,
    /// The server, if there is one, and the clients.
    actors: Vec<Actor>,
    /// When the last of them ended.
    ended: Instant,
}

impl Script {
    pub(super) fn new(traffic: &Traffic, calls: &Calls, address: IpAddr, hosts: [HostId; 2]) -> Script {
        let [from, to] = hosts;
        let begins = Instant::ZERO + traffic.at;
        let listens = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), traffic.port);
        // It is there before its clients.
        let server = Actor::new("server".to_owned(), to, (Instant::ZERO, &calls.server))
            .with(listens, calls.transport);
        let server = (!calls.server.is_empty()).then_some(server);
        let clients = (1..=calls.clients).map(|number| {
            let who = if calls.clients == 1 { "client".to_owned() } else { format!("client {number}") };
            let address = SocketAddr::new(address, traffic.port);
            Actor::new(who, from, (begins, &calls.client)).with(address, calls.transport)
        });
        Script { begins, actors: server.into_iter().chain(clients).collect(), ended: begins }
    }

    fn first_failure(&self) -> Option<String> {
        let failures = self.actors.iter().filter_map(|actor| actor.failed.as_ref());
        failures.min_by_key(|(at, _)| *at).map(|(_, why)| why.clone())
    }

    fn go_on_with(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>, which: impl Fn(&Actor) -> bool) {
        for actor in self.actors.iter_mut().filter(|actor| which(actor)) {
            let was_over = actor.is_over();
            actor.go_on(lab, now, own);
            if actor.is_over() && !was_over {
                self.ended = now;
            }
        }
    }
}

impl Conversation for Script {
    fn is_over(&self) -> bool {
        self.actors.iter().all(Actor::is_over)
    }

    fn due(&self) -> Option<Instant> {
        self.actors.iter().filter_map(Actor::due).min()
    }

    fn prepare(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>) {
        self.go_on(lab, now, own);
    }

    fn go_on(&mut self, lab: &mut Lab, now: Instant, own: &mut Own<'_>) {
        self.go_on_with(lab, now, own, |actor| actor.due().is_some_and(|due| due <= now));
    }

    fn ready(&mut self, lab: &mut Lab, now: Instant, (host, _): (HostId, SocketId), own: &mut Own<'_>) {
        self.go_on_with(lab, now, own, |actor| actor.host() == host);
    }

    fn switched(&mut self, lab: &mut Lab, now: Instant, (host, on): (HostId, bool), own: &mut Own<'_>) {
        for actor in self.actors.iter_mut().filter(|actor| actor.host() == host) {
            if on {
                actor.start_again(now);
            } else {
                actor.lose(now);
            }
        }
        self.go_on(lab, now, own);
    }

    fn outcome(mut self: Box<Script>, lab: &Lab, now: Instant) -> Talked {
        let ended = if self.is_over() { self.ended } else { now };
        // That one waits in vain is often what came of it.
        let failed = self.first_failure();
        self.actors.iter_mut().for_each(|actor| actor.give_up(lab, now));
        let failed = failed.or_else(|| self.first_failure());
        let mut said: Vec<_> =
            self.actors.iter_mut().flat_map(|actor| std::mem::take(&mut actor.said)).collect();
        said.sort_by_key(|said| said.at);
        Talked {
            took: ended.since(self.begins),
            bytes: self.actors.iter().map(|actor| actor.came).sum(),
            count: said.len() as u64,
            segments: self.actors.iter().map(|actor| actor.segments).sum(),
            again: self.actors.iter().map(|actor| actor.retransmitted).sum(),
            times: None,
            said,
            failed,
        }
    }
}
