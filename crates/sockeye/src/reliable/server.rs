//! The answering side over a socket.

use std::io;
use std::net::SocketAddr;

use super::Number;
use super::client::is_passing;
use super::packet::LONGEST;
use super::responder::{Asked, Responder};
use crate::async_net::UdpSocket;
use crate::host::{self, Host};
use crate::names::blocking;
use crate::net::ToSocketAddrs;

/// Answers many clients, in tasks.
#[derive(Debug)]
pub struct AsyncServer {
    host: Host,
    socket: UdpSocket,
    responder: Responder<SocketAddr>,
    buffer: Box<[u8]>,
}

/// Answers many clients, in threads.
#[derive(Debug)]
pub struct Server(AsyncServer);

/// A request that is to be carried out, and then answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request(Asked<SocketAddr>);

impl Request {
    /// Who asks.
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// Its number among that client's.
    pub fn number(&self) -> Number {
        self.0.number
    }

    /// What is asked.
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }
}

impl AsyncServer {
    /// A server at the first of these addresses that can be.
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<AsyncServer> {
        let host = host::here()?;
        let socket = UdpSocket::bind(address).await?;
        let buffer = vec![0; 1 << 16].into_boxed_slice();
        Ok(AsyncServer { host, socket, responder: Responder::new(), buffer })
    }

    /// Its address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits for the next request; none comes twice. Duplicates of others are answered meanwhile, so this is to be waited for
    /// again soon.
    pub async fn recv(&mut self) -> io::Result<Request> {
        loop {
            if let Some(asked) = self.responder.next() {
                return Ok(Request(asked));
            }
            match self.socket.recv_from(&mut self.buffer).await {
                Ok((length, peer)) => {
                    let back = self.responder.input(self.host.now().0, peer, &self.buffer[..length]);
                    if let Some(back) = back {
                        self.send(&back, peer).await?;
                    }
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers a request. A client that doesn't wait any more hears nothing. `InvalidInput` for more than [`LONGEST`] bytes.
    pub async fn answer(&mut self, request: &Request, reply: &[u8]) -> io::Result<()> {
        if reply.len() > LONGEST {
            let what = format!("a reply of {} bytes: a datagram takes {LONGEST}", reply.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        match self.responder.answer(&request.0, reply) {
            Some(datagram) => self.send(&datagram, request.peer()).await,
            None => Ok(()),
        }
    }

    async fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.socket.send_to(datagram, to).await {
            Err(error) if !is_passing(&error) => Err(error),
            // It will be asked for again.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl Server {
    /// A server at the first of these addresses that can be.
    pub fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Server> {
        blocking(&host::here()?, AsyncServer::bind(address)).map(Server)
    }

    /// Its address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Waits for the next request, as [`AsyncServer::recv`].
    pub fn recv(&mut self) -> io::Result<Request> {
        let host = self.0.host.clone();
        blocking(&host, self.0.recv())
    }

    /// Answers a request, as [`AsyncServer::answer`].
    pub fn answer(&mut self, request: &Request, reply: &[u8]) -> io::Result<()> {
        let host = self.0.host.clone();
        blocking(&host, self.0.answer(request, reply))
    }
}
