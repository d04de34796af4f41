//! A host that answers for all, as a gateway does: what comes for addresses that aren't its own, or for its own where no
//! socket takes it, is neither dropped nor sent on, but kept for its owner, who carries it elsewhere.
//!
//! A first SYN is a *knock*: it waits, bounded as a SYN queue is, until the owner knows what lies behind, who then admits it
//! (a connection in the name of the address that was called), turns it away, or forgets it. Datagrams and echo requests
//! wait in a queue; what is to come back is sent in the name of who was asked. Not modelled: other protocols, groups.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use slotmap::new_key_type;
use sockeye_base::{Chain, Counter, Instant, SeqNum, Table};
use sockeye_tcp::{Config, Tcb};
use sockeye_wire::tcp::Segment;
use sockeye_wire::{Body, Packet, icmpv4, icmpv6, ip, udp};

use crate::icmp::{tos_of_error, unreachable};
use crate::output::IpOptions;
use crate::route::is_link_local;
use crate::stack::{ConnectionId, Stack};
use crate::tcp::Tuple;
use crate::{InterfaceId, Refusal};

new_key_type! {
    /// A SYN for an address that isn't the host's own, which waits.
    pub struct KnockId;
}

/// So many knocks wait; a SYN beyond is dropped, and comes again.
const KNOCKS: usize = 1024;
/// So many datagrams wait, and so many bytes of them; what comes beyond is dropped.
const DATAGRAMS: usize = 1024;
const BYTES: usize = 4 << 20;

/// What has come for somebody else.
#[derive(Debug)]
pub enum Stranger {
    /// A connection is asked for.
    Knock(KnockId),
    /// A UDP datagram or an ICMP echo request.
    Datagram(Box<Packet>),
}

#[derive(Debug)]
struct Knock {
    packet: Packet,
    interface: InterfaceId,
    /// Where a connection has to begin that takes the place of one in TIME-WAIT.
    least_iss: Option<SeqNum>,
}

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    knocks: Table<KnockId, Knock>,
    /// From whom, to whom.
    by_ends: BTreeMap<(SocketAddr, SocketAddr), KnockId>,
    queue: VecDeque<Stranger>,
    datagrams: usize,
    bytes: usize,
}

impl Stack {
    /// The host answers for all from now on: what comes for others, and for itself where none of its sockets takes it, is to
    /// be taken by [`Stack::poll_stranger`].
    pub fn answer_for_all(&mut self) {
        self.strangers = Some(Box::default());
    }

    /// Whether a packet to this address is kept, were it a knock or a datagram: it names one host that isn't this one.
    pub(crate) fn is_strange(&self, address: IpAddr) -> bool {
        let names_one = match address {
            IpAddr::V4(_) => true,
            // RFC 4038, section 4.2: a mapped address is not seen on a link.
            IpAddr::V6(address) => address.to_ipv4_mapped().is_none(),
        };
        self.strangers.is_some()
            && names_one
            && !address.is_unspecified()
            && !is_link_local(address)
            && !self.is_group(address)
            && !self.is_wrong_source(address)
            && !self.is_local(address)
    }

    /// Whether what no socket of ours took for this address is kept.
    fn is_kept(&self, address: IpAddr) -> bool {
        let own = || self.is_local(address) && !address.is_loopback();
        self.strangers.is_some() && (own() || self.is_strange(address))
    }

    /// The next that has come for somebody else.
    pub fn poll_stranger(&mut self) -> Option<Stranger> {
        let strangers = self.strangers.as_mut()?;
        let next = strangers.queue.pop_front()?;
        if let Stranger::Datagram(packet) = &next {
            strangers.datagrams -= 1;
            strangers.bytes -= packet.len();
        }
        Some(next)
    }

    /// Whether [`Stack::poll_stranger`] would give something.
    pub fn has_strangers(&self) -> bool {
        self.strangers.as_ref().is_some_and(|strangers| !strangers.queue.is_empty())
    }

