//! The inside of a connection in ss' words, and what held it back in ours.

use std::time::Duration;

use sockeye_abi::TcpInfo;
use sockeye_look::{Memory, Socket, Timer, TimerKind};

/// TCPI_OPT_*, and ss' words for them.
const OPTIONS: [(u8, &str); 5] = [(1, "ts"), (2, "sack"), (8, "ecn"), (16, "ecnseen"), (32, "fastopen")];
/// TCPI_OPT_WSCALE.
const WINDOW_SCALE: u8 = 4;
/// A slow start threshold that was never set.
const NO_THRESHOLD: u32 = 0xffff;
/// What Linux takes reordering to be at first.
const REORDERING: u32 = 3;
/// A minimum of round trips that was never measured.
const NO_RTT: u32 = u32::MAX;

/// `timer:(keepalive,119min,0)`
pub(super) fn timer(timer: &Timer) -> String {
    let kind = match timer.kind {
        TimerKind::Retransmit => "on",
        TimerKind::Keepalive => "keepalive",
        TimerKind::TimeWait => "timewait",
        TimerKind::Persist => "persist",
    };
    format!("timer:({kind},{},{})", span(timer.expires), timer.retransmits)
}

/// A time as ss prints it: minutes and seconds, or milliseconds.
fn span(millis: u64) -> String {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let mut text = String::new();
    let mut rest = rest;
    if minutes > 0 {
        rest = 0;
        text += &format!("{minutes}min");
    }
    if seconds > 0 {
        let before_minutes = minutes > 9;
        if !before_minutes {
            text += &format!("{seconds}{}", if rest > 0 { "." } else { "sec" });
        }
    }
    if rest > 0 {
        text += &if seconds > 0 { format!("{rest:03}sec") } else { format!("{rest:03}ms") };
    }
    text
}

/// `uid:1000 ino:4711 sk:1 <->`
pub(super) fn extended(socket: &Socket, uid: u32) -> String {
    let mut words = Vec::new();
    words.extend((uid != 0 && socket.inode != 0).then(|| format!("uid:{uid}")));
    words.push(format!("ino:{}", socket.inode));
    words.push(format!("sk:{:x}", socket.cookie));
    words.extend((socket.mark != 0).then(|| format!("fwmark:0x{:x}", socket.mark)));
    if socket.protocol.is_v6() && socket.remote.port() == 0 {
        words.push(format!("v6only:{}", u8::from(socket.v6only)));
    }
    let (read, write) = socket.shut;
    let arrows = [if read { "-" } else { "<" }, "-", if write { "-" } else { ">" }].concat();
    words.extend((socket.inode != 0).then_some(arrows));
    words.join(" ")
}

/// `skmem:(r0,rb131072,t0,…)`
pub(super) fn memory(memory: &Memory) -> String {
    let Memory { received, receive_buffer, sent, send_buffer, forward, queued, options, backlog, drops } =
        memory;
    format!(
        "skmem:(r{received},rb{receive_buffer},t{sent},tb{send_buffer},f{forward},w{queued},o{options},bl{backlog},d{drops})"
    )
}

/// TCP's numbers, in ss' order; nothing of what has none.
pub(super) fn info(socket: &Socket) -> Option<String> {
    let tcp = socket.tcp.as_ref()?;
    let mut words: Vec<String> = OPTIONS
        .iter()
        .filter(|(bit, _)| tcp.options & bit != 0)
        .map(|(_, word)| (*word).to_owned())
        .collect();
    words.extend(socket.congestion.clone());
    if tcp.options & WINDOW_SCALE != 0 {
        words.push(format!("wscale:{},{}", tcp.snd_wscale, tcp.rcv_wscale));
    }
    let known = |name: &str, value: u64| (value != 0).then(|| format!("{name}:{value}"));
    words.push(format!("rto:{}", fraction(tcp.rto.into())));
    words.extend(known("backoff", tcp.backoff.into()));
    if tcp.rtt != 0 {
        words.push(format!("rtt:{}/{}", fraction(tcp.rtt.into()), fraction(tcp.rttvar.into())));
    }
    words.extend((tcp.ato != 0).then(|| format!("ato:{}", fraction(tcp.ato.into()))));
    words.extend(known("mss", tcp.snd_mss.into()));
    words.extend(known("pmtu", tcp.pmtu.into()));
    words.extend(known("rcvmss", tcp.rcv_mss.into()));
    words.extend(known("advmss", tcp.advmss.into()));
    words.extend(known("cwnd", tcp.snd_cwnd.into()));
    words.extend((tcp.snd_ssthresh < NO_THRESHOLD).then(|| format!("ssthresh:{}", tcp.snd_ssthresh)));
    for (name, value) in [
        ("bytes_sent", tcp.bytes_sent),
        ("bytes_retrans", tcp.bytes_retrans),
        ("bytes_acked", tcp.bytes_acked),
        ("bytes_received", tcp.bytes_received),
        ("segs_out", tcp.segs_out.into()),
        ("segs_in", tcp.segs_in.into()),
        ("data_segs_out", tcp.data_segs_out.into()),
        ("data_segs_in", tcp.data_segs_in.into()),
    ] {
        words.extend(known(name, value));
    }
    if tcp.rtt > 0 && tcp.snd_mss > 0 && tcp.snd_cwnd > 0 {
        let bits = u64::from(tcp.snd_cwnd) * u64::from(tcp.snd_mss) * 8;
        words.push(format!("send {}bps", bits.saturating_mul(1_000_000) / u64::from(tcp.rtt)));
    }
    words.extend(known("lastsnd", tcp.last_data_sent.into()));
    words.extend(known("lastrcv", tcp.last_data_recv.into()));
    words.extend(known("lastack", tcp.last_ack_recv.into()));
    words.extend(pacing(tcp));
    words.extend(limits(tcp));
    words.extend(losses(tcp));
    words.extend((tcp.rcv_rtt != 0).then(|| format!("rcv_rtt:{}", fraction(tcp.rcv_rtt.into()))));
    words.extend(known("rcv_space", tcp.rcv_space.into()));
    words.extend(known("rcv_ssthresh", tcp.rcv_ssthresh.into()));
    words.extend(known("notsent", tcp.notsent_bytes.into()));
    if tcp.min_rtt != 0 && tcp.min_rtt != NO_RTT {
        words.push(format!("minrtt:{}", fraction(tcp.min_rtt.into())));
    }
    words.extend(known("rcv_ooopack", tcp.rcv_ooopack.into()));
    words.extend(known("snd_wnd", tcp.snd_wnd.into()));
    words.extend(known("rcv_wnd", tcp.rcv_wnd.into()));
    Some(words.join(" "))
}

