//! Fast open (RFC 7413) of a whole host: what clients remember of servers, the cookies servers give, and when neither is to
//! be.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sockeye_base::{Duration, Instant, Rng, siphash_2_4};
use sockeye_tcp::{Form, Learned, State, Tcb};
use sockeye_wire::tcp::{Cookie, FastOpen as Offer, Segment};

use super::{Owner, Tuple};
use crate::stack::{ConnectionId, ListenerId, Stack};

/// Bits of `tcp_fastopen`: clients may; servers may; clients send data without a cookie; servers need none; listeners
/// needn't ask for it by TCP_FASTOPEN.
pub const CLIENT: u32 = 0x1;
/// See [`CLIENT`].
pub const SERVER: u32 = 0x2;
/// See [`CLIENT`].
pub const CLIENT_NO_COOKIE: u32 = 0x4;
/// See [`CLIENT`].
pub const SERVER_NO_COOKIE: u32 = 0x200;
/// See [`CLIENT`].
pub const EVERY_LISTENER: u32 = 0x400;

/// Servers remembered; one more and the one longest unheard of is forgotten.
const REMEMBERED: usize = 1024;
/// How long what a server said is believed (Linux's TCP_METRICS_TIMEOUT).
const BELIEVED: Duration = Duration::from_secs(3600);
/// Most doublings of the time in which nothing opens fast.
const DOUBLINGS: u32 = 6;

/// The secret of a server's cookies: one key, and perhaps the one before it, whose cookies are good still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastOpenKeys {
    /// Cookies are made with it.
    pub primary: [u8; 16],
    /// Cookies made with it are taken.
    pub backup: Option<[u8; 16]>,
}

impl FastOpenKeys {
    /// From four numbers in hexadecimal digits, with dashes between; the second key, if any, behind a comma.
    pub(crate) fn from_sysctl(text: &str) -> Option<FastOpenKeys> {
        let key = |text: &str| -> Option<[u8; 16]> {
            let mut key = [0; 16];
            let mut words = text.split('-');
            for four in key.as_chunks_mut::<4>().0 {
                *four = u32::from_str_radix(words.next()?.trim(), 16).ok()?.to_le_bytes();
            }
            words.next().is_none().then_some(key)
        };
        let (primary, backup) = match text.split_once(',') {
            Some((primary, backup)) => (key(primary)?, Some(key(backup)?)),
            None => (key(text)?, None),
        };
        Some(FastOpenKeys { primary, backup })
    }

    /// The same way back.
    pub(crate) fn to_sysctl(self) -> String {
        let words = |key: [u8; 16]| {
            let words =
                key.as_chunks::<4>().0.iter().map(|four| format!("{:08x}", u32::from_le_bytes(*four)));
            words.collect::<Vec<_>>().join("-")
        };
        std::iter::once(self.primary).chain(self.backup).map(words).collect::<Vec<_>>().join(",")
    }

    /// A client's cookie, as Linux makes it: SipHash-2-4 of both addresses.
    fn cookie(key: &[u8; 16], client: IpAddr, server: IpAddr) -> Option<Cookie> {
        let octets = |address| match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        let both = [octets(client), octets(server)].concat();
        Cookie::new(&siphash_2_4(key, &both).to_le_bytes())
    }
}

/// What a listener wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FastOpenListener {
    /// Connections that opened fast and whose handshake isn't over, at most (TCP_FASTOPEN); 0: none opens fast.
    pub limit: usize,
    /// Keys of its own (TCP_FASTOPEN_KEY).
    pub keys: Option<FastOpenKeys>,
    /// Needs no cookie (TCP_FASTOPEN_NO_COOKIE).
    pub no_cookie: bool,
}

/// What a client's SYN may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynOffer {
    /// The cookie, the wish for one, or nothing.
    pub option: Option<Offer>,
    /// How many bytes of data; 0 without a cookie.
    pub room: usize,
}

/// A server as a client remembers it.
#[derive(Clone, Copy, Debug)]
struct Server {
    mss: Option<u16>,
    cookie: Option<Offer>,
    /// The last form in which it gave us no cookie.
    refused: Option<Form>,
    heard: Instant,
}

/// All that a host knows of it.
#[derive(Debug, Default)]
pub(super) struct FastOpenTable {
    servers: BTreeMap<(IpAddr, IpAddr), Server>,
    /// The host's keys when none were set.
    keys: Option<FastOpenKeys>,
    /// When something on the way was last suspected of swallowing what opens fast, and how often in a row.
    suspected: Option<Instant>,
    suspicions: u32,
}

