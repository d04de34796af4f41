//! One host over its loopback, and two hosts on a wire without delay, in virtual time. What is expected was printed by
//! the same calls on Linux 6.18 (poll bits without RDNORM, WRNORM and WRBAND).

mod datagram;
mod groups;
mod listener;
mod options;
mod proc;
mod random;
mod reset;
mod seldom;
mod stream;
mod wire;

use std::net::SocketAddr;

use sockeye_abi::{Errno, Family, How, Opt, Readiness, Transport, Value};
use sockeye_base::{Duration, Instant, Rng};
use sockeye_stack::{Interface, InterfaceId, Settings, Stack};
use sockeye_wire::ethernet::Mac;

use crate::{Host, Result, SocketId};

/// A socket: on which host, and which.
type Sock = (usize, SocketId);

struct Net {
    hosts: Vec<Host>,
    now: Instant,
    /// Frames that cross the wire are lost.
    cut: bool,
}

impl Net {
    /// One host with nothing but its loopback.
    fn lone() -> Net {
        let stack = Stack::new(Settings::default(), Rng::from_seed(1));
        Net { hosts: vec![Host::new("lone", stack)], now: Instant::from_millis(1), cut: false }
    }

    /// Hosts 10.0.0.1/fd61::1 and 10.0.0.2/fd61::2 on one wire.
    fn pair() -> Net {
        let hosts = (1..=2).map(|n: u8| {
            let mut stack = Stack::new(Settings::default(), Rng::from_seed(n.into()));
            let addresses = [format!("10.0.0.{n}/24"), format!("fd61::{n}/64")];
            stack.add_interface(Interface {
                name: "eth0".into(),
                mac: Mac([2, 0, 0, 0, 0, n]),
                mtu: 1500,
                addresses: addresses.iter().map(|text| text.parse().expect("a cidr")).collect(),
            });
            Host::new(&format!("host{n}"), stack)
        });
        Net { hosts: hosts.collect(), now: Instant::from_millis(1), cut: false }
    }

