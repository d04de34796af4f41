//! Raw and ping sockets.

use std::net::IpAddr;

use sockeye::net::{RawSocket, UdpSocket};
use sockeye::socket::{Family, MessageFlags, Opt, Socket, Transport, Value};
use sockeye::{Lab, LinkOptions, Simulation, async_net};

use crate::pair;

const REQUEST: &[u8] = b"\x08\0\0\0\0\0\0\x01kia ora";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn pings_and_overhears() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let ping = a.run(RawSocket::ping_v4).unwrap();
    let raw = b.run(|| RawSocket::v4(1)).unwrap();
    let mut filter = [0xff; 32];
    // Requests alone are heard.
    filter[1] = !1;
    raw.set_type_filter(&filter).unwrap();
    ping.set_hop_limit(9).unwrap();
    ping.send_to(REQUEST, ip("10.0.0.2")).unwrap();
    let mut buffer = [0; 100];
    let (length, from) = ping.recv_from(&mut buffer).unwrap();
    assert_eq!((buffer[0], &buffer[8..length], from), (0, &b"kia ora"[..], ip("10.0.0.2")));
    let (length, from) = raw.recv_from(&mut buffer).unwrap();
    assert_eq!((length, from), (20 + REQUEST.len(), ip("10.0.0.1")));
    // Its header is shown: the TTL, and the protocol.
    assert_eq!((buffer[8], buffer[9], buffer[20]), (9, 1, 8));
}

#[test]
fn writes_headers() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let heard = b.run(|| UdpSocket::bind("10.0.0.2:7")).unwrap();
    let raw = a.run(|| RawSocket::v4(255)).unwrap();
    let mut packet = vec![0x45, 0, 0, 0, 0, 9, 0, 0, 64, 17, 0, 0, 10, 0, 0, 77, 10, 0, 0, 2];
    packet.extend([0, 5, 0, 7, 0, 12, 0, 0]);
    packet.extend(b"data");
    raw.send_to(&packet, ip("10.0.0.2")).unwrap();
    let mut buffer = [0; 10];
    let (length, from) = heard.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], from.to_string().as_str()), (&b"data"[..], "10.0.0.77:5"));
    assert_eq!(raw.send_to(&packet[..19], ip("10.0.0.2")).unwrap_err().raw_os_error(), Some(22));
}

#[test]
fn is_a_socket_like_any_other() {
    let (a, _) = pair(&Lab::new(1), &LinkOptions::new());
    let socket = a.run(|| Socket::new(Family::Inet6, Transport::Raw(253))).unwrap();
    assert_eq!(socket.option(Opt::SoType).unwrap(), Value::Int(3));
    let to = "[::1]:0".parse().unwrap();
    socket.send_to(b"data", Some(to), MessageFlags::empty()).unwrap();
    let raw = RawSocket::from(socket);
    let mut buffer = [0; 10];
    assert_eq!(raw.recv(&mut buffer).unwrap(), 4);
    raw.connect(ip("::1")).unwrap();
    raw.send(b"again").unwrap();
    assert_eq!(raw.recv(&mut buffer).unwrap(), 5);
}

#[test]
fn tasks_ping_in_virtual_time() {
    let simulation = Simulation::new(1);
    let (a, _) = pair(simulation.lab(), &LinkOptions::new());
    let heard = simulation.spawn(&a, async {
        let ping = async_net::RawSocket::ping_v4()?;
        ping.connect("10.0.0.2".parse().unwrap())?;
        ping.send(REQUEST).await?;
        let mut buffer = [0; 100];
        ping.recv(&mut buffer).await
    });
    simulation.run().unwrap();
    assert_eq!(heard.take().unwrap().unwrap(), REQUEST.len());
}
