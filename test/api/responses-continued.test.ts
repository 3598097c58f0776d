// Needs a Temporal server (embedded, real) and the model server. OpenAI's own JavaScript package: conversations that are sessions, and streams
// that were cut and go on.
import OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { defineAgent } from '../../activities/define';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';
import { startTestApi, useApi } from './given';

jest.setTimeout(120_000);

const SPEECH = Array.from({ length: 100 }, (_, at) => `word${at}`).join(' ');
const friend = defineAgent({ name: 'friend', instructions: 'Talk.', mode: 'session' });
const strict = defineAgent({
  ...{ name: 'strict', instructions: 'Talk.', mode: 'session' },
  session: { onBusy: 'reject' },
});
const teller = defineAgent({ name: 'teller', instructions: 'Tell.' });
const on = useStack(
  {
    respond: ({ messages }) => {
      const said = messages.filter(({ role }) => role === 'user').map(({ text }) => text);
      return { text: messages[0]?.text.startsWith('Tell') ? SPEECH : `Heard: ${said.join(' | ')}` };
    },
  },
  { agents: [friend, strict, teller] },
);
const api = useApi(on);
let client: OpenAI;
beforeAll(() => void (client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'none is needed', maxRetries: 0 })));
afterEach(() => on.model.clearFaults());

const say = (input: string, previous?: string, more: { background?: boolean; model?: string } = {}) =>
  client.responses.create({
    ...{ model: 'friend', input, ...more },
    ...(previous === undefined ? {} : { previous_response_id: previous }),
  });
const sessionOf = (id: string): string => id.slice(0, id.indexOf('/'));
const holdNext = (name: string, bodyIncludes: string): void =>
  on.model.addFaults({ when: { bodyIncludes, times: 1 }, do: { hold: name } });

test('an agent of mode `session`: the first response begins one, each next one goes on with it', async () => {
  const first = await say('one');
  const session = sessionOf(first.id);
  expect(first).toMatchObject({ status: 'completed', output_text: 'Heard: one', previous_response_id: null });
  const second = await say('two', first.id);
  expect(second).toMatchObject({ output_text: 'Heard: one | two', previous_response_id: first.id });
  const stream = client.responses.stream({ model: 'friend', input: 'three', previous_response_id: second.id });
  const third = await stream.finalResponse();
  expect(third).toMatchObject({ output_text: 'Heard: one | two | three', previous_response_id: second.id });
  expect([second.id, third.id].map(sessionOf)).toEqual([session, session]);
  expect(await client.responses.retrieve(third.id)).toMatchObject({
    ...{ status: 'completed', output_text: 'Heard: one | two | three', previous_response_id: second.id },
  });
  expect((await api.ask('GET', `/v1/sessions/${session}`)).body).toMatchObject({ agent: 'friend', answered: 3 });
});

test('a response that is not the newest of its session is branched: in a run of its own, which the session does not know', async () => {
  const first = await say('one');
  const second = await say('two', first.id);
  const branch = await say('else', first.id);
  expect(branch).toMatchObject({ output_text: 'Heard: one | else', previous_response_id: first.id });
  expect(branch.id).not.toContain('/');
  expect((await say('more', branch.id)).output_text).toBe('Heard: one | else | more');
  expect((await say('three', second.id)).output_text).toBe('Heard: one | two | three');
});

test('what is said while another message is answered waits for it, and is retrieved meanwhile', async () => {
  const first = await say('one');
  holdNext('second', 'two');
  const second = await say('two', first.id, { background: true });
  const third = await say('three', second.id, { background: true });
  expect([second.status, third.status]).toEqual(['in_progress', 'queued']);
  expect(await client.responses.retrieve(third.id)).toMatchObject({ id: third.id, status: 'queued', model: 'friend' });
  await expect(client.responses.cancel(third.id)).rejects.toMatchObject({ status: 409 });
  on.model.release('second');
  await until('its end', async () => (await client.responses.retrieve(third.id)).status === 'completed');
  expect((await client.responses.retrieve(third.id)).output_text).toBe('Heard: one | two | three');
});

