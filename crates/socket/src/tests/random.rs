//! Programs that call anything at any time: nothing panics, connections keep their invariants, and what poll says is what
//! calls do.

use super::*;
use std::net::IpAddr;

use crate::Outgoing;
use sockeye_abi::{Device, GroupFilter, GroupRequest, Kind, Layout, MessageFlags, OPTIONS};

const ADDRESSES: [&str; 10] = [
    "127.0.0.1:80",
    "0.0.0.0:80",
    "10.0.0.1:80",
    "10.0.0.2:80",
    "10.0.0.9:80",
    "0.0.0.0:0",
    "[::]:80",
    "[::1]:80",
    "[fd61::2]:80",
    "[::ffff:10.0.0.2]:80",
];

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len() as u64) as usize]
}

fn step(n: &mut Net, rng: &mut Rng, open: &mut Vec<Sock>) {
    if open.is_empty() || (open.len() < 16 && rng.below(5) == 0) {
        let family = pick(rng, &[Family::Inet, Family::Inet6]);
        let transport = pick(rng, &[Transport::Tcp, Transport::Tcp, Transport::Tcp, Transport::Udp]);
        let host = rng.below(2) as usize;
        open.push(n.socket(host, family, transport));
        return;
    }
    let sock = pick(rng, open);
    let to = pick(rng, &ADDRESSES);
    let len = pick(rng, &[0, 1, 100, 1460, 60_000, 300_000]);
    match rng.below(24) {
        0 => {
            let _ = n.bind(sock, to);
        }
        1 | 2 | 22 | 23 => {
            let _ = n.connect(sock, to);
        }
        3 | 4 => {
            let _ = n.listen(sock, pick(rng, &[-1, 0, 1, 5]));
        }
        5 | 6 | 16 | 17 => open.extend(n.accept(sock)),
        7 | 8 | 18 | 19 => {
            let _ = n.send(sock, &vec![1; len]);
        }
        9 => {
            let flags = pick(rng, &[MessageFlags::FASTOPEN, MessageFlags::empty()]);
            let to = Some(addr(to));
            let bytes = vec![1; len];
            let message = Outgoing { bytes: &bytes, to, flags, ..Outgoing::default() };
            let _ = n.call(sock, |host, now, id| host.send_message(now, id, &message));
        }
        10 | 11 | 20 | 21 => {
            let _ = n.recv(sock, len);
        }
        12 => {
            let _ = n.shut(sock, pick(rng, &[How::Read, How::Write, How::Both]));
        }
        13 => {
            let row = &OPTIONS[rng.below(OPTIONS.len() as u64) as usize];
            let value = match row.kind {
                Kind::Flag | Kind::AnyInt | Kind::Word | Kind::Int(..) => {
                    Value::Int(pick(rng, &[0, 1, -1, 9, i32::MAX, i32::MIN]))
                }
                Kind::Linger => Value::Linger { on: true, seconds: pick(rng, &[0, 0, -1, 5]) },
                Kind::Timeval => Value::Time(Some(Duration::MAX)),
                Kind::Rate => Value::Rate(pick(rng, &[0, 1, 100_000, u64::MAX])),
                Kind::Key => Value::Bytes(vec![7; 16]),
                Kind::NetworkInt => Value::Int(pick(rng, &[0, 1, 2, -1])),
                Kind::Interface => Value::Bytes(pick(rng, &[&b""[..], b"lo", b"eth0", b"x"]).to_vec()),
                Kind::Device => Device::index(pick(rng, &[0, 1, 2, 3, -1])).into(),
                Kind::Group(Layout::IpMsfilter | Layout::GroupFilter) => Value::Filter(GroupFilter {
                    group: group(rng),
                    device: Device::index(pick(rng, &[0, 1, 2, 9])),
                    include: rng.below(2) == 0,
                    sources: vec![[10, 61, 0, 1].into(); rng.below(3) as usize],
                    count: 2,
                }),
                Kind::Group(_) => Value::Group(GroupRequest {
                    group: group(rng),
                    device: Device::index(pick(rng, &[0, 1, 2, 9])),
                    source: pick(rng, &[None, Some([10, 61, 0, 1].into())]),
                }),
                Kind::Name(_) | Kind::Struct(_) | Kind::Bits(_) | Kind::Number | Kind::Peer => {
                    Value::Bytes(vec![0; 3])
                }
            };
            let _ = n.set(sock, row.opt, value);
            let _ = n.get(sock, row.opt);
        }
        14 => match rng.below(3) {
            0 => {
                let _ = n.disconnect(sock);
            }
            1 => n.pass(Duration::from_millis(pick(rng, &[1, 300, 5000, 100_000]))),
            _ => n.cut = rng.below(4) == 0,
        },
        _ => {
            open.retain(|other| *other != sock);
            if rng.below(3) == 0 { n.call(sock, Host::abort) } else { n.close(sock) }
        }
    }
}

fn check(n: &mut Net, sock: Sock) {
    let host = &n.hosts[sock.0];
    if let Some(tcb) = host.tcb(sock.1) {
        tcb.check_invariants().expect("invariants");
    }
    assert!(host.local_addr(sock.1).is_ok());
    if host.transport(sock.1) == Ok(Transport::Udp) || host.is_listening(sock.1) {
        return;
    }
    let bits = host.readiness(sock.1);
    let few = n.get(sock, Opt::SoRcvLowat) != Ok(Value::Int(1));
    // Takes no bytes, but a pending error it does.
    let got = n.call(sock, |host, now, id| host.receive(now, id, 1, true));
    if bits.contains(Readiness::IN) {
        assert_ne!(got, Err(Errno::EAGAIN), "{bits:?}");
    } else if !bits.intersects(Readiness::ERR | Readiness::HUP) && !few {
        assert_eq!(got, Err(Errno::EAGAIN), "{bits:?}");
    }
    let bits = n.hosts[sock.0].readiness(sock.1);
    let sent = n.call(sock, |host, _, id| host.may_send(id, 1));
    if bits.contains(Readiness::OUT) {
        assert_ne!(sent, Err(Errno::EAGAIN), "{bits:?}");
    }
}

#[test]
fn poll_says_what_calls_do() {
    let mut spoken = 0;
    for seed in 0..100 {
        let mut rng = Rng::from_seed(seed);
        let mut n = Net::pair();
        let mut open = Vec::new();
        for host in 0..2 {
            let listener = n.socket(host, Family::Inet6, Transport::Tcp);
            n.bind(listener, "[::]:80").expect("bound");
            n.listen(listener, 2).expect("listens");
            open.push(listener);
        }
        for _ in 0..400 {
            step(&mut n, &mut rng, &mut open);
            for sock in open.clone() {
                check(&mut n, sock);
            }
        }
        for sock in open {
            spoken += usize::from(n.hosts[sock.0].info(sock.1).is_some_and(|info| info.bytes_received > 0));
            n.close(sock);
        }
        n.cut = false;
        n.pass(Duration::from_secs(3600));
        n.changed();
        for host in &n.hosts {
            assert!(host.sockets.is_empty(), "seed {seed}: nothing is left open");
            assert_eq!(host.stack().tcp_len(), 0, "seed {seed}: no connection outlives its time");
            assert_eq!(host.stack().ports_held(), 0, "seed {seed}: nobody holds a port");
        }
    }
    assert!(spoken > 40, "only {spoken} connections carried anything");
}

fn group(rng: &mut Rng) -> IpAddr {
    let text = pick(rng, &["239.1.1.1", "224.0.0.1", "ff02::7", "ff0e::7", "10.61.0.1"]);
    text.parse().expect("an address")
}
