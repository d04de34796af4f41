//! What stands in the tables: a network as it was and as it is now, as rows with rates.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use sockeye_look::{Snapshot, Socket, Way};

/// The tables there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Hosts,
    Links,
    Sockets,
    Drops,
}

impl Tab {
    pub(super) const ALL: [Tab; 4] = [Tab::Hosts, Tab::Links, Tab::Sockets, Tab::Drops];

    /// What it is called, also in JSON.
    pub(super) fn title(self) -> &'static str {
        match self {
            Tab::Hosts => "hosts",
            Tab::Links => "links",
            Tab::Sockets => "sockets",
            Tab::Drops => "drops",
        }
    }

    /// Its columns, the most telling first; and by which it is sorted at first.
    pub(super) fn columns(self) -> (&'static [Column], usize) {
        match self {
            Tab::Hosts => (HOSTS, 0),
            Tab::Links => (LINKS, 2),
            Tab::Sockets => (SOCKETS, 5),
            Tab::Drops => (DROPS, 3),
        }
    }
}

/// A column of a table.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// What it is called in JSON.
    pub(super) key: &'static str,
    /// It holds numbers, which are sorted from the largest and stand on the right.
    pub(super) counts: bool,
}

const fn text(title: &'static str, key: &'static str) -> Column {
    Column { title, key, counts: false }
}

const fn number(title: &'static str, key: &'static str) -> Column {
    Column { title, key, counts: true }
}

const HOSTS: &[Column] = &[
    text("HOST", "host"),
    number("OUT/s", "sent_bytes_per_second"),
    number("IN/s", "received_bytes_per_second"),
    number("OUT pkt/s", "sent_frames_per_second"),
    number("IN pkt/s", "received_frames_per_second"),
    number("DROPS/s", "drops_per_second"),
    number("SOCKETS", "sockets"),
    text("PROGRAM", "program"),
    text("ADDRESSES", "addresses"),
];

const LINKS: &[Column] = &[
    text("FROM", "from"),
    text("TO", "to"),
    number("BYTES/s", "bytes_per_second"),
    number("PKT/s", "frames_per_second"),
    number("USE %", "use_percent"),
    number("QUEUED", "queued"),
    number("DROPS/s", "drops_per_second"),
    number("DROPPED", "dropped"),
    number("BYTES", "bytes"),
    text("STATE", "state"),
];

const SOCKETS: &[Column] = &[
    text("HOST", "host"),
    text("LOCAL", "local"),
    text("PEER", "peer"),
    text("STATE", "state"),
    number("IN/s", "received_bytes_per_second"),
    number("OUT/s", "sent_bytes_per_second"),
    number("RECV-Q", "receive_queue"),
    number("SEND-Q", "send_queue"),
    number("RTT ms", "rtt_ms"),
    number("CWND", "cwnd"),
    number("RETRANS", "retransmissions"),
    text("PROTO", "protocol"),
    text("PROGRAM", "program"),
];

const DROPS: &[Column] = &[
    text("WHERE", "where"),
    text("REASON", "reason"),
    number("DROPS/s", "drops_per_second"),
    number("DROPS", "drops"),
];

/// What stands in one place of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Text(String),
    /// A number, shown as it is.
    Count(u64),
    /// A number of bytes or the like, shown with a unit.
    Scaled(f64),
    /// A number with one decimal place.
    Fine(f64),
    /// Nothing that could be said.
    None,
}

impl Cell {
    /// As it is shown.
    pub(super) fn shown(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Count(count) => count.to_string(),
            Cell::Scaled(value) => scaled(*value),
            Cell::Fine(value) => format!("{value:.1}"),
            Cell::None => "-".to_owned(),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Cell::Count(count) => Some(*count as f64),
            Cell::Scaled(value) | Cell::Fine(value) => Some(*value),
            Cell::Text(_) | Cell::None => None,
        }
    }

    /// Texts from A on, numbers from the largest.
    fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Text(own), Cell::Text(other)) => own.cmp(other),
            _ => {
                let [own, other] = [self, other].map(|cell| cell.number().unwrap_or(-1.0));
                other.total_cmp(&own)
            }
        }
    }

    pub(super) fn as_json(&self) -> serde_json::Value {
        match self {
            Cell::Text(text) => text.as_str().into(),
            Cell::Count(count) => (*count).into(),
            Cell::Scaled(value) | Cell::Fine(value) => (*value).into(),
            Cell::None => serde_json::Value::Null,
        }
    }
}

