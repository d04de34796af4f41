//! The flags that open the program's network to the machine's.

use std::net::{IpAddr, SocketAddr};

use clap::{Args, ValueEnum};
use sockeye_run::gateway::{Options, Outside, Publish};

/// What leads out, and in.
#[derive(Args)]
#[command(next_help_heading = "The machine's network")]
pub(crate) struct OutsideFlags {
    /// Carry TCP, UDP and ping on to the machine's own network, and ask its DNS for others' names; =loopback lets the program
    /// reach this machine itself, too, whose loopback is the host gateway then
    #[arg(long, value_name = "REACH", num_args = 0..=1, require_equals = true, default_missing_value = "network")]
    outside: Option<Reach>,

    /// Let the machine in: its PORT leads to the program's; without an address only this machine itself may use it; may be
    /// given again
    #[arg(long, value_name = "[ADDRESS:]PORT:PORT[/udp]")]
    publish: Vec<Publish>,

    /// The DNS server that is asked for others' names, instead of those of /etc/resolv.conf; may be given again
    #[arg(long, value_name = "ADDRESS[:PORT]", requires = "outside", value_parser = server)]
    resolver: Vec<SocketAddr>,
}

/// How far out.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reach {
    /// All but this machine itself.
    Network,
    /// This machine itself, too.
    Loopback,
}

impl OutsideFlags {
    /// What the flags are called.
    pub(crate) const NAMES: [&str; 3] = ["outside", "publish", "resolver"];

    pub(crate) fn options(self) -> Options {
        let outside = self.outside.map(|reach| match reach {
            Reach::Network => Outside::Network,
            Reach::Loopback => Outside::Loopback,
        });
        Options { outside, publish: self.publish, resolvers: self.resolver }
    }
}

/// A DNS server's address, perhaps with a port.
fn server(text: &str) -> Result<SocketAddr, String> {
    let alone = text.parse().map(|address: IpAddr| SocketAddr::new(address, 53));
    alone
        .or_else(|_| text.parse())
        .map_err(|_| "it is an IP address, perhaps with a port: 192.0.2.1:53".into())
}
