//! Methods that several of the socket types have, blocking and async: each is written once. The type has a field or method
//! `open` with its open socket, and the module that uses them has the names they need in scope.

/// What all sockets have.
macro_rules! common_methods {
    () => {
        /// Its own address.
        pub fn local_addr(&self) -> io::Result<SocketAddr> {
            self.open().local_addr()
        }

        /// The packets' time to live (IP_TTL).
        pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
            self.open().set_int(Opt::IpTtl, ttl)
        }

        /// The packets' time to live, as it was set or by the host's default.
        pub fn ttl(&self) -> io::Result<u32> {
            self.open().int(Opt::IpTtl)
        }

        /// The pending error (SO_ERROR), which is none afterwards.
        pub fn take_error(&self) -> io::Result<Option<io::Error>> {
            self.open().take_error()
        }
    };
}

/// What blocking sockets have.
macro_rules! blocking_methods {
    () => {
        /// Whether calls that would wait give `WouldBlock` instead.
        pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
            self.open.set_nonblocking(nonblocking);
            Ok(())
        }

        fn open(&self) -> &Open {
            &self.open
        }
    };
}

/// What those have that send and receive and block.
macro_rules! time_limits {
    () => {
        /// How long receiving may wait (SO_RCVTIMEO); then it gives `WouldBlock`. `None`: for ever.
        pub fn set_read_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
            self.open.set_time(Opt::SoRcvTimeo, dur)
        }

        /// How long sending may wait (SO_SNDTIMEO); then it gives `WouldBlock`. `None`: for ever.
        pub fn set_write_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
            self.open.set_time(Opt::SoSndTimeo, dur)
        }

        /// How long receiving may wait.
        pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
            self.open.time(Opt::SoRcvTimeo)
        }

        /// How long sending may wait.
        pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
            self.open.time(Opt::SoSndTimeo)
        }
    };
}

/// What streams have.
macro_rules! stream_methods {
    () => {
        $crate::methods::common_methods!();

        /// The peer's address.
        pub fn peer_addr(&self) -> io::Result<SocketAddr> {
            self.open().peer_addr()
        }

        /// Sends small segments at once (TCP_NODELAY).
        pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
            self.open().set_flag(Opt::TcpNoDelay, nodelay)
        }

        /// What [`Self::set_nodelay`] set.
        pub fn nodelay(&self) -> io::Result<bool> {
            self.open().flag(Opt::TcpNoDelay)
        }

        /// What dropping the last handle does with unsent data (SO_LINGER): with a span of zero the connection is reset; with
        /// another, dropping waits until the peer has acknowledged everything or the span, in whole seconds, is over.
        /// Without it, and in any case for the sockets of tasks, dropping returns at once, and the data go on being sent.
        pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
            let seconds = linger.map_or(0, |span| i32::try_from(span.as_secs()).unwrap_or(i32::MAX));
            self.open().set_option(Opt::SoLinger, Value::Linger { on: linger.is_some(), seconds })
        }

        /// What [`Self::set_linger`] set, in whole seconds.
        pub fn linger(&self) -> io::Result<Option<Duration>> {
            match self.open().option(Opt::SoLinger)? {
                Value::Linger { on: true, seconds } => {
                    Ok(Some(Duration::from_secs(seconds.unsigned_abs().into())))
                }
                _ => Ok(None),
            }
        }

        $crate::methods::urgent_methods!();
    };
}

