//! Options of Unix-domain sockets: those of SOL_SOCKET that Linux has for them.

use std::sync::Arc;

use slotmap::Key;
use sockeye_abi::{Errno, Opt, SocketType, Sockets, State, Value, encode_unix};

use super::EndId;
use super::message::Identity;
use crate::host::{Host, Result};

/// AF_UNIX.
const AF_UNIX: i32 = 1;

/// What getsockopt says of buffers that were not set (wmem_default, rmem_default).
const MEM_DEFAULT: i32 = 212_992;

impl Host {
    /// Sets an option: EOPNOTSUPP at another level than SOL_SOCKET, and of SO_REUSEPORT; ENOPROTOOPT.
    pub(crate) fn set_unix_option(&mut self, id: EndId, opt: Opt, value: &Value) -> Result<()> {
        let row = opt.row();
        known(opt)?;
        if row.state == State::Rejected || !row.settable {
            return Err(Errno::ENOPROTOOPT);
        }
        row.check(value)?;
        let settings = self.stack.settings().clone();
        let end = self.unix.end_mut(id)?;
        match opt {
            // Not heeded, so not taken.
            Opt::SoRcvLowat => return Err(Errno::ENOPROTOOPT),
            Opt::SoReusePort => return Err(Errno::EOPNOTSUPP),
            Opt::SoPassCred => end.takes_credentials = value.flag()?,
            Opt::SoPassRights => end.takes_rights = value.flag()?,
            Opt::SoPeekOff => end.peek_offset = value.int()?,
            _ => Arc::make_mut(&mut end.options).store(opt, value, (false, &settings))?,
        }
        Ok(())
    }

    /// Reads an option; SO_ERROR is cleared by it. ENODATA for the groups of no peer.
    pub(crate) fn unix_option(&mut self, id: EndId, opt: Opt) -> Result<Value> {
        let row = opt.row();
        known(opt)?;
        if row.state == State::Rejected || !row.readable {
            return Err(Errno::ENOPROTOOPT);
        }
        let end = self.unix.end_mut(id)?;
        let (cookie, charged) = (end.handle.unwrap_or_default(), end.charged);
        Ok(match opt {
            Opt::SoCookie => Value::Bytes(cookie.data().as_ffi().to_ne_bytes().to_vec()),
            Opt::SoPeerName => Value::Bytes(encode_unix(&self.unix_peer(cookie)?)),
            Opt::SoMemInfo => {
                let buffer = |set: Option<usize>| set.map_or(MEM_DEFAULT, shown);
                let buffers = (buffer(end.options.receive_buffer()), buffer(end.options.unix_send_buffer()));
                let words = [0, buffers.0, shown(charged), buffers.1, 0, 0, 0, 0, 0];
                Value::Bytes(words.into_iter().flat_map(i32::to_ne_bytes).collect())
            }
            Opt::SoError => end.error.take().map_or(0, |errno| errno.0).into(),
            Opt::SoType => end.kind.number().into(),
            Opt::SoProtocol => 0.into(),
            Opt::SoDomain => AF_UNIX.into(),
            Opt::SoAcceptConn => end.is_listening().into(),
            Opt::SoPassCred => end.takes_credentials.into(),
            Opt::SoPassRights => end.takes_rights.into(),
            Opt::SoPeekOff => end.peek_offset.into(),
            Opt::SoPeerCred => Value::Bytes(peer_credentials(end.peer_identity.as_deref())),
            Opt::SoPeerGroups => {
                let groups = &end.peer_identity.as_ref().ok_or(Errno::ENODATA)?.groups;
                Value::Bytes(groups.iter().flat_map(|group| group.to_ne_bytes()).collect())
            }
            Opt::SoSndBuf => end.options.unix_send_buffer().map_or(MEM_DEFAULT, shown).into(),
            Opt::SoRcvBuf => end.options.receive_buffer().map_or(MEM_DEFAULT, shown).into(),
            _ => end.options.shown(opt, self.stack.settings())?,
        })
    }

    /// Bytes that can be read now (FIONREAD): of a SEQPACKET socket all, of a datagram socket the first datagram's. EINVAL for a
    /// listener.
    pub(crate) fn unix_unread(&self, id: EndId) -> Result<usize> {
        let end = self.unix.end(id)?;
        let mut lengths = end.queue.iter().map(|packet| packet.bytes.len());
        match end.kind {
            _ if end.is_listening() => Err(Errno::EINVAL),
            SocketType::Stream | SocketType::SeqPacket => Ok(lengths.sum()),
            SocketType::Datagram | SocketType::Raw => Ok(lengths.next().unwrap_or(0)),
        }
    }

    /// What it sent and nobody has read, overhead included (SIOCOUTQ).
    pub(crate) fn unix_unsent(&self, id: EndId) -> Result<usize> {
        self.unix.end(id).map(|end| end.charged)
    }
}

/// Whether Unix-domain sockets have it at all.
fn known(opt: Opt) -> Result<()> {
    match opt {
        Opt::SoReuseAddr
        | Opt::SoType
        | Opt::SoError
        | Opt::SoBroadcast
        | Opt::SoSndBuf
        | Opt::SoRcvBuf
        | Opt::SoKeepAlive
        | Opt::SoOobInline
        | Opt::SoLinger
        | Opt::SoBsdCompat
        | Opt::SoReusePort
        | Opt::SoRcvLowat
        | Opt::SoSndLowat
        | Opt::SoRcvTimeo
        | Opt::SoSndTimeo
        | Opt::SoAcceptConn
        | Opt::SoProtocol
        | Opt::SoDomain
        | Opt::SoDontRoute
        | Opt::SoPriority
        | Opt::SoSelectErrQueue
        | Opt::SoSndBufForce
        | Opt::SoRcvBufForce
        | Opt::SoPeerName
        | Opt::SoPeerCred
        | Opt::SoMemInfo
        | Opt::SoMaxPacingRate
        | Opt::SoCookie => Ok(()),
        Opt::SoTxRehash | Opt::SoReserveMem => Err(Errno::EOPNOTSUPP),
        _ if opt.row().sockets == Sockets::Unix => Ok(()),
        _ if opt.row().level == sockeye_abi::SOL_SOCKET && opt.row().state == State::Kept => Ok(()),
        _ if opt.row().level == sockeye_abi::SOL_SOCKET => Err(Errno::ENOPROTOOPT),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

/// `struct ucred`; without a peer no process, and no user or group.
fn peer_credentials(who: Option<&Identity>) -> Vec<u8> {
    let (pid, uid, gid) = who.map_or((0, u32::MAX, u32::MAX), |who| {
        (who.credentials.pid, who.credentials.uid, who.credentials.gid)
    });
    [pid.to_ne_bytes(), uid.to_ne_bytes(), gid.to_ne_bytes()].concat()
}

fn shown(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}
