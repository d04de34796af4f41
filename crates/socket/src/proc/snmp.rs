//! What the host counted, by the names of the MIBs (RFC 1213, RFC 4293 …) and in their order: `snmp`, `snmp6`, `netstat`.
//!
//! What isn't counted here reads 0. Counts of why packets were dropped are one for both versions of IP, and stand with IPv4's.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sockeye_stack::IcmpKind;
use sockeye_tcp::State;

use super::Reader;
use crate::host::Host;

const IP: &str = "InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards \
     OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits";
const IP6: &str = "InReceives InHdrErrors InTooBigErrors InNoRoutes InAddrErrors InUnknownProtos InTruncatedPkts InDiscards \
     InDelivers OutForwDatagrams OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails \
     FragCreates InMcastPkts OutMcastPkts InOctets OutOctets InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets \
     InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts OutTransmits";
const IP_EXT: &str = "InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets \
     OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts ReasmOverlaps";
const TCP: &str = "AttemptFails EstabResets";
const TCP_END: &str = "InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors";
const UDP: &str =
    "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors";
const UDP_LITE6: &str =
    "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors MemErrors";
/// Kinds of ICMP's messages with names of their own, in and out.
const ICMP: [(&str, u8); 11] = [
    ("DestUnreachs", 3),
    ("TimeExcds", 11),
    ("ParmProbs", 12),
    ("SrcQuenchs", 4),
    ("Redirects", 5),
    ("Echos", 8),
    ("EchoReps", 0),
    ("Timestamps", 13),
    ("TimestampReps", 14),
    ("AddrMasks", 17),
    ("AddrMaskReps", 18),
];
/// The same of ICMPv6.
const ICMP6: [(&str, u8); 14] = [
    ("DestUnreachs", 1),
    ("PktTooBigs", 2),
    ("TimeExcds", 3),
    ("ParmProblems", 4),
    ("Echos", 128),
    ("EchoReplies", 129),
    ("GroupMembQueries", 130),
    ("GroupMembResponses", 131),
    ("GroupMembReductions", 132),
    ("RouterSolicits", 133),
    ("RouterAdvertisements", 134),
    ("NeighborSolicits", 135),
    ("NeighborAdvertisements", 136),
    ("Redirects", 137),
];
const MLD2_REPORT: u8 = 143;
/// All of Linux 6.18's.
const TCP_EXT: &str = "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned OutOfWindowIcmps \
     LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSActive PAWSEstab BeyondWindow TSEcrRejected PAWSOldAck \
     PAWSTimewait DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops TCPHPHits TCPPureAcks TCPHPAcks \
     TCPRenoRecovery TCPSackRecovery TCPSACKReneging TCPSACKReorder TCPRenoReorder TCPTSReorder TCPFullUndo TCPPartialUndo \
     TCPDSACKUndo TCPLossUndo TCPLostRetransmit TCPRenoFailures TCPSackFailures TCPLossFailures TCPFastRetrans \
     TCPSlowStartRetrans TCPTimeouts TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail TCPSackRecoveryFail \
     TCPRcvCollapsed TCPBacklogCoalesce TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv TCPDSACKOfoRecv TCPAbortOnData \
     TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed TCPMemoryPressures \
     TCPMemoryPressuresChrono TCPSACKDiscard TCPDSACKIgnoredOld TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound \
     TCPMD5Unexpected TCPMD5Failure TCPSackShifted TCPSackMerged TCPSackShiftFallback TCPBacklogDrop PFMemallocDrop \
     TCPMinTTLDrop TCPDeferAcceptDrop IPReversePathFilter TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop \
     TCPRetransFail TCPRcvCoalesce TCPOFOQueue TCPOFODrop TCPOFOMerge TCPChallengeACK TCPSYNChallenge TCPFastOpenActive \
     TCPFastOpenActiveFail TCPFastOpenPassive TCPFastOpenPassiveFail TCPFastOpenListenOverflow TCPFastOpenCookieReqd \
     TCPFastOpenBlackhole TCPSpuriousRtxHostQueues BusyPollRxPackets TCPAutoCorking TCPFromZeroWindowAdv TCPToZeroWindowAdv \
     TCPWantZeroWindowAdv TCPSynRetrans TCPOrigDataSent TCPHystartTrainDetect TCPHystartTrainCwnd TCPHystartDelayDetect \
     TCPHystartDelayCwnd TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq TCPACKSkippedFinWait2 \
     TCPACKSkippedTimeWait TCPACKSkippedChallenge TCPWinProbe TCPKeepAlive TCPMTUPFail TCPMTUPSuccess TCPDelivered \
     TCPDeliveredCE TCPAckCompressed TCPZeroWindowDrop TCPRcvQDrop TCPWqueueTooBig TCPFastOpenPassiveAltKey \
     TcpTimeoutRehash TcpDuplicateDataRehash TCPDSACKRecvSegs TCPDSACKIgnoredDubious TCPMigrateReqSuccess \
     TCPMigrateReqFailure TCPPLBRehash TCPAORequired TCPAOBad TCPAOKeyNotFound TCPAOGood TCPAODroppedIcmps";

