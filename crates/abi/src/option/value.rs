//! Option values and their bytes.

use std::time::Duration;

use super::group::{self, Device, GroupFilter, GroupRequest};
use super::{Kind, Layout, Opt, SOL_IP};
use crate::Errno;

/// Options of SOL_IPV6 for which too few bytes are 0.
pub(super) const SHORT_IS_ZERO: [Opt; 3] = [Opt::Ipv6AutoFlowLabel, Opt::Ipv6DontFrag, Opt::Ipv6RecvFragSize];
/// `sizeof(int)`
pub(super) const INT: usize = 4;
const USEC_PER_SEC: i64 = 1_000_000;
/// Options of SOL_IP that no value at all doesn't do for.
const ASK_FOR_A_BYTE: [Opt; 6] = [
    Opt::IpFreeBind,
    Opt::IpTransparent,
    Opt::IpMinTtl,
    Opt::IpMulticastTtl,
    Opt::IpMulticastLoop,
    Opt::IpMulticastAll,
];
/// IFNAMSIZ.
const NAME_OF_INTERFACE: usize = 16;

/// An option's value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// An int; flags are 0 or 1 when read, and anything but 0 sets them.
    Int(i32),
    /// SO_LINGER.
    Linger {
        /// Whether `close` lingers.
        on: bool,
        /// For how many seconds; Linux keeps the int's bits as they came.
        seconds: i32,
    },
    /// A span, as a timeval; `None` is no limit (0 s in the timeval), a zero span is a limit that is over at once
    /// (negative seconds in the timeval).
    Time(Option<Duration>),
    /// Bytes per second; all ones: no bound.
    Rate(u64),
    /// A multicast group, perhaps one of its sources.
    Group(GroupRequest),
    /// Whom of a group's sources a socket hears.
    Filter(GroupFilter),
    /// An interface (IP_MULTICAST_IF).
    Device(Device),
    /// A name without its NUL, or a struct.
    Bytes(Vec<u8>),
}

