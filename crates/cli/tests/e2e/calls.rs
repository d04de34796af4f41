//! Calls in the ways real programs make them: waiting, signals, threads, limits, files sent.

use crate::common::{finish, need, python};

/// Runs a Python program under `sockeye run`, which prints this.
fn prints(program: &str, expected: &str) {
    if need(&["python3"]) {
        assert_eq!(finish(&mut python(program)).well().text(), expected);
    }
}

#[test]
fn a_refused_connection_by_every_way_to_wait() {
    let program = r"
import errno, select, socket
def by_select(s):
    r, w, x = select.select([s], [s], [s], 20)
    return bool(w)
def by_poll(s):
    p = select.poll()
    p.register(s, select.POLLOUT)
    return bool(p.poll(20000)[0][1] & select.POLLERR)
def by_epoll(s):
    p = select.epoll()
    p.register(s, select.EPOLLOUT | select.EPOLLET)
    return bool(p.poll(20)[0][1] & select.EPOLLERR)
for address in ('10.61.0.2', 81), ('127.0.0.1', 81), ('fd61::2', 81):
    for wait in by_select, by_poll, by_epoll:
        s = socket.socket(socket.AF_INET6 if ':' in address[0] else socket.AF_INET)
        s.setblocking(False)
        assert s.connect_ex(address) == errno.EINPROGRESS
        assert wait(s)
        codes = [s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for _ in range(2)]
        print(errno.errorcode[codes[0]], codes[1])
";
    prints(program, &"ECONNREFUSED 0\n".repeat(9));
}

#[test]
fn a_connection_that_never_comes_by_every_way_to_wait() {
    let program = r"
import errno, select, socket
s = socket.socket()
s.setblocking(False)
print(errno.errorcode[s.connect_ex(('10.61.0.77', 80))], errno.errorcode[s.connect_ex(('10.61.0.77', 80))])
print(select.select([s], [s], [], 0.05))
r, w, x = select.select([], [s], [], 20)
print(len(w), errno.errorcode[s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)])
t = socket.socket()
t.settimeout(0.05)
try:
    t.connect(('10.61.0.77', 80))
except TimeoutError:
    print('timed out')
";
    prints(program, "EINPROGRESS EALREADY\n([], [], [])\n1 EHOSTUNREACH\ntimed out\n");
}

#[test]
fn a_socket_time_limit_ends_a_connect() {
    let program = r"
import errno, socket, struct, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 0, 200000))
started = time.monotonic()
print(errno.errorcode[s.connect_ex(('10.61.0.77', 80))], time.monotonic() - started < 2)
";
    prints(program, "EINPROGRESS True\n");
}

/// A timer's signals interrupt every call again and again: nothing is lost, doubled or leaked.
#[test]
fn a_storm_of_signals() {
    let program = r"
import hashlib, os, signal, socket, threading
hits = 0
def hit(*_):
    global hits
    hits += 1
signal.signal(signal.SIGALRM, hit)
signal.siginterrupt(signal.SIGALRM, False)
server = socket.create_server(('127.0.0.1', 0), backlog=16)
body = os.urandom(1 << 20)
child = os.fork()
if child == 0:
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    for _ in range(60):
        c, _ = server.accept()
        n = int.from_bytes(c.recv(4, socket.MSG_WAITALL), 'big')
        data = b''
        while len(data) < n:
            data += c.recv(n - len(data))
        c.sendall(hashlib.sha256(data).digest())
        c.close()
    signal.setitimer(signal.ITIMER_REAL, 0)
    os._exit(0)
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
right = 0
for i in range(60):
    c = socket.create_connection(server.getsockname())
    part = body[: (i * 18013) % len(body)]
    c.sendall(len(part).to_bytes(4, 'big') + part)
    right += c.recv(32, socket.MSG_WAITALL) == hashlib.sha256(part).digest() and c.recv(1) == b''
    c.close()
signal.setitimer(signal.ITIMER_REAL, 0)
print(right, hits > 50, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(os.listdir('/proc/self/fd')) < 8)
";
    prints(program, "60 True 0 True\n");
}

