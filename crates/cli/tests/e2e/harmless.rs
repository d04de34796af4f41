//! What a program can't do: reach the machine's network by any call of its own. And what it still can.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::common::{TempDir, bounded, finish, need, python, read_line, run, sockeye, start, users};
use crate::oracle;

#[test]
fn other_families_do_not_exist() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import errno, socket
for family in socket.AF_PACKET, socket.AF_VSOCK, socket.AF_ALG, socket.AF_CAN, 5, 38:
    for kind in socket.SOCK_RAW, socket.SOCK_DGRAM, socket.SOCK_STREAM:
        try:
            socket.socket(family, kind)
            print(family, kind, 'is there')
        except OSError as error:
            assert error.errno == errno.EAFNOSUPPORT, error
# Netlink speaks of the virtual host, and of nothing else: no auditing, no packet filter, no devices.
for protocol in range(40):
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        assert protocol in (0, 4), protocol
    except OSError as error:
        assert error.errno == errno.EPROTONOSUPPORT, error
";
    for user in users() {
        assert_eq!(finish(&mut user.run(["python3", "-c", program])).well().text(), "");
    }
}

#[test]
fn io_uring_is_refused() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for call in 425, 426, 427:
    print(libc.syscall(ctypes.c_long(call), 4, 0, 0, 0, 0, 0), os.strerror(ctypes.get_errno()))
";
    assert_eq!(finish(&mut python(program)).well().text(), "-1 Function not implemented\n".repeat(3));
}

/// The machine's own servers are not met, neither by TCP nor by UDP.
#[test]
fn the_machines_network_is_not_reached() {
    if !need(&["python3"]) {
        return;
    }
    let stream = TcpListener::bind("0.0.0.0:0").expect("a port of the machine");
    let datagrams = UdpSocket::bind("0.0.0.0:0").expect("a port of the machine");
    let (tcp, udp) =
        (stream.local_addr().expect("bound").port(), datagrams.local_addr().expect("bound").port());
    let program = format!(
        "
import errno, socket
for host in '127.0.0.1', '10.61.0.1', '0.0.0.0':
    print(errno.errorcode[socket.socket().connect_ex((host, {tcp}))])
    socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', (host, {udp}))
"
    );
    assert_eq!(finish(&mut python(&program)).well().text(), "ECONNREFUSED\n".repeat(3));
    stream.set_nonblocking(true).expect("a listener");
    datagrams.set_nonblocking(true).expect("a socket");
    assert_eq!(stream.accept().expect_err("nobody came").kind(), ErrorKind::WouldBlock);
    assert_eq!(datagrams.recv(&mut [0; 9]).expect_err("nothing came").kind(), ErrorKind::WouldBlock);
}

/// Neither do two runs meet each other, nor the machine what a run serves.
#[test]
fn a_port_bound_inside_is_free_outside() {
    if !need(&["python3"]) {
        return;
    }
    let outside = TcpListener::bind("127.0.0.1:0").expect("a port of the machine");
    let port = outside.local_addr().expect("bound").port();
    let program = format!("import socket; s = socket.create_server(('127.0.0.1', {port})); print('bound')");
    assert_eq!(finish(&mut python(&program)).well().text(), "bound\n");
}

/// What stands for a listening socket has an abstract name, to which anybody of the machine may connect: who does is no
/// connection of the program's.
#[test]
fn strangers_are_not_accepted() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import os, select, socket
s = socket.create_server(('127.0.0.1', 80))
print(os.fstat(s.fileno()).st_ino, flush=True)
input()
if os.fork() == 0:
    c = socket.create_connection(('127.0.0.1', 80))
    c.sendall(b'it is me')
    os._exit(0)
s.setblocking(False)
while True:
    select.select([s], [], [])
    try:
        c, peer = s.accept()
        break
    except BlockingIOError:
        pass
c.setblocking(True)
print(peer[0], c.recv(99).decode())
try:
    s.accept()
except BlockingIOError:
    print('nobody else')
