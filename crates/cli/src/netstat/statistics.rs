//! What a host has counted, in netstat(8)'s sentences, which are older than some of the names: of those the name is told.

use std::fmt::Write as _;

use sockeye_look::Host;

use super::Arguments;

/// The groups, in its order; with IPv6 those of that.
const GROUPS: [&str; 8] = ["Ip", "Icmp", "IcmpMsg", "Tcp", "Udp", "UdpLite", "TcpExt", "IpExt"];
const GROUPS6: [&str; 5] = ["Ip6", "Icmp6", "Udp6", "UdpLite6", "Tcp"];

/// What is told even if it is 0; of TCP all that has a sentence.
const ALWAYS: [(&str, &[&str]); 7] = [
    ("Ip", &["InReceives", "ForwDatagrams", "InDiscards", "InDelivers", "OutRequests"]),
    ("Icmp", &["InMsgs", "InErrors", "OutMsgs", "OutErrors"]),
    ("Udp", &["InDatagrams", "NoPorts", "InErrors", "OutDatagrams", "RcvbufErrors", "SndbufErrors"]),
    ("TcpExt", &["TCPHPHits"]),
    ("Ip6", &["InReceives", "InDiscards", "InDelivers", "OutForwDatagrams", "OutRequests"]),
    ("Icmp6", &["InMsgs", "InErrors", "OutMsgs"]),
    ("Udp6", &["InDatagrams", "NoPorts", "InErrors", "OutDatagrams"]),
];
/// What stands ahead of a line, and of one of many types.
const FLAT: &str = "    ";
const DEEP: &str = "        ";
/// What is never told.
const NEVER: [&str; 5] = ["DefaultTTL", "RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn"];

/// The counters, by protocol.
pub(super) fn all(host: &Host, arguments: &Arguments) -> String {
    let kinds = &arguments.kinds;
    let groups: &[&str] = if kinds.inet6 && !kinds.inet { &GROUPS6 } else { &GROUPS };
    let mut text = String::new();
    for name in groups {
        let wanted = match *name {
            "Tcp" | "TcpExt" => kinds.tcp,
            "Udp" | "Udp6" => kinds.udp,
            "Ip" | "Icmp" | "Ip6" | "Icmp6" => kinds.raw,
            // In every choice.
            _ => kinds.wants_inet(),
        };
        let group = host.statistics.iter().find(|(own, _)| own == name);
        if let Some((_, rows)) = group.filter(|_| wanted || kinds.every_protocol()) {
            // ICMP's types before it are indented more.
            let deep = *name == "IcmpMsg" && (kinds.raw || kinds.every_protocol());
            text += &said(name, rows, if deep { DEEP } else { FLAT });
        }
    }
    text
}

/// A group; none if it is one of those that come and go.
fn said(group: &str, rows: &[(String, i64)], indent: &'static str) -> String {
    if group == "IcmpMsg" && rows.is_empty() {
        return String::new();
    }
    let sentences = sentences(group);
    let mut text = format!("{group}:\n");
    // What comes by types is indented more, until a sentence comes again.
    let mut indent = indent;
    for (name, count) in rows {
        let sentence = sentences.iter().find(|(known, _)| known == name).map(|(_, sentence)| *sentence);
        let begins = HISTOGRAMS.iter().find(|(own, first, _)| *own == group && first == name);
        if let Some((_, _, heading)) = begins {
            let _ = writeln!(text, "{heading}");
            indent = DEEP;
        } else if sentence.is_some_and(|sentence| sentence.starts_with('{')) {
            indent = FLAT;
        }
        let always = group == "Tcp" && sentence.is_some()
            || name == "Forwarding"
            || ALWAYS.iter().any(|(own, names)| *own == group && names.contains(&name.as_str()));
        if NEVER.contains(&name.as_str()) || *count == 0 && !always {
            continue;
        }
        let of_v6 = if group.ends_with('6') { group } else { "" };
        let line = match sentence {
            Some(sentence) => sentence.replace("{}", &count.to_string()),
            None => format!("{of_v6}{name}: {count}"),
        };
        let _ = writeln!(text, "{indent}{line}");
    }
    text
}

fn sentences(group: &str) -> &'static [(&'static str, &'static str)] {
    match group {
        "Ip" => IP,
        "Icmp" => ICMP,
        "Tcp" => TCP,
        "Udp" => UDP,
        "Udp6" => &UDP[..4],
        "TcpExt" => TCP_EXT,
        "Ip6" => IP6,
        "Icmp6" => ICMP6,
        _ => &[],
    }
}

/// Where ICMP's types begin, of a group: the first, and what stands above.
const HISTOGRAMS: [(&str, &str, &str); 4] = [
    ("Icmp", "InDestUnreachs", "    ICMP input histogram:"),
    ("Icmp", "OutDestUnreachs", "    ICMP output histogram:"),
    ("Icmp6", "InDestUnreachs", "    ICMP input histogram:"),
    ("Icmp6", "OutDestUnreachs", "        ICMP output histogram:"),
];