fn pacing(tcp: &TcpInfo) -> Option<String> {
    let bits = |bytes: u64| bytes.saturating_mul(8);
    let bound = (tcp.max_pacing_rate != 0 && tcp.max_pacing_rate != u64::MAX)
        .then(|| format!("/{}bps", bits(tcp.max_pacing_rate)));
    (tcp.pacing_rate != 0)
        .then(|| format!("pacing_rate {}bps{}", bits(tcp.pacing_rate), bound.unwrap_or_default()))
}

/// For how long sending was busy, and held back.
fn limits(tcp: &TcpInfo) -> Vec<String> {
    let mut words = Vec::new();
    words.extend((tcp.delivered != 0).then(|| format!("delivered:{}", tcp.delivered)));
    words.extend((tcp.delivered_ce != 0).then(|| format!("delivered_ce:{}", tcp.delivered_ce)));
    if tcp.busy_time == 0 {
        return words;
    }
    words.push(format!("busy:{}ms", tcp.busy_time / 1000));
    for (name, micros) in [("rwnd_limited", tcp.rwnd_limited), ("sndbuf_limited", tcp.sndbuf_limited)] {
        if micros != 0 {
            words.push(format!("{name}:{}ms({}%)", micros / 1000, percent(micros, tcp.busy_time)));
        }
    }
    words
}

fn losses(tcp: &TcpInfo) -> Vec<String> {
    let known = |name: &str, value: u32| (value != 0).then(|| format!("{name}:{value}"));
    let mut words = Vec::new();
    words.extend(known("unacked", tcp.unacked));
    if tcp.retrans != 0 || tcp.total_retrans != 0 {
        words.push(format!("retrans:{}/{}", tcp.retrans, tcp.total_retrans));
    }
    words.extend(known("lost", tcp.lost));
    words.extend(known("sacked", tcp.sacked));
    words.extend(known("dsack_dups", tcp.dsack_dups));
    words.extend((tcp.reordering != REORDERING).then(|| format!("reordering:{}", tcp.reordering)));
    words.extend(known("reord_seen", tcp.reord_seen));
    words
}

/// What held a connection back, in words: each with its share of the connection's life.
pub(super) fn held_back(socket: &Socket) -> Option<String> {
    let tcp = socket.tcp.as_ref()?;
    let life = socket.age?.max(1) / 1000;
    let busy = tcp.busy_time.min(life);
    let path = busy.saturating_sub(tcp.rwnd_limited).saturating_sub(tcp.sndbuf_limited);
    let mut causes = [
        (tcp.rwnd_limited, "limited by the receiver's window"),
        (tcp.sndbuf_limited, "limited by its send buffer"),
        (path, "limited by the network"),
        (life - busy, "with nothing to send"),
    ];
    causes.sort_by_key(|(micros, _)| std::cmp::Reverse(*micros));
    let cause = |(micros, what): &(u64, &str)| format!("{what} for {} %", percent(*micros, life.max(1)));
    let told: Vec<String> = causes.iter().filter(|(micros, _)| micros * 1000 >= life).map(cause).collect();
    let mut text = format!("of its life of {:.1?}: {}", Duration::from_micros(life), told.join(", "));
    if tcp.total_retrans > 0 {
        text += &format!("; {} of {} segments with data sent again", tcp.total_retrans, tcp.data_segs_out);
    }
    Some(text)
}

/// One digit behind the point.
fn percent(part: u64, whole: u64) -> String {
    let tenths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole.max(1));
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Microseconds as milliseconds, with as many digits behind the point as there are, three at most.
fn fraction(micros: u64) -> String {
    let text = format!("{}.{:03}", micros / 1000, micros % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares() {
        for (millis, text) in
            [(59_370, "59.370sec"), (7_199_000, "119min"), (204, "204ms"), (61_000, "1min1sec")]
        {
            assert_eq!(span(millis), text);
        }
        assert_eq!(
            (fraction(25), fraction(204_000), fraction(1_500)),
            ("0.025".into(), "204".into(), "1.5".into())
        );
        assert_eq!((percent(400, 1000), percent(1, 3)), ("40.0".to_owned(), "33.3".to_owned()));
    }
}
