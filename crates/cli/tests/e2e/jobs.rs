//! Daemons, job control, and statuses beside those of the other programs that start programs: env, nohup, timeout.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{TempDir, bare, bounded, finish, need, run, signal, sockeye, start};

/// A daemon as daemon(3) makes one, twice forked and in a session of its own, that serves on port 8000 and says in
/// `told` what ended it.
const DAEMON: &str = r"
import os, signal, socket, sys
place = sys.argv[1]
server = socket.create_server(('127.0.0.1', 8000))
if os.fork():
    os._exit(3)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir('/')
null = os.open('/dev/null', os.O_RDWR)
for standard in 0, 1, 2:
    os.dup2(null, standard)
def told(number, frame):
    with open(place + '/told', 'w') as file:
        file.write(signal.Signals(number).name)
    os._exit(0)
signal.signal(signal.SIGTERM, told)
with open(place + '/pid', 'w') as file:
    file.write(str(os.getpid()))
while True:
    client, _ = server.accept()
    word = client.recv(100)
    client.sendall(b'daemon: ' + word)
    client.close()
    if word == b'end':
        break
";

/// Starts it, and asks it for a word.
const CLIENT: &str = r"
import os, socket, subprocess, sys
print(subprocess.call([sys.executable, '-c', sys.argv[1], sys.argv[2]]))
with socket.create_connection(('127.0.0.1', 8000)) as client:
    client.sendall(sys.argv[3].encode())
    print(client.recv(100).decode(), flush=True)
os._exit(5)
";

fn read(place: &TempDir, name: &str) -> Option<String> {
    std::fs::read_to_string(place.path().join(name)).ok()
}

fn is_gone(place: &TempDir) -> bool {
    read(place, "pid").is_none_or(|pid| !Path::new("/proc").join(pid).exists())
}

/// When the program has ended its daemon is told to, and gone when `sockeye` is.
#[test]
fn a_daemon_ends_with_the_program() {
    if !need(&["python3"]) {
        return;
    }
    let place = TempDir::new();
    let mut command = run(["python3", "-c", CLIENT, DAEMON]);
    let finished = finish(command.arg(place.path()).arg("stay")).exits(5);
    assert_eq!(finished.text(), "3\ndaemon: stay\n");
    assert_eq!(read(&place, "told").as_deref(), Some("SIGTERM"));
    assert!(is_gone(&place));
}

/// With `--wait` it lives on, and serves, until it ends by itself; the status is still the first program's.
#[test]
fn a_daemon_is_waited_for() {
    if !need(&["python3"]) {
        return;
    }
    let place = TempDir::new();
    let mut command = sockeye(["run", "--wait", "--", "python3", "-c", CLIENT, DAEMON]);
    let finished = finish(command.arg(place.path()).arg("end")).exits(5);
    assert_eq!(finished.text(), "3\ndaemon: end\n");
    assert_eq!(read(&place, "told"), None);
    assert!(is_gone(&place));
}

/// What is told to `sockeye` while it waits for a daemon goes to the daemon.
#[test]
fn a_daemon_that_is_waited_for_is_told_to_end() {
    if !need(&["python3"]) {
        return;
    }
    let place = TempDir::new();
    let mut command = sockeye(["run", "--wait", "--", "python3", "-c", DAEMON]);
    command.arg(place.path());
    let child = start(command.stdout(Stdio::null()));
    while read(&place, "pid").is_none_or(|pid| pid.is_empty()) {
        std::thread::yield_now();
    }
    // Until the first program has ended it is the one to hear it, and does not any more.
    for _ in 0..1000 {
        if read(&place, "told").is_some() {
            break;
        }
        signal("TERM", &child.id().to_string());
    }
    let output = bounded(child, "a daemon's supervisor");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(read(&place, "told").as_deref(), Some("SIGTERM"));
    assert!(is_gone(&place));
}

