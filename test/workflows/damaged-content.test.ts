// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. A run whose content is missing, or was altered on the
// disk, waits with a failure that names it, and goes on when it is mended.
import { join } from 'node:path';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { shareLmdbTables } from '../../activities/store/lmdb-database';
import type { RunHandle } from '../../client/run-handle';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { payloadText } from '../stack/payload-text';
import { startTestStack, type TestStack } from '../stack/test-stack';

const gate: { release?: () => void; reached?: () => void } = {};
const hold = defineTool({
  name: 'hold',
  description: 'Waits until it is told to go on.',
  input: z.object({}),
  output: z.object({ released: z.boolean() }),
  effect: 'read',
  timeout: '60s',
  run: async () => {
    gate.reached?.();
    await new Promise<void>((resolve) => (gate.release = resolve));
    return { released: true };
  },
});
const holder = defineAgent({ name: 'holder', instructions: 'Hold.', tools: [hold] });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script() });
  stack = await startTestStack({ agents: [holder], modelUrl: model.url });
}, 60_000);
afterAll(async () => {
  await stack.close();
  await model.close();
});

/** What another process does to the entry of an object in the database. */
async function change(hash: string, entry: (held: Buffer) => Buffer | undefined): Promise<Buffer> {
  const { objects, close } = shareLmdbTables(join(stack.stateDir, 'store'));
  const key = Buffer.from(hash, 'hex');
  const held = Buffer.from(objects.getBinary(key) ?? []);
  const changed = entry(held);
  await (changed ? objects.put(key, changed) : objects.remove(key));
  await close();
  return held;
}

/** The last bit of the last byte is another. */
function altered(held: Buffer): Buffer {
  const copy = Buffer.from(held);
  copy.writeUInt8((copy.at(-1) ?? 0) ^ 1, copy.length - 1);
  return copy;
}

async function pausedBy(run: RunHandle<string>, type: string): Promise<void> {
  for await (const event of run.events({ signal: AbortSignal.timeout(30_000) }))
    if (event.type === 'status' && event.progress.steps.at(-1)?.label === `paused: ${type}`) return;
}

test.each([
  ['missing', 'Store.ObjectMissing', () => undefined],
  ['altered', 'Store.ObjectCorrupt', altered],
] as const)(
  'content that is %s: the run waits, named, and completes once it is back',
  async (what, type, damage) => {
    model.reset();
    model.setScript(script().call('hold', {}).answer('done'));
    const arrived = new Promise<void>((resolve) => (gate.reached = resolve));
    const question = `a question to be ${what}`;
    const run = await stack.client.agent<typeof holder>('holder').start(question);
    await arrived;
    const hash = (await run.record()).input;
    // No step is made between the two workers; and the first keeps the question that it has read, so the next one must read it again.
    await run.pause('to be damaged');
    gate.release?.();
    await stack.stopWorker();
    const held = await change(hash, damage);
    expect(held.length).toBeGreaterThan(0);
    await expect(stack.store.get([hash])).rejects.toMatchObject({
      type,
      message: expect.stringContaining(hash) as string,
    });

    await stack.restartWorker();
    await run.resume();
    await pausedBy(run, type);
    expect((await run.progress()).steps.at(-1)).toMatchObject({ label: `paused: ${type}` });
    const history = payloadText(await stack.temporal.workflow.getHandle(run.id).fetchHistory());
    expect(history).toContain(type);
    expect(history).toContain(hash);
    expect(model.counts().answered).toBe(1);

    await change(hash, () => held);
    await run.resume();
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'done', totals: { turns: 2 } });
    expect((await run.transcript())[0]).toMatchObject({ role: 'user', parts: [{ type: 'text', text: question }] });
  },
  90_000,
);
