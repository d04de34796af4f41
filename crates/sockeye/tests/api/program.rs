// A program that knows nothing of Sockeye: `net` and `thread` are std's, or ours. It must compile with both, and say the
// same. It uses every stable method of std's sockets, on loopback.

use std::fmt::Write as _;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Result, Write};
use std::time::Duration;

use net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream,
    ToSocketAddrs, UdpSocket,
};

pub(super) fn program() -> Result<String> {
    let mut said = String::new();
    streams(&mut said)?;
    listeners(&mut said)?;
    datagrams(&mut said)?;
    multicasts(&mut said)?;
    addresses(&mut said)?;
    Ok(said)
}

macro_rules! say {
    ($said:ident, $($text:tt)*) => { writeln!($said, $($text)*).expect("it fits") };
}

fn streams(said: &mut String) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || -> Result<Vec<u8>> {
        let (stream, _) = listener.accept()?;
        let mut all = Vec::new();
        // `&TcpStream` reads and writes, too.
        (&stream).read_to_end(&mut all)?;
        (&stream).write_all(b"got it")?;
        Ok(all)
    });
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    say!(said, "peer {} own {}", stream.peer_addr()? == address, stream.local_addr()?.ip());
    stream.set_nodelay(true)?;
    stream.set_ttl(33)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    say!(said, "{} {} {:?} {:?}", stream.nodelay()?, stream.ttl()?, stream.read_timeout()?, stream.write_timeout()?);
    say!(said, "{:?}", stream.set_read_timeout(Some(Duration::ZERO)).map_err(|error| error.kind()));
    say!(said, "{:?}", stream.take_error()?.is_none());
    stream.set_nonblocking(true)?;
    say!(said, "{:?}", stream.read(&mut [0]).map_err(|error| error.kind()));
    stream.set_nonblocking(false)?;
    let written = stream.write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"two")])?;
    stream.flush()?;
    let mut copy = stream.try_clone()?;
    copy.write_all(b" three")?;
    copy.shutdown(Shutdown::Write)?;
    let mut peeked = [0; 3];
    let seen = stream.peek(&mut peeked)?;
    let (mut first, mut rest) = ([0; 4], [0; 10]);
    let read = stream.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut rest)])?;
    say!(said, "{written} {seen} {peeked:?} {read} {first:?} {:?}", &rest[..2]);
    say!(said, "{}", stream.read(&mut [0])?);
    say!(said, "{:?}", stream.write(b"late").map_err(|error| error.kind()));
    say!(said, "{:?}", String::from_utf8(server.join().expect("no panic")?));
    say!(said, "{:?}", TcpStream::connect(address).map(drop).map_err(|error| (error.kind(), error.raw_os_error())));
    let none: &[SocketAddr] = &[];
    say!(said, "{:?}", TcpStream::connect(none).map(drop).map_err(|error| error.kind()));
    say!(said, "{:?}", TcpStream::connect_timeout(&address, Duration::ZERO).map(drop).map_err(|error| error.kind()));
    Ok(())
}

fn listeners(said: &mut String) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    say!(said, "{:?}", TcpListener::bind(address).map(drop).map_err(|error| (error.kind(), error.raw_os_error())));
    listener.set_ttl(9)?;
    say!(said, "{} {}", listener.ttl()?, listener.take_error()?.is_none());
    listener.set_nonblocking(true)?;
    say!(said, "{:?}", listener.accept().map(drop).map_err(|error| error.kind()));
    listener.set_nonblocking(false)?;
    let client = TcpStream::connect(address)?;
    let other = TcpStream::connect([SocketAddr::from(([127, 0, 0, 1], 1)), address].as_slice())?;
    let twin = listener.try_clone()?;
    let (accepted, from) = twin.accept()?;
    say!(said, "{} {}", from == client.local_addr()?, accepted.ttl()?);
    let next = listener.incoming().next().expect("it never ends")?;
    say!(said, "{}", next.peer_addr()? == other.local_addr()?);
    drop((accepted, next, listener, twin));
    say!(said, "{:?}", (&client).read(&mut [0; 4])?);
    Ok(())
}

