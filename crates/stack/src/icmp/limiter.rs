//! The rates of ICMP errors sent: token buckets, one for all and one per destination (`icmp_global_allow`,
//! `inet_peer_xrlim_allow`).

use std::collections::BTreeMap;
use std::net::IpAddr;

use sockeye_base::{Duration, Instant};

use crate::Settings;

/// How many errors one destination gets at once before its rate counts (Linux's `XRLIM_BURST_FACTOR`).
const DESTINATION_BURST: u32 = 6;
/// How many destinations' rates are remembered.
const DESTINATIONS: usize = 1024;

/// What has been sent lately.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    /// None: full.
    all: Option<Bucket>,
    destinations: BTreeMap<IpAddr, Bucket>,
}

/// Tokens, each worth the time it takes to earn.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    credit: Duration,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, now: Instant, price: Duration, burst: u32) -> bool {
        self.credit = (self.credit + now.since(self.at)).min(price * burst);
        self.at = now;
        let paid = self.credit.checked_sub(price);
        self.credit = paid.unwrap_or(self.credit);
        paid.is_some()
    }
}

impl Limiter {
    /// Whether an error may go to this destination now.
    pub(super) fn allow(&mut self, now: Instant, settings: &Settings, destination: IpAddr) -> bool {
        let limit = if destination.is_ipv4() { settings.icmp_ratelimit } else { settings.icmpv6_ratelimit };
        if self.destinations.len() >= DESTINATIONS && !self.destinations.contains_key(&destination) {
            // Those that are full again need no memory.
            let full = limit * DESTINATION_BURST;
            self.destinations.retain(|_, bucket| bucket.credit + now.since(bucket.at) < full);
            if self.destinations.len() >= DESTINATIONS {
                return false;
            }
        }
        let fresh = Bucket { credit: limit * DESTINATION_BURST, at: now };
        let bucket = self.destinations.entry(destination).or_insert(fresh);
        let price = Duration::from_secs(1) / settings.icmp_msgs_per_sec.max(1);
        let all = Bucket { credit: price * settings.icmp_msgs_burst, at: now };
        bucket.take(now, limit, DESTINATION_BURST)
            && self.all.get_or_insert(all).take(now, price, settings.icmp_msgs_burst)
    }
}
