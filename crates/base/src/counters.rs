//! What a host counts: why it dropped or refused something, then how much it sent and received. Names are Linux's: those of nstat(8) where it has a
//! counter, in capitals those of its drop reasons (`SKB_DROP_REASON_…`) where it only has that.

use std::ops::Index;

macro_rules! counters {
    ($($counter:ident $name:literal $text:literal;)*) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Counter {
            $(#[doc = $text] $counter,)*
        }

        impl Counter {
            /// All of them, in the order of the table.
            pub const ALL: &[Counter] = &[$(Counter::$counter,)*];

            /// Its name in Linux.
            pub fn name(self) -> &'static str {
                match self {
                    $(Counter::$counter => $name,)*
                }
            }

            /// What it says.
            pub fn text(self) -> &'static str {
                match self {
                    $(Counter::$counter => $text,)*
                }
            }
        }
    };
}

counters! {
    OtherHost "OTHERHOST" "Frames for another host's hardware address.";
    UnicastInMulticast "UNICAST_IN_L2_MULTICAST" "Packets for one host in frames for many.";
    UnhandledProtocol "UNHANDLED_PROTO" "Frames of a kind nobody knows.";
    NeighbourQueueFull "NEIGH_QUEUEFULL" "Packets that waited for a neighbour's address and made room for others.";
    NeighbourFailed "NEIGH_FAILED" "Packets whose neighbour did not answer.";

    IpInHdrErrors "IpInHdrErrors" "Packets with a header that can't be.";
    IpInCsumErrors "IpExtInCsumErrors" "Packets with a wrong header checksum.";
    IpInTruncated "IpExtInTruncatedPkts" "Packets longer than what came.";
    IpInAddrErrors "IpInAddrErrors" "Packets for addresses that aren't ours.";
    IpInvalidSource "IP_INVALID_SOURCE" "Packets from addresses that can't be a sender's.";
    IpInUnknownProtos "IpInUnknownProtos" "Packets of a protocol nobody serves.";
    IpOutNoRoutes "IpOutNoRoutes" "Packets with nowhere to go.";
    IpReasmFails "IpReasmFails" "Fragments that made no packet: contradictory, too many, or too late.";
    IpReasmTimeout "IpReasmTimeout" "Packets whose fragments did not come in time.";

    IcmpInErrors "IcmpInErrors" "ICMP messages that can't be.";
    IcmpInCsumErrors "IcmpInCsumErrors" "ICMP messages with a wrong checksum.";
    IcmpOutRateLimit "IcmpOutRateLimitHost" "ICMP errors not sent, for there were too many.";
    OutOfWindowIcmps "TcpExtOutOfWindowIcmps" "ICMP errors about segments that aren't under way.";

    SocketRcvbuff "SOCKET_RCVBUFF" "Packets for raw and ping sockets that found the receive buffer full.";

    UdpNoPorts "UdpNoPorts" "Datagrams for nobody.";
    UdpInErrors "UdpInErrors" "Datagrams that can't be, or found no room.";
    UdpRcvbufErrors "UdpRcvbufErrors" "Datagrams that found the receive buffer full.";
    UdpInCsumErrors "UdpInCsumErrors" "Datagrams with a wrong checksum.";

    TcpInErrs "TcpInErrs" "Segments that can't be.";
    TcpInCsumErrors "TcpInCsumErrors" "Segments with a wrong checksum.";
    TcpNoSocket "NO_SOCKET" "Segments for nobody.";
    TcpFlags "TCP_FLAGS" "Segments whose flags make no sense where they came.";
    TcpOutRsts "TcpOutRsts" "Resets sent.";
    TcpAttemptFails "TcpAttemptFails" "Connections that ended before they began.";
    TcpEstabResets "TcpEstabResets" "Connections that were reset.";

    ListenOverflows "TcpExtListenOverflows" "SYNs and finished handshakes that found the accept queue full.";
    EmbryonicRsts "TcpExtEmbryonicRsts" "Handshakes that were reset because the accept queue was full.";
    ListenDrops "TcpExtListenDrops" "SYNs and finished handshakes that were dropped.";
    DeferAcceptDrop "TcpExtTCPDeferAcceptDrop" "Acknowledgements without data that a listener waits to see followed by some.";
    ReqQFullDoCookies "TcpExtTCPReqQFullDoCookies" "SYNs that found the SYN queue full and got a cookie.";
    ReqQFullDrop "TcpExtTCPReqQFullDrop" "SYNs that found the SYN queue full and were dropped.";
    SyncookiesSent "TcpExtSyncookiesSent" "SYN cookies sent.";
    SyncookiesRecv "TcpExtSyncookiesRecv" "SYN cookies that came back.";
    SyncookiesFailed "TcpExtSyncookiesFailed" "Acknowledgements that were no SYN cookies.";

    PawsEstab "TcpExtPAWSEstab" "Segments with an old timestamp.";
    OldSequence "TCP_OLD_SEQUENCE" "Segments before the window.";
    InvalidSequence "TCP_INVALID_SEQUENCE" "Segments beyond the window.";
    OldData "TCP_OLD_DATA" "Segments with data that all had come before.";
    OverWindow "TCP_OVERWINDOW" "Segments with data beyond the window.";
    ZeroWindowDrop "TcpExtTCPZeroWindowDrop" "Segments with data for a shut window.";
    DelayedAckLost "TcpExtDelayedACKLost" "Segments that came twice, as if their acknowledgement had been lost.";
    OldAck "TCP_OLD_ACK" "Acknowledgements of what was acknowledged long before.";
    AckUnsentData "TCP_ACK_UNSENT_DATA" "Acknowledgements of what was never sent.";
    SackDiscard "TcpExtTCPSACKDiscard" "SACK blocks that lie outside of what is in flight.";
    DsackIgnored "TcpExtTCPDSACKIgnoredOld" "Reports of duplicates that can't be of ours.";
    OfoQueue "TcpExtTCPOFOQueue" "Segments kept because they came early.";
    OfoMerge "TcpExtTCPOFOMerge" "Segments that came early and overlap others.";
    OfoDrop "TcpExtTCPOFODrop" "Segments that came early and found no room.";
    ChallengeAck "TcpExtTCPChallengeACK" "Challenges sent to who might not be the peer.";
    SynChallenge "TcpExtTCPSYNChallenge" "Challenges sent for a SYN in a connection.";
    AckSkippedSynRecv "TcpExtTCPACKSkippedSynRecv" "Answers not sent in SYN-RECEIVED, for there were too many.";
    AckSkippedPaws "TcpExtTCPACKSkippedPAWS" "Answers to old timestamps not sent, for there were too many.";
    AckSkippedSeq "TcpExtTCPACKSkippedSeq" "Answers to segments outside of the window not sent, for there were too many.";
    AckSkippedTimeWait "TcpExtTCPACKSkippedTimeWait" "Answers not sent in TIME-WAIT, for there were too many.";
    AckSkippedChallenge "TcpExtTCPACKSkippedChallenge" "Challenges not sent, for there were too many.";
    MinTtlDrop "TcpExtTCPMinTTLDrop" "Segments whose TTL was less than a socket wants.";
    AbortOnData "TcpExtTCPAbortOnData" "Connections reset because data came that nobody will read.";
    AbortOnTimeout "TcpExtTCPAbortOnTimeout" "Connections given up because nothing was heard.";
    AbortOnMemory "TcpExtTCPAbortOnMemory" "Connections reset because nobody held them and there were too many.";
    TimeWaitOverflow "TcpExtTCPTimeWaitOverflow" "Connections whose TIME-WAIT was left out because there were too many.";

    // What every packet counts stands together: so it is in few lines of the processor's cache.
    IpInReceives "IpInReceives" "Packets that came.";
    IpInDelivers "IpInDelivers" "Packets for this host that somebody took.";
    IpInOctets "IpExtInOctets" "Bytes of packets that came.";
    IpInNoECTPkts "IpExtInNoECTPkts" "Packets that came and may not be marked.";
    IpOutRequests "IpOutRequests" "Packets this host made.";
    IpOutTransmits "IpOutTransmits" "Packets sent, before they were cut.";
    IpOutOctets "IpExtOutOctets" "Bytes of packets sent.";
    TcpInSegs "TcpInSegs" "Segments that came.";
    TcpOutSegs "TcpOutSegs" "Segments sent.";
    Ip6InReceives "Ip6InReceives" "Packets of IPv6 that came.";
    Ip6InDelivers "Ip6InDelivers" "Packets of IPv6 for this host that somebody took.";
    Ip6InOctets "Ip6InOctets" "Bytes of packets of IPv6 that came.";
    Ip6InNoECTPkts "Ip6InNoECTPkts" "Packets of IPv6 that came and may not be marked.";
    Ip6OutRequests "Ip6OutRequests" "Packets of IPv6 this host made.";
    Ip6OutTransmits "Ip6OutTransmits" "Packets of IPv6 sent, before they were cut.";
    Ip6OutOctets "Ip6OutOctets" "Bytes of packets of IPv6 sent.";

    IpForwDatagrams "IpForwDatagrams" "Packets for others that were sent on.";
    IpReasmReqds "IpReasmReqds" "Fragments that came.";
    IpReasmOKs "IpReasmOKs" "Packets that were put together.";
    IpFragOKs "IpFragOKs" "Packets that were cut.";
    IpFragCreates "IpFragCreates" "Fragments made.";
    IpInMcastPkts "IpExtInMcastPkts" "Packets for groups that came.";
    IpOutMcastPkts "IpExtOutMcastPkts" "Packets sent to groups.";
    IpInMcastOctets "IpExtInMcastOctets" "Bytes of packets for groups that came.";
    IpOutMcastOctets "IpExtOutMcastOctets" "Bytes of packets sent to groups.";
    IpInBcastPkts "IpExtInBcastPkts" "Packets for all that came.";
    IpOutBcastPkts "IpExtOutBcastPkts" "Packets sent to all.";
    IpInBcastOctets "IpExtInBcastOctets" "Bytes of packets for all that came.";
    IpOutBcastOctets "IpExtOutBcastOctets" "Bytes of packets sent to all.";
    IpInECT1Pkts "IpExtInECT1Pkts" "Packets that came with ECT(1).";
    IpInECT0Pkts "IpExtInECT0Pkts" "Packets that came with ECT(0).";
    IpInCEPkts "IpExtInCEPkts" "Packets that came marked: congestion was met.";

    Ip6OutForwDatagrams "Ip6OutForwDatagrams" "Packets of IPv6 for others that were sent on.";
    Ip6ReasmReqds "Ip6ReasmReqds" "Fragments of IPv6 that came.";
    Ip6ReasmOKs "Ip6ReasmOKs" "Packets of IPv6 that were put together.";
    Ip6FragOKs "Ip6FragOKs" "Packets of IPv6 that were cut.";
    Ip6FragCreates "Ip6FragCreates" "Fragments of IPv6 made.";
    Ip6InMcastPkts "Ip6InMcastPkts" "Packets of IPv6 for groups that came.";
    Ip6OutMcastPkts "Ip6OutMcastPkts" "Packets of IPv6 sent to groups.";
    Ip6InMcastOctets "Ip6InMcastOctets" "Bytes of packets of IPv6 for groups that came.";
    Ip6OutMcastOctets "Ip6OutMcastOctets" "Bytes of packets of IPv6 sent to groups.";
    Ip6InECT1Pkts "Ip6InECT1Pkts" "Packets of IPv6 that came with ECT(1).";
    Ip6InECT0Pkts "Ip6InECT0Pkts" "Packets of IPv6 that came with ECT(0).";
    Ip6InCEPkts "Ip6InCEPkts" "Packets of IPv6 that came marked: congestion was met.";

    UdpInDatagrams "UdpInDatagrams" "Datagrams that were received.";
    UdpOutDatagrams "UdpOutDatagrams" "Datagrams sent.";
    Udp6InDatagrams "Udp6InDatagrams" "Datagrams over IPv6 that were received.";
    Udp6OutDatagrams "Udp6OutDatagrams" "Datagrams over IPv6 sent.";

    TcpActiveOpens "TcpActiveOpens" "Connections begun from here.";
    TcpPassiveOpens "TcpPassiveOpens" "Connections begun by peers, once their handshakes were done.";
    TcpRetransSegs "TcpRetransSegs" "Segments sent again.";
}

