//! What is sent and received, and what it costs.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use sockeye_abi::{Credentials, MessageFlags, UnixAddress};
use sockeye_base::Chain;

use super::EndId;
use crate::host::SocketId;

/// The most descriptors of one message (SCM_MAX_FD).
pub(super) const MOST_RIGHTS: usize = 253;
/// What credentials say that nobody gave: no process, the overflow user and group.
pub(super) const NOBODY: Credentials = Credentials { pid: 0, uid: 65_534, gid: 65_534 };

/// Who makes a call: what SO_PEERCRED, SO_PEERGROUPS and SCM_CREDENTIALS tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Process, user and group.
    pub credentials: Credentials,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// A process of the superuser, with pid 1.
impl Default for Identity {
    fn default() -> Identity {
        Identity { credentials: Credentials { pid: 1, uid: 0, gid: 0 }, groups: Vec::new() }
    }
}

/// What SCM_RIGHTS passes.
#[derive(Clone)]
pub enum Passed {
    /// A socket of the same host. Whoever receives it holds it and has to release it.
    Socket(SocketId),
    /// Anything else, kept alive while it is on its way.
    Opaque(Arc<dyn Any + Send + Sync>),
}

/// A message to send.
#[derive(Clone, Copy, Default)]
pub struct UnixMessage<'a> {
    /// Where to, for a datagram; a stream takes none.
    pub to: Option<&'a UnixAddress>,
    /// What to pass, at most 253.
    pub rights: &'a [Passed],
    /// Who to say has sent it (SCM_CREDENTIALS).
    pub credentials: Option<Credentials>,
    /// MSG_OOB is heeded.
    pub flags: MessageFlags,
}

/// What was received.
#[derive(Debug, Default)]
pub struct UnixReceived {
    /// The bytes: of a datagram no more than were asked for.
    pub bytes: Chain,
    /// How many bytes a datagram has (MSG_TRUNC).
    pub length: usize,
    /// The sender's name, if it has one.
    pub source: Option<Arc<UnixAddress>>,
    /// What was passed, as much as there was room for.
    pub rights: Vec<Passed>,
    /// Who sent it, if SO_PASSCRED is on.
    pub credentials: Option<Credentials>,
    /// MSG_TRUNC: a datagram was cut; MSG_CTRUNC: something passed was dropped; MSG_OOB.
    pub flags: MessageFlags,
}

/// What lies in a queue, as Linux's skb.
pub(crate) struct Packet {
    pub(super) bytes: Chain,
    pub(super) from: EndId,
    /// What it counts in its sender's buffer (truesize).
    pub(super) charge: usize,
    /// This byte is out of band, and was not read yet.
    pub(super) urgent: bool,
    /// A peek has seen this empty datagram.
    pub(super) peeked: bool,
    pub(super) credentials: Option<Credentials>,
    #[expect(clippy::box_collection, reason = "mostly there is none, and it should take no room then")]
    pub(super) rights: Option<Box<Vec<Passed>>>,
}

impl Packet {
    /// The packet's passed things, as many as there is room for; whether some were left over.
    pub(super) fn peek_rights(&self, room: usize) -> (Vec<Passed>, bool) {
        let rights = self.rights.as_deref().map(Vec::as_slice).unwrap_or_default();
        (rights.iter().take(room).cloned().collect(), rights.len() > room)
    }
}

/// `SKB_TRUESIZE` of a head with room for so many bytes: struct sk_buff, and data with struct skb_shared_info behind them in a
/// power of two.
fn head_charge(bytes: usize) -> usize {
    const SK_BUFF: usize = 256;
    const SHARED_INFO: usize = 320;
    SK_BUFF + (bytes + SHARED_INFO).next_power_of_two().max(512)
}

const PAGE: usize = 4096;

/// The most bytes in one packet of a stream (SKB_MAX_HEAD and UNIX_SKB_FRAGS_SZ), and of those in its head.
const STREAM_HEAD: usize = 3776;
const STREAM_MOST: usize = STREAM_HEAD + 32_768;

/// How many of so many bytes go into a stream's next packet: two fit the buffer, "so it schedules better".
pub(super) fn stream_packet(bytes: usize, send_buffer: usize) -> usize {
    bytes.min((send_buffer / 2).saturating_sub(64)).min(STREAM_MOST)
}

/// What such a packet counts.
pub(super) fn stream_charge(bytes: usize) -> usize {
    let pages = bytes.saturating_sub(STREAM_HEAD).next_multiple_of(PAGE);
    head_charge(bytes - pages.min(bytes)) + pages
}

/// What a datagram counts: up to SKB_MAX_ALLOC in its head, then pages, then again in its head.
pub(super) fn datagram_charge(bytes: usize) -> usize {
    const HEAD: usize = 16_064;
    const MOST_PAGES: usize = 17 * PAGE;
    let pages = bytes.saturating_sub(HEAD).min(MOST_PAGES).next_multiple_of(PAGE);
    head_charge(bytes - pages) + pages
}

impl fmt::Debug for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Passed::Socket(id) => f.debug_tuple("Socket").field(id).finish(),
            Passed::Opaque(_) => f.write_str("Opaque"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What SIOCOUTQ said on Linux 6.18 of one write of so many bytes.
    #[test]
    fn charges_as_linux() {
        for (bytes, charge) in [
            (1, 768),
            (192, 768),
            (193, 1280),
            (704, 1280),
            (705, 2304),
            (1729, 4352),
            (3776, 4352),
            (3777, 4864),
            (4289, 5376),
            (7873, 8960),
            (7872, 8448),
            (36_544, 37_120),
        ] {
            assert_eq!(stream_charge(bytes), charge, "{bytes} bytes of a stream");
        }
        for (bytes, charge) in [
            (0, 768),
            (3777, 8448),
            (7873, 16_640),
            (16_065, 20_736),
            (20_161, 24_832),
            (73_409, 78_080),
            (85_982, 102_656),
            (102_931, 135_424),
            (135_832, 200_960),
        ] {
            assert_eq!(datagram_charge(bytes), charge, "a datagram of {bytes} bytes");
        }
    }
}
