//! The sockets of a look-up: questions go out, what comes back is handed to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sockeye_abi::{Errno, Transport};
use sockeye_base::Chain;
use sockeye_names::{Exchange, Heard, Lookup};

use crate::host::Host;
use crate::net::family_of;
use crate::open::{Open, os_error, receiving};
use crate::time::timeout_on;
use crate::waiting::Interest;

/// The longest message, in bytes.
const LONGEST: usize = 65_535;

/// The datagram sockets of one look-up, one for each server: an answer that comes late is still one.
pub(super) struct Sockets<'a> {
    host: &'a Host,
    open: Vec<(SocketAddr, Arc<Open>)>,
}

impl<'a> Sockets<'a> {
    pub(super) fn new(host: &'a Host) -> Sockets<'a> {
        Sockets { host, open: Vec::new() }
    }

    /// Puts questions to a server, and hands over what it says until that is all, or the time is up.
    pub(super) async fn ask(&mut self, exchange: &Exchange, lookup: &mut Lookup) {
        let network = self.host.shared.clone();
        let asked = async {
            if exchange.tcp {
                self.ask_by_tcp(exchange, lookup).await
            } else {
                self.ask_by_udp(exchange, lookup).await
            }
        };
        // Refused, broken off or in vain: the look-up knows whom to ask next.
        let _ = timeout_on(&network, exchange.wait, asked).await;
    }

    async fn ask_by_udp(&mut self, exchange: &Exchange, lookup: &mut Lookup) -> io::Result<()> {
        let socket = self.socket(exchange.server)?;
        for message in &exchange.messages {
            socket.wait(Interest::Write, |host, now, id| host.send(now, id, message)).await?;
        }
        // Connected, so that it hears the server only.
        loop {
            let answer = socket.wait(Interest::Read, receiving(LONGEST, false)).await?;
            if lookup.receive(&answer.to_vec()) == Heard::All {
                return Ok(());
            }
        }
    }

    /// The socket connected to a server; its port is one that can't be guessed.
    fn socket(&mut self, server: SocketAddr) -> io::Result<Arc<Open>> {
        if let Some((_, open)) = self.open.iter().find(|(of, _)| *of == server) {
            return Ok(open.clone());
        }
        let open = Open::new(&self.host.shared, self.host.id, family_of(server), Transport::Udp)?;
        open.call(|host, now, id| host.connect(now, id, server))?;
        self.open.push((server, open.clone()));
        Ok(open)
    }

    /// RFC 7766: all questions in one connection, each message behind its length; the answers may be in any order.
    async fn ask_by_tcp(&self, exchange: &Exchange, lookup: &mut Lookup) -> io::Result<()> {
        let server = exchange.server;
        let open = Open::new(&self.host.shared, self.host.id, family_of(server), Transport::Tcp)?;
        open.wait(Interest::Write, |host, now, id| host.connect(now, id, server)).await?;
        let mut output = Vec::new();
        for message in &exchange.messages {
            let length = u16::try_from(message.len()).map_err(|_| os_error(Errno::EMSGSIZE))?;
            output.extend(length.to_be_bytes());
            output.extend(message);
        }
        let mut unsent = &output[..];
        while !unsent.is_empty() {
            let sent = open.wait(Interest::Write, |host, now, id| host.send(now, id, unsent)).await?;
            unsent = unsent.get(sent..).unwrap_or_default();
        }
        let mut input = Chain::new();
        loop {
            while let Some(message) = next_message(&mut input) {
                if lookup.receive(&message) == Heard::All {
                    return Ok(());
                }
            }
            let data = open.wait(Interest::Read, receiving(LONGEST, false)).await?;
            if data.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            input.append(data);
        }
    }
}

/// Takes the first whole message.
fn next_message(input: &mut Chain) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    if input.copy_to(&mut length) < length.len() {
        return None;
    }
    let length = usize::from(u16::from_be_bytes(length));
    if input.len() < 2 + length {
        return None;
    }
    input.advance(2);
    Some(input.split_to(length).to_vec())
}
