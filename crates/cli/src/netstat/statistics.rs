//! What a host has counted.

use std::fmt::Write as _;

use sockeye_look::Host;

use super::Arguments;

/// The protocols, as the names of their counters begin.
const PROTOCOLS: [&str; 5] = ["Ip", "Icmp", "Tcp", "Udp", "TcpExt"];

/// The counters, by protocol: those that say anything.
pub(super) fn all(host: &Host, arguments: &Arguments) -> String {
    let mut text = String::new();
    for protocol in PROTOCOLS {
        let wanted = match protocol {
            "Tcp" | "TcpExt" => arguments.tcp,
            "Udp" => arguments.udp,
            _ => arguments.raw,
        };
        if !(wanted || arguments.every_protocol()) {
            continue;
        }
        let _ = writeln!(text, "{protocol}:");
        for (name, count) in host.counters.iter().filter(|(name, _)| protocol_of(name) == protocol) {
            let _ = writeln!(text, "    {}: {count}", &name[protocol.len()..]);
        }
    }
    text
}

/// Names in capitals are reasons of drops.
fn protocol_of(name: &str) -> &str {
    let fits = |protocol: &&&str| name.starts_with(**protocol);
    PROTOCOLS.iter().filter(fits).max_by_key(|protocol| protocol.len()).copied().unwrap_or("")
}
