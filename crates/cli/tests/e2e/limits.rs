//! What a machine or a program does not let Sockeye do is said in one line, with what to do about it. Machines that lack
//! something are played by a seccomp filter around `sockeye` itself.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::common::{Finished, TempDir, User, bare, finish, need, python, run, sockeye, users};

/// Starts a command under a filter: `LACK` is a list of a call's number, an errno, and if one of its arguments decides,
/// which and what it is.
const WITHOUT: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def step(code, jt, jf, k):
    return struct.pack('HBBI', code, jt, jf, k)
def install(rules):
    program = b''
    for number, errno, *argument in rules:
        rule = step(0x06, 0, 0, errno if errno > 999 else 0x50000 | errno)
        if argument:
            index, value = argument
            rule = step(0x20, 0, 0, 16 + 8 * index) + step(0x15, 0, 1, value) + rule
        program += step(0x20, 0, 0, 0) + step(0x15, 0, len(rule) // 8, number) + rule
    program += step(0x06, 0, 0, 0x7fff0000)
    buffer = ctypes.create_string_buffer(program)
    fprog = struct.pack('HxxxxxxQ', len(program) // 8, ctypes.addressof(buffer))
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, fprog) == 0
"#;

/// Linux's numbers on this machine.
const SECCOMP: i64 = libc_number(317, 277);
const PIDFD_GETFD: i64 = 438;
const PROCESS_VM_READV: i64 = libc_number(310, 270);
const IOCTL: i64 = libc_number(16, 29);
const SOCKET: i64 = libc_number(41, 198);
const PRCTL: i64 = libc_number(157, 167);
const SET_FLAGS: i64 = 0x4008_2104;
const ADDFD: i64 = 0x4018_2103;
const NEW_LISTENER: i64 = 8;

const fn libc_number(x86_64: i64, arm64: i64) -> i64 {
    if cfg!(target_arch = "x86_64") { x86_64 } else { arm64 }
}

/// Runs `sockeye` on a machine that lacks something.
fn lacking(rules: &str, arguments: &[&str]) -> Finished {
    let program = format!("{WITHOUT}\ninstall([{rules}])\nos.execv(sys.argv[1], sys.argv[1:])");
    let mut command = bare(["python3", "-c", &program, env!("CARGO_BIN_EXE_sockeye")]);
    finish(command.args(arguments))
}

#[test]
fn a_machine_that_can_not_do_it_is_told_in_one_line_and_by_the_doctor() {
    if !need(&["python3"]) {
        return;
    }
    for (rules, said, check) in [
        (format!("({PIDFD_GETFD}, 1)"), "CAP_SYS_PTRACE", "pidfd_getfd"),
        (format!("({PIDFD_GETFD}, 38)"), "Linux 5.14", "pidfd_getfd"),
        (format!("({PROCESS_VM_READV}, 1)"), "CAP_SYS_PTRACE", "process_vm_readv"),
        (format!("({SECCOMP}, 38)"), "Linux 5.14", "seccomp"),
        (format!("({SECCOMP}, 22)"), "CONFIG_SECCOMP_FILTER", "seccomp"),
        (format!("({SECCOMP}, 1)"), "forbidden", "seccomp"),
        (format!("({IOCTL}, 22, 1, {ADDFD})"), "Linux 5.14", "answers with descriptors"),
    ] {
        let refused = lacking(&rules, &["run", "--", "echo", "ran"]).exits(125).in_one_line().complains(said);
        assert_eq!(refused.text(), "", "{rules}");
        let told = lacking(&rules, &["doctor"]).exits(1).says("sockeye run does not work here");
        assert!(
            told.text().lines().any(|line| line.starts_with(&format!("missing  {check}"))),
            "{}",
            told.text()
        );
    }
}

#[test]
fn a_kernel_that_wakes_slowly_is_told_of_and_works() {
    if !need(&["python3", "curl"]) {
        return;
    }
    let rules = format!("({IOCTL}, 22, 1, {SET_FLAGS})");
    let slow = lacking(&rules, &["run", "--", "curl", "-s", "http://tekapo/"]).well().in_one_line();
    slow.complains("Linux 6.6").says("Hello");
    assert_eq!(lacking(&rules, &["run", "--quiet", "--", "true"]).well().errors(), "");
    let told = lacking(&rules, &["doctor"]).well();
    assert!(told.text().contains("slower   wake-up"), "{}", told.text());
}

#[test]
fn the_doctor_speaks_json() {
    let finished = finish(&mut sockeye(["doctor", "--json"])).well();
    let found: serde_json::Value = serde_json::from_str(&finished.text()).expect("JSON");
    assert_eq!(found["works"], true);
    let checks = found["checks"].as_array().expect("a list");
    for name in ["kernel", "seccomp", "pidfd_getfd", "process_vm_readv", "ptrace_scope", "memory", "TUN"] {
        let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        let is_well = check["verdict"] == "ok";
        assert_eq!(is_well, check["costs"] == "" && check["remedy"] == "", "{check}");
    }
    assert!(found["trap"]["native"].as_f64().expect("a time") > 0.0);
    assert!(found["trap"]["trapped_without_sync_wake_up"].as_f64().expect("a time") > 0.0);
}

/// Inside another, the doctor says so.
#[test]
fn the_doctor_inside_another() {
    let finished = finish(&mut run([env!("CARGO_BIN_EXE_sockeye"), "doctor"])).exits(1);
    finished.says("missing  seccomp").says("another supervisor");
}

#[test]
fn for_ordinary_users_too() {
    for user in users().iter().filter(|user| user.is_ordinary()) {
        let User::Ordinary(place) = user else { continue };
        let mut command = bare(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(place.path().join("sockeye")).arg("doctor").env_remove("XDG_RUNTIME_DIR");
        finish(&mut command).well().says("sockeye run works here").says("without  CAP_SYS_PTRACE");
    }
}

/// Each is said once for a program, however often it asks; the call fails as on a Linux that lacks it.
#[test]
fn io_uring_is_not_there() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for _ in range(3):
    print(libc.syscall(425, 1, None), errno.errorcode[ctypes.get_errno()])
";
    let finished =
        finish(&mut python(program)).well().in_one_line().complains("python3: there is no io_uring");
    assert_eq!(finished.text(), "-1 ENOSYS\n".repeat(3));
    let mut quiet = sockeye(["run", "--quiet", "--", "python3", "-c", program]);
    assert_eq!(finish(&mut quiet).well().errors(), "");
}

/// A program's own filter counts beside Sockeye's: the stricter wins, as on Linux.
#[test]
fn filters_of_their_own() {
    if !need(&["python3"]) {
        return;
    }
    let body = format!(
        "{WITHOUT}
import errno, socket
def attempt(*arguments):
    try:
        socket.socket(*arguments)
        return 'made'
    except OSError as error:
        return errno.errorcode[error.errno]
install([({SOCKET}, 1, 0, 10)])
print(attempt(socket.AF_INET), attempt(socket.AF_INET6), attempt(socket.AF_UNIX), flush=True)
install([({SOCKET}, 0x80000000, 0, 2)])
attempt(socket.AF_INET)
"
    );
    let natively = finish(&mut bare(["python3", "-c", &body])).exits(159);
    let finished = finish(&mut python(&body)).exits(159);
    assert_eq!(finished.text(), "made EPERM made\n");
    assert_eq!((finished.text(), finished.errors()), (natively.text(), natively.errors()));
}

#[test]
fn supervisors_and_strict_mode_are_refused_in_one_line() {
    if !need(&["python3"]) {
        return;
    }
    let listener = format!(
        "{WITHOUT}
import errno
code = ctypes.create_string_buffer(step(0x06, 0, 0, 0x7fff0000))
fprog = struct.pack('HxxxxxxQ', 1, ctypes.addressof(code))
for _ in range(2):
    print(libc.syscall({SECCOMP}, 1, {NEW_LISTENER}, fprog), errno.errorcode[ctypes.get_errno()])
"
    );
    let finished = finish(&mut python(&listener)).well().in_one_line().complains("can't supervise");
    assert_eq!(finished.text(), "-1 EBUSY\n".repeat(2));
    for call in
        [format!("libc.syscall({PRCTL}, 22, 1, 0, 0, 0)"), format!("libc.syscall({SECCOMP}, 0, 0, None)")]
    {
        let strict = format!(
            "{WITHOUT}\nimport errno\nprint({call}, errno.errorcode[ctypes.get_errno()], flush=True)"
        );
        let finished = finish(&mut python(&strict)).well().in_one_line().complains("strict mode");
        assert_eq!(finished.text(), "-1 EINVAL\n");
    }
}

/// Who hides from an ordinary user can't be served, and is told so, in time.
#[test]
fn programs_that_hide_their_memory() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import ctypes, errno, socket
libc = ctypes.CDLL(None)
before = socket.create_connection(('tekapo', 7))
assert libc.prctl(4, 0, 0, 0, 0) == 0
before.send(b'x')
print(before.recv(1))
for _ in range(2):
    try:
        socket.socket()
    except OSError as error:
        print(errno.errorcode[error.errno])
a, b = socket.socketpair()
a.sendmsg([b'native'])
print(b.recvmsg(10)[0])
assert libc.prctl(4, 1, 0, 0, 0) == 0
print(socket.socket().connect_ex(('tekapo', 7)))
";
    for user in users().iter().filter(|user| user.is_ordinary()) {
        let finished = finish(&mut user.run(["python3", "-c", program])).well().in_one_line();
        let finished = finished.complains("python3: hides its memory").complains("CAP_SYS_PTRACE");
        assert_eq!(finished.text(), "b'x'\nEACCES\nEACCES\nb'native'\n0\n");
    }
    // Who may look into everybody serves everybody.
    for user in users().iter().filter(|user| !user.is_ordinary()) {
        if users().len() > 1 {
            let finished = finish(&mut user.run(["python3", "-c", program])).exits(0);
            assert!(finished.text().starts_with("b'x'\nb'native'\n"), "{}", finished.text());
        }
    }
}

