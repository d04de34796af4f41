//! Which running network a command looks at, and which of its hosts.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use sockeye_look::{Error, Host, Network, Protocol, Role, Snapshot};

use crate::EXIT_USAGE;

/// What is looked at.
#[derive(Args)]
pub(crate) struct Which {
    /// The network: a name (sockeye up --network), or the process number of a sockeye run, up or lab run; the only one that
    /// runs if not given
    #[arg(long, value_name = "PID|NAME")]
    pub(crate) of: Option<String>,

    /// The host; may be given again. If not given, those that programs run on
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
}

/// Which sockets are shown: netstat's and ss' options.
#[derive(Args)]
pub(crate) struct Kinds {
    /// All sockets: listeners and others
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Listeners only
    #[arg(short, long)]
    pub(crate) listening: bool,

    /// TCP's
    #[arg(short, long)]
    pub(crate) tcp: bool,

    /// UDP's
    #[arg(short, long)]
    pub(crate) udp: bool,

    /// Raw ones, and those of ping
    #[arg(short = 'w', long)]
    pub(crate) raw: bool,

    /// Unix-domain ones. Those of programs are the machine's own: of them only those that the programs have open
    #[arg(short = 'x', long)]
    unix: bool,

    /// Of IPv4
    #[arg(short = '4', long = "inet", visible_alias = "ipv4")]
    pub(crate) inet: bool,

    /// Of IPv6
    #[arg(short = '6', long = "inet6", visible_alias = "ipv6")]
    pub(crate) inet6: bool,
}

impl Kinds {
    /// Nothing was said of protocols: all are meant.
    pub(crate) fn every_protocol(&self) -> bool {
        !(self.tcp || self.udp || self.raw || self.unix)
    }

    pub(crate) fn wants_inet(&self) -> bool {
        self.tcp || self.udp || self.raw || self.every_protocol()
    }

    pub(crate) fn wants_unix(&self) -> bool {
        self.unix || self.every_protocol() && !(self.inet || self.inet6)
    }

    pub(crate) fn wants(&self, protocol: Protocol) -> bool {
        let kind = match protocol {
            Protocol::Tcp | Protocol::Tcp6 => self.tcp,
            Protocol::Udp | Protocol::Udp6 => self.udp,
            Protocol::Raw | Protocol::Raw6 | Protocol::Icmp | Protocol::Icmp6 => self.raw,
        };
        let family = match (self.inet, self.inet6) {
            (true, false) => !protocol.is_v6(),
            (false, true) => protocol.is_v6(),
            _ => true,
        };
        family && (kind || self.every_protocol())
    }

    /// Of how many kinds sockets may be shown.
    pub(crate) fn count(&self) -> usize {
        let inet = [self.tcp, self.udp, self.raw].into_iter().filter(|wanted| *wanted).count();
        if self.every_protocol() { 4 } else { inet + usize::from(self.unix) }
    }
}

impl Which {
    /// The network.
    pub(crate) fn open(&self) -> Result<Network, Error> {
        Network::open(self.of.as_deref())
    }

    /// Keeps of it the hosts that are meant.
    pub(crate) fn choose(&self, mut snapshot: Snapshot) -> Result<Snapshot, Error> {
        let known: Vec<String> = snapshot.hosts.iter().map(|host| host.name.clone()).collect();
        if let Some(name) = self.hosts.iter().find(|name| !known.contains(name)) {
            return Err(Error::Refused(format!("no host {name}; there are {}", known.join(", "))));
        }
        let own = snapshot.about.role == Role::Host;
        let runs = |host: &Host| own || host.pid.is_some() || host.program.is_some();
        let any = snapshot.hosts.iter().any(runs);
        snapshot.hosts.retain(|host| match &self.hosts[..] {
            [] => !any || runs(host),
            named => named.contains(&host.name),
        });
        Ok(snapshot)
    }
}

/// Says why nothing is to be seen; gives the exit status.
pub(crate) fn failed(error: &Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "sockeye: {error}");
    ExitCode::from(EXIT_USAGE)
}
