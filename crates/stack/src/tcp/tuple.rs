//! Both ends of a connection, and the table that finds connections by them.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use sockeye_base::{KeyedMap, Rng};

/// Both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuple {
    pub(crate) local: End,
    pub(crate) remote: End,
}

/// One of them; a [`SocketAddr`] has more than tells connections apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    ip: IpAddr,
    port: u16,
}

/// The same for IPv4, as small as it can be: there is one for each connection, and each segment is looked up by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TupleV4 {
    local: u32,
    remote: u32,
    ports: u32,
}

/// Connections by their ends; `V` is what they are called.
#[derive(Debug)]
#[repr(C)]
pub(super) struct ByTuple<V> {
    v4: Table<TupleV4, V>,
    v6: Table<Tuple, V>,
}

#[derive(Debug)]
#[repr(C)]
struct Table<K, V> {
    /// What was found last: a segment is often for the connection of the one before.
    latest: Option<(K, V)>,
    entries: KeyedMap<K, V>,
}

impl<K: Hash + Copy + Eq, V: Copy> Table<K, V> {
    fn new(rng: &mut Rng) -> Table<K, V> {
        Table { entries: KeyedMap::with_hasher(rng.key()), latest: None }
    }

    fn get(&self, key: &K) -> Option<V> {
        self.entries.get(key).copied()
    }

    fn find(&mut self, key: &K) -> Option<V> {
        if let Some((latest, id)) = &self.latest
            && latest == key
        {
            return Some(*id);
        }
        let id = self.get(key)?;
        self.latest = Some((*key, id));
        Some(id)
    }

    fn insert(&mut self, key: K, id: V) {
        self.latest = None;
        self.entries.insert(key, id);
    }

    fn remove(&mut self, key: &K) {
        self.latest = None;
        self.entries.remove(key);
    }
}

impl<V: Copy> ByTuple<V> {
    pub(super) fn new(rng: &mut Rng) -> ByTuple<V> {
        ByTuple { v4: Table::new(rng), v6: Table::new(rng) }
    }

    pub(super) fn get(&self, tuple: &Tuple) -> Option<V> {
        match tuple.v4() {
            Some(v4) => self.v4.get(&v4),
            None => self.v6.get(tuple),
        }
    }

    /// The same for a segment that came, in all likelihood one of several.
    pub(super) fn find(&mut self, tuple: &Tuple) -> Option<V> {
        match tuple.v4() {
            Some(v4) => self.v4.find(&v4),
            None => self.v6.find(tuple),
        }
    }

    /// What was found last.
    pub(super) fn latest(&self) -> Option<V> {
        let v6 = || self.v6.latest.as_ref().map(|(_, id)| *id);
        self.v4.latest.as_ref().map(|(_, id)| *id).or_else(v6)
    }

    pub(super) fn insert(&mut self, tuple: Tuple, id: V) {
        match tuple.v4() {
            Some(v4) => self.v4.insert(v4, id),
            None => self.v6.insert(tuple, id),
        };
    }

    pub(super) fn remove(&mut self, tuple: &Tuple) {
        match tuple.v4() {
            Some(v4) => self.v4.remove(&v4),
            None => self.v6.remove(tuple),
        };
    }
}

impl End {
    pub(crate) fn ip(&self) -> IpAddr {
        self.ip
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl From<SocketAddr> for End {
    fn from(address: SocketAddr) -> End {
        End { ip: address.ip(), port: address.port() }
    }
}

impl From<End> for SocketAddr {
    fn from(end: End) -> SocketAddr {
        SocketAddr::new(end.ip, end.port)
    }
}

impl Tuple {
    pub(crate) fn new(local: (IpAddr, u16), remote: SocketAddr) -> Tuple {
        Tuple { local: End { ip: local.0, port: local.1 }, remote: remote.into() }
    }

    fn ports(&self) -> u32 {
        u32::from(self.local.port()) << 16 | u32::from(self.remote.port())
    }

    fn v4(&self) -> Option<TupleV4> {
        match (self.local.ip(), self.remote.ip()) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                Some(TupleV4 { local: local.to_bits(), remote: remote.to_bits(), ports: self.ports() })
            }
            (IpAddr::V4(_) | IpAddr::V6(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
        }
    }
}

impl Hash for Tuple {
    /// As few words as say it all.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.v4() {
            Some(v4) => v4.hash(state),
            None => {
                (self.local.ip(), self.remote.ip()).hash(state);
                state.write_u64(u64::from(self.ports()));
            }
        }
    }
}

impl Hash for TupleV4 {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.local) << 32 | u64::from(self.remote));
        state.write_u64(u64::from(self.ports));
    }
}
