//! What carries a virtual host's traffic to the machine's own network, and back, by ordinary sockets of the machine.
//!
//! A [`Gateway`] serves one host of a lab that answers for all ([`sockeye_stack::Stack::answer_for_all`]). What comes to it
//! goes out: a connection by a connection that is made before the first is answered (`relay`), datagrams and echo requests by
//! a socket for each flow (`flow`), and errors come back as ICMP. What the machine publishes comes in (`publish`). Its owner's
//! loop waits for the gateway's one descriptor and tells it of sockets that changed.
//!
//! Not modelled: other protocols than TCP, UDP and echo; groups; IP options; TOS.

mod aside;
mod flow;
mod native;
mod outlet;
mod publish;
mod relay;
mod target;

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use slotmap::{Key, KeyData, SecondaryMap, SlotMap, new_key_type};
use sockeye_base::{Instant, Intake, Pool};
use sockeye_socket::{Host, SocketId};
use sockeye_stack::Stranger;
pub use sockeye_topology::outside::{Options, Outside, Publish, PublishError, Transport};

use aside::Aside;
use flow::{Flow, FlowKey};
pub use outlet::{Outlet, settle};
use publish::{Caller, Door, Lead, Published};
use relay::{Fate, Relay};
use target::Targets;

/// Events taken at a time.
const EVENTS: usize = 64;
/// What the bell of what is done aside is called: no item's key is 0.
const BELL: u64 = 0;

new_key_type! {
    /// Something the gateway has a socket of the machine for.
    struct ItemId;
}

