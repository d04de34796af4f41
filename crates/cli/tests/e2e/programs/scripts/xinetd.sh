# Internal services, one process for each connection, and servers that are given the listening or the datagram socket.
service() {
    cat <<.
service $1
{
    $2
    port = $3
    socket_type = $4
    protocol = $5
    wait = $6
    user = $(id -un)
    ${7-}
}
.
}
{
    service echo "type = INTERNAL UNLISTED
    id = stream" 7 stream tcp no
    service echo "type = INTERNAL UNLISTED
    id = datagram" 7 dgram udp yes
    service cat "type = UNLISTED" 1000 stream tcp no "server = /bin/cat"
    service waits "type = UNLISTED" 1001 stream tcp yes "server = $PWD/waits"
    service answers "type = UNLISTED" 1002 dgram udp yes "server = $PWD/answers"
} >configuration
cat >waits <<.
#!/usr/bin/python3
import socket
listener = socket.socket(fileno=0)
connection, _ = listener.accept()
connection.sendall(b'waited')
.
cat >answers <<.
#!/usr/bin/python3
import socket
one = socket.socket(fileno=0)
datagram, sender = one.recvfrom(2000)
one.sendto(datagram.upper(), sender)
.
chmod +x waits answers
xinetd -dontfork -f configuration -pidfile $PWD/pid &
served 1001
python3 - <<.
import socket

def ask(port, data):
    connection = socket.create_connection(('pukaki', port), timeout=20)
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    return connection.makefile('rb').read()

assert ask(7, b'echo' * 10000) == b'echo' * 10000
for each in range(10):
    assert ask(1000, b'%d' % each * 1000) == b'%d' % each * 1000
for _ in range(3):
    assert ask(1001, b'') == b'waited'
asking = socket.socket(type=socket.SOCK_DGRAM)
asking.settimeout(20)
for port, answer in (7, b'hello'), (1002, b'HELLO'):
    asking.sendto(b'hello', ('10.61.0.1', port))
    assert asking.recvfrom(2000) == (answer, ('10.61.0.1', port))
.
