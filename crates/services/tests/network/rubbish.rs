use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes, in whatever pieces, the services go on serving others.
    #[test]
    fn does_no_harm(port in prop::sample::select(vec![7u16, 53, 80]), pieces: Vec<Vec<u8>>, prefix: u8, close: bool) {
        let mut world = World::new();
        let target = (TEKAPO, port).into();
        let bad = world.connect(target);
        let starts: [&[u8]; 4] = [b"", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"\0\x20", b"GET / "];
        let (host, now) = world.client();
        let _ = host.send(now, bad, starts[usize::from(prefix % 4)]);
        for piece in &pieces {
            let (host, now) = world.client();
            let _ = host.send(now, bad, piece);
            world.settle();
        }
        if close {
            world.close(bad);
        }
        for piece in &pieces {
            world.ask(target, piece);
        }
        let good = world.connect((TEKAPO, 80).into());
        let answer = world.talk(good, b"GET /bytes/9 HTTP/1.0\r\n\r\n", |_| false);
        prop_assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        let good = world.connect((TEKAPO, 7).into());
        prop_assert_eq!(world.talk(good, b"hello", |came| came.len() == 5), b"hello");
    }
}
