//! `sockeye lab run` with programs: what they print, when they are ready, how they end, and what happens to their hosts.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::common::{Finished, TempDir, bounded, finish, need, read_line, signal, sockeye, start};
use crate::network::Network;

/// Hosts a and b with a link between them.
const HOSTS: &str = "[[host]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\n[[host]]\nname = \"b\"\n\
                     addresses = \"10.0.0.2/24\"\n[[link]]\nbetween = [\"a\", \"b\"]\ndelay = \"1ms\"\n";

/// A command that runs the two hosts with what else is said of them.
fn lab(place: &TempDir, rest: &str) -> Command {
    let file = place.path().join("network.toml");
    fs::write(&file, format!("{HOSTS}{rest}")).expect("it can be written");
    let mut command = sockeye(["lab", "run", file.to_str().expect("a plain path")]);
    command.env("XDG_RUNTIME_DIR", place.path());
    command
}

fn run(rest: &str) -> Finished {
    finish(&mut lab(&TempDir::new(), rest))
}

/// How many sockets are left in the folder for them.
fn left(place: &TempDir) -> usize {
    fs::read_dir(place.path().join("sockeye")).expect("its folder").count()
}

/// A program's table.
fn program(name: &str, host: &str, run: &str, rest: &str) -> String {
    format!("[[program]]\nname = \"{name}\"\nhost = \"{host}\"\nrun = '''{run}'''\n{rest}\n")
}

/// A program's table whose program is Python.
fn python(name: &str, host: &str, text: &str, rest: &str) -> String {
    format!(
        "[[program]]\nname = \"{name}\"\nhost = \"{host}\"\nrun = [\"python3\", \"-c\", '''{text}''']\n{rest}\n"
    )
}

/// However much it is; but who is left behind with its output open isn't waited for.
#[test]
fn all_that_a_program_prints_is_told() {
    let told = run(&program("p", "a", "sleep 50 & seq 1 20000; printf last", "prints = \"last\"")).well();
    let lines: Vec<String> = told.text().lines().map(str::to_owned).collect();
    let expected = (1..=20_000).map(|number| format!("[a p] {number}")).chain(["[a p] last".to_owned()]);
    assert!(lines.iter().take(20_001).cloned().eq(expected), "{:?} …", &lines[..10]);
}

/// Who sends short packets takes long ones.
#[test]
fn each_end_has_an_mtu_of_its_own() {
    if !need(&["python3"]) {
        return;
    }
    let socket = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(10)\n";
    let answer = format!("{socket}s.bind((\"\", 9))\ns.sendto(*s.recvfrom(2000))");
    let ask = format!("{socket}s.sendto(bytes(1400), (\"10.0.0.1\", 9))\nprint(len(s.recv(2000)))");
    let programs = python("p", "a", &answer, "ready = { port = 9 }")
        + &python("q", "b", &ask, "after = \"p\"\nprints = \"1400\"")
        + &program("mtu", "a", "cat /sys/class/net/eth0/mtu", "prints = \"600\"");
    run(&format!("there = {{ mtu = 600 }}\n{programs}")).well();
}

/// A host that can't be asked who listens there is none to wait for.
#[test]
fn a_host_that_can_not_be_looked_at_is_an_error() {
    let place = TempDir::new();
    // The network's socket fits into an address, its hosts' don't.
    let long = place.path().join("x".repeat(79 - place.path().as_os_str().len()));
    fs::create_dir(&long).expect("it can be made");
    let text = program("p", "a", "exec sleep 50", "ready = { port = 80 }\nserver = true")
        + &program("q", "b", "true", "after = \"p\"");
    let told = finish(lab(&place, &text).env("XDG_RUNTIME_DIR", &long)).exits(1);
    told.complains("cannot start: the control socket: ");
}

/// Though nobody expects it, and no frame is looked at.
#[test]
fn what_the_network_drops_is_told() {
    if !need(&["python3"]) {
        return;
    }
    let text = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.2', 9))";
    let cut = "[[event]]\nat = \"0ms\"\ncut = \"a-b\"\n";
    let told = run(&(python("p", "a", text, "") + cut)).well();
    told.says("\ndropped: ").says(" the link is cut\n");
}

