//! `[[link]]`, and the keys that say what a direction of one is like.

use std::num::NonZeroU64;

use sockeye_lab::{CoDel, Direction, Discipline, Loss, Spread};

use super::names::Names;
use super::places::Places;
use crate::model::{ETHERNET_MTU, Link, Plug, Topology};
use crate::problem::Found;
use crate::table::{At, Table};
use crate::value;

pub(super) fn read(
    mut table: Table<'_>,
    topology: &mut Topology,
    (names, places): (&mut Names, &mut Places),
) {
    let between = table.texts("between");
    let ends = match &between[..] {
        [a, b] => [a, b].map(|name| plug(name, topology, names, table.found)),
        _ => {
            table.need::<()>("between", None);
            if table.is_texts("between") {
                table.found.add(&table.place("between"), "a link is between two ends");
            }
            [None, None]
        }
    };
    let mut mtus = [None, None];
    let directions = directions(&mut table, &[Direction::default(), Direction::default()], Some(&mut mtus));
    let mtu = own_mtu(&mut table);
    let own = table.name();
    let ([Some(a), Some(b)], [first, second]) = (ends, &between[..]) else { return table.finish() };
    let joined = format!("{}-{}", first.value, second.value);
    let name = own.unwrap_or_else(|| At::new(&joined, table.span.clone()));
    names.links.add(&name, table.found);
    places.link([(a, &first.span), (b, &second.span)], topology, table.found);
    let name = name.value.to_owned();
    for (end, own) in [a, b].into_iter().zip(&mtus) {
        if let Some(own) = own {
            check_mtu(end, own, topology, table.found);
        }
    }
    places.link_mtus.push([&mtus[0], &mtus[1], &mtu].map(|said| said.as_ref().map(|said| said.span.clone())));
    let whole = mtu.map_or(ETHERNET_MTU, |mtu| mtu.value);
    let mtus = mtus.map(|own| own.map_or(whole, |own| own.value));
    topology.links.push(Link { name, ends: [a, b], mtus, directions });
    table.finish();
}

/// `mtu`, and where it stands.
pub(super) fn own_mtu(table: &mut Table<'_>) -> Option<At<usize>> {
    let mtu = table.number("mtu", value::MTUS).and_then(|mtu| usize::try_from(mtu).ok())?;
    Some(At::new(mtu, table.place("mtu")))
}

/// A direction's MTU is that of the interface that sends in it, of which it is said once.
fn check_mtu(end: Plug, mtu: &At<usize>, topology: &Topology, found: &Found) {
    match end {
        Plug::Switch(switch) => {
            let name = &topology.switches[switch];
            found.add(&mtu.span, format!("mtu is that of the interface that sends: switch {name} has none"));
        }
        Plug::Interface(host, interface) if topology.hosts[host].interfaces[interface].mtu.is_some() => {
            found.add(&mtu.span, format!("{} says its mtu itself", topology.name_of(end)));
        }
        Plug::Interface(..) => {}
    }
}

/// `host`, `host:eth1` or a switch.
fn plug(name: &At<&str>, topology: &Topology, names: &Names, found: &Found) -> Option<Plug> {
    let (host, interface) = name.value.split_once(':').unwrap_or((name.value, "eth0"));
    let end = names.ends.find(&At::new(host, name.span.clone()), "host or switch", found)?;
    let Some(host) = topology.hosts.get(end) else {
        if name.value.contains(':') {
            found.add(&name.span, "a switch has no interfaces to choose from");
        }
        return Some(Plug::Switch(end - topology.hosts.len()));
    };
    let number = interface.strip_prefix("eth").and_then(|number| number.parse::<usize>().ok());
    match number.filter(|number| *number < host.interfaces.len()) {
        Some(number) => Some(Plug::Interface(end, number)),
        None => {
            let last = host.interfaces.len().saturating_sub(1);
            found.add(&name.span, format!("{} has no {interface}: its last is eth{last}", host.name));
            None
        }
    }
}