/// Why the gateway could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port of the machine can't be listened on.
    #[error("can't publish {0}: {why}", why = plain(.1))]
    Publish(SocketAddr, #[source] io::Error),
    /// Something else.
    #[error("can't set the gateway up: {why}", why = plain(.0))]
    Start(#[from] io::Error),
}

impl From<rustix::io::Errno> for Error {
    fn from(errno: rustix::io::Errno) -> Error {
        Error::Start(errno.into())
    }
}

/// What has a socket of the machine.
enum Item {
    Relay(Box<Relay>),
    Flow(Flow),
    Published(Published),
    Door(Door),
    Caller(Caller),
}

/// The gateway of a host.
pub struct Gateway {
    epoll: OwnedFd,
    /// What begins and ends connections.
    aside: Aside,
    items: SlotMap<ItemId, Item>,
    /// Which of them a socket of the host belongs to.
    by_socket: SecondaryMap<SocketId, ItemId>,
    flows: BTreeMap<FlowKey, ItemId>,
    callers: BTreeMap<(ItemId, SocketAddr), ItemId>,
    relays: usize,
    relays_max: usize,
    /// Connections that are being made to the program.
    calling: usize,
    /// Nothing is taken from some published port until there is room.
    has_paused: bool,
    /// Relays that have more to do though nothing comes.
    busy: Vec<ItemId>,
    /// When idle flows are looked for.
    sweep_at: Option<Instant>,
    targets: Targets,
    /// Where published ports lead.
    leads: Vec<Lead>,
    pool: Pool,
    buffer: Intake,
}

impl Gateway {
    /// A gateway. What it publishes is listened on when this returns.
    pub fn new(options: Options) -> Result<Gateway, Error> {
        let (epoll, aside) = (epoll::create(epoll::CreateFlags::CLOEXEC)?, Aside::new()?);
        epoll::add(&epoll, &aside, EventData::new_u64(BELL), EventFlags::IN | EventFlags::ET)?;
        let mut gateway = Gateway {
            epoll,
            aside,
            items: SlotMap::with_key(),
            by_socket: SecondaryMap::new(),
            flows: BTreeMap::new(),
            callers: BTreeMap::new(),
            relays: 0,
            relays_max: native::descriptors() / 3,
            calling: 0,
            has_paused: false,
            busy: Vec::new(),
            sweep_at: None,
            targets: Targets::new(options.outside, options.resolvers),
            leads: Vec::new(),
            pool: Pool::new(),
            buffer: Intake::new(),
        };
        for published in options.publish {
            let listen = published.listen;
            gateway.publish(published).map_err(|error| Error::Publish(listen, error))?;
        }
        Ok(gateway)
    }

    /// Whether there is a way out by it, or only one in.
    pub fn leads_out(&self) -> bool {
        self.targets.lead_out()
    }

    /// What is published of the host of this name leads to these addresses.
    pub fn lead_to(&mut self, host: &str, addresses: &[IpAddr]) {
        self.leads.iter_mut().for_each(|lead| lead.learn(host, addresses));
    }

    /// Something the user should know, once.
    pub fn poll_note(&mut self) -> Option<&'static str> {
        self.targets.poll_note()
    }

    /// When [`Gateway::attend`] has something to do though nothing came.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.busy.is_empty() { self.sweep_at } else { Some(Instant::ZERO) }
    }

    /// Takes in what the machine's sockets have to say, and ends what was idle for too long.
    pub fn attend(&mut self, host: &mut Host, now: Instant) {
        let busy = std::mem::take(&mut self.busy);
        let mut events = [const { MaybeUninit::<epoll::Event>::uninit() }; EVENTS];
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let events = match epoll::wait(&self.epoll, &mut events, Some(&at_once)) {
            Ok((events, _)) => &*events,
            Err(_) => &[],
        };
        for event in events {
            if event.data.u64() == BELL {
                self.take_begun(host, now);
                continue;
            }
            let id = ItemId::from(KeyData::from_ffi(event.data.u64()));
            match self.items.get_mut(id) {
                Some(Item::Relay(relay)) => {
                    relay.note(event.flags);
                    self.drive(host, now, id);
                }
                Some(Item::Flow(_)) => self.flow_ready(host, now, id),
                Some(Item::Published(_)) => self.accept(host, now, id),
                Some(Item::Door(_)) => self.door_ready(host, now, id),
                Some(Item::Caller(_)) | None => {}
            }
        }
        for id in busy {
            if let Some(Item::Relay(relay)) = self.items.get_mut(id) {
                relay.is_busy = false;
                self.drive(host, now, id);
            }
        }
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(host, now);
        }
    }

    /// A socket of the host has changed. `false` if it isn't the gateway's.
    pub fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> bool {
        let Some(id) = self.by_socket.get(socket).copied() else { return false };
        match self.items.get(id) {
            Some(Item::Relay(_)) => self.drive(host, now, id),
            Some(Item::Caller(_)) => self.caller_ready(host, now, id),
            Some(Item::Flow(_) | Item::Published(_) | Item::Door(_)) | None => {}
        }
        true
    }

    /// Takes what has come for others. The lab is to be advanced afterwards.
    pub fn take_strangers(&mut self, host: &mut Host, now: Instant) {
        while let Some(stranger) = host.stack_mut().poll_stranger() {
            match stranger {
                Stranger::Knock(id) => self.knocked(host, now, id),
                Stranger::Datagram(packet) => self.datagram(host, now, &packet),
            }
        }
    }

    /// Whether something that the program has sent, or an end of its, is not the machine's yet.
    pub fn owes(&self) -> bool {
        self.items.values().any(|item| matches!(item, Item::Relay(relay) if relay.owes()))
    }

    /// Whether one more connection may be carried.
    fn has_room(&mut self) -> bool {
        if self.relays >= self.relays_max {
            // The process may have taken more since.
            self.relays_max = native::descriptors() / 3;
        }
        self.relays < self.relays_max
    }

    /// Has the kernel tell of an item's socket.
    fn watch(&self, id: ItemId, socket: impl AsFd, flags: EventFlags) -> rustix::io::Result<()> {
        epoll::add(&self.epoll, socket, EventData::new_u64(id.data().as_ffi()), flags)
    }

    /// Lets a relay do what it can.
    fn drive(&mut self, host: &mut Host, now: Instant, id: ItemId) {
        let Some(Item::Relay(relay)) = self.items.get_mut(id) else { return };
        let (was_calling, before) = (relay.is_calling(), relay.socket());
        let fate = relay.drive(host, now, &mut self.buffer, &mut self.aside);
        if let Fate::Refused(error) = fate {
            return self.refused(host, now, id, error);
        }
        if fate == Fate::Busy && !std::mem::replace(&mut relay.is_busy, true) {
            self.busy.push(id);
        }
        let flags = EventFlags::OUT | relay.watched();
        if let Some(outer) = relay.begins_to_watch_room() {
            // It is watched already, so nothing can be missing for it; and room that is there by now is told.
            let _ = epoll::modify(&self.epoll, outer, EventData::new_u64(id.data().as_ffi()), flags);
        }
        let (is_calling, socket) = (relay.is_calling(), relay.socket());
        if before.is_none()
            && let Some(socket) = socket
        {
            self.by_socket.insert(socket, id);
            if relay.asks_dns() {
                self.targets.answered();
            }
        }
        let ended = fate == Fate::Over;
        if ended {
            self.items.remove(id);
            socket.and_then(|socket| self.by_socket.remove(socket));
            self.relays -= 1;
        }
        let called = was_calling && (ended || !is_calling);
        self.calling -= usize::from(called);
        if self.has_paused && (ended || called) {
            self.resume();
        }
    }
}

impl AsFd for Gateway {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// Whether the machine lets this user send echo requests.
pub fn can_ping() -> bool {
    let to = std::net::Ipv4Addr::LOCALHOST.into();
    native::socket(to, rustix::net::SocketType::DGRAM, Some(rustix::net::ipproto::ICMP)).is_ok()
}

/// An error's text without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(text, _)| text.to_owned())
}
