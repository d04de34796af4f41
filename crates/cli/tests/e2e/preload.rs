//! The object that is preloaded into dynamic programs.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use crate::common::{finish, need, python, read_line, run, signal, sockeye, start, users};
use crate::oracle::{compare, compile, compile_with};

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
print("shared", len(table))
going = True
def scribble():
    chance = random.Random(1)
    while going:
        at = chance.randrange(len(table))
        table[at] = chance.choice([0, 2**64 - 1, table[at] ^ 1, table[at] ^ 2, table[at] ^ 3, chance.getrandbits(64)])
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
        finish(&mut command).well().says("shared 16384\n[-1, -1, -1, -1]\nb''\n");
        // Nobody answers such a call on the machine, nor behind the gate.
        let ask = "import ctypes; print(ctypes.CDLL(None).socket(0x50cc, 1, 0))";
        finish(&mut sockeye(["run", "--exact", "--", "python3", "-c", ask])).well().says("-1");
        finish(&mut python(ask)).well();
    }
}
