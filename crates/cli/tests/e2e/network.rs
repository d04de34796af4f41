//! A network that several `sockeye run --host` join.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::{TempDir, User, sockeye};

/// A network of its own, ended when dropped.
pub(crate) struct Network {
    pub(crate) place: TempDir,
    pub(crate) hub: Child,
}

impl Network {
    /// One whose links are as these options of `sockeye up` say.
    pub(crate) fn new(options: &[&str]) -> Network {
        Network::begin(sockeye(["up"]).args(options), TempDir::new())
    }

    /// The same, of this user.
    pub(crate) fn of_user(user: &User, options: &[&str]) -> Network {
        let place = TempDir::new();
        user.give(place.path());
        Network::begin(user.sockeye(["up"]).args(options), place)
    }

    /// One as a file has it.
    pub(crate) fn of(file: &Path) -> Network {
        Network::begin(sockeye(["up"]).arg(file), TempDir::new())
    }

    fn begin(command: &mut Command, place: TempDir) -> Network {
        command.env("XDG_RUNTIME_DIR", place.path()).stdout(Stdio::piped());
        let mut hub = command.spawn().expect("sockeye up");
        let mut said = [0; 16];
        hub.stdout.as_mut().expect("its output").read_exact(&mut said).expect("a line");
        assert_eq!(&said, b"network default ");
        Network { place, hub }
    }

    /// `sockeye` with these arguments, where it finds this network.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = sockeye(arguments);
        command.env("XDG_RUNTIME_DIR", self.place.path());
        command
    }

    /// A program on a host of this network.
    pub(crate) fn run(&self, host: &str, program: &[&str]) -> Command {
        let mut command = self.command(&["run", "--host", host, "--"]);
        command.args(program);
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.hub.kill();
        let _ = self.hub.wait();
    }
}