    /// Who knocks, and whom they want; `None` if it is over.
    pub fn knock(&self, id: KnockId) -> Option<(SocketAddr, SocketAddr)> {
        let knock = self.strangers.as_ref()?.knocks.get(id)?;
        Some(ends(&knock.packet))
    }

    /// Takes in a SYN that no listener of ours is for. `false` if it is not to be kept.
    pub(crate) fn take_knock(
        &mut self,
        (interface, ip): (InterfaceId, &ip::Header),
        (segment, least_iss): (&Segment, Option<SeqNum>),
    ) -> bool {
        if !self.is_kept(ip.destination()) {
            return false;
        }
        let Some(strangers) = &mut self.strangers else { return false };
        // Data that came with it will come again.
        let segment = Segment { payload: Chain::new(), ..segment.clone() };
        let packet = Packet { ip: ip.clone(), body: Body::Tcp(segment) };
        let ends = ends(&packet);
        if strangers.by_ends.contains_key(&ends) {
            // It is on its way.
            return true;
        }
        if strangers.knocks.len() >= KNOCKS {
            self.count(Counter::ReqQFullDrop);
            return true;
        }
        let id = strangers.knocks.insert(Knock { packet, interface, least_iss });
        strangers.by_ends.insert(ends, id);
        strangers.queue.push_back(Stranger::Knock(id));
        true
    }

    /// Takes in a datagram or an echo request that no socket of ours is for. Gives it back if it is not to be kept.
    pub(crate) fn take_datagram(&mut self, packet: Packet) -> Option<Packet> {
        if !self.is_kept(packet.destination()) {
            return Some(packet);
        }
        let Some(strangers) = &mut self.strangers else { return Some(packet) };
        let len = packet.len();
        if strangers.datagrams >= DATAGRAMS || strangers.bytes + len > BYTES {
            self.count(Counter::UdpRcvbufErrors);
            return None;
        }
        strangers.datagrams += 1;
        strangers.bytes += len;
        strangers.queue.push_back(Stranger::Datagram(Box::new(packet)));
        None
    }

    fn end_knock(&mut self, id: KnockId) -> Option<Knock> {
        let strangers = self.strangers.as_mut()?;
        let knock = strangers.knocks.remove(id)?;
        strangers.by_ends.remove(&ends(&knock.packet));
        Some(knock)
    }

    /// Lets a knock in: answers its SYN in the name of who was called. The connection is the caller's, its handshake under
    /// way. `None` if the knock is over, or its ends have a connection by now.
    pub fn admit_knock(&mut self, now: Instant, id: KnockId, config: Config) -> Option<ConnectionId> {
        let Knock { packet, interface, least_iss } = self.end_knock(id)?;
        let (remote, local) = ends(&packet);
        let Body::Tcp(segment) = packet.body else { return None };
        let tuple = Tuple::new((local.ip(), local.port()), remote);
        if self.tcp.has(&tuple) {
            return None;
        }
        let path = self.path_back(interface, remote.ip())?;
        let config = self.config_for(config, &path, remote.ip());
        let (iss, offset) = self.initial_numbers(now, &tuple);
        let iss = least_iss.map_or(iss, |least| iss.max(least));
        let tcb = Tcb::accept(now, config, iss, offset, &segment);
        let options = IpOptions { any_source: true, ..IpOptions::default() };
        let id = self.tcp_opened(now, tcb, (tuple, path), options);
        self.settle(now);
        Some(id)
    }

    /// Refuses a knock: by a reset if nobody listens there, else by what a router would say.
    pub fn turn_away(&mut self, now: Instant, id: KnockId, refusal: Refusal) {
        let Some(Knock { packet, interface, .. }) = self.end_knock(id) else { return };
        if let (Refusal::Port, Body::Tcp(segment)) = (refusal, &packet.body) {
            let (remote, local) = ends(&packet);
            self.refuse(now, interface, &Tuple::new((local.ip(), local.port()), remote), segment);
            return self.settle(now);
        }
        let from = self.complaint_source(&packet);
        self.complain_as(now, from, &packet, refusal);
    }