impl Value {
    /// The int, or whether it lingers; EINVAL for another kind.
    pub fn int(&self) -> Result<i32, Errno> {
        match self {
            Value::Int(n) => Ok(*n),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Whether a flag is on; EINVAL for another kind than int.
    pub fn flag(&self) -> Result<bool, Errno> {
        self.int().map(|n| n != 0)
    }
}

impl From<bool> for Value {
    fn from(on: bool) -> Value {
        Value::Int(i32::from(on))
    }
}

impl From<i32> for Value {
    fn from(n: i32) -> Value {
        Value::Int(n)
    }
}

/// Decodes the bytes given to setsockopt. EINVAL for too few or an int out of bounds, EDOM for a timeval whose
/// microseconds are no fraction of a second. Bytes beyond the value are ignored. At SOL_IP a single byte does for an int,
/// and none is 0 where 0 will do.
pub fn decode_value(opt: Opt, bytes: &[u8]) -> Result<Value, Errno> {
    let row = opt.row();
    let value = match row.kind {
        Kind::Word if bytes.len() != 4 => return Err(Errno::EINVAL),
        Kind::Flag | Kind::Int(..) | Kind::AnyInt | Kind::Word => Value::Int(match (row.level, bytes) {
            (SOL_IP, []) if ASK_FOR_A_BYTE.contains(&opt) => return Err(Errno::EINVAL),
            (SOL_IP, []) => 0,
            (_, [] | [_] | [_, _] | [_, _, _]) if SHORT_IS_ZERO.contains(&opt) => 0,
            (SOL_IP, [byte] | [byte, _] | [byte, _, _]) => i32::from(*byte),
            _ => int_at(bytes, 0)?,
        }),
        Kind::Linger => Value::Linger { on: int_at(bytes, 0)? != 0, seconds: int_at(bytes, 4)? },
        Kind::Timeval => decode_timeval(bytes)?,
        Kind::Rate => Value::Rate(decode_rate(bytes)?),
        Kind::NetworkInt => match bytes.try_into() {
            Ok(word) => Value::Int(i32::from_be_bytes(word)),
            Err(_) => return Err(Errno::EINVAL),
        },
        Kind::Group(layout) => group::decode(row.level, layout, bytes)?,
        Kind::Device => group::decode_device(bytes)?,
        Kind::Interface => {
            let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            Value::Bytes(name.get(..name.len().min(NAME_OF_INTERFACE - 1)).unwrap_or_default().to_vec())
        }
        Kind::Name(max) => {
            let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            if bytes.is_empty() {
                return Err(Errno::EINVAL);
            }
            Value::Bytes(name.get(..name.len().min(max - 1)).unwrap_or_default().to_vec())
        }
        Kind::Key | Kind::Number | Kind::Peer => Value::Bytes(bytes.to_vec()),
        Kind::Bits(max) => Value::Bytes(bytes.get(..max).unwrap_or(bytes).to_vec()),
        Kind::Struct(max) => Value::Bytes(bytes.get(..max).ok_or(Errno::EINVAL)?.to_vec()),
    };
    if !matches!(row.kind, Kind::Name(_)) {
        row.check(&value)?;
    }
    Ok(value)
}

/// The bytes getsockopt writes into a buffer of `max_len`: the value's first bytes, as many as fit. Their number is
/// what goes back as the length. At SOL_IP an int that fits a byte is one byte if the buffer has less than four. EINVAL
/// for a buffer of a size that won't do.
pub fn encode_value(opt: Opt, value: &Value, max_len: usize) -> Result<Vec<u8>, Errno> {
    let row = opt.row();
    let in_order = |n: i32| if row.kind == Kind::NetworkInt { n.to_be() } else { n };
    let mut out = match value {
        Value::Int(n) => match u8::try_from(in_order(*n)) {
            Ok(byte) if row.level == SOL_IP && (1..4).contains(&max_len) => vec![byte],
            _ => in_order(*n).to_ne_bytes().to_vec(),
        },
        Value::Linger { on, seconds } => [i32::from(*on).to_ne_bytes(), seconds.to_ne_bytes()].concat(),
        Value::Time(span) => {
            let span = span.unwrap_or_default();
            let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
            [seconds.to_ne_bytes(), i64::from(span.subsec_micros()).to_ne_bytes()].concat()
        }
        Value::Rate(rate) if max_len >= 8 => rate.to_ne_bytes().to_vec(),
        Value::Rate(rate) => u32::try_from(*rate).unwrap_or(u32::MAX).to_ne_bytes().to_vec(),
        Value::Bytes(bytes) => {
            let mut out = bytes.clone();
            match row.kind {
                Kind::Name(max) => out.resize(max, 0),
                Kind::Interface if !out.is_empty() => out.push(0),
                _ => {}
            }
            out
        }
        Value::Device(device) => device.address.octets().to_vec(),
        Value::Filter(filter) => {
            // As long as it is, whatever the room.
            return match row.kind {
                Kind::Group(layout) => Ok(group::encode_filter(layout, filter)),
                _ => Ok(Vec::new()),
            };
        }
        // It can only be set.
        Value::Group(_) => Vec::new(),
    };
    match row.kind {
        Kind::Interface if !out.is_empty() && max_len < NAME_OF_INTERFACE => return Err(Errno::EINVAL),
        Kind::Number if max_len < out.len() => return Err(Errno::EINVAL),
        Kind::Peer if max_len > out.len() => return Err(Errno::EINVAL),
        _ => {}
    }
    out.truncate(max_len);
    Ok(out)
}

/// How many bytes of a value are looked at, at most.
pub(super) fn most_bytes(opt: Opt) -> usize {
    match opt.row().kind {
        Kind::Flag | Kind::Int(..) | Kind::AnyInt | Kind::Word | Kind::NetworkInt => INT,
        Kind::Linger | Kind::Rate => 2 * INT,
        Kind::Timeval => 4 * INT,
        Kind::Device | Kind::Group(Layout::Mreq | Layout::MreqSource) => 3 * INT,
        Kind::Interface => NAME_OF_INTERFACE - 1,
        Kind::Name(max) => max - 1,
        Kind::Bits(max) | Kind::Struct(max) => max,
        Kind::Group(_) | Kind::Key | Kind::Number | Kind::Peer => usize::MAX,
    }
}

pub(super) fn int_at(bytes: &[u8], at: usize) -> Result<i32, Errno> {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).ok_or(Errno::EINVAL)?;
    Ok(i32::from_ne_bytes(word))
}

/// Reads the question in what getsockopt was given, for an option that asks one (IP_MSFILTER, MCAST_MSFILTER); `None` for
/// another. EINVAL if it is too short, EADDRNOTAVAIL for another address family.
pub fn decode_question(opt: Opt, bytes: &[u8]) -> Option<Result<GroupFilter, Errno>> {
    let row = opt.row();
    match row.kind {
        Kind::Group(layout) if row.readable => Some(group::decode_question(row.level, layout, bytes)),
        _ => None,
    }
}

fn decode_rate(bytes: &[u8]) -> Result<u64, Errno> {
    if let Some(long) = bytes.get(..8).and_then(|long| long.try_into().ok()) {
        return Ok(u64::from_ne_bytes(long));
    }
    let word = int_at(bytes, 0)?.cast_unsigned();
    Ok(if word == u32::MAX { u64::MAX } else { word.into() })
}

fn decode_timeval(bytes: &[u8]) -> Result<Value, Errno> {
    let long = |at: usize| -> Result<i64, Errno> {
        let word = bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).ok_or(Errno::EINVAL)?;
        Ok(i64::from_ne_bytes(word))
    };
    let (seconds, micros) = (long(0)?, long(8)?);
    if !(0..USEC_PER_SEC).contains(&micros) {
        return Err(Errno::EDOM);
    }
    let micros = u32::try_from(micros).unwrap_or_default();
    Ok(Value::Time(match u64::try_from(seconds) {
        Err(_) => Some(Duration::ZERO),
        Ok(0) if micros == 0 => None,
        Ok(seconds) => Some(Duration::new(seconds, micros * 1000)),
    }))
}
