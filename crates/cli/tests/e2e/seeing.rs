//! `sockeye netstat` and `sockeye ss`: what is seen of a running network, beside what net-tools and iproute2 say of the same on
//! the kernel.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::{TempDir, bare, finish, finish_with, need, read_line, sockeye, start};
use crate::network::Network;

/// Sockets of all kinds and states, their ports always the same; then a script of the shell.
const TRAFFIC: &str = "
import socket, subprocess, sys, time
def tcp(port, family=socket.AF_INET, host='127.0.0.1'):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, port))
    return s
def pair(port, family=socket.AF_INET, host='127.0.0.1'):
    global listener
    listener = tcp(port, family, host)
    listener.listen(7)
    a = tcp(port + 1, family, host)
    a.connect((host, port))
    b, _ = listener.accept()
    return listener, a, b
l, a, b = pair(8000)
a.send(b'x' * 1000)
waits = tcp(8002)
waits.connect(('127.0.0.1', 8000))
leaves = tcp(8003)
leaves.connect(('127.0.0.1', 8000))
leaves.close()
lf, af, bf = pair(8060)
bf.send(b'last words')
bf.shutdown(socket.SHUT_WR)
af.recv(4)
# Its end is acknowledged: FIN_WAIT2.
while bf.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 5:
    time.sleep(0.001)
l6, a6, b6 = pair(8010, socket.AF_INET6, '::1')
b6.close()
a6.recv(1)
# Its FIN is acknowledged now, not a little later.
a6.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
lt, at, bt = pair(8020)
lt.close()
bt.close()
at.recv(1)
at.close()
lk, ak, bk = pair(8030)
ak.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
both = socket.socket(socket.AF_INET6)
both.bind(('::', 8040))
both.listen(3)
v6only = socket.socket(socket.AF_INET6)
v6only.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
v6only.bind(('::', 8050))
v6only.listen(3)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('0.0.0.0', 5353))
v = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
v.bind(('::1', 5354))
v.connect(('::1', 5355))
r = socket.socket(socket.AF_INET, socket.SOCK_RAW, 89)
path = socket.socket(socket.AF_UNIX)
path.bind(sys.argv[1] + '/socket')
path.listen(3)
one, two = socket.socketpair()
subprocess.run(sys.argv[2], shell=True)
";

/// The program under `sockeye run`, once its sockets are there; it ends with its standard input.
fn traffic(folder: &TempDir) -> Child {
    let mut command = sockeye(["run", "--", "python3", "-c", TRAFFIC]);
    command.arg(folder.path()).arg("echo ready; cat").env("XDG_RUNTIME_DIR", folder.path());
    let mut child = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    assert_eq!(read_line(child.stdout.as_mut().expect("a pipe")), "ready");
    child
}

/// A command that looks at a network of this folder.
fn look(folder: &Path, words: &[&str]) -> Command {
    let mut command = sockeye(words);
    command.env("XDG_RUNTIME_DIR", folder);
    command
}

/// What commands of the machine print beside the same program in a network namespace; none where there can't be one.
fn on_the_kernel(folder: &TempDir, commands: &[String]) -> Option<Vec<String>> {
    let script = commands.join("; echo ====; ");
    let inside = "ip link set lo up && exec python3 -c \"$0\" \"$1\" \"$2\"";
    let mut command = bare(["unshare", "--net", "sh", "-c", inside, TRAFFIC]);
    let finished = finish(command.arg(folder.path()).arg(script));
    if finished.code() != 0 {
        eprintln!("skipped: no network namespace: {}", finished.errors());
        return None;
    }
    Some(finished.text().split("====\n").map(str::to_owned).collect())
}

/// The lines of a table, sorted: words between one space, times and numbers of processes and inodes masked.
fn rows(text: &str) -> Vec<String> {
    let mask = |word: &str| -> String {
        if let Some((_, program)) = word.split_once('/').filter(|(pid, _)| pid.parse::<u32>().is_ok()) {
            return format!("N/{program}");
        }
        let digits = |part: &str| part.parse::<u64>().is_ok_and(|number| number > 100_000);
        if digits(word) { "N".to_owned() } else { mask_times(word) }
    };
    let line = |line: &str| line.split_whitespace().map(mask).collect::<Vec<_>>().join(" ");
    let mut rows: Vec<String> = text.lines().map(line).collect();
    rows.sort();
    rows
}

/// What changes of `(7199.37/0/0)`, `timer:(keepalive,119min,0)`, `pid=7,`, `ino:7` and `sk:7`.
fn mask_times(word: &str) -> String {
    if word.starts_with('(') && word.contains('/') {
        let (_, rest) = word.split_once('/').unwrap_or_default();
        return format!("(T/{rest}");
    }
    if let Some(rest) = word.strip_prefix("timer:(") {
        return format!("timer:({}", rest.split(',').next().unwrap_or_default());
    }
    if word.starts_with("users:") {
        return word.split("pid=").next().unwrap_or_default().to_owned();
    }
    word.to_owned()
}

