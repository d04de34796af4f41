//! The files of `/proc/net`, `/proc/sys/net` and `/sys/class/net`. Their texts are compared with the kernel's where programs run.

use super::*;
use crate::{Folder, Node, Outside, Reader};
use Errno as E;

/// Who knows nothing.
struct Nobody;

impl Outside for Nobody {
    fn inode(&self, _: SocketId) -> u32 {
        77
    }
    fn on_the_way(&self, _: SocketId) -> (usize, usize) {
        (0, 0)
    }
}

fn read(net: &mut Net, folder: Folder, path: &str) -> Result<String> {
    let now = net.now;
    net.hosts[0].read_file((folder, path), Reader { now, user: 1000, outside: &Nobody })
}

#[test]
fn sockets_have_a_line_each() {
    let mut n = Net::pair();
    let l = n.tcp();
    assert_eq!((n.bind(l, "10.0.0.1:80"), n.listen(l, 5)), (Ok(()), Ok(())));
    let bound = n.tcp();
    assert_eq!(n.bind(bound, "10.0.0.1:81"), Ok(()));
    let text = read(&mut n, Folder::Net, "tcp").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // Who is only bound has none.
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines.iter().all(|line| line.len() == 149), "{text}");
    let beginning =
        "   0: 0100000A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 77 1 ";
    assert!(lines[1].starts_with(beginning), "{text}");
    assert_eq!(read(&mut n, Folder::Net, "tcp6").unwrap().lines().count(), 1);
    assert_eq!(
        read(&mut n, Folder::Net, "sockstat").unwrap().lines().nth(1),
        Some("TCP: inuse 1 orphan 0 tw 0 alloc 2 mem 0")
    );
}

#[test]
fn every_file_can_be_read_and_is_in_its_folder() {
    let mut n = Net::pair();
    let mut folders = vec![
        (Folder::Net, String::new()),
        (Folder::Sysctls, String::new()),
        (Folder::Class, String::new()),
        (Folder::Devices, String::new()),
    ];
    let (mut files, mut links) = (0, 0);
    while let Some((folder, path)) = folders.pop() {
        assert_eq!(n.hosts[0].file(folder, &path), Some(Node::Folder), "{path}");
        assert_eq!(read(&mut n, folder, &path), Err(E::EISDIR));
        for name in n.hosts[0].file_names(folder, &path) {
            let inside = if path.is_empty() { name } else { format!("{path}/{name}") };
            match n.hosts[0].file(folder, &inside) {
                Some(Node::Folder) => folders.push((folder, inside)),
                Some(Node::Link(_)) => links += 1,
                Some(Node::File { .. }) => {
                    files += 1;
                    let is_empty_handed = inside.ends_with("/speed") || inside.ends_with("/duplex");
                    let text = read(&mut n, folder, &inside);
                    assert_eq!(text.as_ref().err(), is_empty_handed.then_some(&E::EINVAL), "{inside}");
                    assert!(
                        text.is_err() || text.is_ok_and(|text| text.is_empty() || text.ends_with('\n')),
                        "{inside}"
                    );
                }
                None => panic!("{inside} is listed"),
            }
        }
    }
    assert!(files > 150 && links == 4, "{files} files, {links} links");
    for (folder, path) in [
        (Folder::Net, "nothing"),
        (Folder::Net, "tcp/"),
        (Folder::Sysctls, "ipv4/tcp"),
        (Folder::Sysctls, "ipv4/"),
        (Folder::Devices, "eth1"),
        (Folder::Devices, "eth0/statistics/"),
        (Folder::Class, "eth0/mtu"),
        (Folder::Class, "../../etc"),
    ] {
        assert_eq!(n.hosts[0].file(folder, path), None, "{path}");
        assert_eq!(read(&mut n, folder, path), Err(E::ENOENT), "{path}");
    }
}

#[test]
fn settings_can_be_written() {
    let mut n = Net::lone();
    let mut write = |path: &str, text: &str| n.hosts[0].write_file((Folder::Sysctls, path), text);
    assert_eq!(write("core/somaxconn", "1\n"), Ok(()));
    assert_eq!(write("ipv4/tcp_sack", "hello"), Err(E::EINVAL));
    assert_eq!(write("ipv4/nothing", "1"), Err(E::ENOENT));
    assert_eq!(write("ipv4/tcp_available_congestion_control", "reno"), Err(E::EACCES));
    assert_eq!(write("ipv4", "1"), Err(E::EACCES));
    assert_eq!(n.hosts[0].write_file((Folder::Net, "tcp"), "1"), Err(E::EACCES));
    assert_eq!(read(&mut n, Folder::Sysctls, "core/somaxconn").as_deref(), Ok("1\n"));
    // It is heeded: of three that come two find room (a queue of one holds one more).
    let l = n.tcp();
    assert_eq!((n.bind(l, "127.0.0.1:80"), n.listen(l, 100)), (Ok(()), Ok(())));
    for _ in 0..3 {
        let c = n.tcp();
        assert_eq!(n.connect(c, "127.0.0.1:80"), Err(E::EINPROGRESS));
    }
    assert_eq!(n.hosts[0].pending(l.1), 2);
}

#[test]
fn counts_are_where_they_belong() {
    let mut n = Net::lone();
    let (a, b) = (n.udp(), n.udp());
    assert_eq!(n.bind(a, "127.0.0.1:7"), Ok(()));
    assert_eq!(n.connect(b, "127.0.0.1:7"), Ok(()));
    assert_eq!(n.send(b, b"12345"), Ok(5));
    assert_eq!(n.recv(a, 10).map(|bytes| bytes.len()), Ok(5));
    let snmp = read(&mut n, Folder::Net, "snmp").unwrap();
    assert!(snmp.contains("\nUdp: 1 0 0 1 0 0 0 0 0\n"), "{snmp}");
    assert!(snmp.contains("Ip: 2 64 1 0 0 0 0 0 1 1 0 0 0 0 0 0 0 0 0 1\n"), "{snmp}");
    let dev = read(&mut n, Folder::Net, "dev").unwrap();
    let lo = "    lo:      33       1    0    0    0     0          0         0       33       1    0    0    0     0       0          0";
    assert_eq!(dev.lines().nth(2), Some(lo));
    assert_eq!(read(&mut n, Folder::Devices, "lo/statistics/rx_bytes").as_deref(), Ok("33\n"));
}