/// Though nothing else runs when its host is rebooted. (The first reboots may come before it has begun.)
#[test]
fn a_reboot_starts_the_only_program_again() {
    let place = TempDir::new();
    let script = "test -e begun && echo again && exit; touch begun; exec sleep 50";
    let events = ["500ms", "2s", "8s"].map(|at| format!("[[event]]\nat = \"{at}\"\nreboot = \"a\"\n"));
    let text = program("p", "a", script, "prints = \"again\"") + &events.concat();
    let told = finish(&mut lab(&place, &text)).well();
    let told = told.says("[500ms] a is switched off\n[500ms] a is switched on\n").says("p: ended with 0");
    assert_eq!(told.errors(), "");
    assert_eq!(left(&place), 0, "nothing is left behind");
}

/// Then those after it aren't waited for any more.
#[test]
fn who_ends_before_it_is_ready_is_told_of() {
    let after = program("c", "b", "echo hi", "after = \"s\"");
    let dies = program("s", "a", "exit 3", "server = true\nready = { port = 80 }");
    let told = run(&(dies + &after)).exits(1).says("FAILED  s: ended with 3 before it was ready");
    let told = told.says("c: not started\n").says("FAILED  c: was not started");
    assert_eq!(told.errors(), "sockeye: s: ended with 3 before it was ready\n");
    let silent = program("s", "a", "echo no", "ready = { prints = \"yes\" }");
    run(&(silent + &after)).exits(1).complains("sockeye: s: ended with 0 before it was ready");
    let nowhere = "[[program]]\nname = \"s\"\nhost = \"a\"\nrun = [\"/nowhere\"]\n";
    let told = run(&(nowhere.to_owned() + &after)).exits(1);
    told.says("FAILED  s: can't be started: /nowhere: No such file or directory").says("c: not started\n");
}

/// Whatever address it has it at, and by whichever protocol; and it notices nothing of being looked at.
#[test]
fn a_program_with_a_port_is_ready() {
    if !need(&["python3"]) {
        return;
    }
    let tcp =
        "import socket\nc, _ = socket.create_server((\"10.0.0.1\", 9000)).accept()\nc.sendall(c.recv(100))";
    let udp = "import socket\nu = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nu.bind((\"10.0.0.1\", 9001))\n\
               d, who = u.recvfrom(100)\nu.sendto(d, who)";
    let client = "import socket\nfor kind, port in (socket.SOCK_STREAM, 9000), (socket.SOCK_DGRAM, 9001):\n  \
                  s = socket.socket(socket.AF_INET, kind)\n  s.settimeout(10)\n  s.connect((\"a\", port))\n  \
                  s.sendall(b\"yes\")\n  print(kind.name, s.recv(10))";
    let rest = "after = [\"tcp\", \"udp\"]\nprints = [\"SOCK_STREAM b'yes'\", \"SOCK_DGRAM b'yes'\"]";
    let text = python("tcp", "a", tcp, "ready = { port = 9000 }")
        + &python("udp", "a", udp, "ready = { port = 9001 }")
        + &python("client", "b", client, rest);
    run(&text).well().says("tcp: ended with 0").says("udp: ended with 0");
}

#[test]
fn a_server_that_fails_fails_the_run() {
    let place = TempDir::new();
    // The other one ends when it has.
    let server = program("s", "a", "echo $$ > pid; kill -SEGV $$", "server = true");
    let client = program(
        "c",
        "b",
        "until test -s pid; do :; done; while kill -0 $(cat pid) 2>&-; do :; done; echo served",
        "prints = \"served\"",
    );
    let told = finish(&mut lab(&place, &(server + &client))).exits(1);
    told.says("FAILED  s: ended with 139, though it was to serve").says("c: ended with 0");
    // One that has served and ended well, or was told to end, hasn't.
    let done = program("s", "a", "echo done", "server = true\nready = { prints = \"done\" }");
    let told = program(
        "t",
        "a",
        "trap 'exit 7' TERM; echo here; while :; do sleep 0.01; done",
        "server = true\nready = { prints = \"here\" }",
    );
    let client = program("c", "b", "echo hi", "after = [\"s\", \"t\"]");
    run(&(done + &told + &client)).well().says("t: served to the end");
}

