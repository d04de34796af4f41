//! Fast open (RFC 7413) as tcp(7) has it: MSG_FASTOPEN, and TCP_FASTOPEN_CONNECT, which makes `connect` wait for the first
//! data. Linux's tcp_sendmsg_fastopen and tcp_fastopen_defer_connect.

use std::net::SocketAddr;

use sockeye_abi::{Errno, MessageFlags, Opt, Value};
use sockeye_base::{Chain, Instant};
use sockeye_stack::ConnectionId;
use sockeye_stack::fast_open::{self, FastOpenKeys, FastOpenListener};
use sockeye_tcp::Tcb;

use crate::host::{Host, Result, SocketId};
use crate::listener::SOMAXCONN;
use crate::stream::{Phase, StreamState};

/// Bytes of a key.
const KEY: usize = 16;

/// What a socket keeps of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct FastOpenOptions {
    /// TCP_FASTOPEN: connections whose handshake isn't over, at most.
    limit: usize,
    /// TCP_FASTOPEN_CONNECT.
    pub(crate) connect: bool,
    no_cookie: bool,
    keys: Option<FastOpenKeys>,
}

impl FastOpenOptions {
    /// Keeps a value that was checked.
    pub(crate) fn store(&mut self, opt: Opt, value: &Value) -> Result<()> {
        match (opt, value) {
            (Opt::TcpFastOpenKey, Value::Bytes(bytes)) => self.keys = Some(keys_of(bytes)?),
            (Opt::TcpFastOpenConnect, _) => self.connect = value.flag()?,
            (Opt::TcpFastOpenNoCookie, _) => self.no_cookie = value.flag()?,
            _ => {
                self.set_limit(usize::try_from(value.int()?).map_err(|_| Errno::EINVAL)?);
            }
        }
        Ok(())
    }

    /// As Linux: where the host says so, `listen` with its backlog stands for TCP_FASTOPEN.
    pub(crate) fn needs_limit(&self, tcp_fastopen: u32) -> bool {
        let every = fast_open::SERVER | fast_open::EVERY_LISTENER;
        self.limit == 0 && tcp_fastopen & every == every
    }

    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(SOMAXCONN);
    }

    /// What a listener of this socket wishes.
    pub(crate) fn wish(&self) -> FastOpenListener {
        FastOpenListener { limit: self.limit, keys: self.keys, no_cookie: self.no_cookie }
    }

    /// What a socket that `accept` gives has of it, where that is something else.
    pub(crate) fn inherited(&self) -> Option<FastOpenOptions> {
        let differs = self.limit > 0 || self.keys.is_some();
        differs.then(|| FastOpenOptions { limit: 0, keys: None, ..self.clone() })
    }
}

fn keys_of(bytes: &[u8]) -> Result<FastOpenKeys> {
    let (primary, backup) = bytes.split_first_chunk::<KEY>().ok_or(Errno::EINVAL)?;
    Ok(FastOpenKeys { primary: *primary, backup: backup.first_chunk().copied() })
}

impl Host {
    /// Whether `setsockopt` may change it now.
    pub(crate) fn check_fast_open(&self, id: SocketId, opt: Opt) -> Result<()> {
        let (_, stream) = self.stream(id)?;
        let idle = stream.live(&self.stack).is_none();
        let listens = matches!(stream.state, StreamState::Listening(_));
        let client = self.stack.settings().tcp_fastopen & fast_open::CLIENT != 0;
        match opt {
            Opt::TcpFastOpenConnect if !client => Err(Errno::EOPNOTSUPP),
            Opt::TcpFastOpenConnect if listens || !idle => Err(Errno::EINVAL),
            Opt::TcpFastOpen | Opt::TcpFastOpenNoCookie if !idle => Err(Errno::EINVAL),
            _ => Ok(()),
        }
    }

    /// What `getsockopt` shows.
    pub(crate) fn shown_fast_open(&mut self, id: SocketId, opt: Opt) -> Result<Value> {
        let options = self.get(id)?.options.fast_open.clone();
        Ok(match opt {
            Opt::TcpFastOpenConnect => options.connect.into(),
            Opt::TcpFastOpenNoCookie => options.no_cookie.into(),
            Opt::TcpFastOpenKey => {
                let keys = options.keys.unwrap_or_else(|| self.stack.fast_open_keys());
                Value::Bytes(std::iter::once(keys.primary).chain(keys.backup).flatten().collect())
            }
            _ => i32::try_from(options.limit).unwrap_or(i32::MAX).into(),
        })
    }

    /// Whether a stream's `connect` waits for the first data.
    pub fn is_deferred(&self, id: SocketId) -> bool {
        self.tcb(id).is_some_and(Tcb::open_is_deferred)
    }

    /// Whether a stream's handshake is under way.
    pub fn is_opening(&self, id: SocketId) -> bool {
        self.tcb(id).is_some_and(|tcb| tcb.state().is_opening())
    }

    /// `connect` of a socket with TCP_FASTOPEN_CONNECT has made a connection: with a cookie it waits for data, otherwise
    /// the SYN goes and asks for one.
    pub(crate) fn begin_deferred(
        &mut self,
        now: Instant,
        id: SocketId,
        connection: ConnectionId,
    ) -> Result<()> {
        let no_cookie = self.get(id)?.options.fast_open.no_cookie;
        let offer = self.stack.tcp_syn_offer(now, connection, no_cookie);
        if offer.room > 0 {
            return Ok(());
        }
        self.with_tcb(now, id, |tcb| tcb.open_fast(now, offer.option, Chain::new(), false));
        Err(Errno::EINPROGRESS)
    }

    /// A call that sends and is to open the connection first: how many bytes went with the SYN. `None`: there is a
    /// connection, and the call is like any other. Without MSG_DONTWAIT its caller waits for the answer (see
    /// [`Host::connect_outcome`]) and sends the rest at once.
    pub(crate) fn open_by_sending(
        &mut self,
        now: Instant,
        id: SocketId,
        bytes: &[u8],
        (to, flags): (Option<SocketAddr>, MessageFlags),
    ) -> Result<Option<usize>> {
        if self.stack.settings().tcp_fastopen & fast_open::CLIENT == 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if !self.is_deferred(id) {
            let (_, stream) = self.stream(id)?;
            if stream.phase != Phase::Unconnected {
                return self.connect_outcome(now, id).map(|()| None);
            }
            if matches!(stream.state, StreamState::Listening(_)) {
                return Err(Errno::EISCONN);
            }
            self.make_connection(now, id, to.ok_or(Errno::EINVAL)?, true)?;
        }
        let (socket, stream) = self.stream(id)?;
        let StreamState::Open(connection) = stream.state else { return Err(Errno::EINVAL) };
        let offer = self.stack.tcp_syn_offer(now, connection, socket.options.fast_open.no_cookie);
        let taken = offer.room.min(bytes.len());
        let data = self.pool.copy_in(bytes.get(..taken).unwrap_or(bytes));
        let more = taken < bytes.len() && !flags.contains(MessageFlags::DONTWAIT);
        self.with_tcb(now, id, |tcb| tcb.open_fast(now, offer.option, data, more));
        if taken == 0 { Err(Errno::EINPROGRESS) } else { Ok(Some(taken)) }
    }
}
