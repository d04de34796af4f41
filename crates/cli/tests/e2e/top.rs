//! `sockeye top`: in a terminal, through tmux, and into a pipe.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::common::{TempDir, finish, need, sockeye, start};

/// A `sockeye run` that has a connection, looked for in a runtime directory of its own.
struct Network {
    child: Child,
}

impl Network {
    fn start(place: &Path) -> Network {
        let mut command =
            sockeye(["run", "--", "curl", "-4", "-s", "--limit-rate", "300k", "-o", "/dev/null"]);
        command.arg("http://tekapo/bytes/1G").env("XDG_RUNTIME_DIR", place);
        let child = start(&mut command);
        wait_for(|| {
            let mut once = sockeye(["top", "--json", "-d", "50ms"]);
            let told = finish(once.env("XDG_RUNTIME_DIR", place));
            (!told.text().contains("ESTABLISHED")).then(|| told.errors())
        });
        Network { child }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until nothing is wrong any more.
fn wait_for(mut wrong: impl FnMut() -> Option<String>) {
    let began = Instant::now();
    while let Some(why) = wrong() {
        assert!(began.elapsed() < Duration::from_secs(30), "{why}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A terminal with a shell, in a tmux of its own.
struct Tmux<'a> {
    place: &'a Path,
}

impl Tmux<'_> {
    fn open(place: &Path, (width, height): (u16, u16)) -> Tmux<'_> {
        let tmux = Tmux { place };
        let (width, height) = (width.to_string(), height.to_string());
        let size = ["new-session", "-d", "-x", &width, "-y", &height];
        let shell = "PS1='$ ' exec bash --norc --noprofile -i";
        tmux.run(&[&size[..], &[shell]].concat());
        tmux
    }

    fn command(&self, words: &[&str]) -> Command {
        let socket = self.place.join("tmux");
        let mut command = Command::new("tmux");
        command.arg("-S").arg(socket).args(["-u", "-f", "/dev/null"]).args(words);
        command.env("XDG_RUNTIME_DIR", self.place).env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        command
    }

    fn run(&self, words: &[&str]) -> String {
        finish(&mut self.command(words)).well().text()
    }

    fn type_in(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// Waits until the screen shows all of that.
    fn shows(&self, words: &[&str]) {
        wait_for(|| {
            let screen = self.run(&["capture-pane", "-p"]);
            let missing = words.iter().find(|words| !screen.contains(**words))?;
            Some(format!("no {missing} in\n{screen}"))
        });
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}

#[test]
fn a_network_in_a_terminal() {
    if !need(&["tmux", "bash", "curl"]) {
        return;
    }
    let place = TempDir::new();
    let mut network = Network::start(place.path());
    let tmux = Tmux::open(place.path(), (100, 20));
    let command = format!("'{}' top -d 100ms", env!("CARGO_BIN_EXE_sockeye"));
    tmux.type_in(&[&command, "Enter"]);
    tmux.shows(&["run curl", "hosts   links", "OUT/s", "pukaki", "tekapo", "10.61.0.2", "? help"]);
    tmux.type_in(&["Tab"]);
    tmux.shows(&["BYTES/s", "pukaki/eth0", "tekapo/eth0"]);
    tmux.type_in(&["Tab"]);
    tmux.shows(&["LOCAL", "10.61.0.2:80", "ESTABLISHED"]);
    tmux.type_in(&["/", "nowhere", "Enter"]);
    tmux.shows(&["nothing contains that"]);
    tmux.type_in(&["Escape"]);
    tmux.shows(&["ESTABLISHED"]);
    tmux.type_in(&["Enter"]);
    tmux.shows(&["acknowledged", "cwnd", "segments, from", "rtt", "rate"]);
    tmux.run(&["resize-window", "-x", "20", "-y", "6"]);
    tmux.shows(&["run curl", "Esc back"]);
    tmux.run(&["resize-window", "-x", "80", "-y", "20"]);
    tmux.type_in(&["?"]);
    tmux.shows(&["choose a row"]);
    tmux.type_in(&["?", "p"]);
    tmux.shows(&["paused"]);
    tmux.type_in(&["p", "C-z"]);
    tmux.shows(&["Stopped"]);
    tmux.type_in(&["fg", "Enter"]);
    tmux.shows(&["acknowledged", "Esc back"]);
    network.end();
    tmux.shows(&["gone; q ends"]);
    tmux.type_in(&["q"]);
    tmux.type_in(&["echo ended $?; stty -a | grep -ow icanon", "Enter"]);
    tmux.shows(&["ended 0", "\nicanon"]);
}

/// Whatever ends it, the terminal is as it was, and the shell is told what a shell is told of it.
#[test]
fn a_terminal_is_given_back() {
    if !need(&["tmux", "bash", "curl"]) {
        return;
    }
    let place = TempDir::new();
    let _network = Network::start(place.path());
    let tmux = Tmux::open(place.path(), (100, 20));
    let command = format!("clear; '{}' top -d 100ms", env!("CARGO_BIN_EXE_sockeye"));
    for (name, status) in [("INT", 130), ("HUP", 129), ("TERM", 143), ("^C", 130)] {
        tmux.type_in(&[&command, "Enter"]);
        tmux.shows(&["run curl", "OUT/s", "? help"]);
        if name == "^C" {
            tmux.type_in(&["C-c"]);
        } else {
            let shell = tmux.run(&["display-message", "-p", "#{pane_pid}"]);
            let kill = "kill -s \"$0\" $(cat /proc/$1/task/$1/children)";
            finish(Command::new("sh").args(["-c", kill, name, shell.trim()])).well();
        }
        // What is typed before would be heard by who ends.
        wait_for(|| {
            let told = "#{alternate_on}#{cursor_flag}#{pane_current_command}";
            let state = tmux.run(&["display-message", "-p", told]);
            (state.trim() != "01bash").then(|| format!("{name}: {state}"))
        });
        tmux.type_in(&["echo ended $?; stty -a | grep -ow icanon", "Enter"]);
        tmux.shows(&[&format!("ended {status}"), "\nicanon"]);
    }
}

#[test]
fn a_network_in_a_pipe() {
    if !need(&["curl"]) {
        return;
    }
    let place = TempDir::new();
    let top = |words: &[&str]| {
        let mut command = sockeye(["top"]);
        command.args(words).env("XDG_RUNTIME_DIR", place.path());
        finish(&mut command)
    };
    top(&["-d", "100ms"]).exits(2).in_one_line().complains("no network is running");
    let _network = Network::start(place.path());
    let text = top(&["-d", "100ms"]).well().text();
    for words in ["HOST", "pukaki/eth0", "ESTABLISHED", "WHERE"] {
        assert!(text.contains(words), "no {words} in\n{text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&top(&["--json", "-d", "100ms"]).well().text()).expect("JSON");
    let sockets = json["sockets"].as_array().expect("sockets");
    let client = sockets.iter().find(|socket| socket["peer"] == "10.61.0.2:80").expect("curl's connection");
    // In so short a time nothing may come: curl reads in bursts.
    assert!(client["received_bytes_per_second"].is_number(), "{client}");
    assert!(client["program"].as_str().is_some_and(|program| program.ends_with("/curl")), "{client}");
    top(&["--of", "nobody"]).exits(2).in_one_line().complains("no network nobody is running");
    top(&["--interval", "1ms"]).exits(2).complains("from 50ms to 1h");
}
