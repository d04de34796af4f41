//! Options that few sockets set: ints, by option.

use std::collections::BTreeMap;

use sockeye_abi::{Errno, Opt, State};
use sockeye_base::Duration;
use sockeye_stack::{PortRange, Settings};
use sockeye_tcp as tcp;

use crate::host::Result;

/// IPV6_PREFER_SRC_TMP, PUBLIC and PUBTMP_DEFAULT; COA and HOME; CGA and NONCGA (RFC 5014): of each group one may be named.
const ADDRESS_PREFERENCES: [i32; 3] = [0x103, 0x404, 0x808];

/// What was set; the rest are as Linux has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seldom(BTreeMap<Opt, i32>);

impl Seldom {
    /// An int.
    pub(crate) fn get(&self, opt: Opt) -> i32 {
        self.0.get(&opt).copied().unwrap_or(match opt {
            Opt::SoIncomingCpu => -1,
            Opt::SoRcvLowat | Opt::SoTxRehash | Opt::Ipv6AutoFlowLabel => 1,
            Opt::Ipv6AddrPreferences => 0x500,
            Opt::TcpRtoMaxMs => 120_000,
            Opt::TcpRtoMinUs | Opt::TcpDelAckMaxUs => 200_000,
            _ => 0,
        })
    }

    /// A flag.
    pub(crate) fn is_on(&self, opt: Opt) -> bool {
        self.get(opt) != 0
    }

    /// Whether the option is kept here, and as what a value that was checked is kept.
    pub(super) fn set(&mut self, opt: Opt, value: i32) -> Result<()> {
        let value = match opt {
            Opt::SoDontRoute
            | Opt::SoSelectErrQueue
            | Opt::IpFreeBind
            | Opt::IpTransparent
            | Opt::IpBindAddressNoPort
            | Opt::Ipv6AutoFlowLabel
            | Opt::SoDebug
            | Opt::SoWifiStatus
            | Opt::SoNoFcs
            | Opt::SoPreferBusyPoll => i32::from(value != 0),
            // One flag under two names.
            Opt::Ipv6FreeBind => return self.set(Opt::IpFreeBind, value),
            Opt::Ipv6Transparent => return self.set(Opt::IpTransparent, value),
            Opt::SoTxRehash if !(-1..=1).contains(&value) => return Err(Errno::EINVAL),
            Opt::SoTxRehash => value.abs(),
            Opt::IpLocalPortRange => {
                let range = port_range(value);
                if range.first != 0 && range.last != 0 && range.first > range.last {
                    return Err(Errno::EINVAL);
                }
                value
            }
            Opt::Ipv6AddrPreferences => address_preferences(value)?,
            Opt::SoReserveMem => return Err(Errno::EOPNOTSUPP),
            Opt::SoPriority
            | Opt::SoRcvLowat
            | Opt::IpMinTtl
            | Opt::Ipv6MinHopCount
            | Opt::Ipv6Mtu
            | Opt::TcpThinLinearTimeouts
            | Opt::TcpRtoMaxMs
            | Opt::TcpRtoMinUs
            | Opt::TcpDelAckMaxUs => value,
            _ if opt.row().state == State::Kept => value,
            _ => return Err(Errno::ENOPROTOOPT),
        };
        self.0.insert(opt, value);
        Ok(())
    }

    /// What it shows of an option kept here.
    pub(super) fn shown(&self, opt: Opt) -> Option<i32> {
        match opt {
            Opt::Ipv6FreeBind => Some(self.get(Opt::IpFreeBind)),
            Opt::Ipv6Transparent => Some(self.get(Opt::IpTransparent)),
            Opt::SoDontRoute
            | Opt::SoSelectErrQueue
            | Opt::IpFreeBind
            | Opt::IpTransparent
            | Opt::IpBindAddressNoPort
            | Opt::IpLocalPortRange
            | Opt::Ipv6AutoFlowLabel
            | Opt::SoReserveMem
            | Opt::SoPriority
            | Opt::SoRcvLowat
            | Opt::IpMinTtl
            | Opt::Ipv6MinHopCount
            | Opt::TcpThinLinearTimeouts
            | Opt::TcpRtoMaxMs
            | Opt::TcpRtoMinUs
            | Opt::TcpDelAckMaxUs => Some(self.get(opt)),
            _ if opt.row().state == State::Kept => Some(self.get(opt)),
            _ => None,
        }
    }

    /// The address need not be the host's.
    pub(crate) fn takes_foreign_addresses(&self) -> bool {
        self.is_on(Opt::IpFreeBind) || self.is_on(Opt::IpTransparent)
    }

    /// Which ephemeral ports.
    pub(crate) fn port_range(&self) -> PortRange {
        port_range(self.get(Opt::IpLocalPortRange))
    }

    /// A TTL or hop limit below which segments are dropped.
    pub(crate) fn min_ttl(&self, opt: Opt) -> u8 {
        u8::try_from(self.get(opt)).unwrap_or(0)
    }

    /// The longest packets of datagrams over IPv6; 0: as the path takes them.
    pub(crate) fn longest_packet(&self) -> u16 {
        u16::try_from(self.get(Opt::Ipv6Mtu)).unwrap_or(u16::MAX)
    }

    /// What of it is TCP's.
    pub(super) fn tune(&self, config: &mut tcp::Config, settings: &Settings) {
        if self.0.is_empty() {
            return;
        }
        let host = &settings.tcp;
        let set = |opt: Opt| self.0.get(&opt).map(|value| u64::from(value.unsigned_abs()));
        config.receive_lowat = self.get(Opt::SoRcvLowat).cast_unsigned();
        config.thin_linear_timeouts = host.thin_linear_timeouts || self.is_on(Opt::TcpThinLinearTimeouts);
        config.rto_max = set(Opt::TcpRtoMaxMs).map_or(host.rto_max, Duration::from_millis);
        config.rto_min = set(Opt::TcpRtoMinUs).map_or(host.rto_min, Duration::from_micros);
        let most = set(Opt::TcpDelAckMaxUs).map_or(host.delayed_ack, Duration::from_micros);
        config.delayed_ack = host.delayed_ack.min(most);
    }
}

/// As Linux shows them: of the first two groups what was named, or else the default; the third is forgotten.
fn address_preferences(wish: i32) -> Result<i32> {
    if ADDRESS_PREFERENCES.iter().any(|group| (wish & group).count_ones() > 1) {
        return Err(Errno::EINVAL);
    }
    let temporary = if wish & 0x3 == 0 { 0x100 } else { wish & 0x3 };
    let home = if wish & 0x4 == 0 { 0x400 } else { 0x4 };
    Ok(temporary | home)
}

/// IP_LOCAL_PORT_RANGE's two halves.
fn port_range(value: i32) -> PortRange {
    let [first, last] = [value, value >> 16].map(|half| (half & 0xffff) as u16);
    PortRange { first, last }
}
