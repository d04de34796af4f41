//! Reading what may end anywhere: captured bytes, which a snap length or a hostile header cuts short.

use super::page::Short;

/// `N` bytes at an offset.
pub(super) fn array<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N], Short> {
    data.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Short)
}

pub(super) fn byte(data: &[u8], at: usize) -> Result<u8, Short> {
    data.get(at).copied().ok_or(Short)
}

pub(super) fn half(data: &[u8], at: usize) -> Result<u16, Short> {
    array(data, at).map(u16::from_be_bytes)
}

pub(super) fn word(data: &[u8], at: usize) -> Result<u32, Short> {
    array(data, at).map(u32::from_be_bytes)
}

/// So many bytes at an offset.
pub(super) fn bytes(data: &[u8], at: usize, count: usize) -> Result<&[u8], Short> {
    data.get(at..).and_then(|rest| rest.get(..count)).ok_or(Short)
}

/// What is behind an offset: nothing, if that is beyond the end.
pub(super) fn tail(data: &[u8], at: usize) -> &[u8] {
    data.get(at..).unwrap_or_default()
}

/// No more than so many bytes.
pub(super) fn head(data: &[u8], count: usize) -> &[u8] {
    data.get(..count).unwrap_or(data)
}
