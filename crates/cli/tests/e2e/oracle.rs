//! Linux is the oracle: each program in `tests/oracle` runs twice, on the kernel and under Sockeye, and must print the
//! same. What must differ is in `docs/compatibility.md`, line by line, and that is checked, too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::common::{TempDir, finish, need, run, run_exact, sockeye};

/// A compiled program.
pub(crate) struct Compiled {
    path: PathBuf,
    _place: TempDir,
}

impl Compiled {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Compiles one of the programs in `tests/oracle`.
pub(crate) fn compile(name: &str) -> Compiled {
    compile_with(name, &[])
}

/// The same with more options.
pub(crate) fn compile_with(name: &str, options: &[&str]) -> Compiled {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(format!("{name}.c"));
    let place = TempDir::new();
    let path = place.path().join(name);
    finish(Command::new("gcc").args(["-O1", "-Wall"]).args(options).arg("-o").arg(&path).arg(&source)).well();
    Compiled { path, _place: place }
}

/// Runs a program in both worlds; compares.
fn ask(name: &str) {
    if !need(&["gcc"]) {
        return;
    }
    compare_all(name, &compile(name));
}

pub(crate) fn compare_all(name: &str, program: &Compiled) {
    let mut fast = sockeye(["run", "--fast", "--"]);
    fast.arg(program.path());
    compare(
        name,
        program,
        [("", run([program.path()])), (" --fast", fast), (" --exact", run_exact([program.path()]))],
    );
}

pub(crate) fn compare<const N: usize>(name: &str, program: &Compiled, worlds: [(&str, Command); N]) {
    let kernel = finish(&mut on_kernel(program)).text();
    for (mode, mut ours) in worlds {
        if let Some(difference) = difference(&kernel, &finish(&mut ours).text()) {
            panic!("{name}{mode}: not as on Linux (- Linux, + Sockeye)\n{difference}");
        }
    }
}

/// The program on the kernel: where the machine lets us, in a network namespace of its own, so that no other's ports are in
/// its way.
fn on_kernel(program: &Compiled) -> Command {
    static MAY: LazyLock<bool> = LazyLock::new(|| {
        let tried = in_own_network("ip link set lo up").output();
        tried.is_ok_and(|output| output.status.success())
    });
    if *MAY {
        let mut command = in_own_network("ip link set lo up && exec \"$1\"");
        command.arg(program.path());
        command
    } else {
        Command::new(program.path())
    }
}

/// A script of the shell in a network namespace of its own; arguments may follow.
fn in_own_network(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", script, "sh"]);
    command
}

/// The lines that differ, with a few before them.
pub(crate) fn difference(kernel: &str, ours: &str) -> Option<String> {
    let (kernel, ours): (Vec<&str>, Vec<&str>) = (kernel.lines().collect(), ours.lines().collect());
    let same = kernel.iter().zip(&ours).take_while(|(a, b)| a == b).count();
    if same == kernel.len() && same == ours.len() {
        return None;
    }
    let mut text = String::new();
    for line in &kernel[same.saturating_sub(5)..same] {
        text += &format!("  {line}\n");
    }
    for at in same..kernel.len().max(ours.len()).min(same + 30) {
        let (old, new) = (kernel.get(at), ours.get(at));
        if old == new {
            text += &format!("  {}\n", old.unwrap_or(&""));
            continue;
        }
        text.extend(old.map(|line| format!("- {line}\n")));
        text.extend(new.map(|line| format!("+ {line}\n")));
    }
    Some(text)
}

macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test] fn $name() { ask(stringify!($name)); })*
    };
}