/// A number with its unit: three digits are enough.
pub(super) fn scaled(value: f64) -> String {
    let units = ["", "k", "M", "G", "T"];
    let mut value = value;
    for unit in units {
        if value < 999.5 || unit == "T" {
            return match unit {
                "" => format!("{value:.0}"),
                _ if value < 9.95 => format!("{value:.1}{unit}"),
                _ => format!("{value:.0}{unit}"),
            };
        }
        value /= 1000.0;
    }
    String::new()
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// What it is about, for as long as that is there.
    pub(super) id: String,
    pub(super) cells: Vec<Cell>,
}

/// The rows of a table that contain `filter`, in the order of a column.
pub(super) fn rows(tab: Tab, times: Times<'_>, filter: &str, (column, reversed): (usize, bool)) -> Vec<Row> {
    let mut rows = match tab {
        Tab::Hosts => times.hosts(),
        Tab::Links => times.links(),
        Tab::Sockets => times.sockets(),
        Tab::Drops => times.drops(),
    };
    let filter = filter.to_lowercase();
    rows.retain(|row| row.cells.iter().any(|cell| cell.shown().to_lowercase().contains(&filter)));
    rows.sort_by(|own, other| {
        let order = match (own.cells.get(column), other.cells.get(column)) {
            (Some(own), Some(other)) => own.order(other),
            _ => Ordering::Equal,
        };
        let order = if reversed { order.reverse() } else { order };
        order.then_with(|| own.id.cmp(&other.id))
    });
    rows
}

/// A network at two moments. Without an earlier one nothing is known of rates.
#[derive(Clone, Copy)]
pub(super) struct Times<'a> {
    pub(super) before: Option<&'a Snapshot>,
    pub(super) now: &'a Snapshot,
}

/// What was counted before, by what it is about.
type Counted = BTreeMap<String, u64>;

