//! A host's settings by the names of Linux's sysctls: one row each, with Linux's bounds. A name that isn't here is not
//! supported and fails, and so does a value that the host can't do.

use std::ops::RangeInclusive;

use sockeye_base::Duration;
use sockeye_tcp::{Buffer, Congestion, EcnMode};

use crate::fast_open::FastOpenKeys;
use crate::settings::Settings;

/// Why a setting was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SysctlError {
    /// The host has no such setting (Linux: ENOENT).
    Unknown,
    /// It can't be that (Linux: EINVAL).
    Invalid,
}

/// Where a setting is kept, and what it may be.
enum Place<'a> {
    /// On unless 0.
    Flag(&'a mut bool),
    Byte(&'a mut u8, RangeInclusive<u8>),
    Number(&'a mut u32, RangeInclusive<u32>),
    Count(&'a mut usize),
    Seconds(&'a mut Duration, RangeInclusive<u64>),
    Millis(&'a mut Duration, RangeInclusive<u64>),
    Micros(&'a mut Duration, RangeInclusive<u64>),
    Sizes(&'a mut Buffer),
    Ports(&'a mut (u16, u16)),
    Groups(&'a mut (u32, u32)),
    Algorithm(&'a mut Congestion),
    Ecn(&'a mut EcnMode),
    /// Keys of cookies.
    Keys(&'a mut Option<FastOpenKeys>),
    /// What the host does and nothing else; the values that mean it, the default first.
    Only(&'static [&'static str]),
}

/// Linux keeps seconds in an int of ticks, 250 of them (or more) a second.
const MOST_SECONDS: u64 = 2_147_483;
const MOST_INT: u64 = i32::MAX as u64;
/// SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF; half of an int, as they are doubled.
const LEAST_RMEM_MAX: u32 = 2304;
const LEAST_WMEM_MAX: u32 = 4608;
const MOST_MEM_MAX: u32 = i32::MAX as u32;

/// What TCP_CONGESTION knows.
const ALGORITHMS: &str = "reno cubic";

type Row = (&'static str, fn(&mut Settings) -> Place<'_>);

/// The rows, by name without `net.`.
const ROWS: &[Row] = {
    use Place::{
        Algorithm, Byte, Count, Ecn, Flag, Groups, Keys, Micros, Millis, Number, Only, Ports, Seconds, Sizes,
    };
    &[
        ("core.rmem_default", |s| Count(&mut s.rmem_default)),
        ("core.rmem_max", |s| Number(&mut s.rmem_max, LEAST_RMEM_MAX..=MOST_MEM_MAX)),
        ("core.somaxconn", |s| Count(&mut s.somaxconn)),
        ("core.wmem_default", |_| Only(&["212992"])),
        ("core.wmem_max", |s| Number(&mut s.wmem_max, LEAST_WMEM_MAX..=MOST_MEM_MAX)),
        ("ipv4.conf.all.forwarding", |s| Flag(&mut s.ip_forward)),
        ("ipv4.icmp_echo_ignore_all", |s| Flag(&mut s.icmp_echo_ignore_all)),
        ("ipv4.icmp_echo_ignore_broadcasts", |s| Flag(&mut s.icmp_echo_ignore_broadcasts)),
        ("ipv4.icmp_msgs_burst", |s| Number(&mut s.icmp_msgs_burst, 0..=i32::MAX as u32)),
        ("ipv4.icmp_msgs_per_sec", |s| Number(&mut s.icmp_msgs_per_sec, 0..=i32::MAX as u32)),
        ("ipv4.icmp_ratelimit", |s| Millis(&mut s.icmp_ratelimit, 0..=MOST_INT)),
        ("ipv4.icmp_ratemask", |s| Number(&mut s.icmp_ratemask, 0..=u32::MAX)),
        ("ipv4.igmp_link_local_mcast_reports", |s| Flag(&mut s.igmp_link_local_mcast_reports)),
        ("ipv4.igmp_max_memberships", |s| Count(&mut s.igmp_max_memberships)),
        ("ipv4.igmp_max_msf", |s| Count(&mut s.igmp_max_msf)),
        ("ipv4.igmp_qrv", |s| Number(&mut s.igmp_qrv, 1..=i32::MAX as u32)),
        ("ipv4.ip_default_ttl", |s| Byte(&mut s.default_ttl, 1..=255)),
        ("ipv4.ip_forward", |s| Flag(&mut s.ip_forward)),
        ("ipv4.ip_local_port_range", |s| Ports(&mut s.ip_local_port_range)),
        ("ipv4.ip_nonlocal_bind", |_| Only(&["0"])),
        // A program is root of its network.
        ("ipv4.ip_unprivileged_port_start", |_| Only(&["0"])),
        ("ipv4.ipfrag_high_thresh", |s| Count(&mut s.ipfrag_high_thresh)),
        ("ipv4.ipfrag_time", |s| Seconds(&mut s.ipfrag_time, 0..=MOST_SECONDS)),
        ("ipv4.ping_group_range", |s| Groups(&mut s.ping_group_range)),
        ("ipv4.tcp_abort_on_overflow", |s| Flag(&mut s.tcp_abort_on_overflow)),
        ("ipv4.tcp_allowed_congestion_control", |_| Only(&[ALGORITHMS])),
        ("ipv4.tcp_available_congestion_control", |_| Only(&[ALGORITHMS])),
        ("ipv4.tcp_base_mss", |s| Number(&mut s.tcp.base_mss, 0..=i32::MAX as u32)),
        ("ipv4.tcp_challenge_ack_limit", |_| Only(&["2147483647"])),
        ("ipv4.tcp_congestion_control", |s| Algorithm(&mut s.tcp.congestion)),
        ("ipv4.tcp_dsack", |s| Flag(&mut s.tcp.dsack)),
        ("ipv4.tcp_early_retrans", |s| Byte(&mut s.tcp.early_retrans, 0..=4)),
        ("ipv4.tcp_ecn", |s| Ecn(&mut s.tcp.ecn)),
        ("ipv4.tcp_ecn_fallback", |s| Flag(&mut s.tcp.ecn_fallback)),
        ("ipv4.tcp_ecn_option", |_| Only(&["2"])),
        // Linux has done nothing with it since 4.15.
        ("ipv4.tcp_fack", |_| Only(&["0", "1"])),
        ("ipv4.tcp_fastopen", |s| Number(&mut s.tcp_fastopen, 0..=i32::MAX as u32)),
        ("ipv4.tcp_fastopen_blackhole_timeout_sec", |s| {
            Seconds(&mut s.tcp_fastopen_blackhole_timeout, 0..=MOST_SECONDS)
        }),
        ("ipv4.tcp_fastopen_key", |s| Keys(&mut s.tcp_fastopen_key)),
        ("ipv4.tcp_fin_timeout", |s| Seconds(&mut s.tcp.fin_timeout, 0..=MOST_SECONDS)),
        ("ipv4.tcp_max_syn_backlog", |s| Count(&mut s.tcp_max_syn_backlog)),
        ("ipv4.tcp_frto", |s| Flag(&mut s.tcp.frto)),
        ("ipv4.tcp_keepalive_intvl", |s| Seconds(&mut s.keepalive.interval, 0..=MOST_SECONDS)),
        ("ipv4.tcp_keepalive_probes", |s| Byte(&mut s.keepalive.count, 0..=255)),
        ("ipv4.tcp_keepalive_time", |s| Seconds(&mut s.keepalive.idle, 0..=MOST_SECONDS)),
        ("ipv4.tcp_max_reordering", |s| Number(&mut s.tcp.max_reordering, 1..=i32::MAX as u32)),
        ("ipv4.tcp_max_tw_buckets", |s| Count(&mut s.tcp_max_tw_buckets)),
        ("ipv4.tcp_max_orphans", |s| Count(&mut s.tcp_max_orphans)),
        ("ipv4.tcp_min_tso_segs", |s| Byte(&mut s.tcp.min_tso_segs, 1..=255)),
        ("ipv4.tcp_moderate_rcvbuf", |s| Flag(&mut s.tcp.moderate_rcvbuf)),
        ("ipv4.tcp_mtu_probe_floor", |s| Number(&mut s.tcp.mtu_probe_floor, 48..=65_535)),
        ("ipv4.tcp_mtu_probing", |s| Byte(&mut s.tcp.mtu_probing, 0..=255)),
        // What one connection learnt is never handed to the next, which either value allows.
        ("ipv4.tcp_no_metrics_save", |_| Only(&["0", "1"])),
        ("ipv4.tcp_notsent_lowat", |s| Number(&mut s.tcp.notsent_lowat, 0..=u32::MAX)),
        ("ipv4.tcp_orphan_retries", |s| Byte(&mut s.tcp.orphan_retries, 0..=255)),
        ("ipv4.tcp_pacing_ca_ratio", |s| Number(&mut s.tcp.pacing_ratios.1, 0..=1000)),
        ("ipv4.tcp_pacing_ss_ratio", |s| Number(&mut s.tcp.pacing_ratios.0, 0..=1000)),
        ("ipv4.tcp_probe_interval", |s| Seconds(&mut s.tcp.mtu_probe_interval, 0..=MOST_SECONDS)),
        ("ipv4.tcp_probe_threshold", |s| Number(&mut s.tcp.mtu_probe_threshold, 0..=i32::MAX as u32)),
        ("ipv4.tcp_recovery", |s| Byte(&mut s.tcp.rack, 0..=255)),
        ("ipv4.tcp_reordering", |s| Number(&mut s.tcp.reordering, 1..=300)),
        ("ipv4.tcp_retries1", |s| Byte(&mut s.tcp.retries1, 0..=255)),
        ("ipv4.tcp_retries2", |s| Byte(&mut s.tcp.retries2, 0..=255)),
        ("ipv4.tcp_rfc1337", |_| Only(&["0"])),
        ("ipv4.tcp_rto_max_ms", |s| Millis(&mut s.tcp.rto_max, 1000..=120_000)),
        ("ipv4.tcp_rto_min_us", |s| Micros(&mut s.tcp.rto_min, 1..=MOST_INT)),
        ("ipv4.tcp_rmem", |s| Sizes(&mut s.tcp.receive_buffer)),
        ("ipv4.tcp_sack", |s| Flag(&mut s.tcp.sack)),
        ("ipv4.tcp_slow_start_after_idle", |s| Flag(&mut s.tcp.slow_start_after_idle)),
        ("ipv4.tcp_stdurg", |s| Flag(&mut s.tcp.stdurg)),
        ("ipv4.tcp_syn_linear_timeouts", |s| Byte(&mut s.tcp.syn_linear_timeouts, 0..=127)),
        ("ipv4.tcp_syn_retries", |s| Byte(&mut s.tcp.syn_retries, 1..=127)),
        ("ipv4.tcp_synack_retries", |s| Byte(&mut s.tcp.synack_retries, 0..=255)),
        ("ipv4.tcp_syncookies", |s| Byte(&mut s.tcp_syncookies, 0..=2)),
        ("ipv4.tcp_thin_linear_timeouts", |s| Flag(&mut s.tcp.thin_linear_timeouts)),
        ("ipv4.tcp_timestamps", |s| Flag(&mut s.tcp.timestamps)),
        ("ipv4.tcp_tw_reuse", |s| Byte(&mut s.tcp_tw_reuse, 0..=2)),
        ("ipv4.tcp_tw_reuse_delay", |s| Millis(&mut s.tcp_tw_reuse_delay, 1..=60_000)),
        ("ipv4.tcp_window_scaling", |s| Flag(&mut s.tcp.window_scaling)),
        ("ipv4.tcp_wmem", |s| Sizes(&mut s.tcp.send_buffer)),
        ("ipv6.bindv6only", |_| Only(&["0"])),
        ("ipv6.conf.all.disable_ipv6", |_| Only(&["0"])),
        ("ipv6.conf.default.disable_ipv6", |_| Only(&["0"])),
        ("ipv6.icmp.echo_ignore_all", |s| Flag(&mut s.icmpv6_echo_ignore_all)),
        ("ipv6.icmp.ratelimit", |s| Millis(&mut s.icmpv6_ratelimit, 0..=MOST_INT)),
        ("ipv6.conf.all.forwarding", |s| Flag(&mut s.ip6_forward)),
        ("ipv6.ip6frag_time", |s| Seconds(&mut s.ip6frag_time, 0..=MOST_SECONDS)),
        ("ipv6.mld_max_msf", |s| Count(&mut s.mld_max_msf)),
        ("ipv6.mld_qrv", |s| Number(&mut s.mld_qrv, 1..=i32::MAX as u32)),
        ("unix.max_dgram_qlen", |s| Count(&mut s.unix_max_dgram_qlen)),
    ]
};

/// How the rows of one family of names are found: `net.ipv4.tcp_sack`, `net/ipv4/tcp_sack`, `/proc/sys/net/…`.
fn row(name: &str) -> Option<Row> {
    let name = name.trim_start_matches("/proc/sys/").replace('/', ".");
    let name = name.strip_prefix("net.")?;
    ROWS.iter().find(|(known, _)| *known == name).copied()
}

impl Settings {
    /// Sets what sysctl(8) calls `name`, from the text it would write.
    pub fn set_sysctl(&mut self, name: &str, value: &str) -> Result<(), SysctlError> {
        let (_, place) = row(name).ok_or(SysctlError::Unknown)?;
        place(self).set(value.trim()).ok_or(SysctlError::Invalid)
    }

    /// What sysctl(8) would show for `name`; `None`: there is no such setting.
    pub fn sysctl(&self, name: &str) -> Option<String> {
        let (_, place) = row(name)?;
        Some(place(&mut self.clone()).show())
    }

    /// The names of all settings, as sysctl(8) lists them.
    pub fn sysctl_names() -> impl Iterator<Item = String> {
        ROWS.iter().map(|(name, _)| format!("net.{name}"))
    }
}

impl Place<'_> {
    fn set(self, text: &str) -> Option<()> {
        match self {
            Place::Flag(on) => *on = number(text, &(0..=255))? != 0,
            Place::Byte(byte, bounds) => {
                let bounds = u64::from(*bounds.start())..=u64::from(*bounds.end());
                *byte = u8::try_from(number(text, &bounds)?).ok()?;
            }
            Place::Number(place, bounds) => {
                let bounds = u64::from(*bounds.start())..=u64::from(*bounds.end());
                *place = u32::try_from(number(text, &bounds)?).ok()?;
            }
            Place::Count(place) => *place = usize::try_from(number(text, &(0..=MOST_INT))?).ok()?,
            Place::Seconds(span, bounds) => *span = Duration::from_secs(number(text, &bounds)?),
            Place::Millis(span, bounds) => *span = Duration::from_millis(number(text, &bounds)?),
            Place::Micros(span, bounds) => *span = Duration::from_micros(number(text, &bounds)?),
            Place::Ports(range) => {
                let mut ports = text.split_whitespace().map(|port| port.parse::<u16>().ok());
                let (first, last) = (ports.next()??, ports.next()??);
                if first == 0 || last < first || ports.next().is_some() {
                    return None;
                }
                *range = (first, last);
            }
            Place::Groups(range) => {
                let groups: Option<Vec<u64>> =
                    text.split_whitespace().map(|group| number(group, &(0..=MOST_INT))).collect();
                let &[first, last] = groups?.as_slice() else { return None };
                let group = |group: u64| u32::try_from(group).ok();
                // None at all, as the kernel writes it.
                *range = if last < first { (1, 0) } else { (group(first)?, group(last)?) };
            }
            Place::Sizes(buffer) => {
                let sizes: Option<Vec<u64>> =
                    text.split_whitespace().map(|size| number(size, &(1..=MOST_INT))).collect();
                let &[least, first, most] = sizes?.as_slice() else { return None };
                let size = |size: u64| u32::try_from(size).ok();
                (buffer.least, buffer.first, buffer.most) = (size(least)?, size(first)?, size(most)?);
            }
            Place::Algorithm(algorithm) => *algorithm = Congestion::from_name(text.as_bytes())?,
            Place::Ecn(mode) => *mode = EcnMode::from_number(number(text, &(0..=2))?)?,
            Place::Keys(keys) => *keys = Some(FastOpenKeys::from_sysctl(text)?),
            Place::Only(values) => {
                values.contains(&text).then_some(())?;
            }
        }
        Some(())
    }

    fn show(self) -> String {
        match self {
            Place::Flag(on) => u8::from(*on).to_string(),
            Place::Byte(byte, _) => byte.to_string(),
            Place::Number(number, _) => number.to_string(),
            Place::Count(count) => count.to_string(),
            Place::Seconds(span, _) => span.as_secs().to_string(),
            Place::Millis(span, _) => span.as_millis().to_string(),
            Place::Micros(span, _) => span.as_micros().to_string(),
            Place::Ports((first, last)) => format!("{first}\t{last}"),
            Place::Groups((first, last)) => format!("{first}\t{last}"),
            Place::Sizes(buffer) => format!("{}\t{}\t{}", buffer.least, buffer.first, buffer.most),
            Place::Algorithm(algorithm) => algorithm.name().to_owned(),
            Place::Ecn(mode) => mode.number().to_string(),
            Place::Keys(keys) => keys.unwrap_or(FastOpenKeys { primary: [0; 16], backup: None }).to_sysctl(),
            Place::Only(values) => values.first().copied().unwrap_or_default().to_owned(),
        }
    }
}

/// A number within bounds, decimal or hexadecimal.
fn number(text: &str, bounds: &RangeInclusive<u64>) -> Option<u64> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => text.parse().ok()?,
    };
    bounds.contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_takes_what_it_shows() {
        let mut settings = Settings::default();
        for name in Settings::sysctl_names() {
            let shown = settings.sysctl(&name).expect("it has a row");
            assert_eq!(settings.set_sysctl(&name, &shown), Ok(()), "{name}={shown}");
            assert_eq!(settings.sysctl(&name), Some(shown), "{name}");
            assert_eq!(settings.set_sysctl(&name, "nonsense"), Err(SysctlError::Invalid), "{name}");
        }
    }

    #[test]
    fn bounds_are_linux_s() {
        let mut settings = Settings::default();
        for (name, wrong) in [
            ("net.ipv4.tcp_syn_retries", "0"),
            ("net.ipv4.tcp_syn_retries", "128"),
            ("net.ipv4.tcp_retries2", "256"),
            ("net.ipv4.tcp_rto_max_ms", "999"),
            ("net.ipv4.tcp_rto_min_us", "0"),
            ("net.ipv4.ip_local_port_range", "2000 1000"),
        ] {
            assert_eq!(settings.set_sysctl(name, wrong), Err(SysctlError::Invalid), "{name}={wrong}");
        }
        assert_eq!(settings.set_sysctl("net.ipv4.tcp_nothing", "1"), Err(SysctlError::Unknown));
        assert_eq!(settings.set_sysctl("/proc/sys/net/ipv4/tcp_retries2", "0x8"), Ok(()));
        assert_eq!(settings.tcp.retries2, 8);
    }
}
