//! The asking side over a socket.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::requester::{Outcome, Requester};
use super::{Config, Number};
use crate::async_net::UdpSocket;
use crate::host::{self, Host};
use crate::names::blocking;
use crate::net::ToSocketAddrs;
use crate::time::{self, Instant};

/// Asks one server, in tasks.
#[derive(Debug)]
pub struct AsyncClient {
    host: Host,
    socket: UdpSocket,
    requester: Requester,
    /// Outcomes that came while another was waited for.
    kept: VecDeque<(Number, Outcome)>,
    buffer: Box<[u8]>,
}

/// Asks one server, in threads.
#[derive(Debug)]
pub struct Client(AsyncClient);

impl AsyncClient {
    /// A client of the server at the first of these addresses that can be, as it asks by default.
    pub async fn connect<A: ToSocketAddrs>(server: A) -> io::Result<AsyncClient> {
        AsyncClient::connect_with(server, Config::default()).await
    }

    /// The same, as it is to ask.
    pub async fn connect_with<A: ToSocketAddrs>(server: A, config: Config) -> io::Result<AsyncClient> {
        let host = host::here()?;
        let server = crate::net::resolve(server).await?.first().copied().ok_or_else(crate::net::none)?;
        let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        let session =
            host.shared.with(|engine, _| engine.lab.host_mut(host.id).stack_mut().fork_rng().next_u64());
        let requester = Requester::new(session, config);
        let buffer = vec![0; 1 << 16].into_boxed_slice();
        Ok(AsyncClient { host, socket, requester, kept: VecDeque::new(), buffer })
    }

    /// Asks, and waits for the reply. `InvalidInput` for more than [`super::LONGEST`] bytes; `TimedOut`, or what the network said
    /// (`ConnectionRefused`), if the server was silent for longer than [`Config::patience`]; `WouldBlock` if 64 are under way.
    pub async fn call(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        let wanted = self.start(request)?;
        loop {
            match self.next().await? {
                Some((number, outcome)) if number == wanted => return outcome,
                Some(other) => self.kept.push_back(other),
                None => return Err(io::ErrorKind::NotFound.into()),
            }
        }
    }

    /// Begins a request; [`AsyncClient::finish`] sends it, and gives what became of it. Errors as of [`AsyncClient::call`].
    pub fn start(&mut self, request: &[u8]) -> io::Result<Number> {
        self.requester.start(self.host.now().0, request)
    }

    /// Waits until one of the requests is answered or given up; `None` if there are none.
    pub async fn finish(&mut self) -> io::Result<Option<(Number, io::Result<Vec<u8>>)>> {
        match self.kept.pop_front() {
            Some(kept) => Ok(Some(kept)),
            None => self.next().await,
        }
    }

    /// The smoothed time between a request and its reply, once there was one.
    pub fn round_trip(&self) -> Option<Duration> {
        self.requester.round_trip()
    }

    async fn next(&mut self) -> io::Result<Option<(Number, Outcome)>> {
        while !self.requester.is_idle() {
            let now = self.host.now();
            while let Some(datagram) = self.requester.transmit(now.0) {
                self.note(self.socket.send(&datagram).await.err())?;
            }
            if let Some(finished) = self.requester.finished() {
                return Ok(Some(finished));
            }
            let until = self.requester.deadline().map_or(now, Instant);
            let received = self.socket.recv(&mut self.buffer);
            match time::timeout_on(&self.host.shared, until - now, received).await {
                Ok(Ok(length)) => self.requester.input(self.host.now().0, &self.buffer[..length]),
                Ok(Err(error)) => self.note(Some(error))?,
                Err(time::Elapsed) => {}
            }
        }
        Ok(None)
    }

    /// What the network says of a datagram is no end: the next may arrive. What it says of the socket is.
    fn note(&mut self, error: Option<io::Error>) -> io::Result<()> {
        match error {
            None => Ok(()),
            Some(error) if is_passing(&error) => {
                self.requester.refused(&error);
                Ok(())
            }
            Some(error) => Err(error),
        }
    }
}

/// Whether an error is about a datagram on its way.
pub(super) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable, WouldBlock};
    matches!(
        error.kind(),
        ConnectionRefused | HostUnreachable | NetworkUnreachable | NetworkDown | WouldBlock
    )
}

impl Client {
    /// A client of the server at the first of these addresses that can be, as it asks by default.
    pub fn connect<A: ToSocketAddrs>(server: A) -> io::Result<Client> {
        Client::connect_with(server, Config::default())
    }

    /// The same, as it is to ask.
    pub fn connect_with<A: ToSocketAddrs>(server: A, config: Config) -> io::Result<Client> {
        blocking(&host::here()?, AsyncClient::connect_with(server, config)).map(Client)
    }

    /// Asks, and waits for the reply. Errors as of [`AsyncClient::call`].
    pub fn call(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        let host = self.0.host.clone();
        blocking(&host, self.0.call(request))
    }

    /// Begins a request; [`Client::finish`] sends it, and gives what became of it. Errors as of [`AsyncClient::call`].
    pub fn start(&mut self, request: &[u8]) -> io::Result<Number> {
        self.0.start(request)
    }

    /// Waits until one of the requests is answered or given up; `None` if there are none.
    pub fn finish(&mut self) -> io::Result<Option<(Number, io::Result<Vec<u8>>)>> {
        let host = self.0.host.clone();
        blocking(&host, self.0.finish())
    }

    /// The smoothed time between a request and its reply, once there was one.
    pub fn round_trip(&self) -> Option<Duration> {
        self.0.round_trip()
    }
}
