//! `[[traffic]]`.

use sockeye_base::Duration;

use super::names::Names;
use crate::model::{Topology, Traffic, Work};
use crate::table::Table;
use crate::value;

/// Where traffic goes if nothing else is said; the next takes the next.
const PORT: u64 = 5001;
/// The longest request and datagram, in bytes.
const LONGEST: u64 = 65_507;

pub(super) fn read(mut table: Table<'_>, topology: &mut Topology, names: &Names) {
    let hosts = topology.hosts.len();
    let mut host = |key| {
        let name = table.text(key);
        let name = table.need(key, name)?;
        names.ends.find_among(hosts, &name, "host", table.found)
    };
    let (from, to) = (host("from"), host("to"));
    let work = work(&mut table);
    let number = topology.traffic.len() as u64;
    let port = table.number("port", 1..=65_535).unwrap_or(PORT + number % 1000);
    let name = table.text("name").map(|name| name.value.to_owned());
    let at = table.parsed("at", value::time).unwrap_or_default();
    let within = table.parsed("within", value::time);
    if let (Some(from), Some(to), Some(work), Ok(port)) = (from, to, work, u16::try_from(port)) {
        let of = |host: usize| topology.hosts[host].name.as_str();
        let name = name.unwrap_or_else(|| format!("{} to {}", of(from), of(to)));
        topology.traffic.push(Traffic { name, from, to, port, at, work, within });
    }
    table.finish();
}

fn work(table: &mut Table<'_>) -> Option<Work> {
    let stream = table.parsed("bytes", value::size).map(Work::Stream);
    let size = table.number("size", 1..=LONGEST).and_then(|size| usize::try_from(size).ok());
    let exchanges = table.number("exchanges", 1..=u64::MAX);
    let exchanges = exchanges.map(|count| Work::Exchanges { count, size: size.unwrap_or(1) });
    let every = table.parsed("every", value::time).unwrap_or(Duration::from_millis(1));
    let datagrams = table.number("datagrams", 1..=u64::MAX);
    let datagrams = datagrams.map(|count| Work::Datagrams { count, size: size.unwrap_or(64), every });
    let ways = [stream, exchanges, datagrams];
    if ways.iter().flatten().count() != 1 {
        table.found.add(&table.span, "traffic is one of bytes, exchanges and datagrams");
    }
    ways.into_iter().flatten().next()
}