";
    // One of them has the name of an end of the supervisor's, and would be told to be another.
    let forger = "
import socket, sys
s = [socket.socket(socket.AF_UNIX) for _ in range(2)]
s[0].bind(b'\\0' + b'00000000abcdew0000020000500a0a0a0a0000000000000000')
for each in s: each.connect(b'\\0' + sys.argv[1].encode())
print('there', flush=True)
print([each.recv(9) for each in s])
";
    for flags in [&[][..], &["--fast"]] {
        let mut command = sockeye(["run"].iter().chain(flags).chain(&["--", "python3", "-c", program]));
        let mut server = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let inode = read_line(server.stdout.as_mut().expect("a pipe"));
        let sockets = std::fs::read_to_string("/proc/net/unix").expect("the machine's sockets");
        let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let line = sockets.lines().map(fields).find(|line| line.get(6) == Some(&inode)).expect("its line");
        let name = line[7].strip_prefix('@').expect("an abstract name");
        let mut stranger = start(Command::new("python3").args(["-c", forger, name]).stdout(Stdio::piped()));
        assert_eq!(read_line(stranger.stdout.as_mut().expect("a pipe")), "there");
        writeln!(server.stdin.as_mut().expect("a pipe"), "go on").expect("it reads");
        let ended = bounded(server, "the server");
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "127.0.0.1 it is me\nnobody else\n", "{flags:?}");
        let told = bounded(stranger, "who is let go");
        assert_eq!(String::from_utf8_lossy(&told.stdout), "[b'', b'']\n");
    }
}

#[test]
fn an_inherited_internet_socket_is_refused() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import socket, subprocess, sys
s = socket.socket(getattr(socket, sys.argv[2]), getattr(socket, sys.argv[3]))
s.set_inheritable(True)
sys.exit(subprocess.run([sys.argv[1], 'run', '--', 'echo', 'ran'], close_fds=False).returncode)
";
    for (family, kind) in [("AF_INET", "SOCK_STREAM"), ("AF_INET6", "SOCK_DGRAM"), ("AF_NETLINK", "SOCK_RAW")]
    {
        let mut command = Command::new("python3");
        command.args(["-c", program, env!("CARGO_BIN_EXE_sockeye"), family, kind]);
        let finished = finish(&mut command).exits(125).in_one_line().complains("descriptor");
        assert_eq!(finished.text(), "");
    }
}

#[test]
fn unix_domain_sockets_of_the_machine_go_on_working() {
    if !need(&["python3"]) {
        return;
    }
    let place = TempDir::new();
    let path = place.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    let server = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept()?;
        let mut question = [0; 8];
        peer.read_exact(&mut question)?;
        peer.write_all(b"answer to ")?;
        peer.write_all(&question)
    });
    let program = format!(
        "
import socket
s = socket.socket(socket.AF_UNIX)
s.connect('{}')
print(repr(s.getsockname()), s.getpeername()[-6:], s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == socket.AF_UNIX)
s.sendall(b'question')
print(s.makefile('rb').read())
a, b = socket.socketpair()
a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, s.fileno().to_bytes(4, 'little'))])
print(len(b.recvmsg(1, 100)[1]))
",
        path.display()
    );
    let finished = finish(&mut python(&program)).well();
    assert_eq!(finished.text(), "'' socket True\nb'answer to question'\n1\n");
    server.join().expect("no panic").expect("the program asked");
}

/// 32-bit system calls, from a 64-bit program: there are no sockets behind them.
#[cfg(target_arch = "x86_64")]
#[test]
fn sockets_of_32_bit_calls_are_refused() {
    if !need(&["gcc"]) {
        return;
    }
    let program = oracle::compile("int80");
    let native = finish(&mut Command::new(program.path()));
    if native.code() != 0 {
        println!("skipped: this kernel has no 32-bit calls");
        return;
    }
    let expected = "socket: ENOSYS\nsocketcall: ENOSYS\nconnect: ENOSYS\ngetpid: right\n";
    assert_eq!(finish(&mut run([program.path()])).well().text(), expected);
}
