//! Which running network a command looks at, and which of its hosts.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use sockeye_look::{Error, Host, Network, Role, Snapshot};

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
