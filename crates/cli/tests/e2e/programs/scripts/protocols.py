# TLS over a certificate of our own, mail, XML-RPC, and a secret shared between processes.
import asyncore, http.client, http.server, multiprocessing.managers, os, smtpd, smtplib, ssl, subprocess, tempfile, threading
import urllib.error, urllib.request, xmlrpc.client, xmlrpc.server


def serving(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.send_header('Content-Length', len(body))
        self.end_headers()
        self.wfile.write(body[::-1])

    def log_message(self, *_):
        pass


# TLS
with tempfile.TemporaryDirectory() as folder:
    key, cert = f'{folder}/key', f'{folder}/cert'
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key]
        + ['-out', cert, '-subj', '/CN=pukaki', '-addext', 'subjectAltName=DNS:pukaki'],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=cert)
server = http.server.ThreadingHTTPServer(('10.61.0.1', 0), Hello)
server.socket = here.wrap_socket(server.socket, server_side=True)
port = serving(server)
connection = http.client.HTTPSConnection('pukaki', port, context=trusting, timeout=20)
for size in 1, 1000, 1000000:
    body = os.urandom(size)
    connection.request('POST', '/', body)
    assert connection.getresponse().read() == body[::-1]
connection.close()
try:
    urllib.request.urlopen(f'https://pukaki:{port}/', b'x', timeout=20)
    raise SystemExit('a certificate that nobody vouches for was taken')
except urllib.error.URLError as error:
    assert isinstance(error.reason, ssl.SSLCertVerificationError)

# Mail
letters = []


class Mailbox(smtpd.SMTPServer):
    def process_message(self, peer, mailfrom, rcpttos, data, **_):
        letters.append((mailfrom, rcpttos, data))


mailbox = Mailbox(('127.0.0.1', 25), None)
threading.Thread(target=asyncore.loop, args=(0.05,), daemon=True).start()
for each in range(3):
    with smtplib.SMTP('localhost', timeout=20) as mail:
        mail.sendmail('me@pukaki', ['you@tekapo'], f'Subject: {each}\n\n' + 'line\n' * 1000)
assert [letter[:2] for letter in letters] == [('me@pukaki', ['you@tekapo'])] * 3
assert letters[2][2].startswith(b'Subject: 2\n\nline') and letters[2][2].count(b'line') == 1000

# Calls of another's functions
server = xmlrpc.server.SimpleXMLRPCServer(('127.0.0.1', 0), logRequests=False)
server.register_function(pow)
server.register_function(lambda size: b'x' * size, 'make')
with xmlrpc.client.ServerProxy(f'http://127.0.0.1:{serving(server)}/', use_builtin_types=True) as far:
    assert [far.pow(2, each) for each in range(20)] == [2**each for each in range(20)]
    assert far.make(500000) == b'x' * 500000


# A dictionary of another process
class Shared(multiprocessing.managers.BaseManager):
    pass


shared = {}
Shared.register('shared', lambda: shared, exposed=('__setitem__', '__getitem__'))
manager = Shared(('127.0.0.1', 0), b'secret')
manager.start()
for each in range(5):
    again = Shared(manager.address, b'secret')
    again.connect()
    again.shared().__setitem__(each, each * each)
assert manager.shared().__getitem__(4) == 16
manager.shutdown()
