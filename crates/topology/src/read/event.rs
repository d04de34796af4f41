//! `[[event]]`: each says when, and one thing that happens.

use sockeye_base::Duration;

use super::link;
use super::names::Names;
use crate::model::{Event, Plug, Topology, What};
use crate::problem::Found;
use crate::table::{At, Table};
use crate::value;

/// A kind of event of hosts: its key, and what happens.
type Kind = (&'static str, fn(usize) -> Vec<What>);

pub(super) fn read(mut table: Table<'_>, topology: &mut Topology, names: &Names) {
    let at = table.parsed("at", value::time);
    let at = table.need("at", at).unwrap_or_default();
    let mut kinds = 0;
    let mut all = Vec::new();
    for (key, what) in [("cut", What::Cut as fn(usize) -> What), ("mend", What::Mend)] {
        let texts = table.texts(key);
        kinds += usize::from(table.has(key));
        all.extend(texts.iter().filter_map(|name| names.links.find(name, "link", table.found)).map(what));
    }
    let hosts = topology.hosts.len();
    let of_hosts: [Kind; 5] = [
        ("off", |host| vec![What::Off(host)]),
        ("on", |host| vec![What::On(host)]),
        ("reboot", |host| vec![What::Off(host), What::On(host)]),
        ("pause", |host| vec![What::Pause(host)]),
        ("resume", |host| vec![What::Resume(host)]),
    ];
    for (key, what) in of_hosts {
        let texts = table.texts(key);
        kinds += usize::from(table.has(key));
        let found = texts.iter().filter_map(|name| {
            let host = names.ends.find_among(hosts, name, "host", table.found)?;
            stays(topology, (host, name), table.found);
            Some(host)
        });
        all.extend(found.flat_map(what));
    }
    if table.has("partition") {
        kinds += 1;
        all.extend(partition(&mut table, topology, names));
    } else {
        table.groups("partition");
    }
    kinds += usize::from(table.has("change"));
    all.extend(change(&mut table, (topology, at), names));
    kinds += usize::from(table.has("readdress"));
    all.extend(readdress(&mut table, topology, names));
    if kinds != 1 {
        let kinds = "cut, mend, off, on, reboot, pause, resume, partition, change and readdress";
        table.found.add(&table.span, format!("an event is one of {kinds}"));
    }
    topology.events.extend(all.into_iter().map(|what| Event { at, what }));
    table.finish();
}

/// Nothing happens to the gateway, whose connections with the machine's network are the machine's.
fn stays(topology: &Topology, (host, name): (usize, &At<&str>), found: &Found) {
    if topology.is_gateway(host) {
        let own = &topology.hosts[host].name;
        found.add(&name.span, format!("{own} is the gateway, which stays as it is: its link can be cut"));
    }
}

/// Links between groups are cut; those inside of one are whole.
fn partition(table: &mut Table<'_>, topology: &Topology, names: &Names) -> Vec<What> {
    let groups = table.groups("partition");
    let mut of_end = vec![None; topology.hosts.len() + topology.switches.len()];
    for (number, group) in groups.iter().enumerate() {
        for name in group {
            let Some(end) = names.ends.find(name, "host or switch", table.found) else { continue };
            if of_end[end].replace(number).is_some() {
                table.found.add(&name.span, format!("{} is in two groups", name.value));
            }
        }
    }
    let group = |plug: Plug| match plug {
        Plug::Interface(host, _) => of_end[host],
        Plug::Switch(switch) => of_end[topology.hosts.len() + switch],
    };
    let links = topology.links.iter().enumerate().filter_map(|(number, link)| {
        let [a, b] = link.ends.map(group);
        Some(if a? == b? { What::Mend(number) } else { What::Cut(number) })
    });
    links.collect()
}

/// A link changes; what isn't said stays as it was last.
fn change(table: &mut Table<'_>, (topology, at): (&Topology, Duration), names: &Names) -> Option<What> {
    let name = table.text("change");
    let changed = name.as_ref().and_then(|name| names.links.find(name, "link", table.found));
    let last = changed.map(|link| {
        let before = topology.events.iter().filter(|event| event.at <= at);
        let mut changes = before.filter_map(|event| match &event.what {
            What::Change(of, directions) if *of == link => Some((event.at, directions)),
            _ => None,
        });
        let first = changes.next();
        let last =
            changes.fold(
                first,
                |last, next| if last.is_none_or(|last| last.0 <= next.0) { Some(next) } else { last },
            );
        last.map_or_else(
            || topology.links[link].directions.clone(),
            |(_, directions)| directions.as_ref().clone(),
        )
    });
    let says = link::says_something(table);
    let directions = link::directions(table, &last.unwrap_or_default());
    match (changed, says) {
        (Some(link), true) => Some(What::Change(link, Box::new(directions))),
        (Some(_), false) => {
            table.found.add(&table.span, "nothing is said of how the link changes");
            None
        }
        (None, true) if name.is_none() => {
            table.found.add(&table.span, "what the link is like goes with change, which names it");
            None
        }
        (None, _) => None,
    }
}

/// An interface gets other addresses.
fn readdress(table: &mut Table<'_>, topology: &Topology, names: &Names) -> Option<What> {
    let name = table.text("readdress");
    let texts = table.texts("addresses");
    let name = name?;
    let (host, interface) = name.value.split_once(':').unwrap_or((name.value, "eth0"));
    let hosts = topology.hosts.len();
    let host = names.ends.find_among(hosts, &At::new(host, name.span.clone()), "host", table.found)?;
    stays(topology, (host, &name), table.found);
    let number = interface.strip_prefix("eth").and_then(|number| number.parse::<usize>().ok());
    let Some(number) = number.filter(|number| *number < topology.hosts[host].interfaces.len()) else {
        table.found.add(&name.span, format!("{} has no {interface}", topology.hosts[host].name));
        return None;
    };
    let read = texts
        .iter()
        .filter_map(|text| value::cidr(text.value).map_err(|why| table.found.add(&text.span, why)).ok());
    let addresses: Vec<_> = read.collect();
    table.need("addresses", (!texts.is_empty()).then_some(()))?;
    Some(What::Readdress(host, number, addresses))
}