#[test]
fn a_signal_interrupts_a_wait() {
    let program = r"
import ctypes, errno, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGALRM, lambda *_: None)
signal.siginterrupt(signal.SIGALRM, True)
def interrupted(call, *arguments):
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    result = call(*arguments)
    print(result, errno.errorcode[ctypes.get_errno()])
server = socket.create_server(('127.0.0.1', 0))
interrupted(libc.accept, server.fileno(), None, None)
client = socket.create_connection(server.getsockname())
interrupted(libc.read, client.fileno(), ctypes.create_string_buffer(9), 9)
u = socket.socket(type=socket.SOCK_DGRAM)
u.bind(('127.0.0.1', 0))
interrupted(libc.recv, u.fileno(), ctypes.create_string_buffer(9), 9, 0)
interrupted(libc.recvfrom, u.fileno(), ctypes.create_string_buffer(9), 9, 0, ctypes.create_string_buffer(16), ctypes.byref(ctypes.c_int(16)))
s = socket.socket()
name = socket.AF_INET.to_bytes(2, 'little') + (80).to_bytes(2, 'big') + bytes([10, 61, 0, 77]) + bytes(8)
interrupted(libc.connect, s.fileno(), name, 16)
";
    prints(program, &"-1 EINTR\n".repeat(5));
}

#[test]
fn threads_share_sockets() {
    let program = r"
import socket, threading
server = socket.create_server(('127.0.0.1', 0), backlog=64)
def serve():
    while True:
        c, _ = server.accept()
        with c:
            if (data := c.recv(4, socket.MSG_WAITALL)) == b'stop':
                return
            c.sendall(data[::-1])
servers = [threading.Thread(target=serve) for _ in range(8)]
for thread in servers:
    thread.start()
right = []
def ask(n):
    for i in range(20):
        word = b'%02d%02d' % (n, i)
        with socket.create_connection(server.getsockname()) as c:
            c.sendall(word)
            right.append(c.recv(4, socket.MSG_WAITALL) == word[::-1])
clients = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
for thread in clients:
    thread.start()
for thread in clients:
    thread.join()
for _ in servers:
    socket.create_connection(server.getsockname()).sendall(b'stop')
for thread in servers:
    thread.join()
print(len(right), all(right))
";
    prints(program, "160 True\n");
}

#[test]
fn one_writes_while_another_reads() {
    let program = r"
import socket, threading
c = socket.create_connection(('tekapo', 7))
body = bytes(range(256)) * 40000
threading.Thread(target=lambda: (c.sendall(body), c.shutdown(socket.SHUT_WR))).start()
back = bytearray()
while piece := c.recv(1 << 16):
    back += piece
print(back == body)
";
    prints(program, "True\n");
}

#[test]
fn too_many_descriptors() {
    let program = r"
import errno, os, resource, socket
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(server.getsockname())
free = server.dup()
limit = free.fileno()
free.close()
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
for call in server.accept, socket.socket:
    try:
        call()
    except OSError as error:
        print(errno.errorcode[error.errno])
os.close(0)
accepted, name = server.accept()
print(name == client.getsockname())
client.sendall(b'still')
print(accepted.recv(5))
";
    prints(program, "EMFILE\nEMFILE\nTrue\nb'still'\n");
}

/// libc asks by an ioctl on a Unix-domain socket.
#[test]
fn interfaces_have_names_and_numbers() {
    let program = r"
import fcntl, socket, struct
print([(n, name, socket.if_nametoindex(name), socket.if_indextoname(n)) for n, name in socket.if_nameindex()])
for family in socket.AF_INET, socket.AF_UNIX:
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        try:
            address = fcntl.ioctl(s, 0x8915, struct.pack('16s24x', b'eth0'))
            print(socket.inet_ntoa(address[20:24]))
        except OSError as error:
            print(error.errno)
";
    prints(program, "[(1, 'lo', 1, 'lo'), (2, 'eth0', 2, 'eth0')]\n10.61.0.1\n25\n");
}