/// What datagram sockets have.
macro_rules! datagram_methods {
    () => {
        $crate::methods::common_methods!();

        /// The peer's address, if it is connected.
        pub fn peer_addr(&self) -> io::Result<SocketAddr> {
            self.open().peer_addr()
        }

        /// Allows datagrams to broadcast addresses (SO_BROADCAST).
        pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
            self.open().set_flag(Opt::SoBroadcast, broadcast)
        }

        /// What [`Self::set_broadcast`] set.
        pub fn broadcast(&self) -> io::Result<bool> {
            self.open().flag(Opt::SoBroadcast)
        }

        /// Whether the host's own sockets hear the multicasts sent (IP_MULTICAST_LOOP).
        pub fn set_multicast_loop_v4(&self, multicast_loop_v4: bool) -> io::Result<()> {
            self.open().set_flag(Opt::IpMulticastLoop, multicast_loop_v4)
        }

        /// What [`Self::set_multicast_loop_v4`] set.
        pub fn multicast_loop_v4(&self) -> io::Result<bool> {
            self.open().flag(Opt::IpMulticastLoop)
        }

        /// The time to live of multicasts (IP_MULTICAST_TTL), 1 by default.
        pub fn set_multicast_ttl_v4(&self, multicast_ttl_v4: u32) -> io::Result<()> {
            self.open().set_int(Opt::IpMulticastTtl, multicast_ttl_v4)
        }

        /// What [`Self::set_multicast_ttl_v4`] set.
        pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
            self.open().int(Opt::IpMulticastTtl)
        }

        /// Whether the host's own sockets hear the IPv6 multicasts sent (IPV6_MULTICAST_LOOP).
        pub fn set_multicast_loop_v6(&self, multicast_loop_v6: bool) -> io::Result<()> {
            self.open().set_flag(Opt::Ipv6MulticastLoop, multicast_loop_v6)
        }

        /// What [`Self::set_multicast_loop_v6`] set.
        pub fn multicast_loop_v6(&self) -> io::Result<bool> {
            self.open().flag(Opt::Ipv6MulticastLoop)
        }
    };
}

/// What raw sockets have.
macro_rules! raw_methods {
    () => {
        /// A raw socket of an IPv4 protocol, on the host entered. 255 (IPPROTO_RAW) writes IP headers from the start.
        pub fn v4(protocol: u8) -> io::Result<RawSocket> {
            opened(Family::Inet, Transport::Raw(protocol.into())).map(|open| RawSocket { open })
        }

        /// A raw socket of an IPv6 protocol.
        pub fn v6(protocol: u8) -> io::Result<RawSocket> {
            opened(Family::Inet6, Transport::Raw(protocol.into())).map(|open| RawSocket { open })
        }

        /// A ping socket over IPv4.
        pub fn ping_v4() -> io::Result<RawSocket> {
            opened(Family::Inet, Transport::Ping).map(|open| RawSocket { open })
        }

        /// A ping socket over IPv6.
        pub fn ping_v6() -> io::Result<RawSocket> {
            opened(Family::Inet6, Transport::Ping).map(|open| RawSocket { open })
        }

        /// Hears, from now on, only at this address of the host's, and sends from it.
        pub fn bind(&self, addr: IpAddr) -> io::Result<()> {
            self.open().call(|host, now, id| host.bind(now, id, SocketAddr::new(addr, 0)))
        }

        /// Fixes the peer. A raw socket hears only its packets then.
        pub fn connect(&self, addr: IpAddr) -> io::Result<()> {
            self.open().call(|host, now, id| host.connect(now, id, SocketAddr::new(addr, 0)))
        }

        /// Its own address; the unspecified one: all of the host's.
        pub fn local_addr(&self) -> io::Result<IpAddr> {
            self.open().local_addr().map(|address| address.ip())
        }

        /// The pending error (SO_ERROR), which is none afterwards.
        pub fn take_error(&self) -> io::Result<Option<io::Error>> {
            self.open().take_error()
        }

        /// The TTL or hop limit of its packets (IP_TTL, IPV6_UNICAST_HOPS).
        pub fn set_hop_limit(&self, hops: u32) -> io::Result<()> {
            self.open().set_int(if self.is_v4()? { Opt::IpTtl } else { Opt::Ipv6UnicastHops }, hops)
        }

        /// Whether what is sent has its IP header in front (IP_HDRINCL, IPV6_HDRINCL). Of IPv4's the host fills in length and
        /// checksum, and source and identification where they are 0.
        pub fn set_header_included(&self, on: bool) -> io::Result<()> {
            self.open().set_flag(if self.is_v4()? { Opt::IpHdrIncl } else { Opt::Ipv6HdrIncl }, on)
        }

        /// The types of ICMP messages not to be heard, a bit each: of IPv4's the first 32 (ICMP_FILTER, ICMP6_FILTER).
        pub fn set_type_filter(&self, types: &[u8; 32]) -> io::Result<()> {
            let (option, length) =
                if self.is_v4()? { (Opt::IcmpFilter, 4) } else { (Opt::Icmpv6Filter, types.len()) };
            let bits = types.get(..length).unwrap_or(types).to_vec();
            self.open().set_option(option, Value::Bytes(bits))
        }

        fn is_v4(&self) -> io::Result<bool> {
            self.open().call(|host, _, id| Ok(host.family(id)? == Family::Inet))
        }
    };
}

