//! One program's text, compiled with std's sockets and with ours.

use sockeye::Lab;

mod with_std {
    use std::{net, thread};

    include!("program.rs");
}

mod with_ours {
    use sockeye::{net, thread};

    include!("program.rs");
}

#[test]
fn std_and_ours_say_the_same() {
    let host = Lab::new(1).host("a", ["10.0.0.1/24"]).unwrap();
    let ours = host.run(with_ours::program).unwrap();
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6 to compare with");
        return;
    }
    assert_eq!(with_std::program().unwrap(), ours);
}

/// What generic code asks of std's types holds for ours.
#[test]
fn they_are_what_stds_are() {
    fn all<
        T: Send + Sync + Unpin + std::panic::UnwindSafe + std::panic::RefUnwindSafe + std::fmt::Debug + 'static,
    >() {
    }
    all::<std::net::TcpStream>();
    all::<sockeye::net::TcpStream>();
    all::<sockeye::net::TcpListener>();
    all::<sockeye::net::UdpSocket>();
    all::<sockeye::Socket>();
}