impl FastOpenTable {
    fn server(&self, now: Instant, tuple: &Tuple) -> Option<Server> {
        let server = self.servers.get(&(tuple.local.ip(), tuple.remote.ip()))?;
        (now.since(server.heard) < BELIEVED).then_some(*server)
    }

    fn learn(&mut self, now: Instant, tuple: &Tuple, learned: &Learned) {
        let old = self.server(now, tuple);
        let old = old.unwrap_or(Server { mss: None, cookie: None, refused: None, heard: now });
        // The other form is tried once, and then no more (as Linux).
        let changes = old.cookie.is_none() && learned.cookie.is_none();
        let server = Server {
            mss: learned.mss.or(old.mss),
            cookie: learned.cookie.or(old.cookie),
            refused: if changes { learned.refused.max(old.refused) } else { old.refused },
            heard: now,
        };
        self.servers.insert((tuple.local.ip(), tuple.remote.ip()), server);
        if self.servers.len() > REMEMBERED
            && let Some(oldest) =
                self.servers.iter().min_by_key(|(_, server)| server.heard).map(|(ends, _)| *ends)
        {
            self.servers.remove(&oldest);
        }
    }

    /// RFC 7413, section 7.1: after a suspicion nothing opens fast for a time, which doubles with each in a row.
    fn is_suspended(&self, now: Instant, timeout: Duration) -> bool {
        let doublings = self.suspicions.saturating_sub(1).min(DOUBLINGS);
        self.suspected.is_some_and(|at| now.since(at) < timeout.saturating_mul(1 << doublings))
    }
}

/// What becomes of a SYN at a listener.
pub(super) enum Verdict {
    /// The handshake goes its ordinary way; the SYN-ACK may give a cookie.
    Ordinary(Option<Offer>),
    /// The connection is there at once; the SYN-ACK may give another cookie.
    Fast(Option<Offer>),
}

impl Stack {
    /// What the SYN of a connection that waits to open fast may have. `no_cookie`: its socket needs none
    /// (TCP_FASTOPEN_NO_COOKIE).
    pub fn tcp_syn_offer(&self, now: Instant, id: ConnectionId, no_cookie: bool) -> SynOffer {
        let nothing = SynOffer { option: None, room: 0 };
        let Some(connection) = self.tcp.connections.get(id) else { return nothing };
        let table = &self.tcp.fast_open;
        if table.is_suspended(now, self.settings.tcp_fastopen_blackhole_timeout) {
            return nothing;
        }
        let server = table.server(now, &connection.tuple);
        let room = connection.tcb.syn_data_room(server.and_then(|server| server.mss));
        if no_cookie || self.settings.tcp_fastopen & CLIENT_NO_COOKIE != 0 {
            return SynOffer { option: None, room };
        }
        match server.and_then(|server| server.cookie) {
            Some(cookie) => SynOffer { option: Some(cookie), room },
            None => {
                let refused = server.and_then(|server| server.refused);
                let experimental = refused == Some(Form::Standard);
                SynOffer { option: Some(Offer { cookie: None, experimental }), room: 0 }
            }
        }
    }

    /// Forgets what was learned of other hosts (`ip tcp_metrics flush`).
    pub fn tcp_flush_metrics(&mut self) {
        self.tcp.fast_open.servers.clear();
    }

    /// Changes what a listener wishes.
    pub fn tcp_set_listener_fast_open(&mut self, listener: ListenerId, wish: FastOpenListener) {
        if let Some(entry) = self.tcp.listeners.get_mut(listener) {
            entry.listener.set_fast_open_limit(wish.limit);
            entry.fast_open = wish;
        }
    }

    /// The host's keys (`tcp_fastopen_key`), drawn when they are first needed.
    pub fn fast_open_keys(&mut self) -> FastOpenKeys {
        let draw = |rng: &mut Rng| {
            let halves = [rng.next_u64().to_le_bytes(), rng.next_u64().to_le_bytes()];
            FastOpenKeys { primary: std::array::from_fn(|i| halves[i / 8][i % 8]), backup: None }
        };
        let own = self.settings.tcp_fastopen_key;
        own.unwrap_or_else(|| *self.tcp.fast_open.keys.get_or_insert_with(|| draw(&mut self.rng)))
    }