/// What the two directions are like: keys for both, then those of `there` and `back`; and the MTU of each, where one may be said.
pub(super) fn directions(
    table: &mut Table<'_>,
    begin: &[Direction; 2],
    mtus: Option<&mut [Option<At<usize>>; 2]>,
) -> [Direction; 2] {
    let [mut there, mut back] = begin.clone();
    let both = Keys::read(table);
    both.apply(&mut there);
    both.apply(&mut back);
    let mut mtus = mtus.into_iter().flatten();
    for (key, direction) in [("there", &mut there), ("back", &mut back)] {
        let mtu = mtus.next();
        if let Some(mut own) = table.table(key, "a direction") {
            if let Some(mtu) = mtu {
                *mtu = own_mtu(&mut own);
            }
            Keys::read(&mut own).apply(direction);
            check_needs(&own, &[direction]);
            own.finish();
        }
    }
    check_needs(table, &[&there, &back]);
    [there, back]
}

/// A queue is before something that takes its time, and only a jitter is spread.
fn check_needs(table: &Table<'_>, directions: &[&Direction]) {
    let without_rate = !table.has("rate") && directions.iter().any(|direction| direction.rate.is_none());
    // A value that is none has been told of.
    let said = [("queue", table.is_text("queue")), ("codel", table.is_true("codel"))];
    if without_rate && let Some((key, _)) = said.into_iter().find(|(_, said)| *said) {
        let why = format!("{key} needs rate: nothing waits for a link without one");
        table.found.add(&table.place(key), why);
    }
    let without_jitter =
        !table.has("jitter") && directions.iter().any(|direction| direction.jitter.is_zero());
    if without_jitter && table.has("spread") {
        table.found.add(&table.place("spread"), "spread needs jitter, which it is the shape of");
    }
}

/// Whether a table says anything of a direction.
pub(super) fn says_something(table: &Table<'_>) -> bool {
    KEYS.iter().chain(&["there", "back"]).any(|key| table.has(key))
}

const KEYS: [&str; 13] = [
    "delay",
    "jitter",
    "spread",
    "loss",
    "burst_loss",
    "lose_frames",
    "lose_data",
    "duplicate",
    "reorder",
    "corrupt",
    "rate",
    "queue",
    "codel",
];

/// What is said of a direction.
struct Keys {
    delay: Option<sockeye_base::Duration>,
    jitter: Option<sockeye_base::Duration>,
    spread: Option<Spread>,
    loss: Option<Loss>,
    duplicate: Option<u32>,
    reorder: Option<sockeye_lab::Reorder>,
    corrupt: Option<u32>,
    rate: Option<NonZeroU64>,
    queue: Option<usize>,
    codel: bool,
}

impl Keys {
    fn read(table: &mut Table<'_>) -> Keys {
        Keys {
            delay: table.parsed("delay", value::time),
            jitter: table.parsed("jitter", value::time),
            spread: table.parsed("spread", value::spread),
            loss: loss(table),
            duplicate: table.parsed("duplicate", value::share),
            reorder: table.parsed("reorder", value::reorder),
            corrupt: table.parsed("corrupt", value::share),
            rate: table.parsed("rate", value::rate),
            queue: table.parsed("queue", value::size).and_then(|queue| usize::try_from(queue).ok()),
            codel: table.flag("codel"),
        }
    }

    fn apply(&self, direction: &mut Direction) {
        let Direction { delay, jitter, spread, loss, duplicate, reorder, corrupt, rate, queue, discipline } =
            direction;
        set(delay, &self.delay);
        set(jitter, &self.jitter);
        set(spread, &self.spread);
        set(loss, &self.loss);
        set(duplicate, &self.duplicate);
        set(reorder, &self.reorder);
        set(corrupt, &self.corrupt);
        set(queue, &self.queue);
        if self.rate.is_some() {
            *rate = self.rate;
        }
        if self.codel {
            *discipline = Discipline::CoDel(CoDel::default());
        }
    }
}

fn set<T: Clone>(value: &mut T, said: &Option<T>) {
    if let Some(said) = said {
        *value = said.clone();
    }
}

/// One of the ways to lose.
fn loss(table: &mut Table<'_>) -> Option<Loss> {
    let ways = [
        table.parsed("loss", value::share).map(value::by_chance),
        table.parsed("burst_loss", value::bursts).map(Loss::Bursts),
        table.counts("lose_frames").map(Loss::Frames),
        table.counts("lose_data").map(Loss::Data),
    ];
    let mut ways = ways.into_iter().flatten();
    let loss = ways.next();
    if ways.next().is_some() {
        table.found.add(&table.span, "only one of loss, burst_loss, lose_frames and lose_data");
    }
    loss
}
