//! One HTTP/1.1 connection (RFC 9112): request by request, in order, with keep-alive and pipelining. At any time it holds
//! at most one read of input, one head, and one answer's head or text; large bodies in and out are never held.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use sockeye_abi::{Errno, How};
use sockeye_base::{Chain, Instant};
use sockeye_socket::{Host, SocketId};

use super::content::Content;
use super::head::{self, Bad, Framing, Method, Request};
use super::page::{self, Facts, Has};
use super::pattern::{Pattern, parse_size};
use super::response::{Manner, Response, Source, Status};
use super::upload::Upload;
use crate::server::{Progress, READ_SIZE, Session, send_all};

/// Of this host's network it is known that nobody is at 10.61.0.99.
const NEIGHBOUR_OF_NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 61, 0, 2));
/// How much is read and dropped after a last answer, so that it reaches a client that is still sending.
const LINGER_LIMIT: u64 = 64 << 20;

/// A connection.
pub(crate) struct Connection {
    phase: Phase,
    /// Read and not yet understood.
    input: Input,
    /// To be sent next.
    output: Chain,
    /// To be sent after it.
    rest: Source,
    /// What all connections serve.
    content: Arc<Content>,
}

/// Bytes read and not yet understood. Holds no memory while it is empty.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    /// How many at the front are done with; they go when more is read, so that a pipeline is not moved for each request.
    done: usize,
}

impl Input {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.done..).unwrap_or_default()
    }

    fn consume(&mut self, n: usize) {
        self.done += n;
        if self.done >= self.bytes.len() {
            *self = Input::default();
        }
    }

    fn extend(&mut self, data: &[u8]) {
        if self.done > 0 {
            self.bytes.drain(..self.done);
            self.done = 0;
        }
        self.bytes.extend_from_slice(data);
    }
}

enum Phase {
    /// Waiting for a head, or in the middle of it.
    Head,
    /// Reading a request's body.
    Body(Box<Request>, Upload),
    /// Sending an answer; then the next request, or the end.
    Answer { keep_alive: bool },
    /// All is said; dropping what still comes, so much so far.
    Linger(u64),
}

/// Why a loop ends.
enum Stop {
    /// Nothing to be done until something changes.
    Wait,
    /// The peer is gone, or has said all.
    Gone,
}

impl Connection {
    pub(crate) fn new(content: Arc<Content>) -> Connection {
        Connection {
            phase: Phase::Head,
            input: Input::default(),
            output: Chain::new(),
            rest: Source::default(),
            content,
        }
    }