    /// Carries frames until none is left.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            let mut quiet = true;
            for from in 0..self.hosts.len() {
                while let Some((_, frame)) = self.hosts[from].poll_frame() {
                    quiet = false;
                    let to = self.hosts.len() - 1 - from;
                    if !self.cut && to != from {
                        self.hosts[to].input(self.now, InterfaceId(1), frame);
                    }
                }
            }
            if quiet {
                return;
            }
        }
        panic!("the hosts never fall silent");
    }

    /// Lets time go by.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        self.settle();
        while let Some(due) =
            self.hosts.iter_mut().filter_map(Host::next_deadline).min().filter(|due| *due <= end)
        {
            self.now = self.now.max(due);
            let now = self.now;
            self.hosts.iter_mut().for_each(|host| host.advance(now));
            self.settle();
        }
        self.now = end;
    }

    fn call<R>(&mut self, sock: Sock, call: impl FnOnce(&mut Host, Instant, SocketId) -> R) -> R {
        let result = call(&mut self.hosts[sock.0], self.now, sock.1);
        self.settle();
        result
    }

    fn socket(&mut self, host: usize, family: Family, transport: Transport) -> Sock {
        (host, self.hosts[host].socket(family, transport).expect("a socket"))
    }

    fn tcp(&mut self) -> Sock {
        self.socket(0, Family::Inet, Transport::Tcp)
    }

    fn tcp6(&mut self) -> Sock {
        self.socket(0, Family::Inet6, Transport::Tcp)
    }

    fn udp(&mut self) -> Sock {
        self.socket(0, Family::Inet, Transport::Udp)
    }

    fn udp6(&mut self) -> Sock {
        self.socket(0, Family::Inet6, Transport::Udp)
    }

    fn bind(&mut self, sock: Sock, address: &str) -> Result<()> {
        self.call(sock, |host, now, id| host.bind(now, id, addr(address)))
    }

    fn connect(&mut self, sock: Sock, address: &str) -> Result<()> {
        self.call(sock, |host, now, id| host.connect(now, id, addr(address)))
    }

    fn disconnect(&mut self, sock: Sock) -> Result<()> {
        self.call(sock, |host, now, id| host.disconnect(now, id))
    }

    fn listen(&mut self, sock: Sock, backlog: i32) -> Result<()> {
        self.call(sock, |host, now, id| host.listen(now, id, backlog))
    }

    fn accept(&mut self, sock: Sock) -> Result<Sock> {
        self.call(sock, |host, now, id| host.accept(now, id)).map(|(id, _)| (sock.0, id))
    }

    fn send(&mut self, sock: Sock, bytes: &[u8]) -> Result<usize> {
        self.call(sock, |host, now, id| host.send(now, id, bytes))
    }

    fn send_to(&mut self, sock: Sock, bytes: &[u8], to: &str) -> Result<usize> {
        self.call(sock, |host, now, id| host.send_to(now, id, bytes, Some(addr(to))))
    }

    fn recv(&mut self, sock: Sock, max: usize) -> Result<Vec<u8>> {
        self.call(sock, |host, now, id| host.receive(now, id, max, false)).map(|chain| chain.to_vec())
    }

    fn recv_from(&mut self, sock: Sock) -> Result<(Vec<u8>, String)> {
        let (chain, from) = self.call(sock, |host, now, id| host.receive_from(now, id, false))?;
        Ok((chain.to_vec(), from.to_string()))
    }

    fn shut(&mut self, sock: Sock, how: How) -> Result<()> {
        self.call(sock, |host, now, id| host.shutdown(now, id, how))
    }

    fn close(&mut self, sock: Sock) {
        self.call(sock, Host::close);
    }

    fn set(&mut self, sock: Sock, opt: Opt, value: Value) -> Result<()> {
        self.call(sock, |host, now, id| host.set_option(now, id, opt, value))
    }

    fn get(&mut self, sock: Sock, opt: Opt) -> Result<Value> {
        self.call(sock, |host, now, id| host.option(now, id, opt))
    }

    /// SO_ERROR.
    fn error(&mut self, sock: Sock) -> Option<Errno> {
        match self.get(sock, Opt::SoError) {
            Ok(Value::Int(0)) => None,
            Ok(Value::Int(n)) => Some(Errno(n)),
            other => panic!("SO_ERROR gave {other:?}"),
        }
    }

    fn local(&self, sock: Sock) -> String {
        self.hosts[sock.0].local_addr(sock.1).expect("a name").to_string()
    }

    fn peer(&self, sock: Sock) -> Result<String> {
        self.hosts[sock.0].peer_addr(sock.1).map(|peer| peer.to_string())
    }

    /// The poll bits as text.
    fn poll(&self, sock: Sock) -> String {
        let bits = self.hosts[sock.0].readiness(sock.1);
        let names = [
            (Readiness::IN, "IN"),
            (Readiness::OUT, "OUT"),
            (Readiness::ERR, "ERR"),
            (Readiness::HUP, "HUP"),
            (Readiness::RDHUP, "RDHUP"),
        ];
        assert_eq!(bits.contains(Readiness::IN), bits.contains(Readiness::RDNORM));
        assert_eq!(bits.contains(Readiness::OUT), bits.contains(Readiness::WRNORM));
        let set: Vec<&str> =
            names.into_iter().filter(|(bit, _)| bits.contains(*bit)).map(|(_, name)| name).collect();
        if set.is_empty() { "-".to_owned() } else { set.join("|") }
    }

    /// The sockets that changed, on any host.
    fn changed(&mut self) -> Vec<Sock> {
        let mut out = Vec::new();
        for (index, host) in self.hosts.iter_mut().enumerate() {
            while let Some(id) = host.poll_changed() {
                out.push((index, id));
            }
        }
        out
    }

    /// A listener on 127.0.0.1, and its address.
    fn listener(&mut self) -> (Sock, String) {
        let listener = self.tcp();
        self.bind(listener, "127.0.0.1:0").expect("bound");
        self.listen(listener, 5).expect("listens");
        (listener, self.local(listener))
    }

    /// An address of loopback where nobody is.
    fn dead(&mut self) -> String {
        let sock = self.tcp();
        self.bind(sock, "127.0.0.1:0").expect("bound");
        let name = self.local(sock);
        self.close(sock);
        name
    }

    /// A connection over loopback: who connected, who accepted.
    fn connected(&mut self) -> (Sock, Sock) {
        let (listener, name) = self.listener();
        let client = self.tcp();
        assert_eq!(self.connect(client, &name), Err(Errno::EINPROGRESS));
        let server = self.accept(listener).expect("a connection");
        self.close(listener);
        (client, server)
    }
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// The port of `a.b.c.d:port` or `[::]:port`.
fn port(name: &str) -> u16 {
    addr(name).port()
}
