// Needs: nothing. Why a server of a command does not listen, of the errors that this machine really gives.
import { createServer, type AddressInfo, type Server } from 'node:net';
import { cannotListen } from '../../client/cli/cannot-listen';
import { ClientError } from '../../client/errors';

const flags = { port: '--metrics-port', host: '--metrics-host' };
const opened: Server[] = [];
afterAll(() => Promise.all(opened.map((server) => new Promise((resolve) => server.close(resolve)))));

const listen = (port: number, host: string): Promise<AddressInfo> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => {
      opened.push(server);
      resolve(server.address() as AddressInfo);
    });
  });
async function toldOf(port: number, host: string): Promise<string> {
  const error: unknown = await listen(port, host).then(
    () => 'it listens',
    (failed: unknown) => cannotListen(failed, flags, { port, host }),
  );
  return ClientError.isInstance(error) ? `${error.code}: ${error.message}` : String(error);
}

test('a port that is taken', async () => {
  const { port } = await listen(0, '127.0.0.1');
  expect(await toldOf(port, '127.0.0.1')).toBe(
    `misconfigured: port ${port} is taken: give another, or --metrics-port 0 for a free one.`,
  );
});

test('an address that another machine has, whatever becomes of the port', async () => {
  // Kept for documents: no machine has it.
  expect(await toldOf(0, '192.0.2.1')).toBe('misconfigured: --metrics-host "192.0.2.1" is no address of this machine.');
});

test('a name that nobody has', async () => {
  expect(await toldOf(0, 'no-such-host.invalid')).toBe(
    'misconfigured: --metrics-host "no-such-host.invalid" is neither an address nor a name that this machine knows.',
  );
});

test('what says something else stays what it is', () => {
  const error = new Error('another');
  expect(cannotListen(error, flags, { port: 1 })).toBe(error);
});