/// The same where both sides may open fast: on the kernel in a namespace of its own.
#[test]
fn fastopen_with_cookies() {
    let prepare = "ip link set lo up && sysctl -q net.ipv4.tcp_fastopen=3";
    let may = need(&["gcc", "unshare", "ip", "sysctl"])
        && in_own_network(prepare).output().is_ok_and(|output| output.status.success());
    if !may {
        println!("skipped: it takes root");
        return;
    }
    let program = compile("fastopen");
    let kernel = finish(in_own_network(&format!("{prepare} && exec \"$1\"")).arg(program.path())).text();
    let ours =
        finish(sockeye(["run", "--sysctl", "net.ipv4.tcp_fastopen=3", "--"]).arg(program.path())).text();
    if let Some(difference) = difference(&kernel, &ours) {
        panic!("not as on Linux (- Linux, + Sockeye)\n{difference}");
    }
}

programs! { fastopen held socket options connect connect_nonblocking bind accept linger shutdown stream urgent udp hostile epoll processes
descriptors restart sigio waiting prefork }

/// Without a dynamic linker, as Go's and many a container's programs are.
#[test]
fn linked_statically() {
    if need(&["gcc"]) {
        for name in ["descriptors", "processes"] {
            compare_all(name, &compile_with(name, &["-static"]));
        }
    }
}

#[test]
fn gate() {
    if need(&["gcc"]) {
        let program = compile("gate");
        compare("gate", &program, [(" --exact", run_exact([program.path()]))]);
    }
}

#[test]
fn linger_wait() {
    if need(&["gcc"]) {
        let program = compile("linger_wait");
        let world = |mut command: Command| {
            command.arg(program.path());
            command
        };
        let worlds = [
            (" --linger", world(sockeye(["run", "--linger", "--"]))),
            (" --linger --exact", world(sockeye(["run", "--linger", "--exact", "--"]))),
        ];
        compare("linger_wait", &program, worlds);
    }
}

#[test]
fn dual() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6 to compare with");
        return;
    }
    ask("dual");
}

/// What something shows in the three worlds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shown {
    here: String,
    exact: String,
    linux: String,
}

/// The lines of `docs/compatibility.md` that begin with a name in backticks. One without a column for `--exact` shows the
/// same with it.
fn documented() -> BTreeMap<String, Shown> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
        let (name, here, exact, linux) = match cells[..] {
            [name, _, here, linux] => (name, here, here, linux),
            [name, _, here, exact, linux] => (name, here, exact, linux),
            _ => return None,
        };
        let plain = |cell: &str| cell.replace('`', "");
        let shown = Shown { here: plain(here), exact: plain(exact), linux: plain(linux) };
        Some((name.strip_suffix('`')?.to_owned(), shown))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn differences_are_as_documented() {
    if !need(&["gcc"]) {
        return;
    }
    let program = compile("differences");
    let answers = |text: String| -> BTreeMap<String, String> {
        text.lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect()
    };
    let kernel = answers(finish(&mut on_kernel(&program)).well().text());
    let plain = answers(finish(&mut run([program.path()])).well().text());
    let exact = answers(finish(&mut run_exact([program.path()])).well().text());
    let seen: BTreeMap<String, Shown> = kernel
        .into_iter()
        .map(|(name, linux)| {
            let [here, exact] = [&plain, &exact].map(|ours| ours.get(&name).cloned().unwrap_or_default());
            (name, Shown { here, exact, linux })
        })
        .collect();
    let documented = documented();
    let mut wrong = String::new();
    for (name, shown) in &seen {
        if documented.get(name) != Some(shown) {
            wrong += &format!("{name}: {shown:?}; the page has {:?}\n", documented.get(name));
        }
    }
    for name in documented.keys().filter(|name| !seen.contains_key(*name)) {
        wrong += &format!("{name}: is on the page, but the program does not try it\n");
    }
    let same = seen.iter().filter(|(_, shown)| shown.here == shown.linux).map(|(name, _)| name.as_str());
    wrong.extend(same.map(|name| format!("{name}: does not differ any more\n")));
    assert!(wrong.is_empty(), "docs/compatibility.md is not true:\n{wrong}");
}
