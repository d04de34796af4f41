//! connect(2), listen(2), accept(2).

use std::sync::Arc;

use sockeye_abi::{Errno, SocketType, UnixAddress};

use super::end::{Listener, State};
use super::message::Identity;
use super::{Domain, EndId};
use crate::host::Result;

impl Domain {
    /// Listens (unix_listen). EOPNOTSUPP for datagrams, EINVAL without a name or when connected.
    pub(crate) fn listen(&mut self, id: EndId, backlog: u32, who: &Arc<Identity>) -> Result<()> {
        let end = self.end_mut(id)?;
        if !end.is_connection() {
            return Err(Errno::EOPNOTSUPP);
        }
        if end.name.is_none() || end.state == State::Established {
            return Err(Errno::EINVAL);
        }
        let more_room = backlog > end.backlog;
        end.backlog = backlog;
        end.state = State::Listening;
        end.more().listener.get_or_insert_with(Listener::default);
        end.peer_identity = Some(Arc::clone(who));
        if more_room {
            self.wake_waiting(id);
        }
        Ok(())
    }

    /// Takes the first connection. EOPNOTSUPP for datagrams, EINVAL if it doesn't listen, EAGAIN.
    pub(crate) fn accept(&mut self, id: EndId) -> Result<EndId> {
        let end = self.end_mut(id)?;
        if !end.is_connection() {
            return Err(Errno::EOPNOTSUPP);
        }
        if !end.is_listening() {
            return Err(Errno::EINVAL);
        }
        let accepted = end.listener_mut().and_then(|listener| listener.queue.pop_front());
        let accepted = accepted.ok_or(Errno::EAGAIN)?;
        self.wake_waiting(id);
        Ok(accepted)
    }

    /// Connects a stream or a SEQPACKET socket (unix_stream_connect): who listens need not have accepted. EAGAIN while its queue
    /// is full; the state of the socket itself is looked at last.
    pub(crate) fn connect(
        &mut self,
        id: EndId,
        address: &UnixAddress,
        who: &Arc<Identity>,
        queue_length: usize,
    ) -> Result<()> {
        self.check_address(address)?;
        self.name_for_credentials(id)?;
        let kind = self.end(id)?.kind;
        let other = self.find(address, kind)?;
        let listener = self.end(other)?;
        if !listener.is_listening() || listener.shut.read {
            return Err(Errno::ECONNREFUSED);
        }
        if listener.is_full() {
            self.wait_at(id, other);
            return Err(Errno::EAGAIN);
        }
        match self.end(id)?.state {
            State::Closed => {}
            State::Established => return Err(Errno::EISCONN),
            State::Listening => return Err(Errno::EINVAL),
        }
        let listener = self.end(other)?;
        let (name, identity) = (listener.name.clone(), listener.peer_identity.clone());
        let (takes_credentials, takes_rights) = (listener.takes_credentials, listener.takes_rights);
        let embryo = self.create(kind, queue_length);
        self.set_peer(embryo, Some(id));
        self.set_peer(id, Some(embryo));
        let new = self.end_mut(embryo)?;
        new.state = State::Established;
        new.name = name;
        new.peer_identity = Some(Arc::clone(who));
        (new.takes_credentials, new.takes_rights) = (takes_credentials, takes_rights);
        let end = self.end_mut(id)?;
        end.state = State::Established;
        end.peer_identity = identity;
        if let Some(listener) = self.end_mut(other)?.listener_mut() {
            listener.queue.push_back(embryo);
        }
        self.wake_reader(other);
        self.wake(id);
        Ok(())
    }

    /// Fixes a datagram socket's peer, or takes it back (unix_dgram_connect). EPERM if that is connected to another.
    pub(crate) fn connect_datagram(&mut self, id: EndId, address: Option<&UnixAddress>) -> Result<()> {
        let other = match address {
            None => None,
            Some(address) => {
                self.check_address(address)?;
                self.name_for_credentials(id)?;
                let other = self.find(address, SocketType::Datagram)?;
                self.may_send(id, other)?;
                Some(other)
            }
        };
        let old = self.end(id)?.peer;
        self.end_mut(id)?.state = if other.is_some() { State::Established } else { State::Closed };
        self.stop_waiting(id);
        if let Some(old) = old
            && Some(old) != other
        {
            self.datagrams_of_old_peer(id, old)?;
        }
        self.set_peer(id, other);
        self.wake(id);
        Ok(())
    }

    /// What came from the old peer is lost; if that is still connected here it is told (unix_dgram_disconnected).
    pub(super) fn datagrams_of_old_peer(&mut self, id: EndId, old: EndId) -> Result<()> {
        let lost = self.end_mut(id)?.take_queue();
        if lost.is_empty() {
            return Ok(());
        }
        lost.into_iter().for_each(|packet| self.discard(packet));
        self.wake_waiting(id);
        if let Some(old_end) = self.ends.get_mut(old)
            && old_end.alive
            && old_end.peer == Some(id)
        {
            old_end.error = Some(Errno::ECONNRESET);
            self.wake_all(old);
        }
        Ok(())
    }

    /// unix_may_send: who is connected hears its peer alone.
    pub(super) fn may_send(&self, id: EndId, other: EndId) -> Result<()> {
        match self.end(other)?.peer {
            Some(peer) if peer != id => Err(Errno::EPERM),
            Some(_) | None => Ok(()),
        }
    }

    /// EINVAL for what names nobody (unix_validate_addr).
    pub(super) fn check_address(&self, address: &UnixAddress) -> Result<()> {
        if *address == UnixAddress::Unnamed { Err(Errno::EINVAL) } else { Ok(()) }
    }
}
