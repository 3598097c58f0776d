// Needs a Temporal server (embedded, real) and the model server: what a run did over HTTP, as a trace and call by call, and who may see it.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { storeRun } from '../cli/store-run';
import { useStack } from '../stack/use-stack';
import { madeKey, startTestApi, useApi, type UsedApi } from './given';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.string() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `seen ${at}`,
});
const looker = defineAgent({ name: 'looker', instructions: 'A secret of the house.', tools: [look] });

const on = useStack(
  {
    respond: ({ assistantTurns }) =>
      assistantTurns === 0 ? { calls: [{ name: 'look', args: { at: 'the sky' } }] } : { text: 'Blue.' },
  },
  { agents: [looker] },
);
const api = useApi(on);
jest.setTimeout(180_000);

const reader = madeKey('reader', { scopes: ['read'] });
const other = madeKey('other', { scopes: ['read'], tenants: ['globex'] });
let keyed: UsedApi;
let id = '';
beforeAll(async () => {
  keyed = await startTestApi(on.stack, [reader.known, other.known]);
  const started = await api.ask('POST', '/v1/runs', { body: { agent: 'looker', input: 'Which colour?' } });
  id = String(started.body['id']);
  await api.ask('GET', `/v1/runs/${id}/result?wait=30`);
});
afterAll(() => keyed.close());

const spansShape = z.array(z.object({ kind: z.string(), turn: z.number().optional(), name: z.string() }));

test('a trace has every part of the run, or those of some turns', async () => {
  const { status, body } = await api.ask('GET', `/v1/runs/${id}/trace`);
  expect({ status, history: body['history'], turns: body['turns'] }).toEqual({
    ...{ status: 200, history: 'read', turns: { from: 1, to: 2, of: 2 } },
  });
  const kinds = spansShape.parse(body['spans']).map(({ kind }) => kind);
  expect(kinds).toEqual(['run', 'turn', 'model', 'tool', 'turn', 'model']);
  const second = await api.ask('GET', `/v1/runs/${id}/trace?turns=2..2`);
  expect(spansShape.parse(second.body['spans']).map(({ kind }) => kind)).toEqual(['run', 'turn', 'model']);
  expect(await api.ask('GET', `/v1/runs/${id}/trace?turns=two`)).toMatchObject({
    status: 422,
    body: { type: 'Api.Invalid', errors: [{ parameter: 'turns', detail: expect.stringContaining('such as 3..5') }] },
  });
});

test('a call has its exact request, its answer, and what changed since another', async () => {
  const { status, body } = await api.ask('GET', `/v1/runs/${id}/calls/3?diff=1`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    ...{ call: 3, turn: 2, kind: 'model', withheld: null, answered: [{ role: 'assistant' }] },
    changes: {
      from: 1,
      model: null,
      same: 1,
      messages: [
        { change: 'added', after: 2 },
        { change: 'added', after: 3 },
      ],
    },
  });
  const request = z.object({ body: z.string(), sha256: z.string(), isSame: z.literal(true) }).parse(body['request']);
  const sent = on.model.requests().at(-1)?.body?.toString();
  expect(request.body).toBe(sent);
  expect(request.sha256).toBe(createHash('sha256').update(request.body).digest('hex'));
  expect(await api.ask('GET', `/v1/runs/${id}/calls/2`)).toMatchObject({
    body: {
      kind: 'tool',
      given: { arguments: { at: 'the sky' } },
      request: null,
      withheld: /* of no model */ expect.stringContaining('look'),
    },
  });
});

test('of a call whose objects are gone all else is there, and what is gone is told', async () => {
  await storeRun(on.stack.store, { id: 'run_lost', lost: ['calling', 'final', 'release'], form: 'openai-chat' });
  const { status, body } = await api.ask('GET', '/v1/runs/run_lost/calls/3');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    given: { messages: [{ role: 'user' }, { role: 'tool' }] },
    answered: [],
    gone: [
      { part: 'given', position: 2, why: expect.stringContaining('it is not in the store any more') },
      { part: 'answered', position: 1, preview: 'It stands in a.txt:1' },
    ],
    request: null,
    withheld: expect.stringContaining('a part of it cannot be read: it is not in the store any more'),
  });
  const trace = await api.ask('GET', '/v1/runs/run_lost/trace');
  expect(trace.body).toMatchObject({ history: 'gone', unreadable: 0, problems: [expect.stringContaining('history')] });
  expect(spansShape.parse(trace.body['spans'])).toHaveLength(6);
});

test('what there is not, and what does not fit, is told', async () => {
  expect(await api.ask('GET', `/v1/runs/${id}/calls/9`)).toMatchObject({
    ...{
      status: 404,
      body: { type: 'Api.NotFound', detail: 'the run has 3 recorded calls, and none of that number.' },
    },
  });
  expect(await api.ask('GET', `/v1/runs/${id}/calls/3?diff=2`)).toMatchObject({
    ...{ status: 422, body: { detail: expect.stringContaining('call 2 cannot be compared') } },
  });
  expect(await api.ask('GET', `/v1/runs/${id}/calls/first`)).toMatchObject({ status: 422 });
});

test("a key that reads sees messages, and not the system prompt; another tenant's sees no such run", async () => {
  const seen = await keyed.ask('GET', `/v1/runs/${id}/calls/3`, { key: reader.key });
  expect(seen).toMatchObject({
    ...{ status: 200, body: { request: null, withheld: 'the exact request is for keys that may administer.' } },
  });
  expect(JSON.stringify(seen.body)).toContain('seen the sky');
  expect(JSON.stringify(seen.body)).not.toContain('A secret of the house.');
  for (const place of ['trace', 'calls/1'])
    expect(await keyed.ask('GET', `/v1/runs/${id}/${place}`, { key: other.key })).toMatchObject({
      ...{ status: 404, body: { type: 'Run.NotFound' } },
    });
});
