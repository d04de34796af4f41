//! A host as a handle, and the host that a thread or task has entered.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use sockeye_abi::InterfaceFlags;
use sockeye_lab::{End, HostId};
use sockeye_names::File;
use sockeye_services::dns::{Dns, Zone};
use sockeye_stack::{Route, SysctlError};

use crate::engine::Shared;
use crate::identity::Identity;
use crate::lab::{Plug, parse, parse_all};
use crate::open::os_error;
use crate::time::{Duration, Instant};

thread_local! {
    static ENTERED: RefCell<Vec<Host>> = const { RefCell::new(Vec::new()) };
}

/// A host of a network. Handles are cheap to clone.
///
/// What a program does with sockets it does on a host: [`Host::enter`] says which, for all calls of this thread that
/// name none, as a process is on its machine.
#[derive(Clone)]
pub struct Host {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: HostId,
    /// Who is on it; otherwise whoever the network says.
    identity: Option<Arc<Identity>>,
}

/// The calling thread is on a host until this is dropped ([`Host::enter`]).
#[must_use = "the host is left when this is dropped"]
pub struct Entered {
    /// It belongs to the thread.
    thread: PhantomData<*const ()>,
}

/// An interface of a host, as getifaddrs(3) and netdevice(7) tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, `eth0`.
    pub name: String,
    /// Its number (`if_nametoindex`): `lo` is 1. It is the scope of link-local addresses.
    pub index: u32,
    /// Its addresses, each with the length of its network's prefix in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The longest IP packet it takes, in bytes.
    pub mtu: usize,
    /// Its hardware address; all 0 where it has none.
    pub mac: [u8; 6],
    /// What it is and does (IFF_UP and its kin).
    pub flags: InterfaceFlags,
}

impl Host {
    pub(crate) fn new(shared: &Arc<Shared>, id: HostId) -> Host {
        Host { shared: shared.clone(), id, identity: None }
    }

    /// The same host, for another user: who enters it by this handle opens, connects and sends as that process, as its
    /// Unix-domain peers see it. Otherwise it is this process, or in virtual time the superuser's process 1. Who isn't
    /// user 0 may not say to be another (SCM_CREDENTIALS), nor pass more than 1024 things before they are received. Nothing
    /// else asks who it is.
    pub fn act_as(&self, identity: Identity) -> Host {
        Host { identity: Some(Arc::new(identity)), ..self.clone() }
    }

    /// Who is on it.
    pub(crate) fn identity(&self) -> &Arc<Identity> {
        self.identity.as_ref().unwrap_or(&self.shared.identity)
    }

    /// Takes a path away from the names of its Unix-domain sockets, as unlink(2) does a file. `NotFound` if there's none.
    pub fn unlink(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().as_os_str().as_bytes();
        self.shared.on(self.id, |host, _| host.unlink(path)).map_err(os_error)
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.shared.look(|engine| engine.lab.host(self.id).name().to_owned())
    }

