// Needs a Temporal server (embedded, real) and the model server: a run over HTTP, as server-sent events.
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { defineAgent } from '../../activities/define';
import { folderToken, startRunServer, type RunServer } from '../../client/cli/run-server';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';

const SPEECH = Array.from({ length: 200 }, (_, at) => `word${at}`).join(' ');
const teller = defineAgent({ name: 'teller', instructions: 'Tell.' });
const used = useStack({ script: script().answer(SPEECH) }, { agents: [teller] });

let server: RunServer;
let token: string;
beforeAll(async () => {
  token = folderToken(used.stack.stateDir);
  server = await startRunServer({ client: used.stack.client, token, port: 0 });
});
afterAll(() => server.close());
afterEach(() => used.model.clearFaults());

const ask = (at: string, headers: { [name: string]: string } = {}): Promise<Response> =>
  fetch(`${server.url}${at}`, { headers: { authorization: `Bearer ${token}`, ...headers } });

interface Sent {
  id: string;
  event: string;
  data: { step?: { seq: number; state: string }; sequence?: number; text?: string; begunAt?: number; output?: string };
}
const parsed = (frame: string): Sent | undefined => {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1] ?? '';
  return field('event') === ''
    ? undefined
    : { id: field('id'), event: field('event'), data: JSON.parse(field('data')) as Sent['data'] };
};
async function* eventsOf(response: Response): AsyncGenerator<Sent> {
  let left = '';
  const decoder = new TextDecoder();
  for (const reader = response.body?.getReader(); ;) {
    const read = await reader?.read();
    if (!read || read.done) return;
    const frames = (left + decoder.decode(read.value as Uint8Array, { stream: true })).split('\n\n');
    left = frames.pop() ?? '';
    for (const frame of frames) {
      const one = parsed(frame);
      if (one) yield one;
    }
  }
}

test('the token is of this folder and its user, and stays', () => {
  const file = path.join(used.stack.stateDir, 'http-token');
  expect([folderToken(used.stack.stateDir), readFileSync(file, 'utf8').trim()]).toEqual([token, token]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a run is told as it goes, and who was cut off goes on behind what it has', async () => {
  used.model.addFaults({ do: { slowStreamMsPerChunk: 20 } });
  const run = await used.stack.client.agent<typeof teller>('teller').start('Go.', { id: 'run_sse' });
  const first: Sent[] = [];
  for await (const one of eventsOf(await ask('/runs/run_sse/events'))) {
    first.push(one);
    if ((one.data.sequence ?? 0) > 100) break;
  }
  const cut = first.at(-1);
  const rest: Sent[] = [];
  for await (const one of eventsOf(await ask('/runs/run_sse/events', { 'last-event-id': cut?.id ?? '' })))
    rest.push(one);
  const text = rest.find(({ event }) => event === 'text');
  expect((text?.data.sequence ?? 0) - (text?.data.text?.length ?? 0)).toBe(cut?.data.sequence);
  expect(rest.at(-1)).toMatchObject({ id: 'end', event: 'result', data: { outcome: 'completed', output: SPEECH } });
  expect((await ask('/runs/run_sse/events', { 'last-event-id': 'end' })).status).toBe(204);
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  // Of one that has ended its result is all there is to tell.
  const after: string[] = [];
  for await (const { event } of eventsOf(await ask('/runs/run_sse/events'))) after.push(event);
  expect(after).toEqual(['result']);
}, 60_000);

test.each([
  ['without the token', '/runs/run_sse/events', { authorization: 'Bearer wrong' }, 401],
  ['of a run that is not', '/runs/run_nobody/events', {}, 404],
  ['of anything else', '/runs', {}, 404],
])('what is asked %s is refused in one line', async (_, at, headers, status) => {
  const response = await ask(at, headers);
  expect(response.status).toBe(status);
  expect((await response.text()).trim().split('\n')).toHaveLength(1);
});
