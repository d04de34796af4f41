//! Where a server's files are, and the scripts that run there.

use std::path::Path;
use std::process::Command;

use crate::common::{Finished, TempDir, finish, sockeye};
use crate::network::Network;

/// Plain `run`, and `run --exact`: what the important ones work under, both.
pub(super) const BOTH: [&[&str]; 2] = [&[], &["--exact"]];
/// Links that are long and lose: half a percent of what goes over each.
pub(super) const BAD_LINKS: [&str; 6] = ["--delay", "5ms", "--loss", "0.5%", "--seed", "7"];

/// What a script of [`Stage::steps`] may say.
const FUNCTIONS: &str = r#"
ask='import socket, sys; socket.create_connection((sys.argv[2], int(sys.argv[1])))'
served() { until python3 -c "$ask" $1 ${2:-127.0.0.1} 2>/dev/null; do :; done; }
is() { [ "$2" = "$3" ] || { echo "$1: $2, not $3" >&2; exit 1; }; }
"#;

/// Runs such a script to its end, under plain `run` and under `run --exact`. Servers that it leaves in the background are
/// ended with it.
pub(super) fn works(script: &str) {
    for options in BOTH {
        Stage::new().steps(options, script).well();
    }
}

/// A folder of its own.
pub(super) struct Stage {
    place: TempDir,
}

impl Stage {
    pub(super) fn new() -> Stage {
        Stage { place: TempDir::new() }
    }

    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }

    /// A file there, in a folder if its name has one.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is in the place")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// What is in a file there.
    pub(super) fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs a script of the shell under `sockeye run` with these options, in this place.
    pub(super) fn script(&self, options: &[&str], script: &str) -> Finished {
        let mut command = sockeye(["run"]);
        command.args(options).args(["--", "sh", "-c", script]);
        finish(command.current_dir(self.path()))
    }

    /// The same with a script that stops where something fails, and may say `served PORT [ADDRESS]` to wait until somebody
    /// listens there, and `is WHAT GIVEN EXPECTED` to compare.
    pub(super) fn steps(&self, options: &[&str], script: &str) -> Finished {
        self.script(options, &format!("set -eu\n{FUNCTIONS}{script}"))
    }

    /// A script on a host of a network, in this place.
    pub(super) fn on(&self, network: &Network, host: &str, script: &str) -> Command {
        let mut command = network.run(host, &["sh", "-c", script]);
        command.current_dir(self.path());
        command
    }
}

/// Bytes without a pattern that a protocol could have; the same each time.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}