impl Times<'_> {
    /// Seconds between the two.
    fn seconds(&self) -> Option<f64> {
        let span = self.now.now.checked_sub(self.before?.now)?;
        (span > 0).then_some(span as f64 / 1e9)
    }

    /// What was counted of something in a second; nothing if it is new, or was begun anew.
    fn rate(&self, before: &Counted, id: &str, now: u64) -> Cell {
        let Some(seconds) = self.seconds() else { return Cell::None };
        match before.get(id).map(|before| now.checked_sub(*before)) {
            Some(Some(more)) => Cell::Scaled(more as f64 / seconds),
            Some(None) | None => Cell::None,
        }
    }

    fn counted(&self, count: impl Fn(&Snapshot) -> Counted) -> Counted {
        self.before.map(count).unwrap_or_default()
    }

    fn hosts(&self) -> Vec<Row> {
        let before = self.counted(host_counts);
        let now = host_counts(self.now);
        let rows = self.now.hosts.iter().map(|host| {
            let rate = |what: &str| {
                let id = format!("{} {what}", host.name);
                self.rate(&before, &id, now.get(&id).copied().unwrap_or(0))
            };
            let addresses = host.interfaces.iter().filter(|interface| interface.name != "lo");
            let addresses: Vec<_> =
                addresses.flat_map(|own| &own.addresses).filter(|own| !own.starts_with("fe80:")).collect();
            let addresses: Vec<_> = addresses.iter().filter_map(|own| own.split('/').next()).collect();
            let program = match (host.up, &host.program, host.pid) {
                (false, ..) => Cell::Text("(off)".to_owned()),
                (_, Some(program), Some(pid)) => Cell::Text(format!("{program} ({pid})")),
                (_, Some(program), None) => Cell::Text(program.clone()),
                (_, None, _) => Cell::None,
            };
            let cells = vec![
                Cell::Text(host.name.clone()),
                rate("sent bytes"),
                rate("received bytes"),
                rate("sent frames"),
                rate("received frames"),
                rate("drops"),
                Cell::Count(host.sockets.len() as u64),
                program,
                Cell::Text(addresses.join(" ")),
            ];
            Row { id: host.name.clone(), cells }
        });
        rows.collect()
    }

    fn links(&self) -> Vec<Row> {
        let before = self.counted(link_counts);
        let mut rows = Vec::new();
        for link in &self.now.links {
            for (from, way) in link.ways.iter().enumerate() {
                let id = way_id(link.number, from);
                let bytes = self.rate(&before, &format!("{id} bytes"), way.bytes);
                let used = match (bytes.number(), way.rate) {
                    (Some(bytes), Some(rate)) if rate > 0 => Cell::Fine(bytes * 800.0 / rate as f64),
                    _ => Cell::None,
                };
                let state = link.dead.clone().unwrap_or_else(|| "up".to_owned());
                let cells = vec![
                    Cell::Text(link.ends[from].clone()),
                    Cell::Text(link.ends[1 - from].clone()),
                    bytes,
                    self.rate(&before, &format!("{id} frames"), way.frames),
                    used,
                    Cell::Count(way.queued as u64),
                    self.rate(&before, &format!("{id} dropped"), dropped(way)),
                    Cell::Count(dropped(way)),
                    Cell::Scaled(way.bytes as f64),
                    Cell::Text(state),
                ];
                rows.push(Row { id, cells });
            }
        }
        rows
    }

    fn sockets(&self) -> Vec<Row> {
        let before = self.counted(socket_counts);
        let mut rows = Vec::new();
        for host in &self.now.hosts {
            for socket in &host.sockets {
                let id = socket_id(&host.name, socket);
                let tcp = socket.tcp.as_ref();
                let rate = |what: &str, count: Option<u64>| {
                    count.map_or(Cell::None, |count| self.rate(&before, &format!("{id} {what}"), count))
                };
                let mut programs: Vec<_> =
                    socket.holders.iter().map(|own| format!("{}/{}", own.pid, own.program)).collect();
                programs.dedup();
                let program = if programs.is_empty() { Cell::None } else { Cell::Text(programs.join(" ")) };
                let cells = vec![
                    Cell::Text(host.name.clone()),
                    Cell::Text(address(socket.local)),
                    Cell::Text(address(socket.remote)),
                    Cell::Text(socket.state.to_string()),
                    rate("received", tcp.map(|tcp| tcp.bytes_received)),
                    rate("acked", tcp.map(|tcp| tcp.bytes_acked)),
                    Cell::Count(socket.receive_queue as u64),
                    Cell::Count(socket.send_queue as u64),
                    tcp.map_or(Cell::None, |tcp| Cell::Fine(f64::from(tcp.rtt) / 1e3)),
                    tcp.map_or(Cell::None, |tcp| Cell::Count(tcp.snd_cwnd.into())),
                    tcp.map_or(Cell::None, |tcp| Cell::Count(tcp.total_retrans.into())),
                    Cell::Text(socket.protocol.to_string()),
                    program,
                ];
                rows.push(Row { id, cells });
            }
        }
        rows
    }

    fn drops(&self) -> Vec<Row> {
        let before = self.counted(drop_counts);
        let rows = drop_counts(self.now).into_iter().map(|(id, count)| {
            let (place, reason) = id.split_once('\n').unwrap_or(("", &id));
            let cells = vec![
                Cell::Text(place.to_owned()),
                Cell::Text(reason.to_owned()),
                // What was never lost before was lost not once.
                match self.seconds() {
                    Some(seconds) => {
                        let more = count.saturating_sub(before.get(&id).copied().unwrap_or(0));
                        Cell::Scaled(more as f64 / seconds)
                    }
                    None => Cell::None,
                },
                Cell::Count(count),
            ];
            Row { id, cells }
        });
        rows.collect()
    }
}