#[test]
fn netstat_has_net_tools_columns() {
    if !need(&["python3", "netstat", "unshare", "ip"]) {
        return;
    }
    let folder = TempDir::new();
    let options =
        ["-tuwan", "-tuwane", "-tuwanp", "-tano", "-tn", "-tuwln", "-an4", "-tan6", "-ta4", "-uwa4", "-Wtan"];
    let commands: Vec<String> = options.iter().map(|options| format!("netstat {options}")).collect();
    let Some(expected) = on_the_kernel(&folder, &commands) else { return };
    let _ = std::fs::remove_file(folder.path().join("socket"));
    let mut running = traffic(&folder);
    for (options, expected) in options.iter().zip(&expected) {
        let of = running.id().to_string();
        let seen = finish(&mut look(folder.path(), &["netstat", "--of", &of, options])).well().text();
        assert_eq!(rows(&seen), rows(expected), "{options}:\n{seen}\nand on the kernel:\n{expected}");
        // The columns are where they are there.
        let head = |text: &str| text.lines().take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(head(&seen), head(expected), "{options}");
    }
    // Those of the program alone, and what the machine has no more than they.
    let unix = finish(&mut look(folder.path(), &["netstat", "-xanp"])).well().text();
    let own: Vec<&str> = unix.lines().skip(2).collect();
    assert_eq!(own.iter().filter(|line| line.contains("STREAM     CONNECTED")).count(), 2, "{unix}");
    let listener =
        own.iter().find(|line| line.contains("[ ACC ]     STREAM     LISTENING")).expect("it listens");
    assert!(listener.ends_with("/socket") && listener.contains("/python3 "), "{unix}");
    assert_eq!(own.len(), 3, "{unix}");
    drop(running.stdin.take());
    assert!(running.wait().expect("it ends").success());
}

#[test]
fn ss_has_iproute2_s_columns() {
    if !need(&["python3", "ss", "unshare", "ip"]) {
        return;
    }
    let folder = TempDir::new();
    let options = [
        "-tuwan",
        "-tan",
        "-tanp",
        "-tano",
        "-tn",
        "-tuln",
        "-tan4",
        "-tanH state established",
        "-tan state close-wait state fin-wait-2",
        "-tan exclude connected",
        "-tan sport = :8000",
        "-tan dport 8030",
        "-tan sport != :8000",
        "-tan sport ge 8030",
        "-tan ( sport = :8000 or sport = :8010 ) and dport = :8001",
        "-tan sport = :8001 or dport = :8001 and sport = :8000",
        "-tan not ( sport = :8000 or dport = :8000 ) src 127.0.0.1",
        "-tan dst 127.0.0.0/8:8000",
        "-tan src [::1]",
        "-tan src 127.0.0.1 && ! src :8030",
        "-tuan dst ::/0",
        "-tan state established dst [::1]:8010",
        "-tan fwmark 0 not dev lo",
    ];
    let quoted = |words: &str| words.split(' ').map(|word| format!(" '{word}'")).collect::<String>();
    let commands: Vec<String> = options.iter().map(|options| format!("ss{}", quoted(options))).collect();
    let Some(expected) = on_the_kernel(&folder, &commands) else { return };
    let _ = std::fs::remove_file(folder.path().join("socket"));
    let mut running = traffic(&folder);
    for (options, expected) in options.iter().zip(&expected) {
        let of = running.id().to_string();
        let words: Vec<&str> = ["ss", "--of", &of].into_iter().chain(options.split(' ')).collect();
        let seen = finish(&mut look(folder.path(), &words)).well().text();
        // iproute2's header has no space where a column is as wide as its name.
        let rows = |text: &str| rows(&text.replace("PortProcess", "Port Process"));
        assert_eq!(rows(&seen), rows(expected), "{options}:\n{seen}\nand on the kernel:\n{expected}");
    }
    let inside = finish(&mut look(folder.path(), &["ss", "-tnimeo", "sport", ":8001"])).well().text();
    for word in ["cubic", "wscale:", "rto:", "rtt:", "mss:", "cwnd:10", "bytes_sent:1000", "bytes_acked:1001"]
    {
        assert!(inside.contains(word), "{word} in {inside}");
    }
    for word in ["skmem:(r0,rb", "pacing_rate ", "snd_wnd:", " ino:", "<->", "with nothing to send for"] {
        assert!(inside.contains(word), "{word} in {inside}");
    }
    drop(running.stdin.take());
    assert!(running.wait().expect("it ends").success());
}