/// Agents hide, and have Unix-domain sockets alone: nothing is to be said of it.
#[test]
fn agents_hide_and_work() {
    if !need(&["ssh-agent", "ssh-add"]) {
        return;
    }
    for user in users() {
        let script = "eval \"$(ssh-agent -s)\" >/dev/null; ssh-add -l; ssh-agent -k";
        let finished = finish(user.run(["sh", "-c", script]).env("TMPDIR", "/tmp")).well();
        assert_eq!(finished.errors(), "");
        finished.says("The agent has no identities.");
    }
}

/// A set-user-id program runs as whoever runs it: said when it is the program, and when it makes a socket.
#[test]
fn set_user_id_programs() {
    if !need(&["busybox"]) {
        return;
    }
    for user in users().iter().filter(|user| user.is_ordinary()) {
        let place = TempDir::new();
        let file = place.path().join("busybox");
        std::fs::copy("/usr/bin/busybox", &file)
            .or_else(|_| std::fs::copy("/bin/busybox", &file))
            .expect("a copy");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4755)).expect("our own file");
        let file = file.display();
        let direct = finish(&mut user.run([format!("{file}"), "id".to_owned(), "-u".to_owned()])).well();
        assert_eq!(direct.text(), "65534\n");
        direct.in_one_line().complains("busybox: is set-user-id");
        let script = format!("for i in 1 2; do {file} wget -q -O- http://tekapo/ | head -n 1; done");
        let below = finish(&mut user.run(["sh", "-c", &script])).well().in_one_line();
        below.complains("busybox: is set-user-id").says("Hello from tekapo");
    }
    // It loses nothing that already is who it would become; and the network is everybody's.
    for user in users() {
        let words: &[&str] = if need(&["ping"]) { &["ping", "-c1", "-i0.01", "tekapo"] } else { &["true"] };
        assert_eq!(finish(&mut user.run(words)).well().errors(), "");
    }
}

/// A debugger outside or inside changes nothing.
#[test]
fn under_strace_and_above_it() {
    if !need(&["python3"]) || Command::new("strace").arg("-V").output().is_err() {
        return;
    }
    let program = "import socket; print(socket.create_connection(('tekapo', 7)).getpeername()[1])";
    let binary = env!("CARGO_BIN_EXE_sockeye");
    finish(&mut bare(["strace", "-f", "-o", "/dev/null", binary, "run", "--", "python3", "-c", program]))
        .well()
        .says("7\n");
    finish(&mut run(["strace", "-f", "-o", "/dev/null", "python3", "-c", program])).well().says("7\n");
}
