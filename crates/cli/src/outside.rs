//! The flags that open a network to the machine's.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use sockeye_run::gateway::{Options, Outside, Publish};
use sockeye_topology::outside::server;

/// What leads out.
#[derive(Args)]
#[command(next_help_heading = "The machine's network")]
pub(crate) struct OutsideFlags {
    /// Carry TCP, UDP and ping on to the machine's own network, and ask its DNS for others' names; =loopback lets programs
    /// reach this machine itself, too, whose loopback is the host gateway then
    #[arg(long, value_name = "REACH", num_args = 0..=1, require_equals = true, default_missing_value = "network")]
    outside: Option<Reach>,

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
    /// What the flags are called, and the one for what leads in, which differs from command to command.
    pub(crate) const NAMES: [&str; 3] = ["outside", "publish", "resolver"];

    /// What is to lead out; and this in.
    pub(crate) fn options(self, publish: Vec<Publish>) -> Options {
        let outside = self.outside.map(|reach| match reach {
            Reach::Network => Outside::Network,
            Reach::Loopback => Outside::Loopback,
        });
        Options { outside, publish, resolvers: self.resolver }
    }
}