/// Linux takes 12,000 bytes then; a carrier's own buffers, as they come, take 400,000.
#[test]
fn small_buffers_take_little() {
    let program = r"
import select, socket
SMALL = (socket.SO_SNDBUF, socket.SO_RCVBUF)
def shrink(s):
    for option in SMALL:
        s.setsockopt(socket.SOL_SOCKET, option, 4096)
for early in True, False:
    server = socket.create_server(('127.0.0.1', 0))
    client = socket.socket()
    if early:
        shrink(server)
        shrink(client)
    client.connect(server.getsockname())
    accepted, _ = server.accept()
    if not early:
        shrink(client)
        shrink(accepted)
    client.setblocking(False)
    sent = 0
    while True:
        try:
            sent += client.send(b'x' * 4096)
        except BlockingIOError:
            # Once more: what was written may have gone on its way meanwhile.
            client.settimeout(0.1)
            try:
                sent += client.send(b'x' * 4096)
            except TimeoutError:
                break
            client.setblocking(False)
    print(sent < 150_000)
    client.shutdown(socket.SHUT_WR)
    print(len(accepted.makefile('rb').read()) == sent)
# One that is on its way is writable when it is there.
client = socket.socket()
shrink(client)
client.setblocking(False)
client.connect_ex(server.getsockname())
print(select.select([], [client], [], 20)[1] == [client])
";
    prints(program, "True\nTrue\nTrue\nTrue\nTrue\n");
}

#[test]
fn files_are_sent() {
    let program = r"
import hashlib, os, socket, tempfile
body = bytes(i * i >> 8 & 255 for i in range(3_000_000))
with tempfile.TemporaryFile() as file:
    file.write(body)
    file.flush()
    s = socket.create_connection(('tekapo', 80))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    s.sendall(b'POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n' % len(body))
    sent = 0
    while sent < len(body):
        sent += os.sendfile(s.fileno(), file.fileno(), sent, len(body) - sent)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
    answer = s.makefile('rb').read().decode()
print(hashlib.sha256(body).hexdigest() in answer)
";
    prints(program, "True\n");
}

#[test]
fn tcp_info_tells_the_truth() {
    let program = r"
import socket, struct
c = socket.create_connection(('tekapo', 7))
c.sendall(b'x' * 5000)
c.recv(5000, socket.MSG_WAITALL)
info = c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 300)
state, retransmits = info[0], info[2]
rto, ato, snd_mss, rcv_mss = struct.unpack_from('4I', info, 8)
acked, received = struct.unpack_from('2Q', info, 120)
segs_out, segs_in = struct.unpack_from('2I', info, 136)
print(state, retransmits, rto >= 200000, 1400 < snd_mss <= 1460, acked, received, segs_out > 4, segs_in > 4)
";
    prints(program, "1 0 True True 5001 5000 True True\n");
}

#[test]
fn a_port_is_bound_again_at_once() {
    let program = r"
import socket
for i in range(200):
    s = socket.socket()
    s.bind(('127.0.0.1', 8000))
    s.listen()
    s.close()
u = None
for i in range(200):
    u = socket.socket(type=socket.SOCK_DGRAM)
    u.bind(('127.0.0.1', 8000))
    u.close()
print('bound')
";
    prints(program, "bound\n");
}

#[test]
fn many_connections_one_after_another() {
    let program = r"
import os, socket
server = socket.create_server(('127.0.0.1', 0))
if os.fork() == 0:
    for i in range(2000):
        with socket.create_connection(server.getsockname()) as c:
            c.sendall(b'%04d' % i)
    os._exit(0)
right = 0
for i in range(2000):
    c, _ = server.accept()
    with c:
        right += c.recv(5, socket.MSG_WAITALL) == b'%04d' % i
print(right, os.waitstatus_to_exitcode(os.wait()[1]))
";
    prints(program, "2000 0\n");
}
