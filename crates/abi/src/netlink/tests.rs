use proptest::prelude::*;

use super::*;

#[test]
fn what_is_written_is_read() {
    let mut out = Datagram::default();
    let header = Header { kind: 16, flags: F_MULTI, seq: 7, port: 9 };
    let body = body(&[1, 2, 3, 4], |out| {
        out.text(3, "lo");
        out.u32(4, 65_536);
        out.nest(26, |out| out.put(1, &[5]));
    });
    out.message(header, &body);
    let bytes = out.into_bytes();
    assert_eq!(bytes.len() % 4, 0);
    let [message] = messages(&bytes).collect::<Vec<_>>()[..] else { panic!("one message") };
    assert_eq!(message.header, header);
    let body = &message.payload[4..];
    assert_eq!(attribute(body, 3), Some(&b"lo\0"[..]));
    assert_eq!(attribute_u32(body, 4), Some(65_536));
    assert_eq!(attribute(body, 26).and_then(|inner| attribute(inner, 1)), Some(&[5][..]));
}

#[test]
fn answers_repeat_the_request_or_its_header() {
    let request = [20, 0, 0, 0, 18, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    let message = messages(&request).next().expect("a message");
    let answer = |error, whole| {
        let mut out = Datagram::default();
        out.answer(1, &message, error, (whole, None));
        let bytes = out.into_bytes();
        (
            bytes.len(),
            u16::from_ne_bytes([bytes[6], bytes[7]]),
            i32::from_ne_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]),
        )
    };
    assert_eq!(answer(None, true), (36, 0x100, 0));
    assert_eq!(answer(Some(Errno::ENODEV), true), (40, 0, -19));
    assert_eq!(answer(Some(Errno::ENODEV), false), (36, 0x100, -19));
}

#[test]
fn sockets_by_type_and_protocol() {
    let decoded = |kind, protocol| Request::decode(kind, protocol).map(|request| request.protocol);
    assert_eq!(decoded(3, 0), Ok(Protocol::Route));
    assert_eq!(decoded(0x80802, 4), Ok(Protocol::SockDiag));
    assert_eq!(decoded(1, 0), Err(Errno::ESOCKTNOSUPPORT));
    assert_eq!(decoded(0x10, 0), Err(Errno::EINVAL));
    assert_eq!(decoded(3, 16), Err(Errno::EPROTONOSUPPORT));
    assert_eq!(decoded(3, -1), Err(Errno::EPROTONOSUPPORT));
}

/// `dport = :5000`, as ss writes it; and a filter of ports by which one step jumps over another.
#[test]
fn filters_pick_by_ends() {
    use diag::{Ends, Filter, Seen};
    let seen = |local: &str, remote: &str| {
        let ends = Ends {
            local: local.parse().expect("an end"),
            remote: remote.parse().expect("an end"),
            interface: 0,
        };
        Seen { ends, auto_port: false, mark: 0 }
    };
    let (one, other) = (seen("127.0.0.1:1", "127.0.0.1:5000"), seen("127.0.0.1:5000", "10.0.0.1:1"));
    let condition = [8, 16, 20, 0, 0, 0, 0, 0, 0x88, 0x13, 0, 0, 0, 0, 0, 0];
    let filter = Filter::decode(&condition).expect("it is one");
    assert_eq!((filter.picks(&one), filter.picks(&other)), (true, false));
    // 10.0.0.0/7, any port.
    let network = [8, 16, 20, 0, 2, 7, 0, 0, 255, 255, 255, 255, 11, 0, 0, 0];
    let filter = Filter::decode(&network).expect("it is one");
    assert_eq!((filter.picks(&one), filter.picks(&other)), (false, true));
    // Source port from 5000 on: what follows a port's step is its operand.
    let port = [2, 8, 12, 0, 0, 0, 0x88, 0x13];
    let filter = Filter::decode(&port).expect("it is one");
    assert_eq!((filter.picks(&one), filter.picks(&other)), (false, true));
    for bad in
        [&port[..4], &[2, 4, 12, 0, 0, 0, 0, 0], &[8, 16, 6, 0], &[99, 4, 4, 0], &[0, 0, 0, 0], &[1, 4, 0, 0]]
    {
        assert_eq!(Filter::decode(bad), Err(Errno::EINVAL), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn filters_end(code in prop::collection::vec(0u8..20, 0..80)) {
        let ends = diag::Ends { local: ([0; 4], 1).into(), remote: ([0; 4], 2).into(), interface: 0 };
        if let Ok(filter) = diag::Filter::decode(&code) {
            filter.picks(&diag::Seen { ends, auto_port: true, mark: 0 });
        }
    }


    #[test]
    fn reading_ends_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(messages(&bytes).count() <= bytes.len() / HEADER);
        prop_assert!(attributes(&bytes).count() <= bytes.len() / ATTRIBUTE);
        let _ = diag::Request::decode(&bytes);
    }
}
