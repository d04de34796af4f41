# Sockets that go from one program to another: as standard streams, over a Unix-domain socket, by fork and by spawn.
import multiprocessing, os, socket, subprocess, sys, tempfile

WORKER = r"""
import os, socket, sys
path, = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as s:
    s.connect(path)
    while True:
        what, fds, *_ = socket.recv_fds(s, 100, 2)
        if not what:
            break
        taken, told = (socket.socket(fileno=fd) for fd in fds)
        if what == b'listener':
            connection, _ = taken.accept()
        else:
            connection = taken
        connection.sendall(b'%d ' % os.getpid() + connection.recv(100).upper())
        connection.shutdown(socket.SHUT_RDWR)
        told.sendto(what, ('127.0.0.1', told.getsockname()[1]))
        for each in connection, taken, told:
            each.close()
"""

listener = socket.create_server(('127.0.0.1', 0))
datagrams = socket.socket(type=socket.SOCK_DGRAM)
datagrams.bind(('127.0.0.1', 0))
datagrams.settimeout(20)


def client():
    s = socket.create_connection(listener.getsockname(), timeout=20)
    s.sendall(b'question')
    return s


def answer(s):
    with s, s.makefile('rb') as stream:
        return stream.read()


# To a program that is no relation: the connection, or the listener itself. Who passed it has closed its own by then.
with tempfile.TemporaryDirectory() as folder:
    meeting = socket.socket(socket.AF_UNIX)
    meeting.bind(f'{folder}/socket')
    meeting.listen()
    worker = subprocess.Popen([sys.executable, '-c', WORKER, f'{folder}/socket'])
    passing, _ = meeting.accept()
    for each in range(20):
        asking = client()
        connection = listener.dup() if each % 2 else listener.accept()[0]
        socket.send_fds(passing, [b'listener' if each % 2 else b'stream'], [connection.fileno(), datagrams.fileno()])
        connection.close()
        assert answer(asking) == b'%d QUESTION' % worker.pid
        assert datagrams.recvfrom(100) == (b'listener' if each % 2 else b'stream', datagrams.getsockname())
    # One on its way when both ends are closed is closed, too.
    passing.close()
    assert worker.wait() == 0
    left, right = socket.socketpair()
    asking = client()
    connection, _ = listener.accept()
    assert connection.recv(100) == b'question'
    socket.send_fds(left, [b'lost'], [connection.fileno()])
    connection.close()
    left.close()
    right.close()
    assert answer(asking) == b''

# As standard streams, as inetd does it.
for command in ['tr', 'a-z', 'A-Z'], ['sh', '-c', 'exec cat <&0'], [sys.executable, '-c', 'print(input())']:
    asking = client()
    connection, peer = listener.accept()
    assert peer == asking.getsockname()
    program = subprocess.Popen(command, stdin=connection, stdout=connection)
    connection.close()
    asking.sendall(b'\n')
    asking.shutdown(socket.SHUT_WR)
    assert answer(asking).lower() == b'question\n', command
    assert program.wait() == 0


# To processes of multiprocessing: inherited, and through its pipes.
def serve(listener, pipe):
    for _ in range(5):
        with listener.accept()[0] as connection:
            connection.sendall(connection.recv(100))
    with pipe.recv() as connection:
        connection.sendall(b'through the pipe')


multiprocessing.set_start_method('fork')
near, far = multiprocessing.Pipe()
worker = multiprocessing.Process(target=serve, args=(listener, far))
worker.start()
for _ in range(5):
    assert answer(client()) == b'question'
asking = client()
with listener.accept()[0] as connection:
    assert connection.recv(100) == b'question'
    near.send(connection)
    worker.join()
assert answer(asking) == b'through the pipe'
assert worker.exitcode == 0