#[test]
fn who_is_on_is_not_switched_on() {
    if !need(&["python3"]) {
        return;
    }
    let server = "import socket\ns = socket.create_server((\"\", 7000))\nwhile True: s.accept()[0].close()";
    let client = "import socket, time\nend = time.monotonic() + 1\nwhile time.monotonic() < end:\n  \
                  socket.create_connection((\"b\", 7000), 5).close()\n  time.sleep(0.02)\nprint(\"all\")";
    let text = python("s", "b", server, "server = true\nready = { port = 7000 }")
        + &python("c", "a", client, "after = \"s\"\nprints = \"all\"")
        + "[[event]]\nat = \"500ms\"\non = \"b\"\n";
    let told = run(&text).well().says("s: served to the end");
    assert_eq!(told.errors(), "");
}

/// What programs do with the host's addresses, they do with the new ones; nobody answers at the old one.
#[test]
fn the_addresses_of_a_host_with_programs_change() {
    if !need(&["python3"]) {
        return;
    }
    let server = "import socket\ns = socket.create_server((\"\", 7000))\nwhile True: s.accept()[0].close()";
    let client = "import socket\ndef answers(address):\n  try:\n    socket.create_connection((address, 7000), 0.3).close()\n    return True\n  \
                  except OSError: return False\nwhile not answers(\"10.0.0.7\"): pass\nprint(\"new\", answers(\"10.0.0.2\"))";
    let text = python("s", "b", server, "server = true\nready = { port = 7000 }")
        + &python("c", "a", client, "after = \"s\"\nprints = \"new False\"")
        + "[[event]]\nat = \"300ms\"\nreaddress = \"b\"\naddresses = \"10.0.0.7/24\"\n";
    run(&text).well().says("[300ms] b:eth0 becomes 10.0.0.7/24");
}

/// A network whose hosts can't be there doesn't wait for them: here another supervisor's filter is in the way.
#[test]
fn hosts_that_cannot_begin_are_told_of() {
    let place = TempDir::new();
    let inner = lab(&place, &program("p", "a", "echo hi", ""));
    let mut outer = sockeye(["run", "--quiet", "--"]);
    outer.arg(inner.get_program()).args(inner.get_args()).env("XDG_RUNTIME_DIR", place.path());
    let told = finish(&mut outer).exits(1).complains("cannot supervise");
    let all = told.text() + &told.errors();
    assert!(all.contains("a: its sockeye run has ended (exit status: 125)"), "{all}");
}

/// A run, once it has printed this line; and what it prints.
fn begun(place: &TempDir, text: &str, line: &str) -> (Child, ChildStdout) {
    let mut command = lab(place, text);
    let mut child = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut out = child.stdout.take().expect("a pipe");
    while read_line(&mut out) != line {}
    (child, out)
}

