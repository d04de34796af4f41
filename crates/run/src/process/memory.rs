//! The program's memory, read and written from outside. Every address is hostile: what can't be reached is EFAULT.

use sockeye_abi::Errno;

/// No page of memory is smaller.
pub(crate) const PAGE: usize = 4096;

/// Whether bytes there could be the program's at all, whether or not they are: the upper half is the kernel's. Linux looks at
/// that before it looks at anything else.
pub(crate) fn check_range(address: u64, len: usize) -> Result<(), Errno> {
    let end = u64::try_from(len).ok().and_then(|len| address.checked_add(len));
    end.filter(|&end| i64::try_from(end).is_ok()).map(drop).ok_or(Errno::EFAULT)
}

/// Copies `buffer.len()` bytes at `address` of the thread's memory.
pub(crate) fn read(tid: u32, address: u64, buffer: &mut [u8]) -> Result<(), Errno> {
    if buffer.is_empty() {
        return Ok(());
    }
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: buffer.len() };
    // SAFETY: `local` describes `buffer`; the remote side is checked by the kernel.
    let n = unsafe { libc::process_vm_readv(tid as i32, &raw const local, 1, &raw const remote, 1, 0) };
    if n == buffer.len() as isize { Ok(()) } else { Err(Errno::EFAULT) }
}

/// The same, with the reason why not.
pub(crate) fn try_read(tid: u32, address: u64, buffer: &mut [u8]) -> std::io::Result<()> {
    read(tid, address, buffer).map_err(|_| std::io::Error::last_os_error())
}

/// Copies what can be read at `address`, up to a page; gives how many bytes that is.
pub(crate) fn read_some(tid: u32, address: u64, buffer: &mut [u8; PAGE]) -> usize {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: PAGE };
    // What is mapped ends where a page ends.
    let first = PAGE - address as usize % PAGE;
    let remote = [(0, first), (first, PAGE - first)].map(|(start, iov_len)| libc::iovec {
        iov_base: address.wrapping_add(start as u64) as *mut libc::c_void,
        iov_len,
    });
    // SAFETY: `local` describes `buffer`; the remote side is checked by the kernel.
    let n = unsafe { libc::process_vm_readv(tid as i32, &raw const local, 1, remote.as_ptr(), 2, 0) };
    usize::try_from(n).unwrap_or(0)
}

/// Copies `bytes` to `address` of the thread's memory.
pub(crate) fn write(tid: u32, address: u64, bytes: &[u8]) -> Result<(), Errno> {
    if bytes.is_empty() {
        return Ok(());
    }
    let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
    // SAFETY: `local` describes `bytes`, which is only read; the remote side is checked by the kernel.
    let n = unsafe { libc::process_vm_writev(tid as i32, &raw const local, 1, &raw const remote, 1, 0) };
    if n == bytes.len() as isize { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Copies `len` bytes at `address`. The caller bounds `len`.
pub(crate) fn read_vec(tid: u32, address: u64, len: usize) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; len];
    read(tid, address, &mut buffer)?;
    Ok(buffer)
}

/// Reads an `int`.
pub(crate) fn read_i32(tid: u32, address: u64) -> Result<i32, Errno> {
    let mut buffer = [0; 4];
    read(tid, address, &mut buffer)?;
    Ok(i32::from_ne_bytes(buffer))
}

/// Writes an address or option value by the rule of `getsockname`: as much as the caller has room for goes to
/// `address`, and the whole length to `*length_address`.
pub(crate) fn write_value_result(
    tid: u32,
    address: u64,
    length_address: u64,
    value: &[u8],
) -> Result<(), Errno> {
    let room = usize::try_from(read_i32(tid, length_address)?).map_err(|_| Errno::EINVAL)?;
    let (value, length) = (&value[..value.len().min(room)], (value.len() as i32).to_ne_bytes());
    let local = [value, &length]
        .map(|bytes| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() });
    let remote = [(address, value.len()), (length_address, length.len())]
        .map(|(address, len)| libc::iovec { iov_base: address as *mut libc::c_void, iov_len: len });
    // SAFETY: `local` describes `value` and `length`, which are only read; the remote side is checked by the kernel.
    let n = unsafe { libc::process_vm_writev(tid as i32, local.as_ptr(), 2, remote.as_ptr(), 2, 0) };
    if n == (value.len() + length.len()) as isize { Ok(()) } else { Err(Errno::EFAULT) }
}