/// IP's.
const IP: &[(&str, &str)] = &[
    ("InReceives", "{} total packets received"),
    ("InHdrErrors", "{} with invalid headers"),
    ("InAddrErrors", "{} with invalid addresses"),
    ("ForwDatagrams", "{} forwarded"),
    ("InUnknownProtos", "{} with unknown protocol"),
    ("InDiscards", "{} incoming packets discarded"),
    ("InDelivers", "{} incoming packets delivered"),
    ("OutRequests", "{} requests sent out"),
    ("OutDiscards", "{} outgoing packets dropped"),
    ("OutNoRoutes", "{} dropped because of missing route"),
    ("ReasmTimeout", "{} fragments dropped after timeout"),
    ("ReasmReqds", "{} reassemblies required"),
    ("ReasmOKs", "{} packets reassembled ok"),
    ("ReasmFails", "{} packet reassemblies failed"),
    ("FragOKs", "{} outgoing packets fragmented ok"),
    ("FragFails", "{} outgoing packets failed fragmentation"),
    ("FragCreates", "{} fragments created"),
];

/// ICMP's.
const ICMP: &[(&str, &str)] = &[
    ("InMsgs", "{} ICMP messages received"),
    ("InErrors", "{} input ICMP message failed"),
    ("InDestUnreachs", "destination unreachable: {}"),
    ("InTimeExcds", "timeout in transit: {}"),
    ("InParmProbs", "wrong parameters: {}"),
    ("InSrcQuenchs", "source quenches: {}"),
    ("InRedirects", "redirects: {}"),
    ("InEchos", "echo requests: {}"),
    ("InEchoReps", "echo replies: {}"),
    ("InTimestamps", "timestamp request: {}"),
    ("InTimestampReps", "timestamp reply: {}"),
    ("InAddrMasks", "address mask request: {}"),
    ("InAddrMaskReps", "address mask replies: {}"),
    ("OutMsgs", "{} ICMP messages sent"),
    ("OutErrors", "{} ICMP messages failed"),
    ("OutDestUnreachs", "destination unreachable: {}"),
    ("OutTimeExcds", "time exceeded: {}"),
    ("OutParmProbs", "wrong parameters: {}"),
    ("OutSrcQuenchs", "source quench: {}"),
    ("OutRedirects", "redirect: {}"),
    ("OutEchos", "echo requests: {}"),
    ("OutEchoReps", "echo replies: {}"),
    ("OutTimestamps", "timestamp requests: {}"),
    ("OutTimestampReps", "timestamp replies: {}"),
    ("OutAddrMasks", "address mask requests: {}"),
    ("OutAddrMaskReps", "address mask replies: {}"),
];

/// TCP's.
const TCP: &[(&str, &str)] = &[
    ("ActiveOpens", "{} active connection openings"),
    ("PassiveOpens", "{} passive connection openings"),
    ("AttemptFails", "{} failed connection attempts"),
    ("EstabResets", "{} connection resets received"),
    ("CurrEstab", "{} connections established"),
    ("InSegs", "{} segments received"),
    ("OutSegs", "{} segments sent out"),
    ("RetransSegs", "{} segments retransmitted"),
    ("InErrs", "{} bad segments received"),
    ("OutRsts", "{} resets sent"),
];

/// UDP's.
const UDP: &[(&str, &str)] = &[
    ("InDatagrams", "{} packets received"),
    ("NoPorts", "{} packets to unknown port received"),
    ("InErrors", "{} packet receive errors"),
    ("OutDatagrams", "{} packets sent"),
    ("RcvbufErrors", "{} receive buffer errors"),
    ("SndbufErrors", "{} send buffer errors"),
];

