//! memcached, by its text protocol, over TCP and UDP.

use super::stage::{BOTH, Stage};
use crate::common::need;

/// A client that knows the protocol, and what it was told.
const CLIENT: &str = r"
import socket
def reach():
    while True:
        try: return socket.create_connection(('::1', 11211), timeout=20)
        except ConnectionRefusedError: pass
f = reach().makefile('rwb')
def say(line): f.write(line); f.flush(); return f.readline()
print(say(b'set a 7 0 5\r\nhello\r\n'), say(b'get a\r\n'), f.readline(), f.readline())
print(say(b'set n 0 0 2\r\n41\r\n'), say(b'incr n 1\r\n'), say(b'add a 0 0 1\r\nx\r\n'), say(b'delete none\r\n'))
big = bytes(range(256)) * 3900
print(say(b'set big 0 0 %d\r\n' % len(big) + big + b'\r\n'), say(b'get big\r\n'), f.read(len(big)) == big, f.readline(), f.readline())
# Several hundred clients, with a request each in parts.
many = [socket.create_connection(('10.61.0.1', 11211), timeout=20) for _ in range(300)]
for n, c in enumerate(many): c.sendall(b'set k%d 0 0 4\r\n' % n)
for n, c in enumerate(many): c.sendall(b'%04d\r\nget k%d\r\n' % (n, n))
def answer(c):
    came = b''
    while not came.endswith(b'END\r\n'): came += c.recv(1000)
    return came
print(all(answer(c) == b'STORED\r\nVALUE k%d 0 4\r\n%04d\r\nEND\r\n' % (n, n) for n, c in enumerate(many)))
# Datagrams: an eight-byte header with the request's number, and which part of how many it is.
for family, address in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'):
    u = socket.socket(family, socket.SOCK_DGRAM)
    u.settimeout(20)
    u.connect((address, 11211))
    u.send(b'\0\1\0\0\0\1\0\0get a\r\n')
    print(u.recv(2000))
middle = big[:20000]
say(b'set middle 0 0 20000\r\n' + middle + b'\r\n')
u.send(b'\0\2\0\0\0\1\0\0get middle\r\n')
parts, count = {}, 1
while len(parts) < count:
    part = u.recv(2000)
    count = int.from_bytes(part[4:6], 'big')
    parts[int.from_bytes(part[2:4], 'big')] = part[8:]
print(count > 10, middle in b''.join(parts[n] for n in range(count)))
f.write(b'quit\r\n'); f.flush()
print(f.read())
";

#[test]
fn text_over_streams_and_datagrams() {
    if !need(&["memcached", "python3"]) {
        return;
    }
    for options in BOTH {
        let stage = Stage::new();
        stage.write("client.py", CLIENT);
        let script = "memcached -u nobody -l 0.0.0.0,:: -p 11211 -U 11211 -t 4 2>log & M=$!
python3 client.py
kill $M; wait $M; echo memcached ended with $?";
        let finished = stage.script(options, script).well();
        let expected = "\
b'STORED\\r\\n' b'VALUE a 7 5\\r\\n' b'hello\\r\\n' b'END\\r\\n'
b'STORED\\r\\n' b'42\\r\\n' b'NOT_STORED\\r\\n' b'NOT_FOUND\\r\\n'
b'STORED\\r\\n' b'VALUE big 0 998400\\r\\n' True b'\\r\\n' b'END\\r\\n'
True
b'\\x00\\x01\\x00\\x00\\x00\\x01\\x00\\x00VALUE a 7 5\\r\\nhello\\r\\nEND\\r\\n'
b'\\x00\\x01\\x00\\x00\\x00\\x01\\x00\\x00VALUE a 7 5\\r\\nhello\\r\\nEND\\r\\n'
True True
b''
memcached ended with 0
";
        assert_eq!(finished.text(), expected, "{options:?} {}", finished.errors());
    }
}
