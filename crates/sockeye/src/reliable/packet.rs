//! The datagram: 26 bytes of head, numbers in network order, and what is to be said.
//!
//! | bytes | |
//! |---|---|
//! | 0-1 | `SR` |
//! | 2 | what it is: 1 a request, 2 its reply, 3 "I have it" |
//! | 3 | 1: in order |
//! | 4-7 | a time stamp of the client's, echoed by the server: microseconds, modulo 2^32 |
//! | 8-15 | the client's session, by chance |
//! | 16-23 | the number |
//! | 24-25 | how many numbers back the oldest is that the client still waits for |

/// Bytes of the head.
const HEAD: usize = 26;

/// The longest payload, bytes: what is left of the longest datagram over IPv4.
pub const LONGEST: usize = 65_507 - HEAD;

const MAGIC: [u8; 2] = *b"SR";

/// What a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Reply,
    /// The request is there and at work.
    Received,
}

/// A datagram's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) ordered: bool,
    pub(super) stamp: u32,
    pub(super) session: u64,
    pub(super) number: u64,
    pub(super) back: u16,
}

/// Head and payload; `None` for what is none of ours.
pub(super) fn read(datagram: &[u8]) -> Option<(Head, &[u8])> {
    let (head, payload) = datagram.split_first_chunk::<HEAD>()?;
    let [m0, m1, kind, flags, rest @ ..] = head;
    let kind = match kind {
        1 => Kind::Request,
        2 => Kind::Reply,
        3 => Kind::Received,
        _ => return None,
    };
    if [*m0, *m1] != MAGIC || *flags > 1 {
        return None;
    }
    let (stamp, rest) = rest.split_first_chunk::<4>()?;
    let (session, rest) = rest.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let back = u16::from_be_bytes(rest.try_into().ok()?);
    let number = u64::from_be_bytes(*number);
    // Numbers begin with 1.
    (number > u64::from(back)).then_some(())?;
    let (stamp, session) = (u32::from_be_bytes(*stamp), u64::from_be_bytes(*session));
    Some((Head { kind, ordered: *flags == 1, stamp, session, number, back }, payload))
}

/// A datagram.
pub(super) fn written(head: &Head, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(HEAD + payload.len());
    let kind = match head.kind {
        Kind::Request => 1,
        Kind::Reply => 2,
        Kind::Received => 3,
    };
    datagram.extend_from_slice(&MAGIC);
    datagram.extend_from_slice(&[kind, u8::from(head.ordered)]);
    datagram.extend_from_slice(&head.stamp.to_be_bytes());
    datagram.extend_from_slice(&head.session.to_be_bytes());
    datagram.extend_from_slice(&head.number.to_be_bytes());
    datagram.extend_from_slice(&head.back.to_be_bytes());
    datagram.extend_from_slice(payload);
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let head = Head { kind: Kind::Reply, ordered: true, stamp: 1, session: 2, number: 300, back: 4 };
        let datagram = written(&head, b"kia ora");
        assert_eq!((datagram.len(), &datagram[..4]), (HEAD + 7, &b"SR\x02\x01"[..]));
        assert_eq!(read(&datagram), Some((head, &b"kia ora"[..])));
    }

    #[test]
    fn what_is_none_of_ours() {
        let head = Head { kind: Kind::Request, ordered: false, stamp: 0, session: 0, number: 5, back: 4 };
        let sound = written(&head, b"");
        assert!(read(&sound).is_some() && read(&sound[1..]).is_none() && read(b"").is_none());
        for (place, byte) in [(0, b'X'), (2, 0), (2, 4), (3, 2), (23, 4)] {
            let mut broken = sound.clone();
            broken[place] = byte;
            assert_eq!(read(&broken), None, "{place}");
        }
    }
}
