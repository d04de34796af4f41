//! `/sys/class/net`: a link for each interface; and where it leads, a folder of files, one for each thing that is to be known of it.

use sockeye_abi::{Errno, InterfaceFlags};
use sockeye_stack::{Interface, InterfaceCounts, InterfaceId};

use super::Node;
use crate::host::{Host, Result};
use crate::interfaces::{QUEUE_LEN, hardware};

/// The length that all files of sysfs tell.
const PAGE: u64 = 4096;
/// Where counts are.
const STATISTICS: &str = "statistics";
/// Back from an interface to its class.
const SUBSYSTEM: (&str, &str) = ("subsystem", "../../../../class/net");

/// What is told of an interface; `None`: reading it is EINVAL, as of one that isn't made for it.
type Tell = fn(&Seen<'_>) -> Option<String>;
type Count = fn(&InterfaceCounts) -> u64;

/// An interface as its files see it.
struct Seen<'a> {
    id: InterfaceId,
    interface: &'a Interface,
    flags: InterfaceFlags,
    /// Its kind, its address and the broadcast address, in hexadecimal.
    hardware: (u16, String, String),
}

impl Seen<'_> {
    fn is_lo(&self) -> bool {
        self.id == InterfaceId::LOOPBACK
    }

    /// How often its carrier came.
    fn ups(&self) -> Option<String> {
        Some(u8::from(!self.is_lo()).to_string())
    }
}

fn zero(_: &Seen<'_>) -> Option<String> {
    Some("0".to_owned())
}

fn text(value: impl ToString) -> Option<String> {
    Some(value.to_string())
}

const FILES: &[(&str, Tell)] = &[
    ("addr_assign_type", |seen| text(if seen.is_lo() { 0 } else { 3 })),
    ("addr_len", |_| text(6)),
    ("address", |seen| text(&seen.hardware.1)),
    ("broadcast", |seen| text(&seen.hardware.2)),
    ("carrier", |_| text(1)),
    ("carrier_changes", |seen| seen.ups()),
    ("carrier_down_count", zero),
    ("carrier_up_count", |seen| seen.ups()),
    ("dev_id", |_| text("0x0")),
    ("dev_port", zero),
    ("dormant", zero),
    ("duplex", |_| None),
    ("flags", |seen| text(format!("{:#x}", (seen.flags - InterfaceFlags::RUNNING).bits()))),
    ("gro_flush_timeout", zero),
    ("ifalias", |_| text("")),
    ("ifindex", |seen| text(seen.id.index())),
    ("iflink", |seen| text(seen.id.index())),
    ("link_mode", zero),
    ("mtu", |seen| text(seen.interface.mtu)),
    ("name_assign_type", |seen| text(if seen.is_lo() { 2 } else { 3 })),
    ("napi_defer_hard_irqs", zero),
    ("netdev_group", zero),
    ("operstate", |seen| text(if seen.is_lo() { "unknown" } else { "up" })),
    ("proto_down", zero),
    ("speed", |_| None),
    ("testing", zero),
    ("threaded", zero),
    ("tx_queue_len", |_| text(QUEUE_LEN)),
    ("type", |seen| text(seen.hardware.0)),
    ("uevent", |seen| text(format!("INTERFACE={}\nIFINDEX={}", seen.interface.name, seen.id.index()))),
];

const COUNTS: &[(&str, Count)] = &[
    ("collisions", |_| 0),
    ("multicast", |counts| counts.multicast),
    ("rx_bytes", |counts| counts.rx_bytes),
    ("rx_compressed", |_| 0),
    ("rx_crc_errors", |_| 0),
    ("rx_dropped", |counts| counts.rx_dropped),
    ("rx_errors", |_| 0),
    ("rx_fifo_errors", |_| 0),
    ("rx_frame_errors", |_| 0),
    ("rx_length_errors", |_| 0),
    ("rx_missed_errors", |_| 0),
    ("rx_nohandler", |_| 0),
    ("rx_over_errors", |_| 0),
    ("rx_packets", |counts| counts.rx_packets),
    ("tx_aborted_errors", |_| 0),
    ("tx_bytes", |counts| counts.tx_bytes),
    ("tx_carrier_errors", |_| 0),
    ("tx_compressed", |_| 0),
    ("tx_dropped", |counts| counts.tx_dropped),
    ("tx_errors", |_| 0),
    ("tx_fifo_errors", |_| 0),
    ("tx_heartbeat_errors", |_| 0),
    ("tx_packets", |counts| counts.tx_packets),
    ("tx_window_errors", |_| 0),
];

impl Host {
    pub(super) fn class_node(&self, path: &str) -> Option<Node> {
        self.seen(path).map(|_| Node::Link(format!("../../devices/virtual/net/{path}")))
    }

    pub(super) fn device_node(&self, path: &str) -> Option<Node> {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        self.seen(name)?;
        let is_file = FILES.iter().any(|(file, _)| *file == rest)
            || rest.strip_prefix(STATISTICS).and_then(|rest| rest.strip_prefix('/')).is_some_and(is_count);
        match rest {
            "" | STATISTICS => Some(Node::Folder),
            rest if rest == SUBSYSTEM.0 => Some(Node::Link(SUBSYSTEM.1.to_owned())),
            _ => is_file.then_some(Node::File { mode: 0o444, size: PAGE }),
        }
    }

    pub(super) fn device_names(&self, path: &str) -> Vec<String> {
        let own = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        match path.split_once('/').unwrap_or((path, "")) {
            ("", _) => self.interface_names(),
            (name, _) if self.seen(name).is_none() => Vec::new(),
            (_, "") => own(FILES.iter().map(|(file, _)| *file).chain([STATISTICS, SUBSYSTEM.0]).collect()),
            (_, STATISTICS) => own(COUNTS.iter().map(|(file, _)| *file).collect()),
            _ => Vec::new(),
        }
    }

    pub(super) fn read_device(&self, path: &str) -> Result<String> {
        let (name, rest) = path.split_once('/').ok_or(Errno::ENOENT)?;
        let seen = self.seen(name).ok_or(Errno::ENOENT)?;
        if let Some((_, tell)) = FILES.iter().find(|(file, _)| *file == rest) {
            return Ok(tell(&seen).ok_or(Errno::EINVAL)? + "\n");
        }
        let count = rest.strip_prefix(STATISTICS).and_then(|rest| rest.strip_prefix('/'));
        let (_, count) = COUNTS.iter().find(|(file, _)| Some(*file) == count).ok_or(Errno::ENOENT)?;
        Ok(format!("{}\n", count(&self.stack.interface_counts(seen.id))))
    }

    /// The interface of this name.
    fn seen(&self, name: &str) -> Option<Seen<'_>> {
        let (id, interface) = self.stack.interfaces().find(|(_, interface)| interface.name == name)?;
        let (kind, address, broadcast) = hardware(id, interface).numbers();
        let hex = |bytes: [u8; 6]| bytes.map(|byte| format!("{byte:02x}")).join(":");
        let hardware = (kind, hex(address.unwrap_or_default()), hex(broadcast));
        Some(Seen { id, interface, flags: self.interface_flags(id, interface), hardware })
    }
}

fn is_count(name: &str) -> bool {
    COUNTS.iter().any(|(file, _)| *file == name)
}
