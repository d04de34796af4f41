//! The object that is preloaded into dynamic programs.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use crate::common::{finish, is_root, need, python, read_line, run, signal, sockeye, start, users};
use crate::oracle::{compare, compare_all, compile, compile_with, difference};

/// TCP_CORK by the object's table, by calls, and by both in turn.
#[test]
fn corks_are_as_on_linux() {
    if !need(&["gcc"]) {
        return;
    }
    let program = compile("corks");
    let how = |flag: &str| {
        sockeye(["run", flag, "--"].map(AsRef::as_ref).into_iter().chain([program.path().as_os_str()]))
    };
    compare(
        "corks",
        &program,
        [("", run([program.path()])), (" --fast", how("--fast")), (" --exact", how("--exact"))],
    );
    let alone = compile_with("corks", &["-static"]);
    let fast = [["run", "--fast", "--"].map(AsRef::as_ref).as_slice(), &[alone.path().as_os_str()]].concat();
    compare("corks -static", &alone, [(" --fast", sockeye(fast))]);
}

/// Sockets made, connections told of and accepted without a call, and by calls; by programs with the object and without at one listener.
#[test]
fn sockets_are_as_on_linux_without_calls() {
    if need(&["gcc"]) {
        compare_all("shortly", &compile("shortly"));
    }
}

/// Names of Unix-domain sockets are of a network namespace, and what a process is called of a PID namespace: programs may have their own.
#[test]
fn programs_in_namespaces_of_their_own() {
    if !is_root() || !need(&["unshare", "python3"]) {
        return;
    }
    let program = "
import select, socket
s = socket.create_server(('127.0.0.1', 0))
s.setblocking(False)
for turn in range(3):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(s.getsockname())
    select.select([], [c], [])
    c.setblocking(True)
    c.sendall(b'asked')
    select.select([s], [], [])
    d, peer = s.accept()
    d.setblocking(True)
    print(d.recv(9), peer == c.getsockname())
b = socket.create_connection(('tekapo', 80))
b.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
print(b.recv(8))
";
    for own in ["-n", "-pf", "-Urpf"] {
        let finished =
            finish(&mut sockeye(["run", "--fast", "--", "unshare", own, "python3", "-c", program]));
        assert_eq!(finished.well().text(), "b'asked' True\n".repeat(3) + "b'HTTP/1.1'\n", "{own}");
    }
}

/// It is asked for by `--fast` alone; its file is everybody's to read, and goes with the run. What the user preloads stays.
#[test]
fn its_file_goes_with_the_run() {
    for user in users() {
        let look =
            "echo \"$LD_PRELOAD\"; for name in $(echo \"$LD_PRELOAD\" | tr : ' '); do stat -c %A $name; done";
        let told = finish(&mut user.sockeye(["run", "--fast", "--", "sh", "-c", look])).well().text();
        let (path, mode) = told.trim_end().split_once('\n').expect("two lines");
        assert_eq!(mode, "-r--r--r--", "{told}");
        assert!(!Path::new(path).exists(), "{path}");
        let mut with_another = user.sockeye(["run", "--fast", "--", "sh", "-c", "echo \"$LD_PRELOAD\""]);
        let told = finish(with_another.env("LD_PRELOAD", "libdl.so.2")).well().text();
        assert!(told.starts_with("libdl.so.2:/") && told.trim_end().ends_with(".so"), "{told}");
    }
    let mut without = sockeye(["run", "--proc=off", "--", "sh", "-c", "echo ${LD_PRELOAD-none}"]);
    finish(without.env_remove("LD_PRELOAD")).well().says("none");
}

