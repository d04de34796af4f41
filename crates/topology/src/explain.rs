//! A topology in words, for who wrote it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use sockeye_abi::Transport;
use sockeye_lab::{Direction, Discipline, Loss, Spread};

use crate::calls::Step;
use crate::model::{Calls, Gateway, Link, Plug, Program, Ready, Topology, Traffic, What, Work};
use crate::outside::Outside;
use crate::value::counted;

impl Topology {
    /// What the file says, in words; and what is odd about it, if something is.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let counts =
            [(self.hosts.len(), "host"), (self.switches.len(), "switch"), (self.links.len(), "link")];
        let counts: Vec<_> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| counted(count as u64, what))
            .collect();
        let counts = counts.join(", ");
        match &self.name {
            Some(name) => writeln!(out, "{name}: {counts}")?,
            None => writeln!(out, "{counts}")?,
        }
        out.push_str("\nhosts\n");
        let width = self.hosts.iter().map(|host| host.name.len()).max().unwrap_or(0);
        let plugged = self.plugged();
        for (number, host) in self.hosts.iter().enumerate() {
            let mut name = host.name.as_str();
            for (interface, own) in host.interfaces.iter().enumerate() {
                let addresses: Vec<_> = own.addresses.iter().map(ToString::to_string).collect();
                let link = plugged.get(&Plug::Interface(number, interface)).copied();
                let mtu = self.mtu_on(link, (number, interface));
                writeln!(out, "  {name:<width$}  eth{interface} {} mtu {mtu}", addresses.join(" "))?;
                name = "";
            }
            for (to, via, _) in &host.routes {
                writeln!(out, "  {:<width$}  route {to} via {via}", "")?;
            }
            for (name, value) in &host.sysctls {
                writeln!(out, "  {:<width$}  {name} = {value}", "")?;
            }
            let services: Vec<_> = self.served(host).into_iter().map(|service| service.name()).collect();
            if !services.is_empty() {
                writeln!(out, "  {:<width$}  serves {}", "", services.join(", "))?;
            }
        }
        self.write_links(out)?;
        self.write_gateway(out)?;
        self.write_work(out)?;
        let odd = self.odd(&plugged);
        if !odd.is_empty() {
            writeln!(out, "\nodd\n  {}", odd.join("\n  "))?;
        }
        Ok(())
    }

    fn write_links(&self, out: &mut String) -> fmt::Result {
        if self.links.is_empty() {
            return Ok(());
        }
        out.push_str("\nlinks\n");
        let width = self.links.iter().map(|link| link.name.len()).max().unwrap_or(0);
        for link in &self.links {
            let [a, b] = link.ends.map(|plug| self.name_of(plug));
            let [there, back] = &link.directions;
            let mtu = match link.mtus {
                [one, other] if one == other => one.to_string(),
                [there, back] => format!("{there} there, {back} back"),
            };
            write!(out, "  {:<width$}  {a} <-> {b}, mtu {mtu}: ", link.name)?;
            if there == back {
                writeln!(out, "{}", direction(there))?;
            } else {
                writeln!(out, "there {}; back {}", direction(there), direction(back))?;
            }
        }
        Ok(())
    }

    fn write_gateway(&self, out: &mut String) -> fmt::Result {
        let Some(Gateway { host, options }) = &self.gateway else { return Ok(()) };
        writeln!(out, "\ngateway")?;
        let name = &self.hosts[*host].name;
        let reach = match options.outside {
            None => None,
            Some(Outside::Network) => Some("the machine's network, but not to the machine itself"),
            Some(Outside::Loopback) => Some("the machine's network, and to its loopback by its own name"),
        };
        if let Some(reach) = reach {
            writeln!(out, "  {name} leads to {reach}")?;
            let servers: Vec<_> = options.resolvers.iter().map(ToString::to_string).collect();
            let servers =
                if servers.is_empty() { "the machine's DNS servers".to_owned() } else { servers.join(", ") };
            writeln!(out, "  others' names are asked of {servers}")?;
        }
        options.publish.iter().try_for_each(|publish| writeln!(out, "  {publish}"))
    }

    fn write_work(&self, out: &mut String) -> fmt::Result {
        if !self.programs.is_empty() {
            out.push_str("\nprograms\n");
        }
        for program in &self.programs {
            writeln!(out, "  {}", self.program(program))?;
        }
        if !self.traffic.is_empty() {
            out.push_str("\ntraffic\n");
        }
        for traffic in &self.traffic {
            writeln!(out, "  {}", self.traffic(traffic))?;
        }
        if !self.events.is_empty() || self.until.is_some() {
            out.push_str("\nevents\n");
        }
        for event in &self.events {
            writeln!(out, "  {:>8}  {}", format!("{:?}", event.at), self.tell(&event.what))?;
        }
        if let Some(until) = self.until {
            writeln!(out, "  {:>8}  it ends", format!("{until:?}"))?;
        }
        let expected = &self.expectations;
        let counts = [
            ("segment sent again", expected.retransmissions),
            ("reset", expected.resets),
            ("frame dropped", expected.drops),
        ];
        let mut lines: Vec<_> = counts
            .iter()
            .filter_map(|(what, most)| most.map(|most| format!("at most {}", counted(most, what))))
            .collect();
        lines.extend(expected.within.map(|within| format!("it takes at most {within:?}")));
        if !lines.is_empty() {
            writeln!(out, "\nexpected\n  {}", lines.join("\n  "))?;
        }
        Ok(())
    }

    fn program(&self, program: &Program) -> String {
        let mut text =
            format!("{} on {}: {}", program.name, self.hosts[program.host].name, program.command.join(" "));
        let after: Vec<_> = program.after.iter().map(|other| self.programs[*other].name.as_str()).collect();
        if !after.is_empty() {
            let _ = write!(text, "; after {}", after.join(", "));
        }
        let _ = match &program.ready {
            None => Ok(()),
            Some(Ready::Port(port)) => write!(text, "; ready when port {port} is listened at"),
            Some(Ready::Prints(what)) => write!(text, "; ready when it prints {what:?}"),
            Some(Ready::After(time)) => write!(text, "; ready after {time:?}"),
        };
        if program.server {
            text.push_str("; told to end when the others have ended");
        }
        if let Some(status) = program.status.filter(|status| *status != 0) {
            let _ = write!(text, "; ends with {status}");
        }
        for what in &program.prints {
            let _ = write!(text, "; prints {what:?}");
        }
        if let Some(within) = program.within {
            let _ = write!(text, "; within {within:?}");
        }
        text
    }

    fn traffic(&self, traffic: &Traffic) -> String {
        let [from, to] = [traffic.from, traffic.to].map(|host| self.hosts[host].name.as_str());
        let bytes = |size: usize| counted(size as u64, "byte");
        let work = match traffic.work {
            Work::Calls(calls) => self.calls(&self.calls[calls]),
            Work::Stream(bytes) => format!("{} over TCP", counted(bytes, "byte")),
            Work::Exchanges { count, size } => {
                format!("{} of {} over TCP, one after the other", counted(count, "request"), bytes(size))
            }
            Work::Datagrams { count, size, every } => {
                format!("{} of {}, one each {every:?}", counted(count, "datagram"), bytes(size))
            }
        };
        let within = traffic.within.map(|within| format!("; within {within:?}")).unwrap_or_default();
        let at = if traffic.at.is_zero() { String::new() } else { format!(", at {:?}", traffic.at) };
        format!("{}: {from} to {to}:{}{at}: {work}{within}", traffic.name, traffic.port)
    }

    fn calls(&self, calls: &Calls) -> String {
        let list = |steps: &[Step]| steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let over = if calls.transport == Transport::Udp { "over UDP " } else { "" };
        let who = if calls.clients == 1 { "client".to_owned() } else { format!("{} clients", calls.clients) };
        let mut text = format!("{over}{who}: {}", list(&calls.client));
        if !calls.server.is_empty() {
            let _ = write!(text, "; server: {}", list(&calls.server));
        }
        text
    }

    /// What happens, in words.
    pub fn tell(&self, what: &What) -> String {
        let host = |host: &usize| &self.hosts[*host].name;
        match what {
            What::Cut(link) => format!("{} is cut", self.links[*link].name),
            What::Mend(link) => format!("{} is whole", self.links[*link].name),
            What::Off(off) => format!("{} is switched off", host(off)),
            What::On(on) => format!("{} is switched on", host(on)),
            What::Pause(still) => format!("{} stands still", host(still)),
            What::Resume(still) => format!("{} goes on", host(still)),
            What::Change(link, directions) => {
                let [there, back] = directions.as_ref();
                format!("{}: there {}; back {}", self.links[*link].name, direction(there), direction(back))
            }
            What::Readdress(of, interface, addresses) => {
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                let new = if addresses.is_empty() {
                    "loses its addresses".to_owned()
                } else {
                    format!("becomes {}", addresses.join(" "))
                };
                format!("{}:eth{interface} {new}", host(of))
            }
        }
    }

    /// What may be meant, but seldom is.
    fn odd(&self, plugged: &BTreeMap<Plug, &Link>) -> Vec<String> {
        let mut odd = Vec::new();
        for (number, host) in self.hosts.iter().enumerate() {
            for interface in 0..host.interfaces.len() {
                let plug = Plug::Interface(number, interface);
                if !plugged.contains_key(&plug) {
                    odd.push(format!("{} has no link", self.name_of(plug)));
                }
            }
        }
        if self.gateway.is_some() && self.programs.is_empty() {
            odd.push("nothing runs on it: lab run has nothing to do, sockeye up has".to_owned());
        }
        if let Some(gateway) = self.gateway.as_ref().filter(|gateway| gateway.options.outside.is_some()) {
            let others = self.hosts.iter().enumerate().filter(|(number, _)| *number != gateway.host);
            let without = others.filter(|(_, host)| host.routes.iter().all(|(to, ..)| to.prefix() != 0));
            odd.extend(
                without.map(|(_, host)| {
                    format!("{} has no default route: it gets to no other network", host.name)
                }),
            );
        }
        odd.extend(self.uneven_mtus(plugged));
        for traffic in &self.traffic {
            if !self.addresses(traffic.to).any(|address| self.reaches(traffic.from, address)) {
                let [from, to] = [traffic.from, traffic.to].map(|host| self.hosts[host].name.as_str());
                odd.push(format!("{}: {from} has no way to an address of {to}", traffic.name));
            }
        }
        for event in self.events.iter().filter(|event| self.until.is_some_and(|until| event.at > until)) {
            odd.push(format!("{:?}: {}, when all is over", event.at, self.tell(&event.what)));
        }
        for link in &self.links {
            let [Plug::Interface(a, x), Plug::Interface(b, y)] = link.ends else { continue };
            let [one, other] =
                [(a, x), (b, y)].map(|(host, interface)| &self.hosts[host].interfaces[interface]);
            let meet =
                one.addresses.iter().any(|own| other.addresses.iter().any(|far| own.contains(far.address())));
            if !meet {
                odd.push(format!("the ends of {} are in no network together", link.name));
            }
        }
        odd
    }
}

