//! What ends of connections and urgent bytes look like through the gateway, both ways: as between two programs of the machine.

use std::process::Stdio;

use crate::common::{bare, finish, need, read_line, start};
use crate::outside::{LOOPBACK, Server, free_ports, outside};

/// What both sides can do: tell of an error, wait for what poll says, and take an urgent byte and what is around it.
const BOTH: &str = "
import errno, select, socket, struct
def name(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
def wait(s, events):
    p = select.poll()
    p.register(s, events)
    return hex(p.poll(20000)[0][1])
def speak(s, first, urgent, last):
    s.sendall(first)
    s.send(urgent, socket.MSG_OOB)
    s.sendall(last)
def hear(s, length):
    wait(s, select.POLLPRI)
    urgent = s.recv(1, socket.MSG_OOB)
    came = []
    while len(b''.join(came)) < length:
        came.append(s.recv(100))
    return urgent, came
";

/// The server's part, with a listener `l`.
const SERVE: &str = "
said = []
# It ends; what comes then is met by a reset.
s, _ = l.accept()
s.close()
# It ends its direction, and resets when the client has seen that.
s, _ = l.accept()
s.shutdown(socket.SHUT_WR)
s.recv(1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
s.close()
# Urgent bytes.
s, _ = l.accept()
said.append(hear(s, 4))
speak(s, b'ef', b'?', b'gh')
s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
came = b''
while part := s.recv(100):
    came += part
said.append((len(came), came.index(b'!')))
print(said, flush=True)
s.close()
";

/// The client's, who calls `P` of `G`.
const CALL: &str = "
s = socket.create_connection((G, P))
print(s.recv(5))
print(s.send(b'x'), wait(s, 0), wait(s, select.POLLOUT | select.POLLRDHUP))
print(name(s.send, b'x'))
s = socket.create_connection((G, P))
print(s.recv(5), s.send(b'k'), wait(s, 0), wait(s, select.POLLOUT | select.POLLRDHUP))
print(name(s.send, b'x'), name(s.send, b'x'))
s = socket.create_connection((G, P))
speak(s, b'ab', b'!', b'cd')
print(hear(s, 4))
speak(s, b'a' * 70000, b'!', b'b' * 70000)
s.shutdown(socket.SHUT_WR)
print(s.recv(100))
";

/// What the client prints, and the server.
const SAID: [&str; 2] = [
    "b''\n1 0x18 0x201c\nEPIPE\nb'' 1 0x18 0x201c\nEPIPE EPIPE\n(b'?', [b'ef', b'gh'])\nb''\n",
    "[(b'!', [b'ab', b'cd']), (140001, 70000)]",
];

fn call(port: u16) -> String {
    let program = format!("{BOTH}\nG, P = '127.0.0.1', {port}\n{CALL}");
    finish(&mut bare(["python3", "-c", &program])).well().text()
}

#[test]
fn a_reset_behind_an_end_and_an_urgent_byte_go_out() {
    if !need(&["python3"]) {
        return;
    }
    let serve = format!("{BOTH}{SERVE}");
    let mut server = Server::new(&serve);
    assert_eq!(
        (call(server.port).as_str(), server.says()),
        (SAID[0], SAID[1].to_owned()),
        "the kernel's own"
    );
    let far = [LOOPBACK[0], "--delay=20ms"];
    for flags in [LOOPBACK, &far] {
        let mut server = Server::new(&serve);
        let finished = finish(&mut outside(flags, server.port, &format!("{BOTH}{CALL}"))).well();
        assert_eq!((finished.text().as_str(), server.says()), (SAID[0], SAID[1].to_owned()), "{flags:?}");
    }
}

#[test]
fn a_reset_behind_an_end_and_an_urgent_byte_come_in() {
    if !need(&["python3"]) {
        return;
    }
    for flags in [&[][..], &["--delay=20ms"]] {
        let [port, _] = free_ports();
        let publish = format!("--publish={port}:80");
        let flags = [&[publish.as_str()], flags].concat();
        let program =
            format!("{BOTH}\nl = socket.create_server(('', 80))\nprint('here', flush=True)\n{SERVE}");
        let mut child = start(outside(&flags, 0, &program).stdout(Stdio::piped()));
        let output = child.stdout.as_mut().expect("a pipe");
        assert_eq!(read_line(output), "here");
        assert_eq!(call(port), SAID[0], "{flags:?}");
        assert_eq!(read_line(output), SAID[1], "{flags:?}");
        assert!(child.wait().expect("it ended").success());
    }
}