    /// RFC 7413, section 4.2.2: whether a SYN opens fast, and the cookie that its answer gives.
    pub(super) fn fast_open_verdict(
        &mut self,
        now: Instant,
        listener: ListenerId,
        tuple: &Tuple,
        syn: &Segment,
    ) -> Verdict {
        let offer = syn.options.fast_open.as_deref().copied();
        let allowed = self.settings.tcp_fastopen;
        if (offer.is_none() && syn.payload.is_empty()) || allowed & SERVER == 0 {
            return Verdict::Ordinary(None);
        }
        let Some(entry) = self.tcp.listeners.get_mut(listener) else { return Verdict::Ordinary(None) };
        if !entry.listener.admits_fast_open(now) {
            return Verdict::Ordinary(None);
        }
        let wish = entry.fast_open;
        if wish.no_cookie || allowed & SERVER_NO_COOKIE != 0 {
            return Verdict::Fast(None);
        }
        let Some(offer) = offer else { return Verdict::Ordinary(None) };
        let keys = wish.keys.unwrap_or_else(|| self.fast_open_keys());
        let (client, server) = (tuple.remote.ip(), tuple.local.ip());
        let good = FastOpenKeys::cookie(&keys.primary, client, server);
        let reply = Some(Offer { cookie: good, ..offer });
        if offer.cookie.is_some() && offer.cookie == good {
            return Verdict::Fast(None);
        }
        let backup = keys.backup.and_then(|key| FastOpenKeys::cookie(&key, client, server));
        if offer.cookie.is_some() && offer.cookie == backup {
            Verdict::Fast(reply)
        } else {
            Verdict::Ordinary(reply)
        }
    }

    /// What has happened to a connection that opens fast, or opened so.
    pub(super) fn tcp_fast_open_news(&mut self, now: Instant, id: ConnectionId) {
        let Some(connection) = self.tcp.connections.get_mut(id) else { return };
        let tcb = &mut connection.tcb;
        let over = tcb.state() == State::Closed || !tcb.handshake_pending();
        if let Some(listener) = connection.fast_open.take_if(|_| over)
            && let Some(entry) = self.tcp.listeners.get_mut(listener)
        {
            entry.listener.fast_open_ended(now, was_reset(tcb) && is_accepted(connection.owner));
        }
        let Some(news) = tcb.take_fast_open_news() else { return };
        let table = &mut self.tcp.fast_open;
        if let Some(learned) = &news.learned {
            table.learn(now, &connection.tuple, learned);
        }
        if news.swallowed && !self.settings.tcp_fastopen_blackhole_timeout.is_zero() {
            table.suspected = Some(now);
            table.suspicions = table.suspicions.saturating_add(1);
        } else if news.heard && !connection.path.is_local() {
            table.suspicions = 0;
            table.suspected = None;
        }
    }
}

fn was_reset(tcb: &Tcb) -> bool {
    tcb.state() == State::Closed && tcb.error() == Some(sockeye_tcp::Error::Reset)
}

pub(super) fn is_accepted(owner: Owner) -> bool {
    match owner {
        Owner::User | Owner::Nobody => true,
        Owner::Listener { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    /// What Linux 6.18 gives for this key and these addresses.
    #[test]
    fn cookies_are_linux_s() {
        let text = "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4";
        let keys = FastOpenKeys::from_sysctl(text).expect("a key");
        let cookie = FastOpenKeys::cookie(&keys.primary, [192, 0, 2, 1].into(), [192, 168, 0, 1].into());
        assert_eq!(cookie.map(|cookie| cookie.to_string()).as_deref(), Some("3021b9d889017eeb"));
        assert_eq!(keys.to_sysctl(), text);
        let two = format!("{text},00000001-00000002-00000003-00000004");
        assert_eq!(FastOpenKeys::from_sysctl(&two).map(FastOpenKeys::to_sysctl), Some(two));
        for wrong in ["", "1-2-3", "1-2-3-4-5", "1-2-3-x", "1-2-3-4,"] {
            assert_eq!(FastOpenKeys::from_sysctl(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn servers_are_remembered_within_bounds() {
        let mut table = FastOpenTable::default();
        let cookie = Offer::new(b"12345678", false);
        let learned = Learned { mss: Some(1000), cookie, refused: None };
        let tuple = |n: u16| Tuple {
            local: SocketAddr::from(([10, 0, 0, 1], 1)).into(),
            remote: SocketAddr::from(([10, 1, (n >> 8) as u8, n as u8], 2)).into(),
        };
        let at = |n: u16| Instant::from_millis(1 + u64::from(n));
        for n in 0..2000 {
            table.learn(at(n), &tuple(n), &learned);
        }
        assert_eq!(table.servers.len(), REMEMBERED);
        assert!(table.server(at(2000), &tuple(0)).is_none(), "the oldest goes first");
        assert_eq!(table.server(at(2000), &tuple(1999)).and_then(|server| server.cookie), cookie);
        assert!(table.server(at(1999) + BELIEVED, &tuple(1999)).is_none(), "and all have their time");
    }
}
