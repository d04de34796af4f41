//! A desk and who looks, over a real socket: the network is a lab that the test advances itself.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use sockeye_abi::{Family, Transport};
use sockeye_base::Instant;
use sockeye_device::CaptureReader;
use sockeye_lab::{HostId, Lab, default_network};
use sockeye_socket::SocketId;

use crate::{About, Client, Desk, Error, Found, Protocol, Role, Snapshot, State, Wanted, hosts, links};

/// A network with a desk, in a folder of its own.
struct Watched {
    lab: Lab,
    pukaki: HostId,
    tekapo: HostId,
    desk: Desk,
    about: About,
    found: Found,
    folder: PathBuf,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Watched {
    fn new(name: &str) -> Watched {
        let network = default_network(1);
        let folder = std::env::temp_dir().join(format!("sockeye-look-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let about = About::of_this_process(Role::Run, None, Some("nothing".to_owned()));
        let found = Found::new(&folder, about.pid, about.role, None);
        let desk = Desk::at(found.path.clone(), Duration::from_nanos(about.began)).expect("a desk");
        Watched {
            lab: network.lab,
            pukaki: network.pukaki,
            tekapo: network.tekapo,
            desk,
            about,
            found,
            folder,
        }
    }

    /// Does for who looks what there is to do, now and in a moment.
    fn attend(&mut self) {
        let Watched { lab, desk, about, .. } = self;
        for _ in 0..4 {
            if desk.attend() {
                let hosts = hosts(lab, Instant::ZERO, |_| None);
                desk.answer(Snapshot { about: about.clone(), now: 0, hosts, links: links(lab) });
            }
        }
        lab.capture(desk.needs());
    }

    /// Attends until a thread of who looks is done.
    fn attend_until<T>(&mut self, looks: std::thread::JoinHandle<T>) -> T {
        while !looks.is_finished() {
            self.attend();
            std::thread::yield_now();
        }
        looks.join().expect("who looks")
    }

    /// Lets time pass, and shows the desk what was seen.
    fn advance(&mut self, until: u64) {
        self.lab.run_until(Instant::ZERO, Instant::from_millis(until), |_, _| false);
        while let Some(captured) = self.lab.poll_captured() {
            self.desk.show(&self.lab, &captured);
        }
        self.desk.flush();
    }

    /// A datagram socket of pukaki's.
    fn socket(&mut self) -> SocketId {
        self.lab.host_mut(self.pukaki).socket(Family::Inet, Transport::Udp).expect("a socket")
    }

    /// Sends so many datagrams to tekapo, of this size.
    fn send(&mut self, socket: SocketId, times: usize, bytes: usize) {
        let to = SocketAddr::from((Ipv4Addr::new(10, 61, 0, 2), 9));
        for _ in 0..times {
            let host = self.lab.host_mut(self.pukaki);
            host.send_to(Instant::ZERO, socket, &vec![0; bytes], Some(to)).expect("room");
            self.advance(0);
        }
    }
}

#[test]
fn a_snapshot_has_hosts_sockets_and_links() {
    let mut watched = Watched::new("snapshot");
    let tekapo = watched.lab.host_mut(watched.tekapo);
    let listener = tekapo.socket(Family::Inet6, Transport::Tcp).expect("a socket");
    tekapo.bind(Instant::ZERO, listener, "[::]:80".parse().expect("an address")).expect("bound");
    tekapo.listen(Instant::ZERO, listener, 5).expect("listening");
    let socket = watched.socket();
    watched.send(socket, 3, 100);
    let found = watched.found.clone();
    let looks = std::thread::spawn(move || {
        let mut client = Client::connect(&found).expect("a desk");
        client.snapshot().expect("once");
        client.snapshot().expect("a snapshot")
    });
    let seen = watched.attend_until(looks);
    let [pukaki, tekapo] = &seen.hosts[..] else { panic!("{seen:?}") };
    assert_eq!((pukaki.name.as_str(), tekapo.up), ("pukaki", true));
    assert_eq!(pukaki.interfaces[1].addresses[0], "10.61.0.1/24");
    let [listener] = &tekapo.sockets[..] else { panic!("{tekapo:?}") };
    assert_eq!((listener.protocol, listener.state, listener.send_queue), (Protocol::Tcp6, State::Listen, 5));
    let [sender] = &pukaki.sockets[..] else { panic!("{pukaki:?}") };
    assert_eq!((sender.protocol, sender.state), (Protocol::Udp, State::Close));
    let [link] = &seen.links[..] else { panic!("{seen:?}") };
    assert_eq!(link.ends, ["pukaki/eth0", "tekapo/eth0"]);
    // With the question for the hardware address, and the answer that nobody is there.
    assert_eq!((link.ways[0].frames, link.ways[1].frames), (4, 4));
    assert_eq!(link.ways[0].bytes, 42 + 3 * 142);
}

#[test]
fn frames_are_shown_where_it_is_wanted() {
    let shown = |name, wanted: Wanted| {
        let mut watched = Watched::new(name);
        let socket = watched.socket();
        let found = watched.found.clone();
        let looks = std::thread::spawn(move || Client::connect(&found).expect("a desk").frames(&wanted));
        let frames = watched.attend_until(looks).expect("frames");
        watched.send(socket, 1, 100);
        drop(watched);
        let mut reader = CaptureReader::new(frames).expect("a capture");
        let mut lengths = Vec::new();
        while reader.advance().expect("a capture") {
            let record = reader.record().expect("a packet");
            lengths.push((record.interface, record.bytes.len(), record.length));
        }
        (reader.interfaces().filter_map(|own| own.name.clone()).collect::<Vec<_>>(), lengths)
    };
    let (names, all) = shown("all", Wanted::default());
    assert_eq!(names, ["pukaki/eth0", "tekapo/eth0"]);
    assert_eq!(all, [(0, 42, 42), (1, 42, 42), (0, 142, 142), (1, 170, 170)]);
    let at_pukaki = Wanted { host: Some("pukaki".to_owned()), snap: Some(64), ..Wanted::default() };
    let (names, there) = shown("host", at_pukaki);
    assert_eq!(names, ["pukaki/eth0"]);
    assert_eq!(there, [(0, 42, 42), (0, 42, 42), (0, 64, 142), (0, 64, 170)]);
    let filtered = Wanted { filter: Some("udp".to_owned()), link: Some(0), ..Wanted::default() };
    assert_eq!(shown("filter", filtered).1, [(0, 142, 142)]);
}

#[test]
fn who_reads_too_slowly_loses_frames_and_is_told() {
    let mut watched = Watched::new("slow");
    let socket = watched.socket();
    let found = watched.found.clone();
    let looks =
        std::thread::spawn(move || Client::connect(&found).expect("a desk").frames(&Wanted::default()));
    let frames = watched.attend_until(looks).expect("frames");
    watched.send(socket, 300, 60_000);
    let looks = std::thread::spawn(move || {
        let mut reader = CaptureReader::new(frames).expect("a capture");
        let mut seen = 0;
        // The last frame is one that is small.
        while reader.advance().expect("a capture") {
            seen += 1;
            if reader.record().is_some_and(|record| record.length < 60) && reader.lost() > 0 {
                break;
            }
        }
        (seen, reader.lost())
    });
    while !looks.is_finished() {
        watched.send(socket, 1, 10);
        watched.attend();
    }
    let (seen, lost) = looks.join().expect("a reader");
    // 41 fragments each.
    assert!(lost > 5_000, "{lost}");
    assert!(seen > 1_000, "{seen}");
}

#[test]
fn what_makes_no_sense_is_refused_and_what_has_no_end_cut_off() {
    let mut watched = Watched::new("hostile");
    let path = watched.found.path.clone();
    let answer = |watched: &mut Watched, bytes: Vec<u8>| {
        let path = path.clone();
        let looks = std::thread::spawn(move || {
            let mut stream = UnixStream::connect(path).expect("a desk");
            // It may have been cut off before all was said.
            let _ = stream.write_all(&bytes).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
            let mut said = String::new();
            let _ = stream.read_to_string(&mut said);
            said
        });
        watched.attend_until(looks)
    };
    assert!(answer(&mut watched, b"{}\n".to_vec()).contains("doesn't know"));
    assert!(answer(&mut watched, b"\xff\xfe".to_vec()).contains("doesn't know"));
    let later = b"{\"version\":2,\"ask\":\"snapshot\"}\n".to_vec();
    assert!(answer(&mut watched, later).contains("version 1, not 2"));
    let filter = b"{\"version\":1,\"ask\":\"frames\",\"filter\":\"prot 80\"}\n".to_vec();
    assert!(answer(&mut watched, filter).contains("filter"));
    assert_eq!(answer(&mut watched, vec![b'x'; 100_000]), "");
    assert_eq!(answer(&mut watched, Vec::new()), "");
    let twice = b"{\"version\":1,\"ask\":\"snapshot\"}\n{\"version\":1,\"ask\":\"snapshot\"}".to_vec();
    assert_eq!(answer(&mut watched, twice).lines().count(), 2);
}

#[test]
fn a_thousand_who_only_sit_there_are_too_many() {
    let mut watched = Watched::new("crowd");
    let path = watched.found.path.clone();
    let looks = std::thread::spawn(move || {
        let all: Vec<UnixStream> = (0..1000).map_while(|_| UnixStream::connect(&path).ok()).collect();
        let gone = |mut stream: &UnixStream| {
            stream.set_nonblocking(true).is_ok() && stream.read(&mut [0]).is_ok_and(|read| read == 0)
        };
        (all.len(), all.iter().filter(|stream| gone(stream)).count())
    });
    let (all, gone) = watched.attend_until(looks);
    assert_eq!(all, 1000);
    assert!(gone >= 900, "{gone}");
    // They have left.
    let found = watched.found.clone();
    let looks = std::thread::spawn(move || Client::connect(&found).and_then(|mut client| client.snapshot()));
    assert!(watched.attend_until(looks).is_ok());
    let found = watched.found.clone();
    drop(watched);
    assert!(matches!(Client::connect(&found), Err(Error::Gone)));
}
