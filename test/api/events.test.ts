// Needs a Temporal server (embedded, real) and the model server: a run over HTTP while it goes, as server-sent events.
import { defineAgent } from '../../activities/define';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';
import { useApi } from './given';

const SPEECH = Array.from({ length: 200 }, (_, at) => `word${at}`).join(' ');
const teller = defineAgent({ name: 'teller', instructions: 'Tell.' });
const on = useStack({ script: script().answer(SPEECH) }, { agents: [teller] });
const api = useApi(on);
jest.setTimeout(180_000);
afterEach(() => on.model.clearFaults());

const AT = '/v1/runs/run_sse/events';
const follow = (options: RequestInit = {}): Promise<Response> => fetch(`${api.url}${AT}`, options);

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

test('a run is told as it goes, and who was cut off goes on behind what it has', async () => {
  on.model.addFaults({ do: { slowStreamMsPerChunk: 20 } });
  const run = await on.stack.client.agent<typeof teller>('teller').start('Go.', { id: 'run_sse' });
  const first: Sent[] = [];
  const left = new AbortController();
  const response = await follow({ signal: left.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  for await (const one of eventsOf(response)) {
    first.push(one);
    if ((one.data.sequence ?? 0) > 100) break;
  }
  left.abort();
  const cut = first.at(-1);
  const rest: Sent[] = [];
  for await (const one of eventsOf(await follow({ headers: { 'last-event-id': cut?.id ?? '' } }))) rest.push(one);
  const text = rest.find(({ event }) => event === 'text');
  expect((text?.data.sequence ?? 0) - (text?.data.text?.length ?? 0)).toBe(cut?.data.sequence);
  expect(rest.at(-1)).toMatchObject({ id: 'end', event: 'result', data: { outcome: 'completed', output: SPEECH } });
  expect((await follow({ headers: { 'last-event-id': 'end' } })).status).toBe(204);
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  // Of one that has ended its result is all there is to tell.
  const after: string[] = [];
  for await (const { event } of eventsOf(await follow())) after.push(event);
  expect(after).toEqual(['result']);
});

test('HEAD asks for no event', async () => {
  const response = await follow({ method: 'HEAD' });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
});

test('more readers than there is room for are told to come again', async () => {
  on.model.addFaults({ do: { slowStreamMsPerChunk: 50 } });
  const run = await on.stack.client.agent<typeof teller>('teller').start('Slowly.', { id: 'run_slow' });
  const left = new AbortController();
  const read = (): Promise<Response> => fetch(`${api.url}/v1/runs/run_slow/events`, { signal: left.signal });
  const readers = await Promise.all(Array.from({ length: 100 }, read));
  expect(new Set(readers.map(({ status }) => status))).toEqual(new Set([200]));
  const refused = await api.ask('GET', '/v1/runs/run_slow/events');
  expect(refused).toMatchObject({ status: 503, body: { type: 'Api.Busy' } });
  expect(refused.headers.get('retry-after')).toBe('5');
  left.abort();
  // They have left, so there is room again: before the run has ended, or its result alone would be told.
  for (let status = 503; status !== 200;) {
    const again = new AbortController();
    ({ status } = await fetch(`${api.url}/v1/runs/run_slow/events`, { signal: again.signal }));
    again.abort();
  }
  await run.cancel();
  await run.result();
});
