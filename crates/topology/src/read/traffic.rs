//! `[[traffic]]`.

use sockeye_abi::Transport;
use sockeye_base::Duration;

use super::names::Names;
use super::places::Places;
use crate::calls::{self, Step};
use crate::model::{Calls, Topology, Traffic, Work};
use crate::simulate::number_bytes;
use crate::table::Table;
use crate::value;

/// Where traffic goes if nothing else is said; the next takes the next.
const PORT: u64 = 5001;
/// The longest request and datagram, in bytes.
const LONGEST: u64 = 65_507;
/// Datagrams of one conversation, at most: of each is known whether it came.
const MOST_DATAGRAMS: u64 = 1_000_000_000;
/// Programs at one end of a conversation, at most.
const MOST_CLIENTS: u64 = 1000;

pub(super) fn read(mut table: Table<'_>, topology: &mut Topology, (names, places): (&Names, &mut Places)) {
    // Once is enough.
    if topology.traffic.is_empty() {
        let why = match (topology.programs.is_empty(), &topology.gateway) {
            (false, _) => {
                "programs run in real time and traffic in virtual time: a network has one or the other"
            }
            (true, Some(_)) => {
                "a [gateway] leads to a real network, and traffic runs in virtual time: a network has one or the other"
            }
            (true, None) => "",
        };
        if !why.is_empty() {
            table.found.add(&table.span, why);
        }
    }
    let hosts = topology.hosts.len();
    let mut host = |key| {
        let name = table.text(key);
        let name = table.need(key, name)?;
        names.ends.find_among(hosts, &name, "host", table.found)
    };
    let (from, to) = (host("from"), host("to"));
    let work = work(&mut table, &mut topology.calls);
    let number = topology.traffic.len() as u64;
    let port = table.number("port", 1..=65_535).unwrap_or(PORT + number % 1000);
    let name = table.name().map(|name| name.value.to_owned());
    let at = table.parsed("at", value::time).unwrap_or_default();
    if at >= topology.end() {
        let end = topology.end();
        let why = if topology.until.is_some() { "as until says" } else { "unless until says otherwise" };
        table
            .found
            .add(&table.place("at"), format!("it would begin at {at:?}, and all ends at {end:?}, {why}"));
    }
    let within = table.parsed("within", value::time);
    if let (Some(from), Some(to), Some(work), Ok(port)) = (from, to, work, u16::try_from(port)) {
        let of = |host: usize| topology.hosts[host].name.as_str();
        if topology.addresses(to).next().is_none() && table.found.is_empty() {
            table.found.add(&table.place("to"), format!("{} has no address to send to", of(to)));
        }
        if let Some(transport) = topology.serving(work) {
            places.port((to, port, transport), topology, (&table.place("port"), table.found));
        }
        let name = name.unwrap_or_else(|| format!("{} to {}", of(from), of(to)));
        topology.traffic.push(Traffic { name, from, to, port, at, work, within });
    }
    table.finish();
}

fn work(table: &mut Table<'_>, known: &mut Vec<Calls>) -> Option<Work> {
    let stream = table.parsed("bytes", value::size).map(Work::Stream);
    let size = table.number("size", 1..=LONGEST).and_then(|size| usize::try_from(size).ok());
    let exchanges = table.number("exchanges", 1..=u64::MAX);
    let exchanges = exchanges.map(|count| Work::Exchanges { count, size: size.unwrap_or(1) });
    let every = table.parsed("every", value::time);
    let datagrams = table.number("datagrams", 1..=MOST_DATAGRAMS);
    let datagrams = datagrams.map(|count| {
        let every = every.unwrap_or(Duration::from_millis(1));
        Work::Datagrams { count, size: size.unwrap_or(64), every }
    });
    if let Some(Work::Datagrams { count, size, .. }) = datagrams
        && size < number_bytes(count)
    {
        let why =
            format!("size: each of {count} datagrams carries its number, of {} bytes", number_bytes(count));
        table.found.add(&table.place("size"), why);
    }
    let client = table.has("client");
    let calls = calls(table).filter(|_| client).map(|calls| {
        known.push(calls);
        Work::Calls(known.len() - 1)
    });
    let said = ["bytes", "exchanges", "datagrams", "client"].iter().filter(|way| table.has(way)).count();
    if said != 1 {
        table
            .found
            .add(&table.span, "traffic is one of bytes, exchanges, datagrams, and client with what it calls");
    } else if table.has("size") && !table.has("exchanges") && !table.has("datagrams") {
        table.found.add(&table.place("size"), "size is for exchanges and datagrams");
    }
    if said == 1 && table.has("every") && !table.has("datagrams") {
        table.found.add(&table.place("every"), "every is for datagrams");
    }
    let ways = [stream, exchanges, datagrams, calls];
    ways.into_iter().flatten().next()
}

/// What the programs at both ends call.
fn calls(table: &mut Table<'_>) -> Option<Calls> {
    let client = steps(table, "client");
    if table.is_texts("client") && client.as_ref().is_some_and(Vec::is_empty) {
        table.found.add(&table.place("client"), "client calls nothing");
    }
    let server = steps(table, "server");
    let transport = table.parsed("over", |text| match text {
        "tcp" => Ok(Transport::Tcp),
        "udp" => Ok(Transport::Udp),
        _ => Err("tcp or udp".to_owned()),
    });
    let clients = table.number("clients", 1..=MOST_CLIENTS).and_then(|count| u32::try_from(count).ok());
    for key in ["server", "over", "clients"] {
        if table.has(key) && !table.has("client") {
            table.found.add(&table.place(key), format!("{key} is for traffic that says what a client calls"));
        }
    }
    let calls = Calls {
        transport: transport.unwrap_or(Transport::Tcp),
        clients: clients.unwrap_or(1),
        client: client?,
        server: server?,
    };
    Some(calls)
}

/// Calls in an array, each in its place.
fn steps(table: &mut Table<'_>, key: &'static str) -> Option<Vec<Step>> {
    let found = table.found;
    let texts = table.texts(key);
    let steps = texts
        .iter()
        .map(|text| calls::step(text.value).map_err(|why| found.add(&text.span, format!("{key}: {why}"))));
    // All of them are looked at, so that all that is wrong is told.
    let steps: Vec<Result<Step, ()>> = steps.collect();
    steps.into_iter().collect::<Result<_, ()>>().ok()
}
