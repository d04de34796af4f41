//! The services of the default network, asked by clients on `pukaki` in virtual time.

mod dns;
mod echo;
mod http;
mod rubbish;
mod small;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_abi::{Errno, Family, How, Transport};
use sockeye_base::{Duration, Instant};
use sockeye_lab::{DefaultNetwork, HostId, Lab, default_network};
use sockeye_services::Services;
use sockeye_socket::{Host, SocketId};

const TEKAPO: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 61, 0, 2));
const TEKAPO6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd61, 0, 0, 0, 0, 0, 0, 2));

/// The default network with its services, and a clock.
struct World {
    lab: Lab,
    pukaki: HostId,
    services: Services,
    now: Instant,
}

impl World {
    fn new() -> World {
        let DefaultNetwork { mut lab, pukaki, tekapo, .. } = default_network(1);
        let mut services = Services::tekapo(&lab, tekapo);
        services.start(&mut lab, Instant::ZERO).expect("services start");
        World { lab, pukaki, services, now: Instant::ZERO }
    }

    /// The client's host and the time.
    fn client(&mut self) -> (&mut Host, Instant) {
        (self.lab.host_mut(self.pukaki), self.now)
    }

    /// Lets everything happen that is due.
    fn settle(&mut self) {
        self.services.settle(&mut self.lab, self.now, |_, _, _| {});
    }

    /// Lets time pass until the next thing is due, but not beyond `limit`.
    fn step(&mut self, limit: Instant) {
        match self.lab.next_deadline() {
            Some(at) if at <= limit => self.now = self.now.max(at),
            Some(_) | None => panic!("nothing more happens"),
        }
        self.settle();
    }

    fn socket(&mut self, transport: Transport, to: IpAddr) -> SocketId {
        let family = if to.is_ipv4() { Family::Inet } else { Family::Inet6 };
        self.client().0.socket(family, transport).unwrap()
    }

    /// A TCP connection that is there.
    fn connect(&mut self, to: SocketAddr) -> SocketId {
        let socket = self.socket(Transport::Tcp, to.ip());
        let (host, now) = self.client();
        assert_eq!(host.connect(now, socket, to), Err(Errno::EINPROGRESS));
        self.settle();
        let (host, now) = self.client();
        assert_eq!(host.connect(now, socket, to), Ok(()));
        socket
    }

    /// Sends `out` and receives until `done` says so of what came, or the peer's FIN. Both go on side by side.
    fn talk(&mut self, socket: SocketId, mut out: &[u8], done: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut came = Vec::new();
        let limit = self.now + Duration::from_secs(60);
        loop {
            let (host, now) = self.client();
            let mut moved = false;
            while let Ok(n) = host.send(now, socket, out)
                && n > 0
            {
                out = &out[n..];
                moved = true;
                if out.is_empty() {
                    break;
                }
            }
            loop {
                match host.receive(now, socket, 1 << 16, false) {
                    Ok(data) if data.is_empty() => return came,
                    Ok(data) => came.extend(data.to_vec()),
                    Err(Errno::EAGAIN) => break,
                    Err(errno) => panic!("{errno:?} after {} bytes", came.len()),
                }
                moved = true;
            }
            if out.is_empty() && done(&came) {
                return came;
            }
            if moved { self.settle() } else { self.step(limit) }
        }
    }

    fn shutdown(&mut self, socket: SocketId) {
        let (host, now) = self.client();
        host.shutdown(now, socket, How::Write).unwrap();
        self.settle();
    }

    fn close(&mut self, socket: SocketId) {
        let (host, now) = self.client();
        host.close(now, socket);
        self.settle();
    }

    /// Sends a datagram and receives its answer, and where that came from.
    fn ask(&mut self, to: SocketAddr, question: &[u8]) -> Option<(Vec<u8>, SocketAddr)> {
        let socket = self.socket(Transport::Udp, to.ip());
        let (host, now) = self.client();
        assert_eq!(host.send_to(now, socket, question, Some(to)), Ok(question.len()));
        self.settle();
        let (host, now) = self.client();
        let answer = host.receive_from(now, socket, false);
        self.close(socket);
        answer.ok().map(|(data, source)| (data.to_vec(), source))
    }
}
