# A thread or a process for each request, over TCP, UDP and both families; and asyncio's streams.
import asyncio, contextlib, os, socket, socketserver, threading


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(b'%d %s' % (os.getpid(), line.upper()))


class Datagram(socketserver.DatagramRequestHandler):
    def handle(self):
        self.wfile.write(b'%d %s' % (os.getpid(), self.rfile.read().upper()))


class Forking6(socketserver.ForkingTCPServer):
    address_family = socket.AF_INET6
    request_queue_size = 20


def ask(server, kind, text):
    with socket.socket(server.address_family, kind) as s:
        s.settimeout(20)
        s.connect(server.server_address)
        s.sendall(text)
        if kind == socket.SOCK_STREAM:
            s.shutdown(socket.SHUT_WR)
        with s.makefile('rb') as answer:
            pid, words = answer.readline().split(b' ', 1)
        assert words == text.upper(), words
        return int(pid)


for make, address, handler, kind, forks in (
    (socketserver.TCPServer, '127.0.0.1', Stream, socket.SOCK_STREAM, False),
    (socketserver.ThreadingTCPServer, '10.61.0.1', Stream, socket.SOCK_STREAM, False),
    (Forking6, '::1', Stream, socket.SOCK_STREAM, True),
    (socketserver.UDPServer, '127.0.0.1', Datagram, socket.SOCK_DGRAM, False),
    (socketserver.ThreadingUDPServer, '10.61.0.1', Datagram, socket.SOCK_DGRAM, False),
    (socketserver.ForkingUDPServer, '127.0.0.1', Datagram, socket.SOCK_DGRAM, True),
):
    with make((address, 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        pids = {ask(server, kind, b'line %d\n' % each) for each in range(8)}
        assert pids == {os.getpid()} if not forks else len(pids) == 8, pids
        server.shutdown()
        serving.join()


async def serve(reader, writer):
    async for line in reader:
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def client(port, each):
    reader, writer = await asyncio.open_connection('localhost', port)
    writer.write(b'line %d\n' % each * 1000)
    writer.write_eof()
    assert await reader.read() == b'LINE %d\n' % each * 1000
    writer.close()
    await writer.wait_closed()


async def main():
    server = await asyncio.start_server(serve, 'localhost', 8000, backlog=100)
    async with server:
        await asyncio.gather(*(client(8000, each) for each in range(50)))


asyncio.run(main())
