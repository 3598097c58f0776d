// Needs: local ports. Connections that say nothing, or no more: they are let go of, and whoever speaks is answered meanwhile.
import { createServer, request as httpRequest, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { CONNECTION_OPTIONS, limitConnections } from '../../client/api/connection-limits';
import { answerUnread } from '../../client/api/unread-requests';

let server: Server;
let port: number;
beforeAll(async () => {
  server = createServer(
    { ...CONNECTION_OPTIONS, headersTimeout: 2_000, requestTimeout: 2_000 },
    (request, response) => {
      request.resume().on('end', () => response.end('heard'));
    },
  );
  limitConnections(server);
  answerUnread(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** @returns once the server has it, or has refused it */
const silent = (): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => resolve(socket));
  });
const gone = (socket: Socket): Promise<void> =>
  socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.resume().once('close', () => resolve()));
const connections = (): Promise<number> =>
  new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))));

test('ten thousand that say nothing: a thousand are held, and everybody who speaks is answered at once', async () => {
  const sockets: Socket[] = [];
  try {
    for (let nth = 0; nth < 10_000; nth += 100) {
      sockets.push(...(await Promise.all(Array.from({ length: 100 }, silent))));
      if (nth % 1_000 === 0) expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('heard');
      for (const socket of sockets) socket.resume();
    }
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('heard');
    expect(await connections()).toBeLessThanOrEqual(1_010);
    // Those that were held are let go of when their time is over.
    await Promise.all(sockets.map(gone));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}, 120_000);

test('headers that come one letter at a time are not waited for', async () => {
  const socket = await silent();
  const written = setInterval(() => socket.write('a'), 100);
  try {
    socket.write('GET / HTTP/1.1\r\nx: ');
    const said: string[] = [];
    socket.on('data', (text) => said.push(String(text)));
    await gone(socket);
    expect(said.join('')).toMatch(/^HTTP\/1\.1 408 /);
  } finally {
    clearInterval(written);
  }
}, 60_000);

test('a body that stops coming is not waited for', async () => {
  const socket = await silent();
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc');
  await gone(socket);
  expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('heard');
}, 60_000);

test.each([
  [
    'more headers than there may be',
    `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    431,
    'Api.HeadersTooLarge',
  ],
  ['what is no HTTP', 'hello\r\n\r\n', 400, 'Api.InvalidRequest'],
  ['headers that do not end', 'GET / HTTP/1.1\r\nhost: x\r\n', 408, 'Api.TooSlow'],
])(
  '%s is refused as a problem too',
  async (_, sent, status, type) => {
    const socket = await silent();
    const said: string[] = [];
    socket.on('data', (text) => said.push(String(text)));
    socket.write(sent);
    await gone(socket);
    const [head = '', body = ''] = said.join('').split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*content-type: application/problem\\+json`));
    expect(JSON.parse(body)).toMatchObject({ status, type });
  },
  60_000,
);

test('who expects what nobody knows is answered as ever', async () => {
  const status = await new Promise((resolve, reject) => {
    httpRequest({ port, host: '127.0.0.1', headers: { expect: 'the-unexpected' } }, (response) =>
      resolve(response.resume().statusCode),
    )
      .on('error', reject)
      .end();
  });
  expect(status).toBe(200);
});
