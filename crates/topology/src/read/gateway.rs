//! `[gateway]`: which host leads to the machine's own network, how far, and what leads in. The flags of `sockeye run` mean the same.

use super::names::Names;
use crate::model::Topology;
use crate::outside::{self, Options, Outside, Publish};
use crate::table::{At, Table};

/// Which host it is, if nothing is said.
const NAME: &str = "gateway";

/// Reads it, once all hosts are known.
pub(super) fn read(mut table: Table<'_>, topology: &mut Topology, names: &Names) {
    let name = table.text("host").unwrap_or_else(|| At::new(NAME, table.span.clone()));
    let hosts = topology.hosts.len();
    let host = names.ends.find_among(hosts, &name, "host", table.found);
    let reach = table.parsed_at("outside", reach);
    let published = publish(&mut table, topology, host);
    let resolvers = resolvers(&mut table);
    if !table.has("outside") && !table.has("publish") {
        table.found.add(&table.span, "the gateway leads nowhere: it needs outside or publish");
    }
    if table.has("resolver") && !table.has("outside") {
        table.found.add(&table.span, "resolver is whom others' names are asked of: it needs outside");
    }
    if let Some(host) = host {
        let outside = reach.map(|reach| reach.value);
        let options = Options { outside, publish: published, resolvers };
        if let Err(why) = topology.lead_out(host, options) {
            table.found.add(&name.span, why);
        }
    }
    table.finish();
}

fn reach(text: &str) -> Result<Outside, String> {
    match text {
        "network" => Ok(Outside::Network),
        "loopback" => Ok(Outside::Loopback),
        _ => Err("network, or loopback for the machine itself, too".to_owned()),
    }
}

/// What can be published; the rest is told.
fn publish(table: &mut Table<'_>, topology: &Topology, gateway: Option<usize>) -> Vec<Publish> {
    let mut read: Vec<Publish> = Vec::new();
    for At { value: text, span } in table.texts("publish") {
        let published = text.parse().map_err(|why: outside::PublishError| why.to_string());
        let published = published.and_then(|publish: Publish| {
            let is_same =
                |other: &Publish| (other.listen, other.transport) == (publish.listen, publish.transport);
            if read.iter().any(is_same) {
                return Err(format!("{}/{} is published already", publish.listen, publish.transport));
            }
            gateway.map_or(Ok(()), |gateway| topology.check_publish(gateway, &publish)).map(|()| publish)
        });
        match published {
            Ok(publish) => read.push(publish),
            Err(why) => table.found.add(&span, format!("publish: {why}")),
        }
    }
    read
}

fn resolvers(table: &mut Table<'_>) -> Vec<std::net::SocketAddr> {
    let mut read = Vec::new();
    for At { value: text, span } in table.texts("resolver") {
        match outside::server(text) {
            Ok(server) => read.push(server),
            Err(why) => table.found.add(&span, format!("resolver: {why}")),
        }
    }
    read
}