/// The same socket call by call, and back, as socket2's conversions. What it is not, its calls will tell.
macro_rules! socket_and_back {
    ($kind:ident) => {
        impl From<Socket> for $kind {
            fn from(socket: Socket) -> $kind {
                $kind { open: socket.open }
            }
        }

        impl From<$kind> for Socket {
            fn from(socket: $kind) -> Socket {
                Socket { open: socket.open }
            }
        }
    };
}

/// std's `Read` and `Write` for a stream and for references to it.
macro_rules! stream_io {
    ($stream:ty) => {
        impl Read for &$stream {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.open.receive(buf, false)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let room = bufs.iter().fold(0usize, |sum, buf| sum.saturating_add(buf.len()));
                self.open.receive_chain(room, false).map(|chain| scatter(chain, bufs))
            }
        }

        impl Write for &$stream {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.open.send(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                let pieces: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
                self.open.send(&pieces.concat())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Read for $stream {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&*self).read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&*self).read_vectored(bufs)
            }
        }

        impl Write for $stream {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    };
}

/// What a stream does with urgent data.
macro_rules! urgent_methods {
    () => {
        /// Reads the peer's urgent byte, out of its turn in the stream (MSG_OOB). Never waits: `InvalidInput` if there is
        /// none, `WouldBlock` if it was announced and has not come.
        pub fn recv_out_of_band(&self) -> io::Result<u8> {
            let byte = self.open().call(|host, now, id| host.receive_urgent(now, id, false))?.to_vec();
            byte.first().copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        }

        /// Whether the next byte to be read is the urgent one, or, if that is out of line, the one behind it (SIOCATMARK).
        pub fn at_mark(&self) -> io::Result<bool> {
            self.open().call(|host, _, id| host.at_mark(id))
        }

        /// Leaves urgent bytes in the stream (SO_OOBINLINE).
        pub fn set_out_of_band_inline(&self, inline: bool) -> io::Result<()> {
            self.open().set_flag(Opt::SoOobInline, inline)
        }

        /// What [`Self::set_out_of_band_inline`] set.
        pub fn out_of_band_inline(&self) -> io::Result<bool> {
            self.open().flag(Opt::SoOobInline)
        }
    };
}

/// What all Unix-domain sockets have.
macro_rules! unix_methods {
    () => {
        /// Its own name.
        pub fn local_addr(&self) -> io::Result<SocketAddr> {
            self.open().local_unix().map(SocketAddr)
        }

        /// The pending error (SO_ERROR), which is none afterwards.
        pub fn take_error(&self) -> io::Result<Option<io::Error>> {
            self.open().take_error()
        }
    };
}

/// What Unix-domain sockets have that have a peer.
macro_rules! unix_peer_methods {
    () => {
        $crate::methods::unix_methods!();

        /// The peer's name.
        pub fn peer_addr(&self) -> io::Result<SocketAddr> {
            self.open().peer_unix().map(SocketAddr)
        }

        /// Shuts one direction or both (shutdown(2)).
        pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
            self.open().call(|host, now, id| host.shutdown(now, id, how_of(how)))
        }
    };
}

pub(crate) use {
    blocking_methods, common_methods, datagram_methods, raw_methods, socket_and_back, stream_io,
    stream_methods, time_limits, unix_methods, unix_peer_methods, urgent_methods,
};
