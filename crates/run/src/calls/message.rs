//! `struct msghdr` and `struct mmsghdr` in the program's memory, on 64-bit machines.

use sockeye_abi::{Control, Errno, MessageFlags};

use super::{ADDRESS_MAX, read_address};
use crate::process::memory;
use crate::seccomp::Call;

/// `sizeof(struct msghdr)`.
const MSGHDR: usize = 56;
/// `net.core.optmem_max` as Linux comes: control messages may have so many bytes.
const CONTROL_MAX: usize = 131_072;
/// `sizeof(struct mmsghdr)`.
pub(super) const MMSGHDR: u64 = 64;
/// Offset of `msg_len` in `struct mmsghdr`.
pub(super) const MSG_LEN: u64 = 56;
/// `MAX_RW_COUNT`: no call moves more.
const MOVED_MAX: usize = 0x7fff_f000;
/// `UIO_MAXIOV`: no message has more pieces.
pub(super) const IOV_MAX: usize = 1024;

/// Looks at a call's arguments as Linux does before it looks at the socket: what is wrong with them is said first.
pub(super) fn check(call: &Call) -> Result<(), Errno> {
    match call.number {
        libc::SYS_read | libc::SYS_write | libc::SYS_readv | libc::SYS_writev => drop(moved(call)?),
        libc::SYS_sendto | libc::SYS_recvfrom => {
            Header::of_piece(call.args[1], call.args[2])?;
            if call.number == libc::SYS_sendto && call.args[4] != 0 {
                read_address(call, 4, 5)?;
            }
        }
        libc::SYS_sendmsg | libc::SYS_sendmmsg => {
            let header = Header::read(call.tid, call.args[1])?;
            header.read_name(call.tid)?;
            header.read_control(call.tid)?;
        }
        libc::SYS_recvmsg | libc::SYS_recvmmsg => drop(Header::read(call.tid, call.args[1])?),
        _ => {}
    }
    Ok(())
}

/// What a `read`, `write`, `readv` or `writev` moves, as a message without a name.
pub(super) fn moved(call: &Call) -> Result<Header, Errno> {
    let (address, count) = (call.args[1], call.args[2]);
    match call.number {
        // The kernel knows no more than 32 bits of their number.
        libc::SYS_readv | libc::SYS_writev => {
            Header::of_pieces(call.tid, address, count & u64::from(u32::MAX), Errno::EINVAL)
        }
        _ => {
            memory::check_range(address, usize::try_from(count).unwrap_or(usize::MAX))?;
            Header::of_piece(address, count)
        }
    }
}

/// The flags of a call that sends or receives, or of `recvmmsg` and `sendmmsg`.
pub(super) fn flags_of(call: &Call) -> MessageFlags {
    let place = match call.number {
        libc::SYS_sendmsg | libc::SYS_recvmsg => 2,
        _ => 3,
    };
    MessageFlags::from_bits_retain(call.int(place))
}

/// A message header as the program wrote it.
pub(super) struct Header {
    /// Where it is, if it is anywhere.
    address: Option<u64>,
    /// Where a name is or goes; 0: nowhere.
    pub(super) name: u64,
    pub(super) name_len: i32,
    /// The pieces: address and length.
    pub(super) pieces: Vec<(u64, usize)>,
    /// Where control messages are or go; 0: nowhere.
    control: u64,
    control_len: u64,
}