/// Names and values of one group.
type Rows = Vec<(String, i64)>;

pub(super) fn snmp(host: &mut Host, _: Reader<'_>) -> String {
    let mut text = group("Ip", &host.ip_rows()) + &group("Icmp", &host.icmp_rows());
    let kinds: Rows = host.icmp_kinds(true).collect();
    for some in kinds.chunks(16) {
        text += &group("IcmpMsg", some);
    }
    text += &group("Tcp", &host.tcp_rows());
    text += &group("Udp", &host.counts("Udp", UDP));
    text += &group("UdpLite", &nothing(UDP));
    text
}

pub(super) fn netstat(host: &mut Host, _: Reader<'_>) -> String {
    group("TcpExt", &host.counts("TcpExt", TCP_EXT)) + &group("IpExt", &host.counts("IpExt", IP_EXT))
}

pub(super) fn snmp6(host: &mut Host, _: Reader<'_>) -> String {
    let mut text = String::new();
    for (prefix, rows) in host.statistics6() {
        for (name, value) in rows {
            let _ = writeln!(text, "{:<32}\t{value}", format!("{prefix}{name}"));
        }
    }
    text
}

fn self_state(host: &Host, id: sockeye_stack::ConnectionId) -> Option<State> {
    host.stack.tcp(id).map(sockeye_tcp::Tcb::state)
}

impl Host {
    /// All that it has counted, as `/proc/net/snmp`, `netstat` and `snmp6` have it: groups, and the names and values of each.
    pub fn statistics(&self) -> Vec<(&'static str, Vec<(String, i64)>)> {
        let mut groups = vec![
            ("Ip", self.ip_rows()),
            ("Icmp", self.icmp_rows()),
            ("IcmpMsg", self.icmp_kinds(true).collect()),
            ("Tcp", self.tcp_rows()),
            ("Udp", self.counts("Udp", UDP)),
            ("UdpLite", nothing(UDP)),
            ("TcpExt", self.counts("TcpExt", TCP_EXT)),
            ("IpExt", self.counts("IpExt", IP_EXT)),
        ];
        groups.extend(self.statistics6());
        groups
    }

