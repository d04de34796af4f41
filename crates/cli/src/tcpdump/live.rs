//! Packets of a running network, as they pass.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use sockeye_look::{Error, Frames, Network, Snapshot, Wanted};
use sockeye_view::{Filter, Lookup};

use super::{Arguments, Failure, Fault, Names, Output, copy, filter_text, misread, print_list};
use crate::{captures, interrupt};

/// So often it is seen whether somebody wants an end.
const PATIENCE: Duration = Duration::from_millis(100);

/// Where packets are looked at.
#[derive(Args)]
pub(super) struct Place {
    /// Which running network: its name, or a process's number; without it the only one there is
    #[arg(long = "of", value_name = "NETWORK", conflicts_with = "read")]
    of: Option<String>,

    /// What this host of it sends and gets
    #[arg(long, value_name = "NAME", conflicts_with = "read")]
    host: Option<String>,

    /// What enters this link of it; -D has their numbers
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["read", "host", "interface"])]
    link: Option<usize>,

    /// Bytes kept of each packet
    #[arg(short = 's', value_name = "BYTES", conflicts_with = "read", value_parser = clap::value_parser!(u32).range(0..=262_144))]
    snap: Option<u32>,
}

/// Shows them until ^C, or as many as are wanted.
pub(super) fn dump(arguments: &Arguments) -> Result<(), Failure> {
    let said = |error: Error| Failure::Said(error.to_string());
    let mut network = Network::open(arguments.place.of.as_deref()).map_err(said)?;
    let snapshot = network.snapshot().map_err(said)?;
    if arguments.list {
        return print_list(places(&snapshot)).map_err(super::unprinted);
    }
    let names = HostNames::of(&snapshot);
    let text = filter_text(arguments, &names)?;
    // What means the same there as here is decided there.
    let told = Filter::parse(&text, &()).is_ok();
    let filter = if told { String::new() } else { text.clone() };
    let filter = Filter::parse(&filter, &names).map_err(misread)?;
    let mut wanted = wanted(arguments, &snapshot)?;
    wanted.filter = (told && !text.is_empty()).then_some(text);
    let stop = interrupt::stop_on_interrupt().map_err(|error| Failure::Said(error.to_string()))?;
    let frames = network.frames(&wanted).map_err(said)?;
    frames.set_timeout(Some(PATIENCE)).map_err(said)?;
    let _ = writeln!(io::stderr(), "sockeye: listening on {}", name(&wanted));
    let input = Box::new(Until { frames, stop: stop.clone() });
    let mut output = Output::new(arguments, true)?;
    let (mut lost, mut shown) = (0, 0);
    let ended = captures::read(input).map_err(Fault::Unreadable).and_then(|mut reader| {
        let copied = copy(arguments, &mut reader, &filter, &mut output, &mut shown);
        lost = reader.lost();
        copied
    });
    output.finish()?;
    let is_wanted = stop.load(Ordering::Relaxed) || Some(shown) == arguments.count;
    match ended {
        Err(Fault::Shown(failure)) => return Err(failure),
        Err(Fault::Foreign(what)) => return Err(Failure::Said(what)),
        // Whoever ends it does so anywhere.
        Err(Fault::Unreadable(_)) | Ok(_) if !is_wanted => return Err(said(Error::Gone)),
        Err(Fault::Unreadable(_)) | Ok(_) => {}
    }
    for (count, what) in
        [(shown, "captured"), (shown + lost, "received by filter"), (lost, "dropped by sockeye")]
    {
        let plural = if count == 1 { "" } else { "s" };
        let _ = writeln!(io::stderr(), "{count} packet{plural} {what}");
    }
    Ok(())
}

/// Everything that can be looked at.
fn places(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let interfaces = snapshot.hosts.iter().flat_map(|host| {
        host.interfaces.iter().map(move |interface| format!("{}/{}", host.name, interface.name))
    });
    let links = snapshot
        .links
        .iter()
        .map(|link| format!("--link {}: {} - {}", link.number, link.ends[0], link.ends[1]));
    interfaces.chain(links)
}

fn wanted(arguments: &Arguments, snapshot: &Snapshot) -> Result<Wanted, Failure> {
    let place = &arguments.place;
    let mut wanted = Wanted {
        host: place.host.clone(),
        link: place.link,
        snap: place.snap.filter(|snap| *snap > 0).map(|snap| snap as usize),
        ..Wanted::default()
    };
    match arguments.interfaces.names() {
        [] => {}
        [name] if name == "any" && wanted.host.is_none() => {}
        [name] => match name.split_once(['/', ':']) {
            Some((host, interface)) => {
                wanted.host = Some(host.to_owned());
                wanted.interface = Some(interface.to_owned());
            }
            None if wanted.host.is_none() && snapshot.hosts.iter().any(|host| host.name == *name) => {
                wanted.host = Some(name.clone());
            }
            None => wanted.interface = Some(name.clone()),
        },
        _ => return Err(Failure::Said("-i: one interface at a time of a running network".to_owned())),
    }
    Ok(wanted)
}

fn name(wanted: &Wanted) -> String {
    match (&wanted.host, &wanted.interface, wanted.link) {
        (_, _, Some(link)) => format!("link {link}"),
        (Some(host), Some(interface), _) => format!("{host}/{interface}"),
        (Some(name), None, _) | (None, Some(name), _) => name.clone(),
        (None, None, None) => "all links".to_owned(),
    }
}

/// What comes, until somebody wants an end.
struct Until {
    frames: Frames,
    stop: Arc<AtomicBool>,
}

impl Read for Until {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(0);
            }
            match self.frames.read(buffer) {
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                read => return read,
            }
        }
    }
}

/// The names of the network's hosts, and of the machine's ports.
struct HostNames(BTreeMap<String, Vec<IpAddr>>);

impl HostNames {
    fn of(snapshot: &Snapshot) -> HostNames {
        let mut names: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for host in &snapshot.hosts {
            let texts = host.interfaces.iter().filter(|own| own.name != "lo").flat_map(|own| &own.addresses);
            let addresses = texts.filter_map(|text| text.split('/').next()?.parse::<IpAddr>().ok());
            names.entry(host.name.clone()).or_default().extend(addresses);
        }
        HostNames(names)
    }
}

impl Lookup for HostNames {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    fn port(&self, name: &str) -> Option<(u16, Option<u8>)> {
        Names.port(name)
    }
}