/// Ctrl-Z in a terminal stops the program and `sockeye`, and `fg` has both go on.
#[test]
fn a_job_is_stopped_and_goes_on() {
    if !need(&["python3"]) {
        return;
    }
    let shell = r"
import os, pty, signal, sys
inner = '''
import os, socket
c = socket.create_connection((\'tekapo\', 7))
print(\'ready\', flush=True)
input()
c.sendall(b\'on\')
print(\'went\', c.recv(2).decode(), flush=True)
'''
shell, terminal = pty.fork()
if shell == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(sys.argv[1], [sys.argv[1], 'run', '--', 'python3', '-c', inner])
    _, status = os.waitpid(job, os.WUNTRACED)
    child = lambda of: open(f'/proc/{of}/task/{of}/children').read().split()[0]
    # Between the two is a guard.
    program = child(child(job))
    # It stops about when sockeye does.
    while open(f'/proc/{program}/stat').read().rsplit(')', 1)[1].split()[0] != 'T':
        pass
    print('stopped', os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTSTP, flush=True)
    os.tcsetpgrp(0, job)
    os.kill(-job, signal.SIGCONT)
    _, status = os.waitpid(job, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpid())
    print('status', os.waitstatus_to_exitcode(status), flush=True)
    os._exit(0)
said = b''
def until(word):
    global said
    while word not in said:
        said += os.read(terminal, 1000)
# The terminal drops what it has not shown when the key comes.
until(b'ready\r\n')
os.write(terminal, b'\x1a')
until(b'stopped')
while not said.endswith(b'\n'):
    said += os.read(terminal, 1000)
os.write(terminal, b'\n')
until(b'status')
while not said.endswith(b'\n'):
    said += os.read(terminal, 1000)
lines = [line for line in said.decode().replace('^Z', '').split('\r\n') if line.strip()]
print(*lines[1:], sep='\n')
";
    let finished = finish(Command::new("python3").args(["-c", shell, env!("CARGO_BIN_EXE_sockeye")])).well();
    assert_eq!(finished.text(), "stopped True\nwent on\nstatus 0\n");
}

/// The statuses of what can't be started, and of what was started, are env's; of what a signal ended, the shell's.
#[test]
fn statuses_as_others_have_them() {
    let place = TempDir::new();
    let file = |name: &str, text: &str, mode: u32| {
        let path = place.path().join(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("our own file");
        path.display().to_string()
    };
    let script = file("script", "exit 7\n", 0o755);
    let bad = file("bad", "#!/no/such/interpreter\n", 0o755);
    let plain = file("plain", "exit 7\n", 0o644);
    let below = format!("{plain}/below");
    let folder = place.path().display().to_string();
    for words in [
        vec!["true"],
        vec!["false"],
        vec![&script],
        vec![&bad],
        vec![&plain],
        vec![&below],
        vec![&folder],
        vec!["/no/such/program"],
        vec!["no-such-program"],
        vec!["sh", "-c", "exit 124"],
    ] {
        let expected = finish(&mut bare(["env"].iter().chain(&words))).code();
        let finished = finish(&mut run(&words)).exits(expected);
        assert_eq!(finished.errors().is_empty(), expected < 125, "{words:?}: {}", finished.errors());
    }
    for signal in ["HUP", "INT", "QUIT", "KILL", "PIPE", "TERM", "USR1"] {
        let script = format!("kill -{signal} $$");
        // The shell's own way of saying which signal it was.
        let expected = finish(&mut bare(["sh", "-c", &format!("sh -c '{script}'; exit $?")])).code();
        finish(&mut run(["sh", "-c", &script])).exits(expected);
    }
}

/// timeout(1) around it and inside it, nohup around it, and a reader that has seen enough.
#[test]
fn beside_timeout_nohup_and_head() {
    if !need(&["timeout", "nohup", "head", "yes"]) {
        return;
    }
    let binary = env!("CARGO_BIN_EXE_sockeye");
    finish(&mut bare(["timeout", "0.2", binary, "run", "--", "sleep", "100"])).exits(124);
    finish(&mut run(["timeout", "0.2", "sleep", "100"])).exits(124);
    let ignores = "grep SigIgn /proc/self/status";
    let expected = finish(&mut bare(["nohup", "sh", "-c", ignores])).well().text();
    assert_eq!(
        finish(&mut bare(["nohup", binary, "run", "--", "sh", "-c", ignores])).well().text(),
        expected
    );
    let piped = |how: &str| format!("{{ {how} yes; echo $? >&2; }} | head -n 1");
    let natively = finish(&mut bare(["sh", "-c", &piped("timeout 60")])).well();
    let finished = finish(&mut bare(["sh", "-c", &piped(&format!("{binary} run --"))])).well();
    assert_eq!((finished.text(), finished.errors()), (natively.text(), natively.errors()));
}
