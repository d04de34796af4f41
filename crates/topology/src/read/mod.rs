//! From text to a [`Topology`]: each kind of table is read, names are looked up on the way (`names`), and what
//! can't be there twice is kept with its place (`places`).

mod course;
mod event;
mod gateway;
mod host;
mod link;
mod names;
mod places;
mod program;
mod traffic;

use toml::de::DeTable;

use crate::model::{Expectations, Topology};
use crate::problem::{Found, Problems};
use crate::table::Table;
use crate::value;
use names::Names;
use places::Places;

impl Topology {
    /// Reads a network.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn parse(source: &str) -> Result<Topology, Problems> {
        parse(source, false)
    }

    /// The same of one that is to run by itself: programs in real time, or traffic in virtual time.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn parse_to_run(source: &str) -> Result<Topology, Problems> {
        parse(source, true)
    }
}

fn parse(source: &str, runs: bool) -> Result<Topology, Problems> {
    let found = Found::default();
    let (tables, errors) = DeTable::parse_recoverable(source);
    for error in &errors {
        found.add(&error.span().unwrap_or(0..0), error.message().lines().next().unwrap_or("").to_owned());
    }
    if !errors.is_empty() {
        return Err(found.placed(source));
    }
    let mut top = Table::new(tables.get_ref(), 0..0, "a network", &found);
    let topology = read(&mut top);
    if runs && topology.gateway.is_some() && topology.programs.is_empty() && topology.traffic.is_empty() {
        let why = "a [gateway] is for programs, of which there are none, and for sockeye up";
        found.add(&top.place("gateway"), why);
    }
    top.finish();
    if found.is_empty() { Ok(topology) } else { Err(found.placed(source)) }
}

fn read(top: &mut Table<'_>) -> Topology {
    let mut topology = Topology {
        name: top.name().map(|name| name.value.to_owned()),
        seed: top.number("seed", 0..=u64::MAX),
        until: top.parsed("until", value::time),
        ..Topology::default()
    };
    let mut names = Names::default();
    let mut places = Places::default();
    for table in top.tables("host", "a host") {
        host::read(table, &mut topology, (&mut names, &mut places));
    }
    for mut table in top.tables("switch", "a switch") {
        let name = table.name();
        if let Some(name) = table.need("name", name) {
            topology.switches.push(name.value.to_owned());
            names.ends.add(&name, table.found);
        }
        table.finish();
    }
    // Switches come behind the hosts among the ends of links.
    for table in top.tables("link", "a link") {
        link::read(table, &mut topology, (&mut names, &mut places));
    }
    if let Some(table) = top.table("gateway", "the gateway") {
        gateway::read(table, &mut topology, &names);
    }
    for table in top.tables("program", "a program") {
        program::read(table, &mut topology, &mut names);
    }
    for table in top.tables("traffic", "traffic") {
        traffic::read(table, &mut topology, (&names, &mut places));
    }
    if topology.until.is_some() && !(topology.programs.is_empty() && topology.gateway.is_none()) {
        top.found
            .add(&top.place("until"), "until ends virtual time: programs run in real time, and have within");
    }
    event::read_all(top.tables("event", "an event"), &mut topology, &names);
    places.mtus(&topology, top.found);
    if let Some(mut table) = top.table("expect", "what is expected") {
        topology.expectations = Expectations {
            retransmissions: table.number("retransmissions", 0..=u64::MAX),
            resets: table.number("resets", 0..=u64::MAX),
            drops: table.number("drops", 0..=u64::MAX),
            within: table.parsed("within", value::time),
        };
        table.finish();
    }
    if topology.hosts.is_empty() && top.found.is_empty() {
        top.found.add(&top.span, "a network needs a host: [[host]] with a name and addresses");
    }
    topology
}