#[test]
fn a_network_that_is_up_is_seen_as_a_whole_until_it_is_gone() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let server = "
import socket, sys
s = socket.create_server(('', 7000))
print('listening', flush=True)
sys.stdin.read()
";
    let mut command = network.run("aoraki", &["python3", "-c", server]);
    let mut server = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    assert_eq!(read_line(server.stdout.as_mut().expect("a pipe")), "listening");
    let seen = finish(&mut network.command(&["netstat", "-tlnp"])).well().text();
    assert!(seen.contains("0.0.0.0:7000") && seen.contains("/python3"), "{seen}");
    assert!(!seen.contains(":::80"), "nobody runs programs on tekapo: {seen}");
    let whole = finish(&mut network.command(&["netstat", "-tln", "--host", "tekapo", "--host", "aoraki"]));
    let whole = whole.well().text();
    assert!(whole.starts_with("tekapo:\n") && whole.contains("\naoraki:\n"), "{whole}");
    let json = finish(&mut network.command(&["netstat", "-a", "--json", "--of", "default"])).well().text();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["hosts"][0]["name"], "aoraki");
    assert_eq!(json["hosts"][0]["sockets"][0]["holders"][0]["program"], "python3");
    let wrong = finish(&mut network.command(&["netstat", "--host", "mars"]));
    assert_eq!((wrong.code(), wrong.text()), (2, String::new()));
    assert!(wrong.errors().contains("no host mars; there are tekapo, aoraki"), "{}", wrong.errors());
    let mut again =
        start(network.command(&["netstat", "-tlnc"]).stdout(Stdio::piped()).stderr(Stdio::piped()));
    assert!(read_line(again.stdout.as_mut().expect("a pipe")).starts_with("Active Internet"));
    finish(&mut network.command(&["down"])).well();
    let gone = again.wait_with_output().expect("it ends");
    assert_eq!(gone.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&gone.stderr), "sockeye: the network is gone\n");
    drop(server.stdin.take());
    let _ = server.wait();
}

#[test]
fn which_network_is_meant_is_said_if_there_are_none_or_several() {
    let folder = TempDir::new();
    let none = finish(&mut look(folder.path(), &["netstat"]));
    assert_eq!((none.code(), none.errors().lines().count()), (2, 1));
    assert!(none.errors().contains("no network is running"), "{}", none.errors());
    let mut running: Vec<Child> = (0..2)
        .map(|_| {
            let mut command = look(folder.path(), &["run", "--", "sh", "-c", "echo ready; cat"]);
            let mut child = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
            assert_eq!(read_line(child.stdout.as_mut().expect("a pipe")), "ready");
            child
        })
        .collect();
    let several = finish(&mut look(folder.path(), &["ss", "-ta"]));
    assert_eq!((several.code(), several.errors().lines().count()), (2, 1));
    for child in &running {
        assert!(several.errors().contains(&child.id().to_string()), "{}", several.errors());
    }
    let of = running[0].id().to_string();
    finish(&mut look(folder.path(), &["ss", "-ta", "--of", &of])).well();
    let unknown = finish(&mut look(folder.path(), &["netstat", "--of", "nowhere"]));
    assert_eq!(unknown.code(), 2);
    assert!(unknown.errors().contains("no network nowhere is running"), "{}", unknown.errors());
    let wrong = finish(&mut look(folder.path(), &["ss", "--of", &of, "state", "swimming"]));
    assert_eq!((wrong.code(), wrong.errors().lines().count()), (2, 1));
    for mut child in running.drain(..) {
        drop(child.stdin.take());
        assert!(child.wait().expect("it ends").success());
    }
    // What they made is gone with them.
    let left = std::fs::read_dir(folder.path().join("sockeye")).expect("the directory").count();
    assert_eq!(left, 0);
}

#[test]
fn without_a_runtime_directory_programs_run_all_the_same() {
    let mut command = look(Path::new("/proc/none"), &["run", "--", "echo", "hello"]);
    finish(&mut command).well().says("hello");
    let mut command = look(Path::new("/proc/none"), &["netstat"]);
    let refused = finish(&mut command);
    assert_eq!((refused.code(), refused.errors().lines().count()), (2, 1));
}

#[test]
fn another_user_can_t_look() {
    let ordinary = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    if !need(&["setpriv", "socat"]) || finish(&mut bare(ordinary.into_iter().chain(["true"]))).code() != 0 {
        return;
    }
    let folder = TempDir::new();
    let mut command = look(folder.path(), &["run", "--", "sh", "-c", "echo ready; cat"]);
    let mut running = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    assert_eq!(read_line(running.stdout.as_mut().expect("a pipe")), "ready");
    let place = folder.path().join("sockeye");
    let socket = format!("UNIX-CONNECT:{}/{}.run.look", place.display(), running.id());
    let ask = |user: &[&str]| {
        let words = user.iter().copied().chain(["socat", "-t5", "-", &socket]);
        finish_with(&mut bare(words), b"{\"version\":1,\"ask\":\"snapshot\"}\n".to_vec()).text()
    };
    assert!(ask(&[]).starts_with("{\"snapshot\":"));
    assert_eq!(ask(&ordinary), "");
    // Not even if the way were open.
    for (path, mode) in [(place.clone(), 0o777), (place.join(format!("{}.run.look", running.id())), 0o777)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    }
    assert_eq!(ask(&ordinary), "");
    drop(running.stdin.take());
    assert!(running.wait().expect("it ends").success());
}
