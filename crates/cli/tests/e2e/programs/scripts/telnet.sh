# The login that telnetd starts on a terminal of its own: a line, then characters as they are typed, then an interrupt,
# which telnet sends as urgent data.
cat >login <<'.'
#!/bin/sh
trap 'echo interrupted' INT
echo "terminal $TERM"
read line
echo "line $line"
stty raw -echo
echo "raw"
echo "characters $(dd bs=1 count=3 2>/dev/null)"
stty sane
echo sane
while :; do
    read line && echo "again $line"
    [ "$line" != bye ] || exit
done
.
chmod +x login
cat >configuration <<.
service telnet
{
    type = UNLISTED
    port = 23
    socket_type = stream
    protocol = tcp
    wait = no
    user = $(id -un)
    server = /usr/sbin/telnetd
    server_args = --exec-login=$PWD/login
}
.
xinetd -dontfork -f configuration -pidfile $PWD/pid &
served 23
python3 - <<'.'
import os, pty
child, terminal = pty.fork()
if child == 0:
    os.environ['TERM'] = 'vt100'
    os.execvp('inetutils-telnet', ['inetutils-telnet', 'pukaki'])
seen = b''
for wanted, typed in (
    (b'terminal vt100', b'hello there\r'),
    (b'line hello there', b''),
    (b'raw', b'abc'),
    (b'characters abc', b''),
    (b'sane', b'more\r'),
    (b'again more', b'\x03'),
    (b'interrupted', b'bye\r'),
    (b'Connection closed', b''),
):
    while wanted not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, typed)
.