    /// Forgets a knock without a word: whoever knocked will knock again.
    pub fn forget_knock(&mut self, id: KnockId) {
        self.end_knock(id);
    }

    /// Sends a datagram in another's name; one too long for a packet is lost.
    pub fn udp_send_as(&mut self, now: Instant, source: SocketAddr, to: SocketAddr, payload: Chain) {
        let datagram = udp::Datagram { source: source.port(), destination: to.port(), payload };
        self.send_as(now, (source.ip(), to.ip()), Body::Udp(datagram));
    }

    /// Answers an echo request in another's name.
    pub fn echo_reply_as(
        &mut self,
        now: Instant,
        (source, to): (IpAddr, IpAddr),
        (id, sequence): (u16, u16),
        payload: Chain,
    ) {
        let body = match source {
            IpAddr::V4(_) => Body::Icmpv4(icmpv4::Message::EchoReply { id, sequence, payload }),
            IpAddr::V6(_) => Body::Icmpv6(icmpv6::Message::EchoReply { id, sequence, payload }),
        };
        self.send_as(now, (source, to), body);
    }

    fn send_as(&mut self, now: Instant, (source, to): (IpAddr, IpAddr), body: Body) {
        let Some(mut ip) = self.ip_header(source, to, IpOptions::default()) else { return };
        if let ip::Header::V4(header) = &mut ip {
            header.dont_fragment = false;
            header.id = self.rng.next_u32() as u16;
        }
        let packet = Packet { ip, body };
        if packet.len() <= crate::route::longest_packet(to) {
            self.send_routed(now, packet);
        }
        self.settle(now);
    }

    /// Tells a packet's sender what became of it, in the name of `offender`, who said so. What is carried further answers
    /// one message by one, so no rate is looked at.
    pub fn complain_as(&mut self, now: Instant, offender: IpAddr, about: &Packet, refusal: Refusal) {
        let is_v4 = about.source().is_ipv4();
        if offender.is_ipv4() != is_v4 || self.must_not_complain(about) {
            return;
        }
        let body = match refusal {
            Refusal::Net => unreachable(about, icmpv4::Unreachable::Net, icmpv6::Unreachable::NoRoute),
            Refusal::Host => unreachable(about, icmpv4::Unreachable::Host, icmpv6::Unreachable::Address),
            Refusal::Port => unreachable(about, icmpv4::Unreachable::Port, icmpv6::Unreachable::Port),
            // Code 13, communication administratively prohibited (RFC 1812, section 5.2.7.1).
            Refusal::Prohibited => {
                unreachable(about, icmpv4::Unreachable::Other(13), icmpv6::Unreachable::Prohibited)
            }
            Refusal::TooLong(mtu) if is_v4 => {
                let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
                let code = icmpv4::Unreachable::FragmentationNeeded { mtu };
                unreachable(about, code, icmpv6::Unreachable::NoRoute)
            }
            Refusal::TooLong(mtu) => {
                Body::Icmpv6(icmpv6::Message::PacketTooBig { mtu, original: icmpv6::quote(about) })
            }
            Refusal::TooFar if is_v4 => {
                Body::Icmpv4(icmpv4::Message::TimeExceeded { code: 0, original: icmpv4::quote(about) })
            }
            Refusal::TooFar => {
                Body::Icmpv6(icmpv6::Message::TimeExceeded { code: 0, original: icmpv6::quote(about) })
            }
        };
        self.send_icmp(now, (offender, about.source()), (tos_of_error(about), body));
        self.settle(now);
    }
}

/// Who sent a packet, and whom it is for.
fn ends(packet: &Packet) -> (SocketAddr, SocketAddr) {
    let (source, destination) = packet.ports().unwrap_or((0, 0));
    (SocketAddr::new(packet.source(), source), SocketAddr::new(packet.destination(), destination))
}