#[test]
fn its_file_goes_when_the_supervisor_is_killed() {
    let mut child = start(
        sockeye(["run", "--fast", "--", "sh", "-c", "echo \"$LD_PRELOAD\"; exec sleep 60"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let path = read_line(child.stdout.as_mut().expect("its output"));
    assert!(Path::new(&path).exists(), "{path}");
    signal("KILL", &child.id().to_string());
    child.wait().expect("it was killed");
    // The guard's end is that of standard error.
    let _ = child.stderr.take().expect("its errors").read_to_end(&mut Vec::new());
    assert!(!Path::new(&path).exists(), "{path}");
}

/// A program that writes whatever it likes where the corks are, while its sockets come and go.
#[test]
fn who_scribbles_over_the_table_harms_nobody_else() {
    let program = r#"
import ctypes, os, random, socket, threading
listener = socket.create_server(("127.0.0.1", 0))
def connection():
    a = socket.create_connection(listener.getsockname())
    return a, listener.accept()[0]
a, b = connection()
a.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
line = [line for line in open("/proc/self/maps") if "memfd:sockeye" in line][0]
start, end = (int(word, 16) for word in line.split()[0].split("-"))
table = (ctypes.c_uint64 * ((end - start) // 8)).from_address(start)
print("shared")
going = True
def scribble():
    chance = random.Random(1)
    while going:
        at = chance.randrange(len(table))
        table[at] = chance.choice([0, 2**64 - 1, table[at] ^ 1, table[at] ^ 2, table[at] ^ 3, table[at] ^ 8, chance.getrandbits(64)])
thread = threading.Thread(target=scribble)
thread.start()
for turn in range(300):
    c, d = connection()
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    c.send(b"corked")
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
    c.close()
    data = b""
    while piece := d.recv(100): data += piece
    assert data == b"corked"
    d.close()
going = False
thread.join()
asked = ctypes.CDLL(None).socket
print([asked(0x50cc, kind, -1) for kind in (0, 2, 99, -1)])
fd = asked(0x50cc, 1, 0)
for act in (lambda: os.ftruncate(fd, 0), lambda: os.ftruncate(fd, 1 << 20)):
    try: act(); print("it can be resized")
    except PermissionError: pass
a.close(); print(b.recv(10))
"#;
    if need(&["python3"]) {
        let mut command = sockeye(["run", "--fast", "--", "python3", "-c", program]);
        finish(&mut command).well().says("shared\n[-1, -1, -1, -1]\nb''\n");
        // Nobody answers such a call on the machine, nor behind the gate.
        let ask = "import ctypes; print(ctypes.CDLL(None).socket(0x50cc, 1, 0))";
        finish(&mut sockeye(["run", "--exact", "--", "python3", "-c", ask])).well().says("-1");
        finish(&mut python(ask)).well();
    }
}

/// What the files say by the object, to whoever, is what they say by FUSE. (What is written, and when, is not compared.)
#[test]
fn files_are_as_those_that_are_mounted() {
    let program = r#"
import os, stat, subprocess
def kinds(folder):
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(root, name)
            about = os.lstat(path)
            link = os.readlink(path) if stat.S_ISLNK(about.st_mode) else ""
            print(path, stat.filemode(about.st_mode & ~0o222), stat.S_ISDIR(about.st_mode) or about.st_size, link, os.access(path, os.R_OK), os.path.exists(path))
for folder in ("/proc/net/", "/proc/self/net" if by_object else "/proc/net", "/proc/sys/net", "/sys/class/net", "/sys/devices/virtual/net"): kinds(folder)
def text(path):
    try:
        with open(path) as file:
            whole = file.read()
            file.seek(0)
            assert whole == file.read()
            return whole
    except OSError as error: return error.strerror
for name in ("arp", "dev", "if_inet6", "route", "ipv6_route", "tcp", "udp", "igmp", "snmp", "sockstat"): print(text("/proc/net/" + name))
for name in ("ipv4/tcp_sack", "ipv4/conf/all/forwarding", "core/somaxconn"):
    path = "/proc/sys/net/" + name
    print(os.path.exists(path) and text(path))
for name in ("mtu", "address", "operstate", "speed", "statistics/rx_packets", "subsystem/eth0/mtu", "../lo/mtu"): print(text("/sys/class/net/eth0/" + name))
for act in (lambda: open("/proc/net/nothing"), lambda: open("/proc/net"), lambda: open("/proc/net/dev/x"), lambda: open("/proc/net/dev", "w"),
            lambda: os.listdir("/proc/net/dev"), lambda: os.stat("/sys/class/net/eth9"), lambda: os.readlink("/proc/net/dev"), lambda: os.open("/proc/net/tcp", os.O_RDONLY | os.O_DIRECTORY)):
    try: print(act())
    except OSError as error: print(error.strerror)
print(open("/proc/sys/net/../kernel/ostype").read(), os.stat("/proc/self/status").st_size)
for command in (["netstat", "-tan"], ["netstat", "-rn"], ["netstat", "-i"], ["ifconfig", "-a"], ["route", "-n"], ["arp", "-n"], ["sysctl", "net.ipv4.tcp_sack"]):
    told = subprocess.run(command, capture_output=True, text=True)
    print(told.stdout, told.stderr)
"#;
    if !need(&["python3", "netstat", "ifconfig", "route", "arp", "sysctl"]) {
        return;
    }
    let seen = |command: &mut std::process::Command, by_object: &str| {
        finish(command.args(["python3", "-c", &format!("by_object = {by_object}\n{program}")])).well().text()
    };
    let is_mounted = finish(&mut run(["readlink", "/proc/net"])).text() == "sys/net/.net\n";
    let mounted = is_mounted.then(|| seen(&mut sockeye(["run", "--"]), "False"));
    for user in users() {
        let by_object = seen(&mut user.sockeye(["run", "--proc=preload", "--"]), "True");
        assert!(
            by_object.contains("10.61.0.1") && by_object.contains("net.ipv4.tcp_sack = 1"),
            "{by_object}"
        );
        if let Some(mounted) = &mounted {
            let plain = |text: &str| text.replace("/proc/self/net", "/proc/net");
            assert_eq!(difference(&plain(mounted), &plain(&by_object)), None);
        }
        if user.is_ordinary() {
            // Nobody has to ask for it.
            finish(&mut user.run(["cat", "/proc/net/dev"])).well().says("eth0:");
            finish(&mut user.run([
                "sh",
                "-c",
                "echo 0 >/proc/sys/net/ipv4/tcp_sack || cat /proc/sys/net/ipv4/tcp_sack",
            ]))
            .says("1");
        }
    }
}

/// What the object asks may be asked by anybody, in any way.
#[test]
fn strange_questions_harm_nobody() {
    let program = r#"
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
call = libc.syscall
SOCKET = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
def ask(pointer, length, flags):
    fd = call(SOCKET, 0x50cc, 2, ctypes.c_void_p(pointer), ctypes.c_ulong(length), flags)
    return "a file" if fd >= 0 and os.close(fd) is None else os.strerror(ctypes.get_errno())
def path(text, flags=0, length=None):
    kept = ctypes.create_string_buffer(text)
    return ask(ctypes.addressof(kept), len(text) if length is None else length, flags)
print(path(b"/proc/net/dev"), "|", path(b"/proc/net/dev", length=1 << 40), "|", ask(8, 5, 0), "|", ask(0, 0, 0))
print(path(b"/etc/passwd"), "|", path(b"/proc/net/../../etc/passwd"), "|", path(b"/proc/net/\xff"), "|", path(b"/sys/class/net/eth0" + b"/subsystem/eth0" * 15))
print(path(b"/proc/sys/net/ipv4/ip_forward", os.O_RDWR), "|", path(b"/proc/sys/net/ipv4/new", os.O_CREAT | os.O_RDWR), "|", path(b"/proc/net", os.O_TMPFILE | os.O_RDWR))
print(path(b"/proc/net", 0xffffffff), "|", path(b"/sys/class/net/eth0", os.O_NOFOLLOW), "|", path(b"/proc/net/tcp/", os.O_PATH))
for name in ("open", "stat", "access", "readlink", "opendir"):
    for pointer in (None, 8, 1 << 62):
        f = getattr(libc, name)
        f.restype = ctypes.c_ssize_t
        room = ctypes.create_string_buffer(256)
        if name != "opendir" or pointer is None: print(name, f(ctypes.c_void_p(pointer), room if name in ("stat", "readlink") else 0, 256), end=" ")
print(open("/proc/net/dev").read().count(":"))
"#;
    if need(&["python3"]) {
        let told =
            finish(&mut sockeye(["run", "--proc=preload", "--", "python3", "-c", program])).well().text();
        assert_eq!(told.lines().count(), 5, "{told}");
        assert!(
            told.starts_with(
                "a file | Invalid cross-device link | Bad address | Invalid cross-device link\n"
            ),
            "{told}"
        );
        assert!(told.contains("Permission denied | No such file or directory | Is a directory\n"), "{told}");
        assert!(told.ends_with("opendir 0 2\n"), "{told}");
    }
}

/// AddressSanitizer's library would end a program in which another is loaded before it.
#[test]
fn sanitized_programs_run() {
    if need(&["gcc"]) {
        let program = compile_with("corks", &["-fsanitize=address"]);
        let how = ["run", "--fast", "--"].map(AsRef::as_ref).into_iter().chain([program.path().as_os_str()]);
        finish(sockeye(how).env("ASAN_OPTIONS", "detect_leaks=0")).well();
    }
}
