use super::*;

fn echo(address: IpAddr) -> SocketAddr {
    (address, 7).into()
}

#[test]
fn what_comes_goes_back() {
    for address in [TEKAPO, TEKAPO6] {
        let mut world = World::new();
        let socket = world.connect(echo(address));
        let data: Vec<u8> = (0..5_000_000u32).map(|i| (i * 7 + i / 251) as u8).collect();
        assert!(world.talk(socket, &data, |came| came.len() >= 5_000_000) == data);
    }
}

#[test]
fn half_closing_gets_the_rest_and_the_end() {
    let mut world = World::new();
    let socket = world.connect(echo(TEKAPO));
    let (host, now) = world.client();
    assert_eq!(host.send(now, socket, b"last words"), Ok(10));
    host.shutdown(now, socket, How::Write).unwrap();
    world.settle();
    assert_eq!(world.talk(socket, b"", |_| false), b"last words");
}

#[test]
fn a_client_that_does_not_read_is_held_back() {
    let mut world = World::new();
    let socket = world.connect(echo(TEKAPO));
    let data = vec![7; 1 << 20];
    let mut sent = 0;
    loop {
        let (host, now) = world.client();
        match host.send(now, socket, &data) {
            Ok(n) => sent += n,
            Err(errno) => {
                assert_eq!(errno, Errno::EAGAIN);
                break;
            }
        }
        world.settle();
        assert!(sent < 64 << 20, "nothing holds the client back");
    }
    let came = world.talk(socket, b"", |came| came.len() == sent);
    assert!(came.iter().all(|byte| *byte == 7));
}

#[test]
fn datagrams() {
    let mut world = World::new();
    for address in [TEKAPO, TEKAPO6] {
        for data in [&b""[..], b"hello", &[1; 1400], &[2; 1473], &[3; 65_507]] {
            assert_eq!(world.ask(echo(address), data), Some((data.to_vec(), echo(address))));
        }
    }
}
