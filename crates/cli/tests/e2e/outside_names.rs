//! Names of others, which the machine's DNS servers are asked for.

use std::net::UdpSocket;

use crate::common::{finish, need};
use crate::outside::{Server, free_ports, outside};

/// How a server of names in Python answers a query: it knows two names, and says, if `cut`, that one needs TCP.
pub(crate) const NAMES: &str = "
def answer(query, cut):
    name, at = [], 12
    while query[at]:
        name.append(query[at + 1:at + 1 + query[at]].lower())
        at += 1 + query[at]
    kind, question = query[at + 1:at + 3], query[12:at + 5]
    known = name == [b'moana', b'test'] or name == [b'long', b'test']
    data = {b'\\0\\1': bytes([192, 0, 2, 80]), b'\\0\\x1c': socket.inet_pton(socket.AF_INET6, '2001:db8::80')}.get(kind)
    flags = 0x8180 | (0 if known else 3)
    if cut and name[0] == b'long':
        return query[:2] + struct.pack('!5H', flags | 0x200, 1, 0, 0, 0) + question
    records = b'' if not known or data is None else struct.pack('!HHHIH', 0xc00c, kind[1], 1, 60, len(data)) + data
    return query[:2] + struct.pack('!5H', flags, 1, 1 if records else 0, 0, 0) + question + records
";

#[test]
fn names_of_others_are_asked_outside() {
    if !need(&["python3"]) {
        return;
    }
    // It knows one name, and says over UDP that another needs TCP.
    let server = Server::new(&format!(
        "{NAMES}
u = socket.socket(type=socket.SOCK_DGRAM)
u.bind(l.getsockname())
def streams():
    while True:
        s, _ = l.accept()
        f = s.makefile('rwb')
        while length := f.read(2):
            reply = answer(f.read(int.from_bytes(length, 'big')), False)
            f.write(len(reply).to_bytes(2, 'big') + reply)
            f.flush()
threading.Thread(target=streams, daemon=True).start()
while True:
    query, client = u.recvfrom(4096)
    u.sendto(answer(query, True), client)
"
    ));
    let program = "
def addresses(host):
    return sorted({found[4][0] for found in socket.getaddrinfo(host, 80)})
for host in 'moana.test', 'Long.test', 'tekapo', 'gateway':
    print(host, *name(addresses, host))
print(name(addresses, 'nobody.test'))
";
    let closed = UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("bound").port();
    // A server that isn't there, or says nothing, is passed over by the very question that it is asked, over TCP too.
    for (ports, options) in [
        (&[server.port][..], ""),
        (&[closed, server.port], ""),
        (&[closed, closed, server.port], "use-vc"),
        (&[silent_port, closed, server.port], "attempts:1"),
    ] {
        let resolvers = ports.iter().map(|port| format!("--resolver=127.0.0.1:{port}"));
        let flags: Vec<String> = std::iter::once("--outside".to_owned()).chain(resolvers).collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let finished = finish(outside(&flags, 0, program).env("RES_OPTIONS", options)).well();
        assert_eq!(
            finished.text(),
            "moana.test 192.0.2.80 2001:db8::80\nLong.test 192.0.2.80 2001:db8::80\ntekapo 10.61.0.2 fd61::2\n\
         gateway 10.61.0.254 fd61::fe\n[Errno -2] Name or service not known\n",
            "{ports:?} {options}"
        );
    }
    // Without one, the answer is that there is none, and where nothing leads out, that there is no such name.
    let resolver = format!("--resolver=127.0.0.1:{closed}");
    let [port, _] = free_ports();
    let publish = format!("--publish={port}:80");
    for (flags, answer) in [
        (&["--outside", &resolver, &resolver][..], "Temporary failure in name resolution"),
        (&[&publish], "Name or service not known"),
    ] {
        let program = "print(name(socket.gethostbyname, 'moana.test'))";
        finish(&mut outside(flags, 0, program)).well().says(answer);
    }
}
