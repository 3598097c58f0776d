// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. With keys, what one tenant stores has no
// name that another's equal content has; without, equal content is one object.
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { openKeyRing } from '../../activities/keys';
import { allRefs, createConversation, type ContentStore } from '../../activities/store';
import { chainName } from '../../activities/store/ref-names';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const draw = defineTool({
  name: 'draw',
  description: 'Draws a line.',
  input: z.object({ length: z.number() }),
  output: z.object({ length: z.number() }),
  effect: 'read',
  run: async ({ length }, { files }) => {
    const file = await files.write(Buffer.from('-'.repeat(length)), { mediaType: 'text/plain' });
    expect((await files.read(file)).length).toBe(length);
    return { length };
  },
});
const agent = defineAgent({ name: 'artist', instructions: 'Draw.', tools: [draw] });

let model: ModelServer;
beforeAll(async () => {
  model = await startModelServer({ script: script() });
});
afterAll(() => model.close());

const answered = script().call('draw', { length: 7 }).answer('It is drawn.');
const ask = async (stack: TestStack, tenant: string, id: string): Promise<void> => {
  model.setScript(answered);
  const run = await stack.client.agent<typeof agent>('artist').start('A line, please.', { id, tenant });
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'It is drawn.' });
  expect((await run.transcript()).map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
};

/** Names of what a run's records, its conversation and its index name. */
async function namesOf(store: ContentStore, id: string, tenant: string): Promise<Set<string>> {
  const record = await store.readRef(`run/${id}`);
  const { firstRunId, head } = (record?.value as { ended: { firstRunId: string; head: string } }).ended;
  const calls = await allRefs(store, `call/${firstRunId}/`);
  const index = await store.readRef(chainName(id));
  const text = JSON.stringify([calls.map(({ value }) => value), index?.value]);
  const chain = await createConversation(store.of(tenant)).load(head, chainName(id));
  const links = chain.flatMap(({ node, hash }) => [node, hash]);
  // The request's own hash names no object: it is the provider's bytes, made anew for each call.
  const requests = new Set(calls.map(({ value }) => (value as { request?: { sha256: string } }).request?.sha256));
  const releases = new Set(calls.map(({ value }) => (value as { release: string }).release));
  const all = [...(text.match(/[0-9a-f]{64}/g) ?? []), ...links];
  return new Set(all.filter((name) => !requests.has(name) && !releases.has(name)));
}

describe.each([
  ['with keys, no two tenants share a name', openKeyRing(`a:${randomBytes(32).toString('base64')}`), false],
  ['without keys, equal content has one name', undefined, true],
])('%s', (_, keys, isShared) => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack({ agents: [agent], modelUrl: model.url, ...(keys ? { keys } : {}) });
  }, 60_000);
  afterAll(() => stack.close());

  test('and every name is of something stored', async () => {
    await ask(stack, 'acme', 'a1');
    await ask(stack, 'acme', 'a2');
    await ask(stack, 'other', 'b1');
    const [first, again, other] = await Promise.all([
      namesOf(stack.store, 'a1', 'acme'),
      namesOf(stack.store, 'a2', 'acme'),
      namesOf(stack.store, 'b1', 'other'),
    ]);
    expect(first.size).toBeGreaterThan(8);
    const shared = [...first].filter((name) => other.has(name));
    expect(shared.length > 0).toBe(isShared);
    // Within a tenant equal content is one object, with keys too: the question, at the least.
    expect([...first].filter((name) => again.has(name)).length).toBeGreaterThan(1);
    expect(await stack.store.has([...first, ...other])).toEqual(Array(first.size + other.size).fill(true));
    const drawn = createHash('sha256').update('-------').digest('hex');
    expect(await stack.store.has([drawn])).toEqual([isShared]);
  });
});