#[test]
fn an_interrupted_run_tells_how_it_went() {
    let text = program("one", "a", "echo hi", "")
        + &program("two", "b", "echo here; exec sleep 50", "after = \"one\"\nprints = \"never\"");
    for (name, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let place = TempDir::new();
        let (child, mut out) = begun(&place, &text, "[b two] here");
        // As a terminal does.
        signal(name, &format!("-{}", child.id()));
        let mut text = String::new();
        std::io::Read::read_to_string(&mut out, &mut text).expect("it prints text");
        let ended = bounded(child, "lab run");
        assert_eq!(ended.status.code(), Some(status), "{text}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
        assert!(text.contains(" of real time, interrupted\n  one: ended with 0"), "{text}");
        assert!(text.ends_with("\n  two: was ended\n"), "{text}");
        assert_eq!(left(&place), 0, "nothing is left behind");
    }
}

/// The socket of a run's network, if it is there.
fn socket(place: &TempDir, run: &Child) -> bool {
    place.path().join(format!("sockeye/lab-{}.sock", run.id())).exists()
}

/// Of a second ^C nothing is left; what is left of a run that was killed the next one takes away.
#[test]
fn the_socket_of_a_network_goes() {
    let text = program("p", "a", "trap '' TERM; echo here; while :; do sleep 0.1; done", "");
    let place = TempDir::new();
    let (mut twice, _out) = begun(&place, &text, "[a p] here");
    assert!(socket(&place, &twice));
    signal("INT", &twice.id().to_string());
    signal("INT", &twice.id().to_string());
    let status = twice.wait().expect("its status");
    assert!(status.code() == Some(130) || status.signal() == Some(2), "{status}");
    assert!(!socket(&place, &twice));
    let (mut killed, _out) = begun(&place, &text, "[a p] here");
    killed.kill().and_then(|()| killed.wait()).expect("it is ours");
    assert!(socket(&place, &killed));
    finish(&mut lab(&place, &program("q", "b", "true", ""))).well();
    assert!(!socket(&place, &killed));
}

/// What it should end with, nobody knows. Nor was a server ready that had no port yet.
#[test]
fn a_program_that_its_host_loses_fails_the_run() {
    let off = |at| format!("[[event]]\nat = \"{at}\"\noff = \"b\"\n");
    let job = program("job", "b", "echo begun; exec sleep 50", "status = 5");
    let server = program("s", "b", "exec sleep 50", "server = true\nready = { port = 80 }");
    let told = run(&(job + &server + &off("500ms"))).exits(1).says("\n  job: was ended\n");
    let told = told.says("FAILED  job: its host was switched off before it had ended\n");
    told.says("FAILED  s: its host was switched off before it was ready\n");
    // What has ended by then has, and what has served.
    let done = program("done", "b", "exit 3", "status = 3");
    let server =
        program("s", "b", "echo here; exec sleep 50", "server = true\nready = { prints = \"here\" }");
    let other = program("o", "a", "exec sleep 1.5", "");
    let told = run(&(done + &server + &other + &off("1s"))).well();
    told.says("done: ended with 3 ").says("s: was ended\n");
}

/// Who leaves because it is over is still sent what is under way; that isn't lost.
#[test]
fn what_is_under_way_at_the_end_is_not_dropped() {
    if !need(&["python3"]) {
        return;
    }
    // It goes on behind, until its host goes.
    let text = "import os, socket, time\nif os.fork() == 0:\n  os.setsid()\n  null = os.open(\"/dev/null\", os.O_RDWR)\n  \
                os.dup2(null, 1)\n  os.dup2(null, 2)\n  s = socket.socket(type=socket.SOCK_DGRAM)\n  \
                while True:\n    s.sendto(b\"x\", (\"10.0.0.1\", 9))\n    time.sleep(0.0005)\ntime.sleep(0.2)";
    let rest = program("p", "a", "true", "") + &python("q", "b", text, "") + "[expect]\ndrops = 0\n";
    let told = run(&rest).well();
    assert!(!told.text().contains("dropped"), "{}", told.text());
}

/// Standard output is JSON, and nothing else.
#[test]
fn beside_json_programs_print_to_standard_error() {
    let place = TempDir::new();
    let event = "[[event]]\nat = \"0ms\"\ncut = \"a-b\"\n";
    let text = program("p", "a", "echo out; echo error >&2; exit 4", "") + event;
    let told = finish(lab(&place, &text).arg("--json")).exits(1);
    let value: serde_json::Value = serde_json::from_str(&told.text()).expect("JSON");
    assert_eq!(value["failures"][0], "p: ended with 4, not 0");
    told.complains("[a p] out\n").complains("[a p] error\n").complains("[0ns] a-b is cut\n");
}

/// Nobody being it, its own switch tells whether it is on.
#[test]
fn a_host_that_is_switched_off_is_told_so() {
    let place = TempDir::new();
    let file = place.path().join("network.toml");
    fs::write(&file, format!("{HOSTS}[[event]]\nat = \"0ms\"\noff = \"b\"\n")).expect("it can be written");
    let network = Network::of(&file);
    let told = finish(&mut network.command(&["hosts", "--json"])).well().text();
    let hosts: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&hosts[0]["up"], &hosts[1]["up"]), (&true.into(), &false.into()), "{told}");
}

#[test]
fn an_interrupted_run_in_virtual_time_tells_how_it_went() {
    let place = TempDir::new();
    let capture = place.path().join("capture.pcapng");
    let traffic = "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nexchanges = 1000000000\n";
    let mut command = lab(&place, traffic);
    command.arg("--pcap").arg(&capture);
    let mut child = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    // It runs when something passes.
    while fs::metadata(&capture).is_ok_and(|about| about.len() < 1000) || !capture.exists() {
        assert!(child.try_wait().expect("its state").is_none(), "it has ended");
        std::thread::yield_now();
    }
    signal("TERM", &child.id().to_string());
    let ended = bounded(child, "lab run");
    let text = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(143), "{text}");
    assert!(text.contains(" of virtual time, interrupted\n") && text.contains(" answers in "), "{text}");
    assert!(!text.contains("FAILED"), "{text}");
}