/// Linux's own of TCP.
const TCP_EXT: &[(&str, &str)] = &[
    ("SyncookiesSent", "{} SYN cookies sent"),
    ("SyncookiesRecv", "{} SYN cookies received"),
    ("SyncookiesFailed", "{} invalid SYN cookies received"),
    ("EmbryonicRsts", "{} resets received for embryonic SYN_RECV sockets"),
    ("PruneCalled", "{} packets pruned from receive queue because of socket buffer overrun"),
    ("RcvPruned", "{} packets pruned from receive queue"),
    ("OfoPruned", "{} packets dropped from out-of-order queue because of socket buffer overrun"),
    ("OutOfWindowIcmps", "{} ICMP packets dropped because they were out-of-window"),
    ("LockDroppedIcmps", "{} ICMP packets dropped because socket was locked"),
    ("TW", "{} TCP sockets finished time wait in fast timer"),
    ("TWRecycled", "{} time wait sockets recycled by time stamp"),
    ("PAWSActive", "{} active connections rejected because of time stamp"),
    ("PAWSEstab", "{} packets rejected in established connections because of timestamp"),
    ("DelayedACKs", "{} delayed acks sent"),
    ("DelayedACKLocked", "{} delayed acks further delayed because of locked socket"),
    ("DelayedACKLost", "Quick ack mode was activated {} times"),
    ("ListenOverflows", "{} times the listen queue of a socket overflowed"),
    ("ListenDrops", "{} SYNs to LISTEN sockets dropped"),
    ("TCPHPHits", "{} packet headers predicted"),
    ("TCPPureAcks", "{} acknowledgments not containing data payload received"),
    ("TCPHPAcks", "{} predicted acknowledgments"),
    ("TCPRenoRecovery", "{} times recovered from packet loss due to fast retransmit"),
    ("TCPSACKReorder", "Detected reordering {} times using SACK"),
    ("TCPRenoReorder", "Detected reordering {} times using reno fast retransmit"),
    ("TCPTSReorder", "Detected reordering {} times using time stamp"),
    ("TCPFullUndo", "{} congestion windows fully recovered without slow start"),
    ("TCPPartialUndo", "{} congestion windows partially recovered using Hoe heuristic"),
    ("TCPLossUndo", "{} congestion windows recovered without slow start after partial ack"),
    ("TCPRenoFailures", "{} timeouts after reno fast retransmit"),
    ("TCPLossFailures", "{} timeouts in loss state"),
    ("TCPFastRetrans", "{} fast retransmits"),
    ("TCPSlowStartRetrans", "{} retransmits in slow start"),
    ("TCPRcvCollapsed", "{} packets collapsed in receive queue due to low socket buffer"),
    ("TCPAbortOnData", "{} connections reset due to unexpected data"),
    ("TCPAbortOnClose", "{} connections reset due to early user close"),
    ("TCPAbortOnMemory", "{} connections aborted due to memory pressure"),
    ("TCPAbortOnTimeout", "{} connections aborted due to timeout"),
    ("TCPAbortOnLinger", "{} connections aborted after user close in linger timeout"),
    ("TCPAbortFailed", "{} times unable to send RST due to no memory"),
    ("TCPMemoryPressures", "TCP ran low on memory {} times"),
];

/// IPv6's.
const IP6: &[(&str, &str)] = &[
    ("InReceives", "{} total packets received"),
    ("InHdrErrors", "{} with invalid headers"),
    ("InTooBigErrors", "{} with packets too big"),
    ("InNoRoutes", "{} incoming packets with no route"),
    ("InAddrErrors", "{} with invalid addresses"),
    ("InUnknownProtos", "{} with unknown protocol"),
    ("InTruncatedPkts", "{} with truncated packets"),
    ("InDiscards", "{} incoming packets discarded"),
    ("InDelivers", "{} incoming packets delivered"),
    ("OutForwDatagrams", "{} forwarded"),
    ("OutRequests", "{} requests sent out"),
    ("OutDiscards", "{} outgoing packets dropped"),
    ("OutNoRoutes", "{} dropped because of missing route"),
    ("ReasmTimeout", "{} fragments dropped after timeout"),
    ("ReasmReqds", "{} reassemblies required"),
    ("ReasmOKs", "{} packets reassembled ok"),
    ("ReasmFails", "{} packet reassemblies failed"),
    ("FragOKs", "{} outgoing packets fragmented ok"),
    ("FragFails", "{} outgoing packets failed fragmentation"),
    ("FragCreates", "{} fragments created"),
    ("InMcastPkts", "{} incoming multicast packets"),
    ("OutMcastPkts", "{} outgoing multicast packets"),
];

/// ICMPv6's.
const ICMP6: &[(&str, &str)] = &[
    ("InMsgs", "{} ICMP messages received"),
    ("InErrors", "{} input ICMP message failed"),
    ("OutMsgs", "{} ICMP messages sent"),
    ("InDestUnreachs", "destination unreachable: {}"),
    ("InPktTooBigs", "packets too big: {}"),
    ("InTimeExcds", "received ICMPv6 time exceeded: {}"),
    ("InParmProblems", "parameter problem: {}"),
    ("InEchos", "echo requests: {}"),
    ("InEchoReplies", "echo replies: {}"),
    ("InGroupMembQueries", "group member queries: {}"),
    ("InGroupMembResponses", "group member responses: {}"),
    ("InGroupMembReductions", "group member reductions: {}"),
    ("InRouterSolicits", "router solicits: {}"),
    ("InRouterAdvertisements", "router advertisement: {}"),
    ("InNeighborSolicits", "neighbour solicits: {}"),
    ("InNeighborAdvertisements", "neighbour advertisement: {}"),
    ("InRedirects", "redirects: {}"),
    ("OutDestUnreachs", "destination unreachable: {}"),
    ("OutPktTooBigs", "packets too big: {}"),
    ("OutTimeExcds", "sent ICMPv6 time exceeded: {}"),
    ("OutParmProblems", "parameter problem: {}"),
    ("OutEchos", "echo requests: {}"),
    ("OutEchoReplies", "echo replies: {}"),
    ("OutGroupMembQueries", "group member queries: {}"),
    ("OutGroupMembResponses", "group member responses: {}"),
    ("OutGroupMembReductions", "group member reductions: {}"),
    ("OutRouterSolicits", "router solicits: {}"),
    ("OutNeighborSolicits", "neighbor solicits: {}"),
    ("OutNeighborAdvertisements", "neighbor advertisements: {}"),
    ("OutRedirects", "redirects: {}"),
];