    /// The addresses of its Ethernet interfaces, in the order they were given.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.shared.look(|engine| engine.lab.addresses(self.id).iter().map(|cidr| cidr.address()).collect())
    }

    /// Its interfaces, `lo` first.
    pub fn interfaces(&self) -> Vec<Interface> {
        self.shared.look(|engine| {
            let host = engine.lab.host(self.id);
            let interfaces = host.stack().interfaces();
            let told = interfaces.map(|(id, interface)| Interface {
                name: interface.name.to_string(),
                index: id.index(),
                addresses: interface.addresses.iter().map(|own| (own.address(), own.prefix())).collect(),
                mtu: interface.mtu,
                mac: interface.mac.0,
                flags: host.interface_flags(id, interface),
            });
            told.collect()
        })
    }

    /// Gives it one Ethernet interface more, `eth1` and so on, with these addresses, each with its network, and MTU 1500. It is
    /// linked by its [`Host::plug`]. `InvalidInput` for an address that isn't one.
    pub fn add_interface<A: AsRef<str>>(
        &self,
        addresses: impl IntoIterator<Item = A>,
    ) -> io::Result<Interface> {
        let addresses = parse_all(addresses)?;
        self.shared.with(|engine, _| engine.lab.add_interface(self.id, addresses, 1500));
        self.interfaces().pop().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// One of its interfaces, for a link to be plugged in. `NotFound` if it has none of this name.
    pub fn plug(&self, interface: &str) -> io::Result<Plug> {
        let found = self.shared.look(|engine| {
            let mut all = engine.lab.host(self.id).stack().interfaces().skip(1);
            all.find(|(_, own)| own.name == interface).map(|(id, _)| End::Interface(self.id, id))
        });
        let end = found.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("no interface {interface} to plug a link in"))
        })?;
        Ok(Plug { shared: self.shared.clone(), end })
    }

    /// Adds a route: packets to this network (`0.0.0.0/0` and `::/0`: all others) go by this router, which is on one of its
    /// links. `InvalidInput` for what is no network or no address, `NetworkUnreachable` if the router is on no link.
    pub fn add_route(&self, network: &str, router: &str) -> io::Result<()> {
        let destination = parse(network)?;
        let what = || io::Error::new(io::ErrorKind::InvalidInput, format!("{router:?} is no address"));
        let via: IpAddr = router.parse().map_err(|_| what())?;
        self.shared.on(self.id, |host, _| {
            let on_link = host.stack().interfaces().skip(1).find(|(_, interface)| {
                interface.addresses.iter().any(|own| own.contains(via) && own.address() != via)
            });
            let interface = on_link.map(|(id, _)| id).ok_or(io::ErrorKind::NetworkUnreachable)?;
            host.stack_mut().add_route(Route { destination, via: Some(via), interface });
            Ok(())
        })
    }

    /// What it has counted: what came and went, and why it dropped or refused what came. The names are Linux's, of nstat(8) or of its drop reasons.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        self.shared.look(|engine| engine.lab.host(self.id).counters().iter().collect())
    }

    /// Sets one of its settings, by the name sysctl(8) has for it (`net.ipv4.ip_local_port_range`) and as that takes
    /// values. `NotFound` if there is no such setting, `InvalidInput` if it can't be that.
    pub fn set_sysctl(&self, name: &str, value: &str) -> io::Result<()> {
        let set =
            |host: &mut sockeye_socket::Host, _| host.stack_mut().settings_mut().set_sysctl(name, value);
        self.shared.on(self.id, set).map_err(|error| match error {
            SysctlError::Unknown => {
                io::Error::new(io::ErrorKind::NotFound, format!("{name}: no such setting"))
            }
            SysctlError::Invalid => {
                io::Error::new(io::ErrorKind::InvalidInput, format!("{name}: not {value}"))
            }
        })
    }

    /// How long TCP waits before it acknowledges less than two full segments, on connections that begin from now on. Linux
    /// has no sysctl for this: it is 40 ms (TCP_DELACK_MIN). RFC 9293, section 3.8.6.3, allows up to 500 ms; BSD had 200 ms.
    pub fn set_delayed_ack(&self, delay: Duration) {
        self.shared.on(self.id, |host, _| host.stack_mut().settings_mut().tcp.delayed_ack = delay);
    }

    /// Switches it off, as by its plug: its sockets are gone (EBADF for who still holds one), its peers hear nothing, and what
    /// is sent to it is lost.
    pub fn power_off(&self) {
        self.shared.with(|engine, _| engine.lab.power(self.id, false));
    }

    /// Switches it on again: with the same settings and addresses, and no sockets but its services'.
    pub fn power_on(&self) {
        self.shared.with(|engine, _| engine.lab.power(self.id, true));
    }

    /// Switches it off and at once on again: its peers learn of it when they next send something.
    pub fn reboot(&self) {
        self.shared.with(|engine, _| {
            engine.lab.power(self.id, false);
            engine.lab.power(self.id, true);
        });
    }

    /// Enters it: [`crate::net`], [`crate::async_net`] and [`crate::time`] work on it in this thread until the guard is
    /// dropped. Guards nest, and are dropped in the reverse order. An async task is on the host it was spawned on by
    /// itself.
    pub fn enter(&self) -> Entered {
        ENTERED.with_borrow_mut(|entered| entered.push(self.clone()));
        Entered { thread: PhantomData }
    }

    /// Runs a closure on it.
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        work()
    }

    /// A future that is on it whenever it runs, under whatever executor: `tokio::spawn(host.on(async { … }))`.
    pub fn on<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let host = self.clone();
        async move {
            let mut future = pin!(future);
            poll_fn(|context| host.run(|| future.as_mut().poll(context))).await
        }
    }

    /// The host this thread has entered, if any.
    pub fn current() -> Option<Host> {
        ENTERED.with_borrow(|entered| entered.last().cloned())
    }

    /// Now, on its network's clock.
    pub fn now(&self) -> Instant {
        Instant(self.shared.now())
    }

    /// The addresses of a name, the best first, as programs on it find them ([`crate::names::getaddrinfo`]). `NotFound` if
    /// there's none.
    pub fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = crate::names::blocking(self, crate::names::addresses(self.clone(), name.to_owned(), 0))?;
        Ok(found.iter().map(SocketAddr::ip).collect())
    }

    /// What a DNS server on it could know: the names and addresses of all hosts that are in the network by now.
    pub fn zone(&self) -> Zone {
        self.shared.look(|engine| Zone::of_network(&engine.lab, self.id))
    }

    /// Starts a DNS server on it, on port 53 of UDP and TCP. Its network's hosts ask it if their `/etc/resolv.conf` and
    /// `/etc/nsswitch.conf` say so ([`Host::set_file`]). `AddrInUse` if somebody has that port.
    pub fn serve_names(&self, zone: Zone) -> io::Result<()> {
        let service = Box::new(Dns::new(zone, None));
        self.shared.with(|engine, now| engine.serve_on(self.id, service, now)).map_err(os_error)
    }

    /// The text of a file about names, as it is on this host.
    pub fn file(&self, file: File) -> String {
        self.shared.with(|engine, _| engine.names.files(&engine.lab, self.id).text(file).to_owned())
    }

    /// Puts another text in a file's place, on this host.
    pub fn set_file(&self, file: File, text: &str) {
        self.shared.with(|engine, _| engine.names.set_file(&engine.lab, self.id, (file, text)));
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Host").field(&self.name()).finish()
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Host) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) && self.id == other.id
    }
}

impl Eq for Host {}

impl Drop for Entered {
    fn drop(&mut self) {
        // Not inside the borrow: it may be the network's last handle.
        let left = ENTERED.with_borrow_mut(Vec::pop);
        drop(left);
    }
}

/// The host that the caller has entered.
pub(crate) fn here() -> io::Result<Host> {
    Host::current().ok_or_else(|| io::Error::other("no host entered: see sockeye::Host::enter"))
}
