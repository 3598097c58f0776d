// Needs: a second process on this machine and free local ports.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import OpenAI from 'openai';
import { script, startModelServerProcess, type ModelServerProcess } from '../kit/model-server';

let server: ModelServerProcess | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});
const clientOf = ({ url }: ModelServerProcess) =>
  new OpenAI({ baseURL: url, apiKey: 'sk-test-key-0001', maxRetries: 0 });
const ask = { model: 'm', input: 'Hello' };

test('answers, counts and obeys from another process', async () => {
  server = await startModelServerProcess({ script: script().answer('One') });
  const client = clientOf(server);
  expect((await client.responses.create(ask)).output_text).toBe('One');
  await server.control({ script: [{ text: 'Two' }], faults: [{ when: { nth: 1 }, do: { status: 503 } }] });
  await expect(client.responses.create(ask)).rejects.toMatchObject({ status: 503 });
  expect((await client.responses.create(ask)).output_text).toBe('Two');
  expect(await server.counts()).toMatchObject({ requests: 3, answered: 2, refused: 1, faulted: 1, repeated: 1 });
  const [record] = await server.requests();
  expect(record).toMatchObject({ outcome: 'answered', body: JSON.stringify(ask), nth: 1 });
  await server.control({ reset: true, clearFaults: true });
  expect(await server.counts()).toMatchObject({ requests: 0 });
});

test('a held request is released from outside', async () => {
  server = await startModelServerProcess({ script: [{ text: 'One' }], faults: [{ do: { hold: 'a' } }] });
  const asked = clientOf(server).responses.create(ask);
  let released = 0;
  while (released === 0) ({ released } = await server.control({ release: 'a' }));
  expect((await asked).output_text).toBe('One');
});

test('what it cannot obey is refused by name', async () => {
  server = await startModelServerProcess();
  const bad = (change: object) =>
    fetch(`${server?.controlUrl}/__control`, { method: 'POST', body: JSON.stringify(change) }).then((answer) =>
      answer.text(),
    );
  expect(await bad({ faults: [{ do: { explode: true } }] })).toContain('explode');
  expect(await bad({ scrip: [] })).toContain('scrip');
  expect(await server.counts()).toMatchObject({ requests: 0 });
});

test('bad options end the process with what is wrong', async () => {
  await expect(startModelServerProcess({ playback: '/no/such/file.jsonl' })).rejects.toThrow('/no/such/file.jsonl');
  await expect(startModelServerProcess({ port: -1 })).rejects.toThrow('port');
});

test('it sees its client die', async () => {
  server = await startModelServerProcess({ script: [{ text: 'One' }], faults: [{ do: { hang: true } }] });
  const body = JSON.stringify(ask);
  const code = `fetch(${JSON.stringify(`${server.url}/responses`)}, { method: 'POST', body: ${JSON.stringify(body)} })`;
  const client = spawn(process.execPath, ['-e', code]);
  while ((await server.counts()).open === 0);
  client.kill('SIGKILL');
  await once(client, 'exit');
  while ((await server.counts()).closedByClient === 0);
  expect((await server.requests())[0]?.closedByClientAt).toBeGreaterThan(0);
});

test.each([true, false])('when the process group that started it dies, it stops: %s', async (exitWithStdin) => {
  const loader = join(dirname(require.resolve('jiti')), 'jiti-cli.mjs');
  const options = JSON.stringify({ exitWithStdin });
  const starter = spawn(process.execPath, [loader, join(__dirname, 'start-and-wait.ts'), options], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(starter.stdout, 'data')) as [Buffer];
  const { controlUrl, pid } = JSON.parse(line.toString()) as { controlUrl: string; pid: number };
  const answers = () =>
    fetch(`${controlUrl}/__counts`).then(
      (response) => response.ok,
      () => false,
    );
  expect(await answers()).toBe(true);
  if (starter.pid === undefined) throw new Error('the starter runs');
  process.kill(-starter.pid, 'SIGKILL');
  await once(starter, 'exit');
  if (exitWithStdin) {
    while (await answers());
  } else {
    expect(await answers()).toBe(true);
    process.kill(pid, 'SIGTERM');
    while (await answers());
  }
});
