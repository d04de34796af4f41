//! Over a long path the buffers grow with what is read, and no further than they may.

use super::*;

/// Sends `len` bytes over a path of 100 ms and reads them as they come; gives the largest receive buffer there was, and
/// how long it took.
fn bulk(pair: &mut Pair, len: usize) -> (u32, Duration) {
    let (a, b) = (pair.a, pair.b);
    let (client, server) = pair.connection();
    let start = pair.now;
    let (mut sent, mut came, mut largest) = (0, 0, 0);
    pair.run(|pair| {
        let now = pair.now;
        let piece = [7; 1 << 16];
        while sent < len {
            let n = piece.len().min(len - sent);
            match pair.host(a).send(now, client, &piece[..n]) {
                Ok(n) => sent += n,
                Err(errno) => {
                    assert_eq!(errno, Errno::EAGAIN);
                    break;
                }
            }
        }
        while let Ok(data) = pair.host(b).receive(now, server, 1 << 20, false) {
            came += data.len();
        }
        largest = largest.max(receive_buffer(pair, server));
        came == len
    });
    (largest, pair.now.since(start))
}

fn receive_buffer(pair: &mut Pair, socket: SocketId) -> u32 {
    let (now, b) = (pair.now, pair.b);
    let value = pair.host(b).option(now, socket, Opt::SoRcvBuf).and_then(|value| value.int());
    u32::try_from(value.expect("a size")).expect("not negative")
}

fn far(settings: &[(&str, &str)]) -> Pair {
    let mut all = Settings::default();
    for (name, value) in settings {
        all.set_sysctl(name, value).expect("a setting");
    }
    Pair::with_settings(&all, 1, Version::V4, ms(50), Loss::None)
}

#[test]
fn a_receive_buffer_grows_over_a_long_path() {
    let (grown, fast) = bulk(&mut far(&[]), 20_000_000);
    assert!((4_000_000..=33_554_432).contains(&grown), "{grown}");
    // Nothing grows where nothing may: 64 KiB in each round trip.
    let (same, slow) = bulk(&mut far(&[("net.ipv4.tcp_moderate_rcvbuf", "0")]), 2_000_000);
    assert_eq!(same, 131_072);
    assert!(fast < slow, "{fast:?} for 20 MB, {slow:?} for 2 MB");
    let (bounded, _) = bulk(&mut far(&[("net.ipv4.tcp_rmem", "4096 131072 500000")]), 5_000_000);
    assert_eq!(bounded, 500_000);
}

#[test]
fn who_does_not_read_keeps_little() {
    let mut pair = far(&[]);
    let (a, b) = (pair.a, pair.b);
    let (client, server) = pair.connection();
    let mut refused = false;
    for _ in 0..200 {
        let now = pair.now;
        refused |= pair.host(a).send(now, client, &[1; 1 << 16]).is_err();
        pair.wait(ms(100));
    }
    let held = pair.lab.host(b).unread(server).expect("a number");
    // Half of the buffer, and what the window's scale rounds up.
    assert!(refused && (50_000..=65_536 + 1024).contains(&held), "{held}");
    assert_eq!(receive_buffer(&mut pair, server), 131_072);
}
