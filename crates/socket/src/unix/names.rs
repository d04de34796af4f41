//! The names of a host's Unix-domain sockets: pathnames and the abstract namespace.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use sockeye_abi::{Errno, SocketType, UnixAddress};
use sockeye_base::Rng;

use super::{Domain, End, EndId};
use crate::host::Result;

/// So many names autobind chooses from.
const AUTOMATIC: u32 = 1 << 20;
/// So many pathnames there may be; they outlive their sockets.
const MOST_PATHS: usize = 1 << 20;

/// Which end has which name.
pub(super) struct Names {
    /// A path keeps its name when its end is gone, until it is unlinked.
    paths: BTreeMap<Vec<u8>, EndId>,
    /// In the abstract namespace types don't see each other's names.
    abstracts: BTreeMap<(SocketType, Vec<u8>), EndId>,
    /// Where the next autobind begins.
    next: u32,
}

impl Names {
    pub(super) fn new(rng: &mut Rng) -> Names {
        Names { paths: BTreeMap::new(), abstracts: BTreeMap::new(), next: rng.next_u32() % AUTOMATIC }
    }

    /// Who has a name: EINVAL for none, ENOENT for a path that isn't there, ECONNREFUSED for an abstract one.
    pub(super) fn find(&self, address: &UnixAddress, kind: SocketType) -> Result<EndId> {
        match address {
            UnixAddress::Unnamed => Err(Errno::EINVAL),
            UnixAddress::Pathname(path) => self.paths.get(path).copied().ok_or(Errno::ENOENT),
            UnixAddress::Abstract(name) => {
                self.abstracts.get(&(kind, name.clone())).copied().ok_or(Errno::ECONNREFUSED)
            }
        }
    }

    /// An end is gone, and its abstract name with it.
    pub(super) fn forget(&mut self, end: Option<&End>, id: EndId) {
        if let Some(end) = end
            && let Some(UnixAddress::Abstract(name)) = end.name.as_deref()
            && let Entry::Occupied(entry) = self.abstracts.entry((end.kind, name.clone()))
            && *entry.get() == id
        {
            entry.remove();
        }
    }
}

impl Domain {
    /// Gives an end a name (bind(2)); none: one of five hexadecimal digits in the abstract namespace. EINVAL if it has one,
    /// EADDRINUSE, which a path says first.
    pub(crate) fn bind(&mut self, id: EndId, address: &UnixAddress) -> Result<()> {
        let end = self.end(id)?;
        let (kind, named) = (end.kind, end.name.is_some());
        match address {
            UnixAddress::Unnamed => return self.autobind(id),
            UnixAddress::Pathname(path) => {
                let full = self.names.paths.len() >= MOST_PATHS;
                match self.names.paths.entry(path.clone()) {
                    Entry::Occupied(_) => return Err(Errno::EADDRINUSE),
                    Entry::Vacant(_) if named => return Err(Errno::EINVAL),
                    Entry::Vacant(_) if full => return Err(Errno::ENOSPC),
                    Entry::Vacant(entry) => entry.insert(id),
                };
            }
            UnixAddress::Abstract(_) if named => return Err(Errno::EINVAL),
            UnixAddress::Abstract(name) => match self.names.abstracts.entry((kind, name.clone())) {
                Entry::Occupied(_) => return Err(Errno::EADDRINUSE),
                Entry::Vacant(entry) => {
                    entry.insert(id);
                }
            },
        }
        self.end_mut(id)?.name = Some(Arc::new(address.clone()));
        Ok(())
    }

    /// A name of the host's choice, if it has none (unix_autobind). ENOSPC.
    pub(super) fn autobind(&mut self, id: EndId) -> Result<()> {
        let end = self.end(id)?;
        if end.name.is_some() {
            return Ok(());
        }
        let kind = end.kind;
        for _ in 0..AUTOMATIC {
            let name = format!("{:05x}", self.names.next).into_bytes();
            self.names.next = (self.names.next + 1) % AUTOMATIC;
            if let Entry::Vacant(entry) = self.names.abstracts.entry((kind, name.clone())) {
                entry.insert(id);
                self.end_mut(id)?.name = Some(Arc::new(UnixAddress::Abstract(name)));
                return Ok(());
            }
        }
        Err(Errno::ENOSPC)
    }

    /// As Linux, before an end that takes credentials calls another: so that it can be answered.
    pub(super) fn name_for_credentials(&mut self, id: EndId) -> Result<()> {
        if self.end(id)?.takes_credentials { self.autobind(id) } else { Ok(()) }
    }

    /// Takes a path away (unlink(2)); who is bound to it stays so, and can't be found. ENOENT.
    pub(crate) fn unlink(&mut self, path: &[u8]) -> Result<()> {
        self.names.paths.remove(path).map(|_| ()).ok_or(Errno::ENOENT)
    }
}
