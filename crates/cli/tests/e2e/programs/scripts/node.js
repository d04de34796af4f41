// HTTP through a keep-alive agent of four connections, fetch, streams, datagrams, names and errors.
const assert = require('assert'), dgram = require('dgram'), dns = require('dns'), http = require('http'), net = require('net');
const os = require('os');
const listen = (server, ...where) => new Promise((done) => server.listen(...where, () => done(server.address().port)));
const failure = (...where) => new Promise((done) => net.connect(...where).on('error', (error) => done(error.code)));

async function overHttp() {
  const server = http.createServer((request, response) => {
    let length = 0;
    request.on('data', (data) => (length += data.length));
    request.on('end', () => response.end([request.method, request.url, length, request.socket.remotePort].join(' ')));
  });
  const port = await listen(server, 0, '10.61.0.1');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const ask = (path, body) =>
    new Promise((done, failed) => {
      const method = body ? 'POST' : 'GET';
      const request = http.request({ host: 'pukaki', port, path, agent, method }, async (response) => {
        let text = '';
        for await (const data of response) text += data;
        done(text.split(' '));
      });
      request.on('error', failed);
      request.end(body);
    });
  const each = [...Array(100).keys()];
  const answers = await Promise.all(each.map((n) => ask('/' + n, n % 2 ? Buffer.alloc(n * 1000) : undefined)));
  const expected = each.map((n) => (n % 2 ? ['POST', '/' + n, String(n * 1000)] : ['GET', '/' + n, '0']));
  assert.deepStrictEqual(answers.map((answer) => answer.slice(0, 3)), expected);
  console.log('http', new Set(answers.map((answer) => answer[3])).size);
  agent.destroy();
  server.close();
  console.log('fetch', (await fetch('http://tekapo/')).ok);
}

async function echoed() {
  const server = net.createServer({ allowHalfOpen: true }, (connection) => connection.pipe(connection));
  const port = await listen(server, 0, '::1');
  const client = net.connect(port, '::1');
  client.end(Buffer.alloc(1000000));
  let length = 0;
  for await (const data of client) length += data.length;
  server.close();
  console.log('net', length);
}

async function datagrams() {
  const server = dgram.createSocket('udp4');
  await new Promise((done) => server.bind(0, '127.0.0.1', done));
  server.on('message', (message, from) => server.send(message, from.port, from.address));
  const client = dgram.createSocket('udp4');
  client.send('hello', server.address().port, '127.0.0.1');
  console.log('dgram', String(await new Promise((done) => client.on('message', done))));
  client.close();
  server.close();
}

(async () => {
  await overHttp();
  await echoed();
  await datagrams();
  console.log('lookup', (await dns.promises.lookup('tekapo', 4)).address);
  console.log('resolve4', ...(await dns.promises.resolve4('tekapo')));
  console.log(...Object.entries(os.networkInterfaces()).map(([name, addresses]) => name + ' ' + addresses[0].address));
  console.log(await failure(1, '127.0.0.1'));
  console.log(await failure(1, '10.61.0.77'));
})();