impl Header {
    /// Reads the header at `address`, and its list of pieces.
    pub(super) fn read(tid: u32, address: u64) -> Result<Header, Errno> {
        let mut bytes = [0; MSGHDR];
        memory::read(tid, address, &mut bytes)?;
        let word = |at: usize| u64::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]));
        let name_len = word(8) as u32 as i32;
        if name_len < 0 {
            return Err(Errno::EINVAL);
        }
        let pieces = read_pieces(tid, word(16), word(24), Errno::EMSGSIZE)?;
        let (control, control_len) = (word(32), word(40));
        Ok(Header { address: Some(address), name: word(0), name_len, pieces, control, control_len })
    }

    /// A list of pieces by itself (readv(2)); `too_many` is the error for more than there may be.
    pub(super) fn of_pieces(tid: u32, list: u64, count: u64, too_many: Errno) -> Result<Header, Errno> {
        let pieces = read_pieces(tid, list, count, too_many)?;
        Ok(Header { address: None, name: 0, name_len: 0, pieces, control: 0, control_len: 0 })
    }

    /// One piece (send(2)).
    pub(super) fn of_piece(address: u64, length: u64) -> Result<Header, Errno> {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(MOVED_MAX);
        memory::check_range(address, length)?;
        let pieces = vec![(address, length)];
        Ok(Header { address: None, name: 0, name_len: 0, pieces, control: 0, control_len: 0 })
    }

    /// The name, if there is one.
    pub(super) fn read_name(&self, tid: u32) -> Result<Option<Vec<u8>>, Errno> {
        if self.name == 0 || self.name_len == 0 {
            return Ok(None);
        }
        let length = (self.name_len as usize).min(ADDRESS_MAX);
        memory::read_vec(tid, self.name, length).map(Some)
    }

    /// The control messages' bytes; ENOBUFS for more than a socket's memory for them (`optmem_max`).
    pub(super) fn read_control(&self, tid: u32) -> Result<Vec<u8>, Errno> {
        let length = usize::try_from(self.control_len).ok().filter(|length| *length <= CONTROL_MAX);
        memory::read_vec(tid, self.control, length.ok_or(Errno::ENOBUFS)?)
    }

    /// Gathers the data. If they are `max` bytes or more, which no datagram can have, so many zeros stand for them.
    pub(super) fn gather(&self, tid: u32, max: usize) -> Result<Vec<u8>, Errno> {
        let total = self.pieces.iter().fold(0usize, |sum, &(_, length)| sum.saturating_add(length));
        let mut data = vec![0; total.min(max)];
        if total >= max {
            return Ok(data);
        }
        let mut rest = data.as_mut_slice();
        for &(address, length) in &self.pieces {
            let (piece, behind) = rest.split_at_mut(length);
            memory::read(tid, address, piece)?;
            rest = behind;
        }
        Ok(data)
    }

    /// How many bytes fit.
    pub(super) fn room(&self) -> usize {
        self.pieces.iter().fold(0, |sum, &(_, length)| sum.saturating_add(length))
    }

    /// Scatters received data over the pieces, and says in the header who sent it and how it came.
    pub(super) fn fill(
        &self,
        tid: u32,
        mut data: &[u8],
        name: &[u8],
        (control, flags): (&[Control], MessageFlags),
    ) -> Result<(), Errno> {
        for &(address, length) in &self.pieces {
            let n = length.min(data.len());
            memory::write(tid, address, &data[..n])?;
            data = &data[n..];
        }
        let Some(header) = self.address else { return Ok(()) };
        if self.name != 0 {
            let room = (self.name_len as usize).min(name.len());
            memory::write(tid, self.name, &name[..room])?;
            memory::write(tid, header + 8, &(name.len() as u32).to_ne_bytes())?;
        }
        let room =
            if self.control == 0 { 0 } else { usize::try_from(self.control_len).unwrap_or(usize::MAX) };
        let (bytes, is_cut) = Control::encode_all(control, room);
        memory::write(tid, self.control, &bytes)?;
        let cut = if is_cut { MessageFlags::CTRUNC } else { MessageFlags::empty() };
        memory::write(tid, header + 40, &(bytes.len() as u64).to_ne_bytes())?;
        memory::write(tid, header + 48, &(flags | cut).bits().to_ne_bytes())
    }
}

/// Reads a list of pieces: `struct iovec`s.
fn read_pieces(tid: u32, list: u64, count: u64, too_many: Errno) -> Result<Vec<(u64, usize)>, Errno> {
    let count = usize::try_from(count).ok().filter(|&count| count <= IOV_MAX).ok_or(too_many)?;
    let list = memory::read_vec(tid, list, count * 16)?;
    let mut pieces = Vec::with_capacity(count);
    for pair in list.chunks_exact(16) {
        let half = |at: usize| u64::from_ne_bytes(std::array::from_fn(|i| pair[at + i]));
        // The kernel takes no negative length.
        let length = i64::try_from(half(8)).map_err(|_| Errno::EINVAL)?;
        pieces.push((half(0), length as usize));
    }
    // One piece is cut before anybody looks where it is, several are cut afterwards.
    let whole = if count == 1 { MOVED_MAX } else { usize::MAX };
    pieces.iter().try_for_each(|&(address, length)| memory::check_range(address, length.min(whole)))?;
    let mut room = MOVED_MAX;
    for (_, length) in &mut pieces {
        *length = (*length).min(room);
        room -= *length;
    }
    Ok(pieces)
}
