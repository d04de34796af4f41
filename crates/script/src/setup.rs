//! How the virtual host is set up: the script's option lines, and shell commands understood as settings of the host.
//!
//! The host has 192.168.0.1, the script's packets come from 192.0.2.1, as packetdrill has it; for IPv6 fd3d:fa7b:d17d::1
//! and 2001:db8::1. A setting the host doesn't have fails the script by its name, unless the script wants nothing but
//! what the host does anyway.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_stack::{Settings, Stack};
use sockeye_tcp::{Congestion, EcnMode};

use crate::failure::{Failure, Result};
use crate::syntax::{Nanos, ScriptOption};

/// packetdrill's: how much earlier or later than the script says something may happen.
const TOLERANCE: Nanos = 4_000_000;
/// What defaults.sh makes of tcp_rmem and tcp_wmem, where that isn't Linux's.
const RMEM_DEFAULT: u32 = 540_000;
const RMEM_MAX: u32 = 15 * 1024 * 1024;
const WMEM_DEFAULT: u32 = 256 * 1024;
/// What defaults.sh says of fast open.
const FASTOPEN: u32 = 0x7_0403;
const FASTOPEN_KEY: &str = "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4";

/// What the option lines say.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) v6: bool,
    /// Sockets are of AF_INET6 and speak IPv4 by mapped addresses.
    pub(crate) mapped: bool,
    pub(crate) local: IpAddr,
    pub(crate) remote: IpAddr,
    pub(crate) mtu: usize,
    pub(crate) tolerance: Nanos,
    /// What one step of the timestamp clock stands for; 0: timestamps are not compared.
    pub(crate) timestamp_tick: Nanos,
    /// Echoes of timestamps no packet had are computed.
    pub(crate) timestamp_echo_scaled: bool,
    /// Bytes of data in each segment of a longer packet that comes in, as if a card had joined them; 0: it is one.
    pub(crate) mss: u16,
    /// Several segments are not taken for a long one.
    pub(crate) strict_segments: bool,
}

impl Setup {
    pub(crate) fn new(options: &[ScriptOption]) -> Result<Setup> {
        let mut setup = Setup {
            v6: false,
            mapped: false,
            local: Ipv4Addr::new(192, 168, 0, 1).into(),
            remote: Ipv4Addr::new(192, 0, 2, 1).into(),
            mtu: 1500,
            tolerance: TOLERANCE,
            timestamp_tick: 0,
            timestamp_echo_scaled: false,
            mss: 0,
            strict_segments: false,
        };
        for option in options {
            if option.name == "ip_version" {
                match option.value.as_str() {
                    "ipv4" => {}
                    "ipv4-mapped-ipv6" => setup.mapped = true,
                    "ipv6" => {
                        setup.v6 = true;
                        setup.local = Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 1).into();
                        setup.remote = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into();
                    }
                    other => {
                        return Err(Failure::unsupported(option.line, format_args!("--ip_version={other}")));
                    }
                }
            }
        }
        options.iter().try_for_each(|option| setup.set(option))?;
        Ok(setup)
    }

    /// An address as calls have it.
    pub(crate) fn to_call(&self, address: SocketAddr) -> SocketAddr {
        match address {
            SocketAddr::V4(v4) if self.mapped => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
            address => address,
        }
    }

    fn set(&mut self, option: &ScriptOption) -> Result<()> {
        let wrong =
            || Failure::syntax(option.line, format!("--{}={} makes no sense", option.name, option.value));
        let number = || option.value.parse::<u32>().map(i64::from).map_err(|_| wrong());
        let address = || {
            let text = option.value.split('/').next().unwrap_or_default();
            text.parse::<IpAddr>().ok().filter(|address| address.is_ipv6() == self.v6).ok_or_else(wrong)
        };
        match option.name.as_str() {
            "ip_version" => {}
            "tolerance_usecs" => self.tolerance = number()? * 1000,
            "tcp_ts_tick_usecs" => self.timestamp_tick = number()? * 1000,
            "tcp_ts_ecr_scaled" => self.timestamp_echo_scaled = true,
            "strict_segments" => self.strict_segments = true,
            "mtu" => self.mtu = usize::try_from(number()?).map_err(|_| wrong())?.clamp(576, 65_535),
            "local_ip" => self.local = address()?,
            "remote_ip" => self.remote = address()?,
            "mss" => self.mss = u16::try_from(number()?).map_err(|_| wrong())?,
            // They shape the machine's network.
            "gateway_ip" | "netmask_ip" | "verbose" => {}
            other => return Err(Failure::unsupported(option.line, format_args!("the option --{other}"))),
        }
        Ok(())
    }
}

/// Does to the host what shell commands say.
pub(crate) fn command(line: usize, text: &str, stack: &mut Stack) -> Result<()> {
    let joined = text.replace("\\\n", " ").replace("||\n", "|| ");
    for command in joined.split(['\n', ';']).flat_map(|line| line.split("&&")) {
        let text = command.split('#').next().unwrap_or_default();
        // What stands behind `||` counts if what is before it fails.
        let mut done = Ok(());
        for alternative in text.split("||") {
            done = one(line, alternative, stack);
            if done.is_ok() {
                break;
            }
        }
        done?;
    }
    Ok(())
}

