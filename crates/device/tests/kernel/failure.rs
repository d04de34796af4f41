//! Resets, refusals, and readers that don't read.

use sockeye_abi::Errno;
use sockeye_stack::Settings;
use sockeye_tcp::{Buffer, Config};

use crate::rig::{BOTH, SIDES, Setup, with_rig};

#[test]
fn a_port_nobody_has_refuses() {
    with_rig(Setup::default(), |rig| {
        for version in BOTH {
            for side in SIDES {
                let socket = rig.socket(side, version);
                let to = side.other().at(version, 9);
                assert_eq!(rig.connected(&socket, to), Err(Errno::ECONNREFUSED), "{side:?} {version:?}");
                rig.close(socket);
            }
        }
    });
}

#[test]
fn a_reset_is_heard() {
    with_rig(Setup::default(), |rig| {
        for version in BOTH {
            for side in SIDES {
                // Whoever connected is reset, then whoever listened.
                for reset in [0, 1] {
                    let mut ends = rig.connection(side, version).map(Some);
                    let (victim, author) = (ends[reset].take().unwrap(), ends[1 - reset].take().unwrap());
                    rig.send(&author, b"farewell").unwrap();
                    let mut got = Vec::new();
                    rig.run("its data", |rig| {
                        got.extend(rig.receive(&victim, 100).unwrap_or_default());
                        got.len() == 8
                    });
                    rig.abort(author);
                    let mut outcome = Ok(Vec::new());
                    rig.run("a reset", |rig| {
                        outcome = rig.receive(&victim, 100);
                        outcome != Err(Errno::EAGAIN)
                    });
                    assert_eq!(outcome, Err(Errno::ECONNRESET));
                    assert_eq!(rig.send(&victim, b"?"), Err(Errno::EPIPE));
                    rig.close(victim);
                }
            }
        }
    });
}

#[test]
fn closing_with_unread_data_resets() {
    with_rig(Setup::default(), |rig| {
        for version in BOTH {
            for side in SIDES {
                let [client, server] = rig.connection(side, version);
                rig.send(&client, b"unwanted").unwrap();
                rig.run("arrival", |rig| match &server {
                    crate::socket::Socket::Sockeye(id) => rig.host.unread(*id) == Ok(8),
                    crate::socket::Socket::Linux(fd) => rustix::io::ioctl_fionread(fd) == Ok(8),
                });
                rig.close(server);
                rig.run("a reset", |rig| rig.receive(&client, 1) == Err(Errno::ECONNRESET));
                rig.close(client);
            }
        }
    });
}

/// A writer fills all there is; once its peer reads, everything comes, in order, and the window opens again.
#[test]
fn a_shut_window_opens_again() {
    let tcp = Config {
        send_buffer: Buffer::locked(60_000),
        receive_buffer: Buffer::locked(60_000),
        ..Config::default()
    };
    let settings = Settings { tcp, ..Settings::default() };
    let sysctls = ["ipv4/tcp_rmem", "ipv4/tcp_wmem"].map(|name| (name, "4096 60000 60000")).to_vec();
    with_rig(Setup { settings, sysctls, ..Setup::default() }, |rig| {
        for version in BOTH {
            for writer in SIDES {
                let [source, sink] = rig.connection(writer, version);
                let mut sent = 0u64;
                let mut quiet = 0;
                rig.run("a shut window", |rig| {
                    let bytes: Vec<u8> = (sent..sent + 10_000).map(|n| (n % 251) as u8).collect();
                    match rig.send(&source, &bytes) {
                        Ok(len) => (sent, quiet) = (sent + len as u64, 0),
                        // What is full may have room once what is on its way has arrived.
                        Err(error) => {
                            assert_eq!(error, Errno::EAGAIN);
                            quiet += 1;
                        }
                    }
                    quiet > 10
                });
                let mut read = 0u64;
                rig.run("everything", |rig| {
                    while let Ok(bytes) = rig.receive(&sink, 30_000) {
                        assert!(bytes.iter().zip(read..).all(|(&byte, n)| u64::from(byte) == n % 251));
                        read += bytes.len() as u64;
                    }
                    read == sent
                });
                assert_eq!(rig.send(&source, b"more"), Ok(4));
                rig.run("more", |rig| rig.receive(&sink, 10).is_ok_and(|bytes| bytes == b"more"));
                rig.close(source);
                rig.close(sink);
            }
        }
    });
}