/// An address as in a table: `*` for any.
fn address(address: std::net::SocketAddr) -> String {
    let port = if address.port() == 0 { "*".to_owned() } else { address.port().to_string() };
    match (address.ip(), address.ip().is_unspecified()) {
        (_, true) => format!("*:{port}"),
        (std::net::IpAddr::V6(ip), _) => format!("[{ip}]:{port}"),
        (ip, _) => format!("{ip}:{port}"),
    }
}

/// What names a socket as long as it lives.
pub(super) fn socket_id(host: &str, socket: &Socket) -> String {
    format!("{host} {} {} {} {}", socket.protocol, socket.local, socket.remote, socket.cookie)
}

fn way_id(link: usize, from: usize) -> String {
    format!("{link:05} {from}")
}

fn dropped(way: &Way) -> u64 {
    way.dropped.iter().map(|(_, count)| count).sum()
}

/// Reasons stand in capitals among a host's counters.
fn drop_reasons(counters: &[(String, u64)]) -> impl Iterator<Item = &(String, u64)> {
    let is_reason = |name: &str| !name.chars().any(|c| c.is_ascii_lowercase());
    counters.iter().filter(move |(name, count)| *count > 0 && is_reason(name))
}

fn host_counts(snapshot: &Snapshot) -> Counted {
    let mut counts = Counted::new();
    let mut add = |host: &str, what: &str, count: u64| {
        *counts.entry(format!("{host} {what}")).or_default() += count;
    };
    for link in &snapshot.links {
        for (from, way) in link.ways.iter().enumerate() {
            for (end, direction) in [(from, "sent"), (1 - from, "received")] {
                if let Some((host, _)) = link.ends[end].split_once('/') {
                    add(host, &format!("{direction} bytes"), way.bytes);
                    add(host, &format!("{direction} frames"), way.frames);
                }
            }
        }
    }
    for host in &snapshot.hosts {
        for what in ["sent bytes", "received bytes", "sent frames", "received frames", "drops"] {
            add(&host.name, what, 0);
        }
        drop_reasons(&host.counters).for_each(|(_, count)| add(&host.name, "drops", *count));
    }
    counts
}

fn link_counts(snapshot: &Snapshot) -> Counted {
    let ways = snapshot.links.iter().flat_map(|link| {
        let ways = link.ways.iter().enumerate();
        ways.map(|(from, way)| (way_id(link.number, from), way))
    });
    let counts = ways.flat_map(|(id, way)| {
        let all = [("bytes", way.bytes), ("frames", way.frames), ("dropped", dropped(way))];
        all.map(|(what, count)| (format!("{id} {what}"), count))
    });
    counts.collect()
}

fn socket_counts(snapshot: &Snapshot) -> Counted {
    let sockets =
        snapshot.hosts.iter().flat_map(|host| host.sockets.iter().map(|own| (host.name.as_str(), own)));
    let counts = sockets.filter_map(|(host, socket)| Some((socket_id(host, socket), socket.tcp.as_ref()?)));
    let counts = counts.flat_map(|(id, tcp)| {
        [("received", tcp.bytes_received), ("acked", tcp.bytes_acked)]
            .map(|(what, count)| (format!("{id} {what}"), count))
    });
    counts.collect()
}

/// By place and reason, a line between them.
fn drop_counts(snapshot: &Snapshot) -> Counted {
    let mut counts = Counted::new();
    for host in &snapshot.hosts {
        for (reason, count) in drop_reasons(&host.counters) {
            *counts.entry(format!("{}\n{reason}", host.name)).or_default() += count;
        }
    }
    for link in &snapshot.links {
        for (from, way) in link.ways.iter().enumerate() {
            for (reason, count) in &way.dropped {
                let place = format!("{} > {}", link.ends[from], link.ends[1 - from]);
                *counts.entry(format!("{place}\n{reason}")).or_default() += count;
            }
        }
    }
    counts
}