fn one(line: usize, command: &str, stack: &mut Stack) -> Result<()> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    // What is sent to a file is no setting.
    let output =
        arguments.iter().skip_while(|word| !word.starts_with('>')).nth(1).copied().unwrap_or_default();
    let arguments: Vec<&str> = arguments
        .iter()
        .copied()
        .take_while(|word| !word.starts_with('>') && !word.starts_with("2>") && *word != "&>")
        .collect();
    run(line, program, (&arguments, output), stack)
        .ok_or_else(|| Failure::unsupported(line, format_args!("the command '{}'", words.join(" "))))?
}

/// `None` for a command that isn't known.
fn run(
    line: usize,
    program: &str,
    (arguments, output): (&[&str], &str),
    stack: &mut Stack,
) -> Option<Result<()>> {
    let name = program.rsplit('/').next().unwrap_or(program);
    match (name, arguments) {
        ("defaults.sh", []) => defaults(stack),
        ("set_sysctls.py", _) => return Some(sysctls(line, arguments, stack)),
        ("sysctl", _) => {
            let settings_only: Vec<&str> =
                arguments.iter().copied().filter(|word| !word.starts_with('-')).collect();
            return Some(sysctls(line, &settings_only, stack));
        }
        // Linux's TCP makes super-segments whatever the link can do, and scripts see single ones.
        ("ethtool", ["-K", _, features @ ..])
            if features.chunks(2).all(|pair| matches!(pair, ["tso" | "gso" | "gro", "on" | "off"])) => {}
        ("tc", ["qdisc", "add" | "replace", "dev", _, "root", "pfifo"] | ["qdisc", "delete" | "del", ..]) => {
        }
        // It paces what TCP doesn't.
        ("tc", ["qdisc", "add" | "replace", "dev", _, "root", "fq"]) => {
            stack.settings_mut().tcp.max_pacing_rate = Some(u64::MAX)
        }
        // Both kinds of HyStart, which is what Linux does.
        ("echo", ["3"]) if output.ends_with("hystart_detect") => {}
        ("ip", ["tcp_metrics", "flush", ..]) => stack.tcp_flush_metrics(),
        // Nothing is remembered from one script to the next, and nothing is to be put back.
        (name, []) if name.starts_with("sysctl_restore_") => {}
        ("true" | "sync", _) => {}
        _ => return None,
    }
    Some(Ok(()))
}

/// `name=value` each; a value with blanks in it goes on in the next words.
fn sysctls(line: usize, words: &[&str], stack: &mut Stack) -> Result<()> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for word in words {
        match (word.split_once('='), pairs.last_mut()) {
            (Some((name, value)), _) => pairs.push((name.to_owned(), value.to_owned())),
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(word);
            }
            (None, None) => return Err(Failure::syntax(line, format!("'{word}' sets nothing"))),
        }
    }
    for (name, value) in pairs {
        let name = name.trim_start_matches("/proc/sys/").replace('/', ".");
        let value = value.trim_matches('"');
        if !sysctl(&name, value, stack.settings_mut()) {
            return Err(Failure::unsupported(line, format_args!("{name}={value}")));
        }
    }
    Ok(())
}

/// The built-in equivalent of the public suite's `defaults.sh`, as far as it differs from Linux's defaults.
fn defaults(stack: &mut Stack) {
    stack.tcp_flush_metrics();
    let settings = stack.settings_mut();
    settings.tcp_fastopen = FASTOPEN;
    sysctl("net.ipv4.tcp_fastopen_key", FASTOPEN_KEY, settings);
    settings.tcp.receive_buffer.first = RMEM_DEFAULT;
    settings.tcp.receive_buffer.most = RMEM_MAX;
    settings.tcp.send_buffer.first = WMEM_DEFAULT;
    settings.tcp.slow_start_after_idle = false;
    settings.tcp.syn_retries = 5;
    settings.tcp.synack_retries = 5;
    settings.tcp.congestion = Congestion::Cubic;
    settings.tcp.ecn = EcnMode::Off;
}

/// Sets one; `false` if the host doesn't have it, or can't do that.
fn sysctl(name: &str, value: &str, settings: &mut Settings) -> bool {
    match name {
        // How many segments leave as one; scripts see them one by one.
        "net.ipv4.tcp_tso_win_divisor" | "net.ipv4.tcp_limit_output_bytes" => value.parse::<i64>().is_ok(),
        _ => settings.set_sysctl(name, value).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_base::Duration;

    #[test]
    fn commands_become_settings() {
        let mut stack = Stack::new(Settings::default(), sockeye_base::Rng::from_seed(1));
        let text = "../common/defaults.sh\nsysctl -q net.ipv4.tcp_timestamps=0 net.ipv4.tcp_syn_retries=2 # why\n\
                    ../common/set_sysctls.py /proc/sys/net/ipv4/tcp_rmem=\"4096 5000 60000\" \\\n  /proc/sys/net/ipv4/tcp_fin_timeout=7";
        command(1, text, &mut stack).expect("known settings");
        let settings = stack.settings();
        assert!(!settings.tcp.timestamps);
        assert_eq!((settings.tcp.syn_retries, settings.tcp.receive_buffer.most), (2, 60_000));
        assert_eq!(settings.tcp.fin_timeout, Duration::from_secs(7));
        let unknown = command(3, "sysctl -q net.ipv4.tcp_nothing=1", &mut stack).expect_err("there is none");
        assert_eq!(unknown.what, "not supported: net.ipv4.tcp_nothing=1");
        assert!(command(3, "rm -rf /tmp/x", &mut stack).is_err());
        assert!(command(3, "sysctl net.ipv4.tcp_nothing=1 ||\n true", &mut stack).is_ok());
    }
}
