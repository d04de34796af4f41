//! What is known on a host without asking anybody: its files, its interfaces, the hosts of its network.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use sockeye_abi::Transport;
use sockeye_base::{Instant, Rng};
use sockeye_lab::{HostId, Lab};
use sockeye_names::{Families, File, Files, HostEntry, Interface, SourceAddress};

use crate::host::{self, Host};
use crate::net::family_of;

/// The files of a network's hosts; those of a host that nobody asked for names yet aren't there.
#[derive(Default)]
pub(crate) struct Known {
    files: BTreeMap<HostId, Arc<Files>>,
    /// For the numbers of DNS's messages.
    chance: Option<Rng>,
}

impl Known {
    pub(crate) fn files(&mut self, lab: &Lab, id: HostId) -> &mut Arc<Files> {
        let first = self.files.values().next().cloned();
        self.files.entry(id).or_insert_with(|| {
            let (name, addresses) = (lab.host(id).name(), lab.addresses(id));
            let addresses = addresses.iter().map(|cidr| cidr.address());
            Arc::new(match first {
                Some(other) => other.of_host(name, addresses),
                None => Files::new(name, addresses),
            })
        })
    }

    pub(crate) fn set_file(&mut self, lab: &Lab, id: HostId, (file, text): (File, &str)) {
        Arc::make_mut(self.files(lab, id)).set(file, text);
    }
}

/// Looks into the files of the host entered.
pub(super) fn look<T>(look: impl FnOnce(&Files) -> T) -> io::Result<T> {
    let host = host::here()?;
    let files = host.shared.with(|engine, _| engine.names.files(&engine.lab, host.id).clone());
    Ok(look(&files))
}

/// The files and interfaces of a host.
pub(super) fn of(host: &Host) -> (Arc<Files>, Vec<Interface>) {
    host.shared.with(|engine, _| {
        let interfaces = engine.lab.host(host.id).stack().interfaces();
        let interfaces = interfaces.map(|(id, interface)| Interface {
            index: id.index(),
            name: interface.name.to_string(),
            addresses: interface.addresses.iter().map(|cidr| cidr.address()).collect(),
        });
        let interfaces = interfaces.collect();
        (engine.names.files(&engine.lab, host.id).clone(), interfaces)
    })
}

/// A generator of its own for one look-up.
pub(super) fn chance(host: &Host) -> Rng {
    host.shared.with(|engine, _| {
        let (lab, chance) = (&mut engine.lab, &mut engine.names.chance);
        chance.get_or_insert_with(|| lab.rng().fork()).fork()
    })
}

/// The host of the network that has this name.
pub(super) fn named(host: &Host, name: &str, families: Families) -> Option<HostEntry> {
    let name = name.strip_suffix('.').unwrap_or(name);
    host.shared.look(|engine| {
        let lab = &engine.lab;
        let id = lab.find(name)?;
        let fits = |address: &IpAddr| match families {
            Families::Both => true,
            Families::Inet => address.is_ipv4(),
            Families::Inet6 => address.is_ipv6(),
        };
        let addresses: Vec<_> = lab.addresses(id).iter().map(|cidr| cidr.address()).filter(fits).collect();
        let name = lab.host(id).name().to_owned();
        (!addresses.is_empty()).then_some(HostEntry { name, aliases: Vec::new(), addresses })
    })
}

/// The host of the network that has this address.
pub(super) fn owner(host: &Host, address: IpAddr) -> Option<HostEntry> {
    host.shared.look(|engine| {
        let lab = &engine.lab;
        let has = |id: &HostId| lab.addresses(*id).iter().any(|cidr| cidr.address() == address);
        let name = lab.host(lab.hosts().find(has)?).name().to_owned();
        Some(HostEntry { name, aliases: Vec::new(), addresses: vec![address] })
    })
}

/// From which address a host would send to another: a datagram socket connects, and nothing is sent.
pub(super) fn source(
    host: &mut sockeye_socket::Host,
    now: Instant,
    to: IpAddr,
    scope: u32,
) -> Option<SourceAddress> {
    const DISCARD: u16 = 9;
    let to = match to.to_canonical() {
        IpAddr::V4(address) => SocketAddr::from((address, DISCARD)),
        IpAddr::V6(address) => SocketAddrV6::new(address, DISCARD, 0, scope).into(),
    };
    let socket = host.socket(family_of(to), Transport::Udp).ok()?;
    let local = host.connect(now, socket, to).and_then(|()| host.local_addr(socket));
    host.close(now, socket);
    let address = local.ok()?.ip();
    let mut networks = host.stack().interfaces().flat_map(|(_, interface)| &interface.addresses);
    let prefix = networks.find(|cidr| cidr.address() == address).map_or(0, |cidr| cidr.prefix());
    Some(SourceAddress { address, prefix })
}