fn datagrams(said: &mut String) -> Result<()> {
    let server = UdpSocket::bind("127.0.0.1:0")?;
    let client = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    say!(said, "{:?}", client.peer_addr().map_err(|error| error.kind()));
    say!(said, "{:?}", client.send(b"nobody").map_err(|error| (error.kind(), error.raw_os_error())));
    say!(said, "{}", client.send_to(b"one", server.local_addr()?)?);
    let mut buffer = [0; 16];
    let (length, from) = server.peek_from(&mut buffer)?;
    say!(said, "{length} {}", from == client.local_addr()?);
    say!(said, "{:?} {:?}", server.recv_from(&mut [0; 2])?.0, buffer);
    server.connect(from)?;
    client.connect(server.local_addr()?)?;
    say!(said, "{} {}", client.peer_addr()? == server.local_addr()?, client.send(b"")?);
    say!(said, "{}", server.recv(&mut buffer)?);
    server.send(b"four")?;
    say!(said, "{} {}", client.peek(&mut buffer)?, client.recv(&mut buffer)?);
    client.set_broadcast(true)?;
    client.set_ttl(7)?;
    client.set_read_timeout(Some(Duration::from_millis(20)))?;
    client.set_write_timeout(None)?;
    say!(said, "{} {} {:?} {:?}", client.broadcast()?, client.ttl()?, client.read_timeout()?, client.write_timeout()?);
    say!(said, "{:?}", client.recv(&mut buffer).map_err(|error| error.kind()));
    let twin = client.try_clone()?;
    twin.set_nonblocking(true)?;
    say!(said, "{:?} {}", client.recv_from(&mut buffer).map(drop).map_err(|error| error.kind()), ErrorKind::WouldBlock);
    drop(server);
    client.send(b"gone")?;
    say!(said, "{:?}", twin.take_error()?.map(|error| error.kind()));
    let too_long = vec![0; 65_508];
    say!(said, "{:?}", client.send(&too_long).map_err(|error| error.raw_os_error()));
    Ok(())
}

fn multicasts(said: &mut String) -> Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    say!(said, "{} {}", socket.multicast_loop_v4()?, socket.multicast_ttl_v4()?);
    socket.set_multicast_loop_v4(false)?;
    socket.set_multicast_ttl_v4(5)?;
    say!(said, "{} {}", socket.multicast_loop_v4()?, socket.multicast_ttl_v4()?);
    let group = Ipv4Addr::new(239, 1, 2, 3);
    socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
    let again = socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST);
    say!(said, "{:?}", again.map_err(|error| error.raw_os_error()));
    socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
    let unicast = socket.join_multicast_v4(&Ipv4Addr::LOCALHOST, &Ipv4Addr::LOCALHOST);
    say!(said, "{:?}", unicast.map_err(|error| error.raw_os_error()));
    let socket = UdpSocket::bind(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))?;
    socket.set_multicast_loop_v6(false)?;
    say!(said, "{}", socket.multicast_loop_v6()?);
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x11, 0x22);
    socket.join_multicast_v6(&group, 1)?;
    socket.leave_multicast_v6(&group, 1)?;
    let left = socket.leave_multicast_v6(&group, 1);
    say!(said, "{:?}", left.map_err(|error| error.raw_os_error()));
    Ok(())
}

fn addresses(said: &mut String) -> Result<()> {
    fn all(addresses: impl ToSocketAddrs) -> Result<Vec<SocketAddr>> {
        Ok(addresses.to_socket_addrs()?.collect())
    }
    say!(said, "{:?} {:?}", all("127.0.0.1:7")?, all("[::1]:7")?);
    say!(said, "{:?} {:?}", all(("10.0.0.1", 1))?, all((String::from("::1"), 1))?);
    say!(said, "{:?} {:?}", all(String::from("1.2.3.4:5"))?, all((IpAddr::from([1, 2, 3, 4]), 5))?);
    say!(said, "{}", all("localhost:80")?.iter().all(|address| address.ip().is_loopback()));
    for wrong in ["10.0.0.1", "10.0.0.1:x", "10.0.0.1:65536"] {
        say!(said, "{:?}", all(wrong).map_err(|error| (error.kind(), error.to_string())));
    }
    Ok(())
}
