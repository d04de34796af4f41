//! The network as a handle: hosts, links, and what happens to them.

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;

use sockeye_lab::{End, HostSpec, LinkId, LinkSpec, SwitchId};
use sockeye_services::Services;
use sockeye_stack::Cidr;

use crate::engine::Shared;
use crate::host::Host;
use crate::open::os_error;
use crate::time::Duration;

pub use sockeye_lab::{Bursts, Captured, CoDel, Direction, Discipline, Loss, Reorder, Spread};

/// A network of virtual hosts, in real time ([`Lab::new`]) or in virtual time ([`crate::Simulation`]). Handles are
/// cheap to clone; the network goes when the last handle to it, its hosts and sockets is dropped.
#[derive(Clone)]
pub struct Lab {
    pub(crate) shared: Arc<Shared>,
}

/// A link between two hosts, two switches or one of each.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
    ends: [End; 2],
    id: LinkId,
}

/// A switch: what joins links into one Ethernet.
#[derive(Clone)]
pub struct Switch {
    shared: Arc<Shared>,
    id: SwitchId,
}

/// What a link is plugged into: a host (its `eth0`), another of its interfaces ([`Host::plug`]), or a switch.
pub struct Plug {
    pub(crate) shared: Arc<Shared>,
    pub(crate) end: End,
}

/// What a link is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkOptions {
    /// The longest IP packet it takes, in bytes.
    pub mtu: usize,
    /// From the first host to the second.
    pub there: Direction,
    /// From the second host to the first.
    pub back: Direction,
}

impl Default for LinkOptions {
    /// A perfect Ethernet: MTU 1500, no delay, no loss, no bound to the rate.
    fn default() -> LinkOptions {
        LinkOptions { mtu: 1500, there: Direction::default(), back: Direction::default() }
    }
}

impl LinkOptions {
    /// A perfect Ethernet: MTU 1500, no delay, no loss, no bound to the rate.
    pub fn new() -> LinkOptions {
        LinkOptions::default()
    }

    /// How long a packet takes, each way.
    pub fn delay(mut self, delay: Duration) -> LinkOptions {
        (self.there.delay, self.back.delay) = (delay, delay);
        self
    }

    /// How much longer or shorter a packet may take, by chance, each way. Packets stay in order.
    pub fn jitter(mut self, jitter: Duration) -> LinkOptions {
        (self.there.jitter, self.back.jitter) = (jitter, jitter);
        self
    }

    /// Bits per second, Ethernet headers included, each way.
    pub fn rate(mut self, rate: NonZeroU64) -> LinkOptions {
        (self.there.rate, self.back.rate) = (Some(rate), Some(rate));
        self
    }

    /// Which packets get lost, each way.
    pub fn loss(mut self, loss: Loss) -> LinkOptions {
        (self.there.loss, self.back.loss) = (loss.clone(), loss);
        self
    }

    /// So many packets of a million come twice, each way.
    pub fn duplicate(mut self, of_a_million: u32) -> LinkOptions {
        (self.there.duplicate, self.back.duplicate) = (of_a_million, of_a_million);
        self
    }

    /// Which packets are overtaken, each way.
    pub fn reorder(mut self, reorder: Reorder) -> LinkOptions {
        (self.there.reorder, self.back.reorder) = (reorder, reorder);
        self
    }

    /// So many packets of a million come with a bit turned over, each way.
    pub fn corrupt(mut self, of_a_million: u32) -> LinkOptions {
        (self.there.corrupt, self.back.corrupt) = (of_a_million, of_a_million);
        self
    }

    /// The longest IP packet, in bytes.
    pub fn mtu(mut self, mtu: usize) -> LinkOptions {
        self.mtu = mtu;
        self
    }
}

impl Lab {
    /// A network without hosts, in real time. All chance in it (losses, initial sequence numbers, ports) comes from the
    /// seed.
    pub fn new(seed: u64) -> Lab {
        Lab { shared: Shared::real(sockeye_lab::Lab::new(seed)) }
    }

    /// The network that `sockeye run` gives a program, in real time: `pukaki` (10.61.0.1, fd61::1) and `tekapo`
    /// (10.61.0.2, fd61::2), which serves HTTP on port 80, DNS, and echo, discard, daytime,
    /// chargen and time on ports 7, 9, 13, 19 and 37.
    pub fn default_network(seed: u64) -> io::Result<Lab> {
        let network = sockeye_lab::default_network(seed);
        let services = Services::tekapo(&network.lab, network.tekapo);
        let lab = Lab { shared: Shared::real(network.lab) };
        lab.shared.with(|engine, now| engine.serve(services, now)).map_err(os_error)?;
        Ok(lab)
    }

