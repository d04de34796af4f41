//! Names on virtual hosts: their files, their network, and DNS.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockeye::names::{
    Error, Failure, Families, File, Flags, Hints, HostError, NameFlags, getaddrinfo, getfqdn, gethostbyaddr,
    gethostbyname, getnameinfo, getprotobyname, getservbyname,
};
use sockeye::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use sockeye::time::Instant;
use sockeye::{Host, Lab, LinkOptions, Simulation, async_names, async_net};

use crate::pair;

/// Both hosts; `b` serves DNS, and `a` asks it and nobody else.
fn served(lab: &Lab, conf: &str) -> (Host, Host) {
    let (a, b) = pair(lab, &LinkOptions::new().delay(Duration::from_millis(10)));
    let mut zone = b.zone();
    zone.add_alias("www.example", "b");
    zone.add("many.example", (1..=100).map(|last| IpAddr::from([10, 1, 0, last])));
    b.serve_names(zone).unwrap();
    a.set_file(File::NsSwitch, "hosts: files dns");
    a.set_file(File::ResolvConf, conf);
    (a, b)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn files_and_the_network() {
    let lab = Lab::new(1);
    let (a, b) = pair(&lab, &LinkOptions::new());
    let _here = a.enter();
    assert_eq!(a.lookup("A").unwrap(), [ip("10.0.0.1"), ip("fd00::1")]);
    assert_eq!("b.:7".to_socket_addrs().unwrap().next(), Some("10.0.0.2:7".parse().unwrap()));
    assert_eq!(gethostbyaddr(ip("10.0.0.2")).unwrap().name, "b");
    a.set_file(File::Hosts, "10.0.0.9 nine.example nine # and more\n");
    assert_eq!(gethostbyname("nine", Families::Inet).unwrap().name, "nine.example");
    assert!(matches!(gethostbyname("nobody", Families::Inet), Err(Failure::Names(HostError::NotFound))));
    assert!(a.file(File::Hosts).contains("nine"));
    // Its name is known to the network still.
    assert_eq!(getfqdn().unwrap(), "a");
    assert!(b.file(File::Hosts).contains("10.0.0.2\tb\n"));
    assert_eq!(getservbyname("http", Some("tcp")).unwrap().unwrap().port, 80);
    assert_eq!(getprotobyname("udp").unwrap().unwrap().number, 17);
    let (host, service) = getnameinfo("10.0.0.2:53".parse().unwrap(), NameFlags::empty()).unwrap();
    assert_eq!((host.as_str(), service.as_str()), ("b", "domain"));
    assert_eq!("nobody:1".to_socket_addrs().unwrap_err().kind(), ErrorKind::NotFound);
    drop(_here);
    assert!(matches!(getfqdn(), Err(Failure::System(_))));
}

#[test]
fn dns_in_real_time() {
    let (a, b) = served(&Lab::new(1), "nameserver 10.0.0.2\nsearch example");
    let listener = b.run(|| TcpListener::bind("0.0.0.0:80")).unwrap();
    let _here = a.enter();
    let stream = TcpStream::connect("www:80").unwrap();
    assert_eq!(
        stream.peer_addr().unwrap(),
        listener.local_addr().map(|at| SocketAddr::new(ip("10.0.0.2"), at.port())).unwrap()
    );
    let entry = gethostbyname("www", Families::Both).unwrap();
    assert_eq!((entry.name.as_str(), entry.aliases), ("b", vec!["www.example".to_owned()]));
    assert_eq!(gethostbyaddr(ip("10.0.0.2")).unwrap().name, "b");
    // Too many for a datagram: they come by TCP.
    assert_eq!(gethostbyname("many", Families::Inet).unwrap().addresses.len(), 100);
    assert!(matches!(gethostbyname("many", Families::Inet6), Err(Failure::Names(HostError::NoData))));
    let hints = Hints { flags: Flags::CANONNAME, socket_type: 1, ..Hints::default() };
    let found = getaddrinfo(Some("www"), Some("http"), &hints).unwrap();
    assert_eq!((found.len(), found[0].address), (2, "10.0.0.2:80".parse().unwrap()));
    assert_eq!(found[0].canonical_name.as_deref(), Some("b"));
    assert_eq!(TcpStream::connect("nobody.example:80").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn dns_in_virtual_time() {
    let simulation = Simulation::new(1);
    // Nobody is at the first address.
    let (a, b) = served(simulation.lab(), "nameserver 10.0.0.77\nnameserver 10.0.0.2\noptions timeout:4");
    simulation.spawn(&b, async {
        let listener = async_net::TcpListener::bind("b:80").await.unwrap();
        while listener.accept().await.is_ok() {}
    });
    let took = simulation.block_on(&a, async {
        let stream = async_net::TcpStream::connect("www.example:80").await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), "10.0.0.2:80".parse().unwrap());
        Instant::now().since_start()
    });
    // The first is waited for; then the neighbour is found, the answer comes, and the connection.
    assert_eq!(took.unwrap().as_millis(), 4000 + 20 + 20 + 20);
    let thread = simulation.thread(&a, || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect("www.example:7").unwrap();
        (socket.peer_addr().unwrap(), gethostbyname("nobody", Families::Inet).unwrap_err().to_string())
    });
    let _ = simulation.run_for(Duration::from_secs(60));
    assert_eq!(thread.take(), Some(("10.0.0.2:7".parse().unwrap(), "Unknown host".to_owned())));
}

#[test]
fn a_server_that_is_silent_and_one_that_lies() {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new());
    a.set_file(File::NsSwitch, "hosts: dns");
    a.set_file(File::ResolvConf, "nameserver 10.0.0.2\noptions attempts:3");
    simulation.spawn(&b, async {
        let silent = async_net::UdpSocket::bind("0.0.0.0:53").await.unwrap();
        let liar = async_net::UdpSocket::bind("0.0.0.0:5353").await.unwrap();
        let mut buffer = [0; 512];
        while let Ok((length, asker)) = silent.recv_from(&mut buffer).await {
            // A whole answer, 10.6.6.6, from another port; and one with another number.
            let mut answer = buffer[..length].to_vec();
            (answer[2], answer[3], answer[7]) = (0x84, 0x80, 1);
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 6, 6, 6]);
            liar.send_to(&answer, asker).await.unwrap();
            answer[0] ^= 0x55;
            silent.send_to(&answer, asker).await.unwrap();
        }
    });
    let asked = simulation.block_on(&a, async {
        let result = async_names::gethostbyname("x.example.", Families::Inet).await;
        (matches!(result, Err(Failure::Names(HostError::TryAgain))), Instant::now().since_start())
    });
    assert_eq!(asked, Ok((true, Duration::from_secs(15))));
    let again = simulation.block_on(&a, async_names::getaddrinfo(Some("x"), None, &Hints::default()));
    assert!(
        again.is_ok_and(|result| matches!(result, Err(Failure::System(_)))),
        "no host was entered when it was called"
    );
    let here = simulation.block_on(&a, async {
        async_names::getaddrinfo(Some("x"), None, &Hints::default())
            .await
            .map_err(|failure| failure.to_string())
    });
    assert_eq!(here, Ok(Err(Error::Again.to_string())));
}
