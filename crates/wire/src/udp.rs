//! The UDP header (RFC 768).

use bytes::Bytes;
use sockeye_base::Chain;

use crate::checksum::{self, Checksum};
use crate::read::u16_at;
use crate::{Malformed, ip};

/// Bytes of the header.
pub const HEADER_LEN: usize = 8;

/// Where the checksum stands in the header.
pub const CHECKSUM_AT: usize = 6;

/// A UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// User data, at most 65,507 bytes over IPv4 and 65,527 over IPv6.
    pub payload: Chain,
}

impl Datagram {
    /// Bytes of its header and data: what IP carries.
    pub fn len(&self) -> usize {
        HEADER_LEN + self.payload.len()
    }

    /// Puts its bytes behind `out`: the header, and of the data what lies in the first `snap` bytes.
    pub(crate) fn write_snapped(
        &self,
        ip: &ip::Header,
        sums: checksum::Transport,
        snap: usize,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.extend(self.source.to_be_bytes());
        out.extend(self.destination.to_be_bytes());
        out.extend(u16::try_from(self.len()).unwrap_or(0).to_be_bytes());
        out.extend([0, 0]);
        let header = &mut out[start..];
        // RFC 768: zero in this field says that there is no checksum, so a computed zero is sent as all ones.
        let sum = Checksum::pseudo_header(ip, ip::protocol::UDP, self.len());
        let sum = match sum.field(header, &self.payload, sums) {
            0 => 0xffff,
            sum => sum,
        };
        checksum::put(header, CHECKSUM_AT, sum);
        self.payload.write_head(snap.saturating_sub(HEADER_LEN), out);
    }

    /// Reads a datagram of a packet.
    pub(crate) fn parse(
        ip: &ip::Header,
        sums: checksum::Transport,
        bytes: &Bytes,
    ) -> Result<Datagram, Malformed> {
        let view = View::new(bytes)?;
        match (view.checksum(), ip) {
            (0, ip::Header::V4(_)) => {}
            // RFC 8200, section 8.1: no checksum is no option in IPv6.
            (0, ip::Header::V6(_)) => return Err(Malformed::Checksum),
            _ => {
                let sum = Checksum::pseudo_header(ip, ip::protocol::UDP, view.bytes.len());
                if !sum.accepts(view.bytes, sums) {
                    return Err(Malformed::Checksum);
                }
            }
        }
        let payload = bytes.slice_ref(view.payload()).into();
        Ok(Datagram { source: view.source(), destination: view.destination(), payload })
    }
}

/// A datagram's bytes with a header that is whole and a length that is right; the checksum is not looked at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    bytes: &'a [u8],
}

impl<'a> View<'a> {
    /// Looks at what an IP packet carries. Bytes behind the datagram are left out.
    ///
    /// # Errors
    /// `Truncated` below 8 bytes, `UdpLength` if the length is less or goes beyond the bytes.
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        let len = usize::from(u16_at(bytes, 4));
        if len < HEADER_LEN {
            return Err(Malformed::UdpLength);
        }
        Ok(View { bytes: bytes.get(..len).ok_or(Malformed::UdpLength)? })
    }

    /// Source port.
    pub fn source(&self) -> u16 {
        u16_at(self.bytes, 0)
    }

    /// Destination port.
    pub fn destination(&self) -> u16 {
        u16_at(self.bytes, 2)
    }

    /// The checksum; 0: none was made.
    pub fn checksum(&self) -> u16 {
        u16_at(self.bytes, 6)
    }

    /// User data.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..]
    }
}
