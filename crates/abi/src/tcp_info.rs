//! `struct tcp_info`: what TCP_INFO shows of a connection (linux/tcp.h, as of Linux 6.18: 280 bytes).

/// What is known of a connection. Fields that aren't here read as zero. Times are in microseconds, as in Linux.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[allow(missing_docs)] // the names are Linux's, with the `tcpi_` taken off
pub struct TcpInfo {
    /// Linux's number of the state: ESTABLISHED 1, SYN_SENT 2, SYN_RECV 3, FIN_WAIT1 4, FIN_WAIT2 5, TIME_WAIT 6,
    /// CLOSE 7, CLOSE_WAIT 8, LAST_ACK 9, LISTEN 10, CLOSING 11.
    pub state: u8,
    /// How losses are being repaired: open 0, disorder 1, CWR 2, recovery 3, loss 4.
    pub ca_state: u8,
    pub retransmits: u8,
    pub probes: u8,
    pub backoff: u8,
    /// TCPI_OPT_*: timestamps 1, SACK 2, window scale 4, ECN 8, ECN seen 16, data in the SYN 32.
    pub options: u8,
    pub snd_wscale: u8,
    pub rcv_wscale: u8,
    /// Why data did not go with the SYN: unknown 0, no cookie 1, not acknowledged 2, SYN repeated 3.
    pub fastopen_client_fail: u8,
    pub rto: u32,
    pub ato: u32,
    pub snd_mss: u32,
    pub rcv_mss: u32,
    /// Segments; for a listener the length of its accept queue.
    pub unacked: u32,
    /// Segments; for a listener its backlog.
    pub sacked: u32,
    pub lost: u32,
    pub retrans: u32,
    pub pmtu: u32,
    pub rcv_ssthresh: u32,
    pub rtt: u32,
    pub rttvar: u32,
    pub snd_ssthresh: u32,
    pub snd_cwnd: u32,
    pub advmss: u32,
    pub reordering: u32,
    pub rcv_space: u32,
    pub total_retrans: u32,
    pub bytes_acked: u64,
    pub bytes_received: u64,
    pub segs_out: u32,
    pub segs_in: u32,
    pub notsent_bytes: u32,
    pub min_rtt: u32,
    pub data_segs_in: u32,
    pub data_segs_out: u32,
    pub delivered: u32,
    pub delivered_ce: u32,
    /// Milliseconds since data was last sent, data was last received, anything was last acknowledged.
    pub last_data_sent: u32,
    pub last_data_recv: u32,
    pub last_ack_recv: u32,
    /// Bytes per second.
    pub pacing_rate: u64,
    pub max_pacing_rate: u64,
    pub bytes_sent: u64,
    pub bytes_retrans: u64,
    pub dsack_dups: u32,
    pub reord_seen: u32,
    pub rcv_ooopack: u32,
    pub snd_wnd: u32,
    pub rcv_wnd: u32,
    pub rcv_rtt: u32,
    pub busy_time: u64,
    pub rwnd_limited: u64,
    pub sndbuf_limited: u64,
    pub total_rto: u16,
    pub total_rto_recoveries: u16,
    /// Milliseconds.
    pub total_rto_time: u32,
}

impl TcpInfo {
    /// The length of the whole struct.
    pub const LEN: usize = 280;

    /// The struct's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0; TcpInfo::LEN];
        out[0] = self.state;
        out[1] = self.ca_state;
        out[2] = self.retransmits;
        out[3] = self.probes;
        out[4] = self.backoff;
        out[5] = self.options;
        out[6] = (self.snd_wscale & 0xf) | (self.rcv_wscale << 4);
        out[7] = (self.fastopen_client_fail & 3) << 1;
        for (at, value) in [
            (8, self.rto),
            (12, self.ato),
            (16, self.snd_mss),
            (20, self.rcv_mss),
            (24, self.unacked),
            (28, self.sacked),
            (32, self.lost),
            (36, self.retrans),
            (44, self.last_data_sent),
            (52, self.last_data_recv),
            (56, self.last_ack_recv),
            (60, self.pmtu),
            (64, self.rcv_ssthresh),
            (68, self.rtt),
            (72, self.rttvar),
            (76, self.snd_ssthresh),
            (80, self.snd_cwnd),
            (84, self.advmss),
            (88, self.reordering),
            (92, self.rcv_rtt),
            (96, self.rcv_space),
            (100, self.total_retrans),
            (136, self.segs_out),
            (140, self.segs_in),
            (144, self.notsent_bytes),
            (148, self.min_rtt),
            (152, self.data_segs_in),
            (156, self.data_segs_out),
            (192, self.delivered),
            (196, self.delivered_ce),
            (216, self.dsack_dups),
            (220, self.reord_seen),
            (224, self.rcv_ooopack),
            (228, self.snd_wnd),
            (232, self.rcv_wnd),
            (244, self.total_rto_time),
        ] {
            out[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        for (at, value) in [
            (104, self.pacing_rate),
            (112, self.max_pacing_rate),
            (120, self.bytes_acked),
            (128, self.bytes_received),
            (168, self.busy_time),
            (176, self.rwnd_limited),
            (184, self.sndbuf_limited),
            (200, self.bytes_sent),
            (208, self.bytes_retrans),
        ] {
            out[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        }
        for (at, value) in [(240, self.total_rto), (242, self.total_rto_recoveries)] {
            out[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_linux_has_them() {
        let bytes =
            TcpInfo { state: 1, snd_wscale: 7, rcv_wscale: 9, rtt: 40, rcv_wnd: 5, ..TcpInfo::default() }
                .to_bytes();
        assert_eq!(bytes.len(), 280);
        assert_eq!((bytes[0], bytes[6], bytes[68], bytes[232]), (1, 0x97, 40, 5));
    }
}