    fn statistics6(&self) -> [(&'static str, Rows); 4] {
        [
            ("Ip6", self.counts("Ip6", IP6)),
            ("Icmp6", self.icmp6_rows()),
            ("Udp6", self.counts("Udp6", UDP)),
            ("UdpLite6", nothing(UDP_LITE6)),
        ]
    }

    fn ip_rows(&self) -> Rows {
        let settings = self.stack.settings();
        let mut rows: Rows = vec![
            ("Forwarding".into(), if settings.ip_forward { 1 } else { 2 }),
            ("DefaultTTL".into(), settings.default_ttl.into()),
        ];
        rows.extend(self.counts("Ip", IP));
        rows
    }

    fn tcp_rows(&self) -> Rows {
        let open = self.stack.tcp_connections().filter_map(|id| self_state(self, id));
        let established = open.filter(|state| matches!(state, State::Established | State::CloseWait)).count();
        let mut rows: Rows = [("RtoAlgorithm", 1), ("RtoMin", 200), ("RtoMax", 120_000), ("MaxConn", -1)]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec();
        rows.extend(self.counts("Tcp", "ActiveOpens PassiveOpens"));
        rows.extend(self.counts("Tcp", TCP));
        rows.push(("CurrEstab".into(), i64::try_from(established).unwrap_or(i64::MAX)));
        rows.extend(self.counts("Tcp", TCP_END));
        rows
    }

    /// A group's counters by their names.
    fn counts(&self, prefix: &str, names: &str) -> Rows {
        let own =
            self.counters().iter().filter_map(|(name, count)| Some((name.strip_prefix(prefix)?, count)));
        let own: BTreeMap<&str, u64> = own.collect();
        let value = |name: &str| own.get(name).copied().unwrap_or(0).cast_signed();
        names.split(' ').map(|name| (name.to_owned(), value(name))).collect()
    }

    /// How many messages of a kind of ICMP went in or out.
    fn icmp_count(&self, is_it: impl Fn(&IcmpKind) -> bool) -> i64 {
        self.stack.icmp_counts().filter(|(kind, _)| is_it(kind)).map(|(_, count)| count.cast_signed()).sum()
    }

    /// The kinds that there were: those that came, then those that were sent.
    fn icmp_kinds(&self, v4: bool) -> impl Iterator<Item = (String, i64)> {
        let all = self.stack.icmp_counts().filter(move |(kind, _)| kind.v4 == v4);
        all.map(|(IcmpKind { out, kind, .. }, count)| {
            (format!("{}Type{kind}", if out { "Out" } else { "In" }), count.cast_signed())
        })
    }

    fn icmp_rows(&self) -> Rows {
        let mut rows = Rows::new();
        for out in [false, true] {
            let messages = self.icmp_count(|kind| kind.v4 && kind.out == out);
            let way = if out { "Out" } else { "In" };
            rows.push((format!("{way}Msgs"), messages));
            let errors =
                if out { "OutErrors OutRateLimitGlobal OutRateLimitHost" } else { "InErrors InCsumErrors" };
            rows.extend(self.counts("Icmp", errors));
            for (name, number) in ICMP {
                let count = self.icmp_count(|kind| *kind == IcmpKind { v4: true, out, kind: number });
                rows.push((format!("{way}{name}"), count));
            }
        }
        rows
    }

    fn icmp6_rows(&self) -> Rows {
        let mut rows = Rows::new();
        let messages = |out| self.icmp_count(|kind| !kind.v4 && kind.out == out);
        let none = |name: &str| (name.to_owned(), 0);
        rows.extend([("InMsgs".to_owned(), messages(false)), none("InErrors")]);
        rows.extend([("OutMsgs".to_owned(), messages(true)), none("OutErrors")]);
        rows.extend([none("InCsumErrors"), none("OutRateLimitHost")]);
        for out in [false, true] {
            let way = if out { "Out" } else { "In" };
            let mut row = |name: &str, number: u8| {
                let count = self.icmp_count(|kind| *kind == IcmpKind { v4: false, out, kind: number });
                rows.push((format!("{way}{name}"), count));
            };
            ICMP6.iter().for_each(|(name, number)| row(name, *number));
            row("MLDv2Reports", MLD2_REPORT);
        }
        rows.extend(self.icmp_kinds(false));
        rows
    }
}

fn nothing(names: &str) -> Rows {
    names.split(' ').map(|name| (name.to_owned(), 0)).collect()
}

/// A line of names and one of values.
fn group(name: &str, rows: &[(String, i64)]) -> String {
    let names: String = rows.iter().map(|(name, _)| format!(" {name}")).collect();
    let values: String = rows.iter().map(|(_, value)| format!(" {value}")).collect();
    format!("{name}:{names}\n{name}:{values}\n")
}
