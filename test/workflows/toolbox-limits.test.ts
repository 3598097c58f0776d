// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. How many calls of a toolbox are made at once,
// and how many in a time by all of its workers together: Temporal keeps to both, and what waits holds no place.
import { setTimeout as after } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import { z } from 'zod';
import { callTool } from '../../activities/call-tool';
import {
  defineAgent,
  defineTool,
  defineToolbox,
  type AnyAgent,
  type CallRate,
  type QueueRate,
  type Toolbox,
} from '../../activities/define';
import { directToolStore } from '../../activities/store';
import { createAgentRegistry } from '../../workers/agent-registry';
import { createToolboxWorker } from '../../workers/create-worker';
import type { ToolboxWorker } from '../../workers/toolbox/serve-toolbox';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { manifestFor } from '../stack/manifest-for';
import { startTestStack, type TestStack } from '../stack/test-stack';

jest.setTimeout(60_000);

const narrow = defineToolbox({ name: 'narrow', atOnce: 2 });
const slow = defineToolbox({ name: 'slow', rate: { calls: 4, per: '2s' } });
const free = defineToolbox({ name: 'free' });
const CALLS = 7;
interface Seen {
  now: number;
  most: number;
  /** Milliseconds since the epoch. */
  begun: number[];
}
const seen = { narrow: unseen(), slow: unseen(), rated: unseen(), free: unseen() };
function unseen(): Seen {
  return { now: 0, most: 0, begun: [] };
}

const toolOf = (box: Toolbox, its: Seen, { name = box.name, rate }: { name?: string; rate?: CallRate } = {}) =>
  defineTool({
    name,
    ...(rate ? { rate } : {}),
    description: 'Works.',
    input: z.object({ nth: z.number() }),
    output: z.number(),
    effect: 'read',
    toolbox: box,
    run: async ({ nth }) => {
      its.begun.push(Date.now());
      its.now += 1;
      its.most = Math.max(its.most, its.now);
      await after(100);
      its.now -= 1;
      return nth;
    },
  });

/** As a release has it: each call goes to the queue of its toolbox. */
function placed(agent: AnyAgent): AnyAgent {
  const tools = agent.tools.map((tool) => [tool.name, { ...tool.plan, toolbox: tool.toolbox?.name ?? '' }] as const);
  return { ...agent, plan: { ...agent.plan, tools: Object.fromEntries(tools) } };
}

const agent = placed(
  defineAgent({
    name: 'busy',
    instructions: 'Work.',
    tools: [
      toolOf(narrow, seen.narrow),
      toolOf(slow, seen.slow),
      toolOf(free, seen.free),
      toolOf(free, seen.rated, { name: 'rated', rate: { calls: 4, per: '2s' } }),
    ],
  }),
);
const turn = (name: string): { calls: { name: string; args: object }[] } => ({
  calls: Array.from({ length: CALLS }, (_, nth) => ({ name, args: { nth } })),
});

let model: ModelServer;
let stack: TestStack;
const workers: { worker: ToolboxWorker; running: Promise<void>; connection: NativeConnection }[] = [];

beforeAll(async () => {
  model = await startModelServer({
    script: script()
      .turn(turn('narrow'))
      .turn(turn('slow'))
      .turn({ calls: [...turn('rated').calls, ...turn('free').calls] })
      .answer('done'),
  });
  stack = await startTestStack({ agents: [agent], modelUrl: model.url });
  const agents = createAgentRegistry({ strict: false });
  agents.replaceAll([manifestFor(agent, 'test/model')]);
  // The slow one has two workers, each of which could take them all.
  for (const box of [narrow, slow, slow, free]) await serve(box, agents);
  // Two queues of one process, as serve-toolboxes.ts has them; each of two workers could take all of the calls.
  for (let nth = 0; nth < 2; nth += 1) await serve(free, agents, { name: 'rated', rate: { calls: 4, perMs: 2_000 } });
});
afterAll(async () => {
  for (const { worker } of workers) worker.shutdown();
  await Promise.all(workers.map(({ running }) => running));
  await Promise.all(workers.map(({ connection }) => connection.close()));
  await stack.close();
  await model.close();
});

async function serve(
  { name, limits }: Toolbox,
  agents: ReturnType<typeof createAgentRegistry>,
  tool?: { name: string; rate: QueueRate },
): Promise<void> {
  const connection = await NativeConnection.connect({ address: stack.server.address });
  const worker = await createToolboxWorker({
    connection,
    namespace: stack.server.namespace,
    taskQueue: 'agents',
    toolbox: name,
    identity: `${name} ${workers.length}`,
    limits,
    store: stack.store,
    metrics: stack.metrics,
    ...(tool ? { tool } : {}),
    call: (input, attempt) =>
      callTool(
        {
          toolbox: name,
          toolStore: directToolStore(stack.store.of(input.tenant)),
          agents,
          secretsOf: () => ({}),
          approvers: { people: {}, allowUnsigned: true },
          stateDir: stack.stateDir,
          worker: name,
          now: Date.now,
          metrics: stack.metrics,
          failpoint: () => Promise.resolve(),
        },
        input,
        attempt,
      ),
  });
  workers.push({ worker, running: worker.run(), connection });
}

test('no more calls than it says, of any run, are made at once, and none before its time', async () => {
  const run = await stack.client.agent('busy').start('go', { id: 'busy' });
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', totals: { toolCalls: 4 * CALLS } });
  expect(seen.narrow.begun).toHaveLength(CALLS);
  expect(seen.narrow.most).toBe(2);
  for (const { begun } of [seen.slow, seen.rated]) {
    const [first = 0, ...later] = begun;
    const since = later.map((at) => at - first);
    // The server keeps a queue in four parts, each with a share of the rate: of a low one, four begin together.
    expect(since.filter((ms) => ms < 400).length).toBeLessThanOrEqual(3);
    expect(since).toHaveLength(CALLS - 1);
    // Seven at four in two seconds; what was begun late itself makes the time since then shorter.
    expect(Math.max(...since)).toBeGreaterThan(700);
  }
  // Of the same toolbox, in the same turn, and held up by nothing: done before the rate has let the other's last call through.
  expect(Math.max(...seen.free.begun)).toBeLessThan(Math.max(...seen.rated.begun));
});