    /// Adds a host with these addresses, each with its network: `["10.0.0.1/24", "fd00::1/64"]`. An error of kind
    /// `InvalidInput` for an address that isn't one, `AlreadyExists` for a name there is.
    pub fn host<A: AsRef<str>>(
        &self,
        name: &str,
        addresses: impl IntoIterator<Item = A>,
    ) -> io::Result<Host> {
        let addresses = parse_all(addresses)?;
        let id = self.shared.with(|engine, _| {
            let new = engine.lab.find(name).is_none();
            new.then(|| engine.lab.add_host(HostSpec::new(name, addresses)))
        });
        let exists = || io::Error::new(io::ErrorKind::AlreadyExists, format!("there is a host {name}"));
        id.map(|id| Host::new(&self.shared, id)).ok_or_else(exists)
    }

    /// The host of this name, in whatever case.
    pub fn find(&self, name: &str) -> Option<Host> {
        let id = self.shared.look(|engine| engine.lab.find(name))?;
        Some(Host::new(&self.shared, id))
    }

    /// All hosts, in the order they were added.
    pub fn hosts(&self) -> Vec<Host> {
        let ids: Vec<_> = self.shared.look(|engine| engine.lab.hosts().collect());
        ids.into_iter().map(|id| Host::new(&self.shared, id)).collect()
    }

    /// Keeps a copy of each frame that is sent from now on, with when, and why it is lost, if it is; or no more. It changes
    /// nothing about the run. They are kept until [`Lab::captured`] takes them.
    pub fn capture(&self, on: bool) {
        self.shared.with(|engine, _| engine.lab.set_capture(on));
    }

    /// Takes the frames that were captured.
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.with(|engine, _| std::iter::from_fn(|| engine.lab.poll_captured()).collect())
    }

    /// Adds a switch. Nothing is plugged in yet.
    pub fn switch(&self, name: &str) -> Switch {
        let id = self.shared.with(|engine, _| engine.lab.add_switch(name));
        Switch { shared: self.shared.clone(), id }
    }

    /// Joins two hosts, two switches or one of each by a link. An interface has one link: a new one takes the place of an
    /// older; a switch has many. A link that closes a ring of switches carries nothing, as the spanning tree would have it.
    ///
    /// # Panics
    /// If an end is of another network, or both are the same.
    pub fn link(&self, a: impl Into<Plug>, b: impl Into<Plug>, options: &LinkOptions) -> Link {
        let (a, b) = (a.into(), b.into());
        let ours = |plug: &Plug| Arc::ptr_eq(&plug.shared, &self.shared);
        assert!(ours(&a) && ours(&b) && a.end != b.end, "a link joins two ends of its network");
        let LinkOptions { mtu, there, back } = options.clone();
        let ends = [a.end, b.end];
        let spec = LinkSpec { ends, mtu, directions: [there, back] };
        let id = self.shared.with(|engine, _| engine.lab.add_link(spec));
        Link { shared: self.shared.clone(), ends, id }
    }
}

impl From<&Host> for Plug {
    fn from(host: &Host) -> Plug {
        Plug { shared: host.shared.clone(), end: host.id.into() }
    }
}

impl From<&Switch> for Plug {
    fn from(switch: &Switch) -> Plug {
        Plug { shared: switch.shared.clone(), end: switch.id.into() }
    }
}

impl Link {
    /// Pulls the cable: what enters the link from now on is lost.
    pub fn cut(&self) {
        self.shared.with(|engine, _| engine.lab.cut(self.id, true));
    }

    /// Plugs the cable in again.
    pub fn mend(&self) {
        self.shared.with(|engine, _| engine.lab.cut(self.id, false));
    }

    /// Changes both directions, for packets that enter from now on. (The MTU stays.)
    pub fn change(&self, there: Direction, back: Direction) {
        self.shared.with(|engine, _| {
            for (end, direction) in self.ends.iter().zip([there, back]) {
                engine.lab.set_direction(self.id, *end, direction);
            }
        });
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lab").field(&self.hosts()).finish()
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Switch").field(&self.id.0).finish()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.ends).finish()
    }
}

/// Addresses, each with its network.
pub(crate) fn parse_all<A: AsRef<str>>(texts: impl IntoIterator<Item = A>) -> io::Result<Vec<Cidr>> {
    texts.into_iter().map(|text| parse(text.as_ref())).collect()
}

pub(crate) fn parse(text: &str) -> io::Result<Cidr> {
    let what = || format!("{text:?} is no address with its network, such as 10.0.0.1/24");
    text.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, what()))
}