/// What a direction is like.
fn direction(direction: &Direction) -> String {
    let mut parts = Vec::new();
    if !direction.delay.is_zero() {
        parts.push(format!("{:?}", direction.delay));
    }
    if !direction.jitter.is_zero() {
        let spread = if direction.spread == Spread::Normal { ", as a bell" } else { "" };
        parts.push(format!("give or take {:?}{spread}", direction.jitter));
    }
    match &direction.loss {
        Loss::None => {}
        Loss::PerMillion(share) => parts.push(format!("loses {}", percent(*share))),
        Loss::Bursts(bursts) => {
            parts.push(format!(
                "loses in bursts ({} begin, {} end; {} of one, {} otherwise)",
                percent(bursts.begins),
                percent(bursts.ends),
                percent(bursts.bad),
                percent(bursts.good)
            ));
        }
        Loss::Frames(frames) => parts.push(format!("loses frames {}", list(frames))),
        Loss::Data(segments) => parts.push(format!("loses data segments {}", list(segments))),
    }
    let shares = [("repeats", direction.duplicate), ("spoils", direction.corrupt)];
    parts.extend(
        shares
            .into_iter()
            .filter(|(_, share)| *share > 0)
            .map(|(what, share)| format!("{what} {}", percent(share))),
    );
    if direction.reorder.chance > 0 {
        parts.push(format!(
            "holds back {} for {:?}",
            percent(direction.reorder.chance),
            direction.reorder.by
        ));
    }
    if let Some(rate) = direction.rate {
        let codel = if matches!(direction.discipline, Discipline::CoDel(_)) { " with CoDel" } else { "" };
        parts.push(format!("{}, a queue of {} bytes{codel}", bits(rate.get()), direction.queue));
    }
    if parts.is_empty() { "perfect".to_owned() } else { parts.join(", ") }
}

fn list(numbers: &[u64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// So many of a million, in per cent.
fn percent(share: u32) -> String {
    let text = format!("{}.{:04}", share / 10_000, share % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

fn bits(rate: u64) -> String {
    let units = [(1_000_000_000, "gbit"), (1_000_000, "mbit"), (1_000, "kbit")];
    let unit = units.into_iter().find(|(size, _)| rate.is_multiple_of(*size));
    unit.map_or_else(|| format!("{rate}bit"), |(size, unit)| format!("{}{unit}", rate / size))
}