test('a session that takes no message while it answers says so', async () => {
  const first = await say('one', undefined, { model: 'strict' });
  holdNext('strictly', 'two');
  const second = await say('two', first.id, { model: 'strict', background: true });
  await expect(say('three', second.id, { model: 'strict' })).rejects.toMatchObject({ status: 429 });
  on.model.release('strictly');
  await until('its end', async () => (await client.responses.retrieve(second.id)).status === 'completed');
});

test('the same Idempotency-Key is the same message; metadata and text are for those who take them', async () => {
  const first = await say('one');
  const body = { model: 'friend', input: 'two', previous_response_id: first.id };
  const headers = { 'idempotency-key': '"two"' };
  const made = await client.responses.create(body, { headers });
  const again = await client.responses.create(body, { headers });
  expect([again.id, again.output_text]).toEqual([made.id, 'Heard: one | two']);
  await expect(client.responses.create({ model: 'friend', input: 'x', metadata: { a: 'b' } })).rejects.toMatchObject({
    ...{ status: 422, param: 'metadata' },
  });
  await expect(say('x', first.id, { model: 'teller' })).rejects.toMatchObject({ status: 422, param: 'model' });
});

const textOf = (events: readonly ResponseStreamEvent[]): string =>
  events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : [])).join('');

async function eventsOf(
  stream: AsyncIterable<ResponseStreamEvent>,
  isEnough: (events: readonly ResponseStreamEvent[]) => boolean = () => false,
): Promise<ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (isEnough(events)) break;
  }
  return events;
}

test('a stream in the background that was cut goes on behind the last event, as often as it is cut, and none is lost or told twice', async () => {
  on.model.addFaults({ do: { slowStreamMsPerChunk: 10 } });
  const cutAt = (chars: number) => (events: readonly ResponseStreamEvent[]) => textOf(events).length >= chars;
  const stream = await client.responses.create({ model: 'teller', input: 'Go.', background: true, stream: true });
  // Leaving the loop closes the connection.
  const events = await eventsOf(stream, cutAt(100));
  expect(textOf(events).length).toBeLessThan(SPEECH.length);
  const [created] = events;
  const id = created?.type === 'response.created' ? created.response.id : '';
  const goOn = () =>
    client.responses.retrieve(id, { stream: true, starting_after: events.at(-1)?.sequence_number ?? -1 });
  for (const chars of [200, 300, Infinity])
    events.push(...(await eventsOf(await goOn(), (more) => cutAt(chars - textOf(events).length)(more))));
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, nth) => nth));
  expect(textOf(events)).toBe(SPEECH);
  expect(events.at(-1)).toMatchObject({ type: 'response.completed', response: { id, background: true } });
  // Told again from the first, it is the same; behind the last there is nothing.
  expect(await eventsOf(await client.responses.retrieve(id, { stream: true }))).toEqual(events);
  expect(await eventsOf(await goOn())).toEqual([]);
});

test('events that are not kept are not made up: elsewhere, of a plain response, and behind the last', async () => {
  const plain = await client.responses.create({ model: 'teller', input: 'Go.' });
  await expect(client.responses.retrieve(plain.id, { stream: true, starting_after: 3 })).rejects.toMatchObject({
    ...{ status: 422, param: 'starting_after' },
  });
  const told = await eventsOf(await client.responses.retrieve(plain.id, { stream: true }));
  expect([textOf(told), told.at(-1)?.type]).toEqual([SPEECH, 'response.completed']);
  await expect(client.responses.retrieve(plain.id, { stream: true, starting_after: 1_000 })).rejects.toMatchObject({
    ...{ status: 422, param: 'starting_after' },
  });
  expect(await api.ask('GET', `/v1/responses/${plain.id}?starting_after=1`)).toMatchObject({ status: 422 });
  const other = await startTestApi(on.stack);
  try {
    const beside = new OpenAI({ baseURL: `${other.url}/v1`, apiKey: 'none', maxRetries: 0 });
    await expect(beside.responses.retrieve(plain.id, { stream: true, starting_after: 3 })).rejects.toMatchObject({
      ...{ status: 422, param: 'starting_after' },
    });
  } finally {
    await other.close();
  }
});