/// How often each was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters([u64; Counter::ALL.len()]);

impl Counters {
    /// Once more.
    pub fn add(&mut self, counter: Counter) {
        self.add_many(counter, 1);
    }

    /// So many more.
    #[inline]
    pub fn add_many(&mut self, counter: Counter, n: u64) {
        self.0[counter as usize] += n;
    }

    /// All that `tally` has.
    pub fn add_all(&mut self, tally: Tally) {
        for (count, bit) in self.0.iter_mut().zip(0..) {
            *count += u64::from(tally.0[bit / 64] >> (bit % 64) & 1 == 1);
        }
    }

    /// All, by name, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Counter::ALL.iter().map(|counter| (counter.name(), self[*counter]))
    }

    /// One, by its name.
    pub fn by_name(&self, name: &str) -> Option<u64> {
        self.iter().find(|(known, _)| *known == name).map(|(_, count)| count)
    }
}

impl Default for Counters {
    fn default() -> Counters {
        Counters([0; Counter::ALL.len()])
    }
}

impl Index<Counter> for Counters {
    type Output = u64;
    fn index(&self, counter: Counter) -> &u64 {
        &self.0[counter as usize]
    }
}

/// What is to be counted of one step, each at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([u64; 2]);

const _: () = assert!(LAST_TALLIED < 128, "a tally has room for all");

/// Those behind this one in the table count how much, not why, and are not tallied.
const LAST_TALLIED: usize = Counter::TimeWaitOverflow as usize;

impl Tally {
    /// Notes one, of those up to [`Counter::TimeWaitOverflow`].
    pub fn note(&mut self, counter: Counter) {
        debug_assert!(counter as usize <= LAST_TALLIED, "{counter:?} is not tallied");
        self.0[counter as usize / 64] |= 1 << (counter as usize % 64);
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self == Tally::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Counter::ALL.iter().map(|counter| counter.name()).collect();
        assert_eq!(names.len(), Counter::ALL.len());
    }

    #[test]
    fn a_tally_is_counted_once() {
        let mut counters = Counters::default();
        for counter in &Counter::ALL[..=LAST_TALLIED] {
            let mut tally = Tally::default();
            assert!(tally.is_empty());
            tally.note(*counter);
            tally.note(*counter);
            assert!(!tally.is_empty());
            counters.add_all(tally);
            counters.add(*counter);
            assert_eq!((counters[*counter], counters.by_name(counter.name())), (2, Some(2)));
        }
        assert_eq!(counters.iter().map(|(_, count)| count).sum::<u64>(), 2 * (LAST_TALLIED as u64 + 1));
    }
}
