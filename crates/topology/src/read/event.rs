//! `[[event]]`: each says when, and one thing that happens.

use sockeye_stack::Cidr;

use super::course::Course;
use super::names::Names;
use super::{host, link};
use crate::model::{Event, Plug, Topology, What};
use crate::problem::Found;
use crate::table::{At, Table};
use crate::value;

/// A kind of event of hosts: its key, and what happens.
type Kind = (&'static str, fn(usize) -> Vec<What>);

/// Reads all events, in the order of time: some depend on what was before.
pub(super) fn read_all(tables: Vec<Table<'_>>, topology: &mut Topology, names: &Names) {
    let timed = tables.into_iter().map(|mut table| {
        let at = table.parsed("at", value::time);
        (table.need("at", at).unwrap_or_default(), table)
    });
    let mut timed: Vec<_> = timed.collect();
    timed.sort_by_key(|(at, _)| *at);
    let mut events = Vec::new();
    let mut course = Course::new(topology);
    for moment in timed.chunk_by_mut(|(one, _), (next, _)| one == next) {
        for (at, table) in moment.iter_mut() {
            let all = read(table, (topology, names), &mut course).into_iter();
            events.extend(all.map(|what| Event { at: *at, what }));
        }
        if let Some((_, table)) = moment.first() {
            course.go_on(table.found);
        }
    }
    timed.into_iter().for_each(|(_, table)| table.finish());
    topology.events = events;
}

fn read(table: &mut Table<'_>, (topology, names): (&Topology, &Names), course: &mut Course<'_>) -> Vec<What> {
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
        for name in &texts {
            let Some(host) = names.ends.find_among(hosts, name, "host", table.found) else { continue };
            stays(topology, (host, name), table.found);
            for what in what(host) {
                match what {
                    What::Off(host) => course.power(host, false, &name.span),
                    What::On(host) => course.power(host, true, &name.span),
                    _ => {}
                }
                all.push(what);
            }
        }
    }
    if table.has("partition") {
        kinds += 1;
        all.extend(partition(table, topology, names));
    } else {
        table.groups("partition");
    }
    kinds += usize::from(table.has("change"));
    all.extend(change(table, course, names));
    kinds += usize::from(table.has("readdress"));
    all.extend(readdress(table, (topology, names), course));
    if kinds != 1 {
        let kinds = "cut, mend, off, on, reboot, pause, resume, partition, change and readdress";
        table.found.add(&table.span, format!("an event is one of {kinds}"));
    }
    all
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
    let Some(groups) = table.groups("partition") else { return Vec::new() };
    let mut of_end = vec![None; topology.hosts.len() + topology.switches.len()];
    // What is wrong with its names is enough to say.
    let mut is_known = true;
    for (number, group) in groups.iter().enumerate() {
        for name in group {
            let Some(end) = names.ends.find(name, "host or switch", table.found) else {
                is_known = false;
                continue;
            };
            if of_end[end].replace(number).is_some() {
                table.found.add(&name.span, format!("{} is in two groups", name.value));
                is_known = false;
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
    let all: Vec<_> = links.collect();
    let cuts = all.iter().any(|what| matches!(what, What::Cut(_)));
    if is_known && !cuts {
        let why = match groups.len() {
            0 | 1 => "a partition has two groups or more: mend makes links whole",
            _ => "no link leads from one of these groups to another: switches belong to groups, too",
        };
        table.found.add(&table.place("partition"), why);
    }
    all
}

/// A link changes; what isn't said stays as it was last.
fn change(table: &mut Table<'_>, course: &mut Course<'_>, names: &Names) -> Option<What> {
    let name = table.text("change");
    let changed = name.as_ref().and_then(|name| names.links.find(name, "link", table.found));
    let last = changed.map(|link| course.link(link).clone());
    let says = link::says_something(table);
    let directions = link::directions(table, &last.unwrap_or_default(), None);
    match (changed, says) {
        (Some(link), true) => {
            course.change(link, directions.clone());
            Some(What::Change(link, Box::new(directions)))
        }
        (Some(_), false) => {
            // A key that there isn't is enough to tell.
            if table.has_only(&["at", "change"]) {
                table.found.add(&table.span, "nothing is said of how the link changes");
            }
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
fn readdress(
    table: &mut Table<'_>,
    (topology, names): (&Topology, &Names),
    course: &mut Course<'_>,
) -> Option<What> {
    let name = table.text("readdress");
    if table.has("addresses") && name.is_none() {
        table.found.add(&table.place("addresses"), "addresses goes with readdress, which names an interface");
    }
    let texts = table.texts("addresses");
    let name = name?;
    table.need("addresses", table.has("addresses").then_some(()))?;
    let (host, interface) = name.value.split_once(':').unwrap_or((name.value, "eth0"));
    let hosts = topology.hosts.len();
    let host = names.ends.find_among(hosts, &At::new(host, name.span.clone()), "host", table.found)?;
    stays(topology, (host, &name), table.found);
    let number = interface.strip_prefix("eth").and_then(|number| number.parse::<usize>().ok());
    let Some(number) = number.filter(|number| *number < topology.hosts[host].interfaces.len()) else {
        table.found.add(&name.span, format!("{} has no {interface}", topology.hosts[host].name));
        return None;
    };
    let mut read: Vec<Cidr> = Vec::new();
    for text in texts {
        match host::address(text.value) {
            Ok(own) if read.iter().any(|other| other.address() == own.address()) => {
                table.found.add(&text.span, format!("{} is there already", own.address()));
            }
            Ok(own) => read.push(own),
            Err(why) => table.found.add(&text.span, why),
        }
    }
    course.readdress((host, number), &read, &table.place("addresses"));
    Some(What::Readdress(host, number, read))
}
