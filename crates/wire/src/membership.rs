//! What IGMPv3 (RFC 3376, RFC 9776) and MLDv2 (RFC 3810) have in common: they differ in their addresses, and in what stands
//! around these values.

use std::net::{Ipv4Addr, Ipv6Addr};

use sockeye_base::Duration;

use crate::read::{array_at, u16_at};

/// What a query says beyond the first version's (RFC 3376, section 4.1; RFC 3810, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details<A> {
    /// Routers are not to restart their timers (the S flag).
    pub suppress: bool,
    /// The querier's robustness variable (QRV), 3 bits; 0 says nothing.
    pub robustness: u8,
    /// How often it asks, as a code: [`seconds`] (QQIC).
    pub interval: u8,
    /// The sources it asks for; none: all.
    pub sources: Vec<A>,
}

/// What a report says of one group (RFC 3376, section 4.2.4; RFC 3810, section 5.2.5). Auxiliary data are skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<A> {
    /// What is said.
    pub kind: RecordKind,
    /// Of which group.
    pub group: A,
    /// Of which sources.
    pub sources: Vec<A>,
}

/// What a record says (RFC 3376, section 4.2.12; RFC 3810, section 5.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Only these sources are wanted.
    IsInclude = 1,
    /// All but these are.
    IsExclude = 2,
    /// From now on only these are.
    ToInclude = 3,
    /// From now on all but these are.
    ToExclude = 4,
    /// These are wanted, too.
    Allow = 5,
    /// These are no more.
    Block = 6,
}

impl RecordKind {
    const ALL: [RecordKind; 6] = {
        use RecordKind::{Allow, Block, IsExclude, IsInclude, ToExclude, ToInclude};
        [IsInclude, IsExclude, ToInclude, ToExclude, Allow, Block]
    };
}

/// Bytes of a record without its sources and its group.
const RECORD_HEAD: usize = 4;
/// Bytes of [`Details`] without sources.
pub(crate) const DETAILS_LEN: usize = 4;
/// The S flag, above QRV.
const SUPPRESS: u8 = 8;

/// An address as it stands in messages.
pub trait Address: Sized + Copy {
    /// Bytes of it.
    const LEN: usize;
    /// The one at an offset.
    fn read(bytes: &[u8], at: usize) -> Option<Self>;
    /// Puts its bytes behind `out`.
    fn write(self, out: &mut Vec<u8>);
}

impl Address for Ipv4Addr {
    const LEN: usize = 4;

    fn read(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
        array_at::<4>(bytes, at).map(Ipv4Addr::from)
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.octets());
    }
}

impl Address for Ipv6Addr {
    const LEN: usize = 16;

    fn read(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
        array_at::<16>(bytes, at).map(Ipv6Addr::from)
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.octets());
    }
}

impl<A: Address> Details<A> {
    pub(crate) fn len(&self) -> usize {
        DETAILS_LEN + A::LEN * self.sources.len()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend([if self.suppress { SUPPRESS } else { 0 } | self.robustness & 7, self.interval]);
        write_sources(&self.sources, out);
    }

    /// `None` if they are not whole. What stands behind them is skipped.
    pub(crate) fn read(bytes: &[u8]) -> Option<Details<A>> {
        let [flags, interval, ..] = *bytes.first_chunk::<DETAILS_LEN>()?;
        let sources = read_sources(bytes.get(DETAILS_LEN..)?, u16_at(bytes, 2))?;
        Some(Details { suppress: flags & SUPPRESS != 0, robustness: flags & 7, interval, sources })
    }
}

/// Bytes of a report behind its checksum.
pub(crate) fn records_len<A: Address>(records: &[Record<A>]) -> usize {
    let len = |record: &Record<A>| RECORD_HEAD + A::LEN * (1 + record.sources.len());
    4 + records.iter().map(len).sum::<usize>()
}

/// Puts the bytes of a report behind its checksum behind `out`.
pub(crate) fn write_records<A: Address>(records: &[Record<A>], out: &mut Vec<u8>) {
    out.extend([0, 0]);
    out.extend((records.len() as u16).to_be_bytes());
    for record in records {
        out.extend([record.kind as u8, 0]);
        out.extend((record.sources.len() as u16).to_be_bytes());
        record.group.write(out);
        record.sources.iter().for_each(|source| source.write(out));
    }
}

/// The records of a report behind its checksum; `None` if they are not whole. Those of unknown kinds are skipped (RFC 3376,
/// section 4.2.12).
pub(crate) fn read_records<A: Address>(bytes: &[u8]) -> Option<Vec<Record<A>>> {
    let mut left = bytes.get(4..)?;
    let mut records = Vec::new();
    for _ in 0..u16_at(bytes, 2) {
        let [kind, auxiliary, ..] = *left.first_chunk::<RECORD_HEAD>()?;
        let (count, group) = (u16_at(left, 2), A::read(left, RECORD_HEAD)?);
        let sources = left.get(RECORD_HEAD + A::LEN..)?;
        left = sources.get(A::LEN * usize::from(count) + 4 * usize::from(auxiliary)..)?;
        let sources = read_sources(sources, count)?;
        if let Some(kind) = RecordKind::ALL.into_iter().find(|known| *known as u8 == kind) {
            records.push(Record { kind, group, sources });
        }
    }
    Some(records)
}

fn write_sources<A: Address>(sources: &[A], out: &mut Vec<u8>) {
    out.extend((sources.len() as u16).to_be_bytes());
    sources.iter().for_each(|source| source.write(out));
}

fn read_sources<A: Address>(bytes: &[u8], count: u16) -> Option<Vec<A>> {
    let count = usize::from(count);
    // Whether they are there is known before anything is kept.
    bytes.get(..A::LEN * count)?;
    (0..count).map(|index| A::read(bytes, A::LEN * index)).collect()
}

/// What a code of 8 bits stands for: above 127 it is a mantissa with an exponent (RFC 3376, section 4.1.1).
pub(crate) fn decode_8(code: u8) -> u32 {
    match code {
        0..128 => code.into(),
        _ => (u32::from(code & 0xf) | 0x10) << (u32::from(code >> 4 & 7) + 3),
    }
}

/// The time between two queries that [`Details::interval`] stands for (RFC 3376, section 4.1.7).
pub fn seconds(code: u8) -> Duration {
    Duration::from_secs(decode_8(code).into())
}
