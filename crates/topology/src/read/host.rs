//! `[[host]]`.

use std::net::{IpAddr, Ipv4Addr};

use sockeye_stack::{Cidr, Settings, SysctlError};

use super::link;
use super::names::Names;
use super::places::Places;
use crate::model::{File, Host, Interface, Service, Topology};
use crate::problem::nearest;
use crate::table::{At, Table};
use crate::value;

pub(super) fn read(
    mut table: Table<'_>,
    topology: &mut Topology,
    (names, places): (&mut Names, &mut Places),
) {
    let name = table.text("name");
    let name = table.need("name", name);
    let interfaces = interfaces(&mut table, topology, places);
    let host = Host {
        name: name.as_ref().map_or_else(String::new, |name| name.value.to_owned()),
        routes: routes(&mut table, &interfaces),
        interfaces,
        sysctls: sysctls(&mut table),
        services: services(&mut table),
        files: files(&mut table),
    };
    if let Some(name) = &name {
        check_name(name, &table);
        names.ends.add(name, table.found);
    } else {
        // Places are by number.
        names.ends.add_nameless();
    }
    table.finish();
    topology.hosts.push(host);
}

fn check_name(name: &At<&str>, table: &Table<'_>) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let text = name.value;
    if text.is_empty() || text.len() > 63 || !text.chars().all(plain) || text.starts_with('-') {
        table.found.add(&name.span, format!("{text:?} is no name of a host: small letters, digits and -"));
    } else if text == "localhost" {
        table.found.add(&name.span, "localhost is every host's name for itself");
    } else if is_number(text) {
        table.found.add(&name.span, format!("{text:?} is no name of a host: it would be read as an address"));
    }
}

/// Whether inet_aton(3) reads it as an address: a number, in tens, eights or sixteens. There are no dots in a name.
fn is_number(text: &str) -> bool {
    match text.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
        None => text.bytes().all(|digit| digit.is_ascii_digit()),
    }
}

/// `addresses` and `mtu` of `eth0`, or `interfaces`.
fn interfaces(table: &mut Table<'_>, topology: &Topology, places: &mut Places) -> Vec<Interface> {
    let mut read = Vec::new();
    if table.has("interfaces") {
        if table.has("addresses") {
            table
                .found
                .add(&table.span, "addresses are those of eth0: they stand in interfaces, if that is there");
        }
        let all = table.tables("interfaces", "an interface");
        if all.is_empty() && table.is_array("interfaces") {
            table.found.add(
                &table.place("interfaces"),
                "a host needs an interface, if only one without addresses: [{}]",
            );
        }
        for (number, mut one) in all.into_iter().enumerate() {
            read.push(interface(&mut one, (topology.hosts.len(), number), places));
            one.finish();
        }
    } else {
        if !table.has("addresses") {
            table.need::<()>("addresses", None);
        }
        read.push(interface(table, (topology.hosts.len(), 0), places));
    }
    // So that unknown keys show what there is.
    if !table.has("interfaces") {
        table.tables("interfaces", "an interface");
    } else {
        table.texts("addresses");
        table.number("mtu", value::MTUS);
    }
    read
}

fn interface(table: &mut Table<'_>, own: (usize, usize), places: &mut Places) -> Interface {
    let texts = table.texts("addresses");
    let mut addresses = Vec::new();
    for At { value: text, span } in texts {
        match address(text) {
            Ok(cidr) => {
                places.address(cidr, &span, table.found);
                addresses.push(cidr);
            }
            Err(why) => table.found.add(&span, why),
        }
    }
    let mtu = link::own_mtu(table).map(|mtu| {
        places.mtus.insert(own, mtu.span);
        mtu.value
    });
    Interface { addresses, mtu }
}

/// An address that a host can have with its network: no group, not "any" or "all", not of `lo`, and none of IPv4 in IPv6's clothes.
pub(super) fn address(text: &str) -> Result<Cidr, String> {
    let cidr = value::cidr(text)?;
    let address = cidr.address();
    let is_broadcast = address == Ipv4Addr::BROADCAST;
    // 0.0.0.0/8 is "this network" (RFC 1122, section 3.2.1.3).
    let is_of_none = matches!(address, IpAddr::V4(address) if address.octets()[0] == 0);
    if address.is_loopback() {
        return Err(format!("{address} is every host's own, of its lo"));
    }
    if address.is_multicast()
        || address.is_unspecified()
        || address.to_canonical() != address
        || is_broadcast
        || is_of_none
    {
        return Err(format!("{address} can't be a host's address"));
    }
    Ok(cidr)
}

fn routes(table: &mut Table<'_>, interfaces: &[Interface]) -> Vec<(Cidr, IpAddr, usize)> {
    let mut read = Vec::new();
    for At { value: text, span } in table.texts("routes") {
        let (to, via) = match value::route(text) {
            Ok(route) => route,
            Err(why) => {
                table.found.add(&span, why);
                continue;
            }
        };
        if interfaces.iter().flat_map(|own| &own.addresses).any(|own| own.address() == via) {
            table.found.add(&span, format!("{via} is this host's own address: it leads nowhere"));
            continue;
        }
        let on_link = interfaces.iter().position(|own| own.addresses.iter().any(|cidr| cidr.contains(via)));
        match on_link {
            Some(interface) => read.push((to, via, interface)),
            None => table.found.add(&span, format!("{via} is in no network of this host")),
        }
    }
    read
}

fn sysctls(table: &mut Table<'_>) -> Vec<(String, String)> {
    let mut read = Vec::new();
    if table.flag("forward") {
        read.extend(
            ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]
                .map(|name| (name.to_owned(), "1".to_owned())),
        );
    }
    let mut settings = Settings::default();
    for (name, value) in table.pairs("sysctl") {
        match settings.set_sysctl(name.value, &value) {
            Ok(()) => read.push((name.value.to_owned(), value)),
            Err(SysctlError::Unknown) => {
                let names: Vec<_> = Settings::sysctl_names().collect();
                let hint = nearest(name.value, names.iter().map(String::as_str));
                table.found.add(&name.span, format!("{}: there is no such setting{hint}", name.value));
            }
            Err(SysctlError::Invalid) => {
                table.found.add(&name.span, format!("{} can't be {value}", name.value))
            }
        }
    }
    read
}

fn services(table: &mut Table<'_>) -> Vec<Service> {
    let mut read = Vec::new();
    for At { value: text, span } in table.texts("services") {
        match Service::named(text) {
            Some(service) if read.contains(&service) => {
                table.found.add(&span, format!("{text} is there already"))
            }
            Some(service) => read.push(service),
            None => {
                let names = Service::ALL.map(|(name, _)| name);
                let hint = nearest(text, names);
                let all = names.join(", ");
                table.found.add(&span, format!("there is no service {text}{hint} (there are {all})"));
            }
        }
    }
    read
}

fn files(table: &mut Table<'_>) -> Vec<(String, File)> {
    let mut read = Vec::new();
    let texts =
        table.pairs("files").into_iter().map(|(name, text)| (name, File::Text(text))).collect::<Vec<_>>();
    let own = table
        .pairs("docroot")
        .into_iter()
        .map(|(name, path)| {
            let at = name.span.start;
            (name, File::At { path, at })
        })
        .collect::<Vec<_>>();
    for (name, file) in texts.into_iter().chain(own) {
        if name.value.starts_with('/') {
            read.push((name.value.to_owned(), file));
        } else {
            table.found.add(&name.span, format!("{:?}: a path begins with /", name.value));
        }
    }
    read
}