    fn step(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Result<(), Stop> {
        match &mut self.phase {
            Phase::Head => match head::parse(self.input.rest()) {
                Ok(Some((request, len))) => {
                    self.input.consume(len);
                    self.begin(host, socket, request);
                    Ok(())
                }
                Ok(None) => self.read_head(host, now, socket),
                Err(bad) => {
                    self.refuse(bad);
                    Ok(())
                }
            },
            Phase::Body(..) => self.read_body(host, now, socket),
            Phase::Answer { keep_alive } => {
                let keep_alive = *keep_alive;
                self.flush(host, now, socket)?;
                if keep_alive {
                    self.phase = Phase::Head;
                } else {
                    // RFC 9112, section 9.6: closing at once could reset the connection and lose the answer.
                    host.shutdown(now, socket, How::Write).map_err(|_| Stop::Gone)?;
                    self.phase = Phase::Linger(0);
                    self.input = Input::default();
                }
                Ok(())
            }
            Phase::Linger(dropped) => {
                *dropped += read(host, now, socket)?.len() as u64;
                if *dropped > LINGER_LIMIT { Err(Stop::Gone) } else { Ok(()) }
            }
        }
    }

    /// Reads more of a head. Without a line's end it can't have become whole, so it need not be looked at again.
    fn read_head(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Result<(), Stop> {
        loop {
            let data = read(host, now, socket)?;
            data.pieces().for_each(|piece| self.input.extend(piece));
            if data.pieces().any(|piece| piece.contains(&b'\n')) || self.input.rest().len() > head::HEAD_LIMIT
            {
                return Ok(());
            }
        }
    }

    /// A head is whole: its body is next.
    fn begin(&mut self, host: &Host, socket: SocketId, mut request: Request) {
        let upload = Upload::new(request.framing);
        if request.expects_continue && !upload.is_done() && self.input.rest().is_empty() {
            // RFC 9110, section 10.1.1: the client waits for a sign. Where its body is not wanted, the answer is sign
            // enough, and the body may or may not follow: the connection can't go on.
            if request.method == Method::Upload {
                self.output.push(Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n"));
            } else {
                request.keep_alive = false;
                request.framing = Framing::Length(0);
                return self.answer(host, socket, &request, Upload::new(request.framing));
            }
        }
        self.phase = Phase::Body(Box::new(request), upload);
    }

    fn read_body(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Result<(), Stop> {
        self.flush(host, now, socket)?;
        let Phase::Body(_, upload) = &mut self.phase else { return Ok(()) };
        match upload.take(self.input.rest()) {
            Ok(used) => self.input.consume(used),
            Err(bad) => {
                self.refuse(bad);
                return Ok(());
            }
        }
        while !upload.is_done() {
            let data = read(host, now, socket)?;
            for piece in data.pieces() {
                match upload.take(piece) {
                    // What is left belongs to the next request.
                    Ok(used) => self.input.extend(piece.get(used..).unwrap_or_default()),
                    Err(bad) => {
                        self.refuse(bad);
                        return Ok(());
                    }
                }
            }
        }
        if let Phase::Body(request, upload) = std::mem::replace(&mut self.phase, Phase::Head) {
            self.answer(host, socket, &request, upload);
        }
        Ok(())
    }

    fn answer(&mut self, host: &Host, socket: SocketId, request: &Request, upload: Upload) {
        let response = match request.method {
            Method::Upload => Response::text(Status::OK, upload.summary()),
            Method::Get | Method::Head => {
                let found = self.content.find(request);
                found.unwrap_or_else(|| get(host, socket, request, self.content.has_index()))
            }
            Method::Options => Response::text(Status::NO_CONTENT, ""),
            Method::Other => {
                Response::text(Status::METHOD_NOT_ALLOWED, "Here one can GET, HEAD, POST and PUT.\n")
            }
        };
        let head_only = request.method == Method::Head;
        self.send(response, Manner { head_only, keep_alive: request.keep_alive, http10: request.http10 });
    }

    /// Answers what can't be understood. Where the next request begins is unknown, so it is the last answer.
    fn refuse(&mut self, Bad(status, why): Bad) {
        let response = Response::text(status, format!("{why}\n"));
        self.send(response, Manner { head_only: false, keep_alive: false, http10: false });
    }

    fn send(&mut self, response: Response, manner: Manner) {
        let (bytes, rest) = response.encode(manner);
        self.output.push(bytes.into());
        self.rest = rest;
        self.phase = Phase::Answer { keep_alive: manner.keep_alive };
    }

    fn flush(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Result<(), Stop> {
        loop {
            if !send_all(host, now, socket, &mut self.output).map_err(|_| Stop::Gone)? {
                return Err(Stop::Wait);
            }
            match self.rest.next(&self.content.chunk) {
                Some(piece) => self.output.push(piece),
                None => return Ok(()),
            }
        }
    }
}

impl Session for Connection {
    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Progress {
        loop {
            match self.step(host, now, socket) {
                Ok(()) => {}
                Err(Stop::Gone) => return Progress::Done,
                Err(Stop::Wait) => {
                    let idle = match &self.phase {
                        Phase::Head | Phase::Linger(_) => true,
                        Phase::Body(..) | Phase::Answer { .. } => false,
                    };
                    return if idle { Progress::Idle } else { Progress::Busy };
                }
            }
        }
    }
}

fn read(host: &mut Host, now: Instant, socket: SocketId) -> Result<Chain, Stop> {
    match host.receive(now, socket, READ_SIZE, false) {
        Ok(data) if data.is_empty() => Err(Stop::Gone),
        Ok(data) => Ok(data),
        Err(Errno::EAGAIN) => Err(Stop::Wait),
        Err(_) => Err(Stop::Gone),
    }
}

fn get(host: &Host, socket: SocketId, request: &Request, has_index: bool) -> Response {
    match request.path.as_str() {
        "/" => match facts(host, socket) {
            Some(facts) => page::index(&facts, request.likes_html),
            None => Response::text(Status::OK, "Hello.\n"),
        },
        path => match path.strip_prefix("/bytes/").map(parse_size) {
            Some(Some(size)) => {
                let source = Source::Pattern(Pattern::new(size));
                Response::long("application/octet-stream", source, request.range)
            }
            Some(None) => Response::text(
                Status::BAD_REQUEST,
                "After /bytes/ comes a size: a number, then nothing, K, M, G or T (powers of 1024); at most 1T.\n",
            ),
            None => page::not_found(host.name(), has_index),
        },
    }
}

fn facts(host: &Host, socket: SocketId) -> Option<Facts> {
    let plain = |mut address: std::net::SocketAddr| {
        address.set_ip(address.ip().to_canonical());
        address
    };
    let info = host.info(socket)?;
    Some(Facts {
        host: host.name().to_owned(),
        client: plain(host.peer_addr(socket).ok()?),
        server: plain(host.local_addr(socket).ok()?),
        handshake: info.handshake,
        rtt: info.rtt,
        segs_in: info.segs_in,
        segs_out: info.segs_out,
        mss: info.snd_mss,
        scales: info.snd_wscale.zip(info.rcv_wscale),
        windows: (info.snd_wnd, info.rcv_wnd),
        cwnd: info.cwnd,
        retransmitted: info.total_retrans,
        has: has(host),
    })
}

fn has(host: &Host) -> Has {
    let stack = host.stack();
    let mut addresses =
        stack.interfaces().flat_map(|(_, interface)| &interface.addresses).map(|own| own.address());
    let is_global = |address: IpAddr| matches!(address, IpAddr::V6(v6) if !v6.is_loopback() && !v6.is_unicast_link_local());
    Has {
        ipv6: addresses.clone().any(is_global),
        echo: stack.is_port_taken(7),
        nobody: addresses.any(|address| address == NEIGHBOUR_OF_NOBODY),
    }
}
