// Needs a Temporal server (embedded, real), the model server over HTTP, Postgres (skipped with a word where there is none), and for a full
// store sh and prlimit. A store that is gone, slow or full: the run waits by itself and goes on, nothing is lost, and no answer is paid twice.
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { Client } from 'pg';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { CLI, scratchFolder, start } from '../e2e/cli';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { describeWithPostgres, startPostgres, type TestPostgres } from '../stack/postgres';
import { startTestStack, type TestStack } from '../stack/test-stack';

/** A minute in the long form: `LONGHAUL_OUTAGE_S=60 npx jest -c test/jest.config.cjs test/workflows/store-faults`. */
const OUTAGE_MS = Number(process.env['LONGHAUL_OUTAGE_S'] ?? 8) * 1_000;
jest.setTimeout(120_000 + 3 * OUTAGE_MS);

const ran: string[] = [];
const reached: { resolve?: (() => void) | undefined } = {};
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.string() }),
  output: z.string(),
  effect: 'idempotent',
  run: ({ at }) => {
    ran.push(at);
    reached.resolve?.();
    return `seen ${at}`;
  },
});
const looker = defineAgent({ name: 'looker', instructions: 'Look.', tools: [look] });
const looks = () =>
  script().call('look', { at: 'a' }).call('look', { at: 'b' }).call('look', { at: 'c' }).answer('done');

describeWithPostgres('a Postgres', () => {
  let postgres: TestPostgres;
  let url: string;
  let model: ModelServer;
  let stack: TestStack;
  beforeAll(async () => {
    postgres = await startPostgres();
    url = postgres.freshUrl();
    model = await startModelServer({ script: looks() });
    stack = await startTestStack({ agents: [looker], modelUrl: model.url, storeUrl: url });
  });
  afterAll(async () => {
    await stack.close();
    await model.close();
    await postgres.remove();
  });
  beforeEach(() => {
    model.setScript(looks());
    ran.length = 0;
  });

  const begun = async (id: string) => {
    const isReached = new Promise<void>((resolve) => (reached.resolve = resolve));
    const requests = model.requests().length;
    const run = await stack.client.agent<typeof looker>('looker').start('look around', { id });
    await isReached;
    reached.resolve = undefined;
    return { run, paid: () => model.requests().length - requests };
  };
  const whole = { outcome: 'completed', output: 'done', totals: { turns: 4, modelCalls: 4, toolCalls: 3 } };
  const results = ['seen a', 'seen b', 'seen c'];

  test.each(['stop', 'kill'] as const)('that is gone (%s) and comes back', async (how) => {
    const { run, paid } = await begun(`gone-${how}`);
    await postgres[how]();
    await after(OUTAGE_MS);
    const { status } = await run.progress();
    await postgres.start();
    expect(await run.result()).toMatchObject(whole);
    expect(['running', 'waiting']).toContain(status);
    const transcript = await run.transcript();
    expect(transcript.flatMap(({ role, parts }) => (role === 'tool' ? parts : []))).toEqual(
      results.map((text) => ({ type: 'text', text })),
    );
    expect(paid()).toBe(4);
  });

  test('that answers nothing for a while, because another holds its tables', async () => {
    const { run, paid } = await begun('slow');
    const blocker = new Client({ connectionString: url });
    await blocker.connect();
    const schema = new URL(url).searchParams.get('schema') ?? 'public';
    const { rows } = await blocker.query<{ name: string }>(
      'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1',
      [schema],
    );
    await blocker.query('BEGIN');
    for (const { name } of rows) await blocker.query(`LOCK TABLE "${schema}"."${name}" IN ACCESS EXCLUSIVE MODE`);
    await after(OUTAGE_MS);
    await blocker.query('ROLLBACK');
    await blocker.end();
    expect(await run.result()).toMatchObject(whole);
    expect(rows).not.toEqual([]);
    expect(paid()).toBe(4);
  });
});

describe('a store on a full disk', () => {
  const project = scratchFolder();
  let model: ModelServer;
  let stack: TestStack;
  beforeAll(async () => {
    const agents = path.join(project, 'agents', 'writer');
    mkdirSync(agents, { recursive: true });
    writeFileSync(path.join(project, 'package.json'), '{"private":true}');
    writeFileSync(
      path.join(agents, 'agent.ts'),
      `import { randomBytes } from 'node:crypto';
import { defineAgent, defineTool } from 'longhaul';
import { z } from 'zod';
export const dump = defineTool({
  name: 'dump', description: 'Writes.', input: z.object({ n: z.number() }), output: z.string(), effect: 'idempotent',
  run: async (_, { files }) => {
    const write = async () => (await files.write(randomBytes(30_000), { mediaType: 'application/octet-stream' })).sha256;
    return (await Promise.all(Array.from({ length: 10 }, write))).join(' ');
  },
});
export const writer = defineAgent({ name: 'writer', instructions: 'Write.', tools: [dump] });
`,
    );
    const turns = Array.from({ length: 6 }, (_, n) => n);
    model = await startModelServer({
      script: turns.reduce((all, n) => all.call('dump', { n }), script()).answer('done'),
    });
    stack = await startTestStack({ agents: [], modelUrl: model.url });
    await stack.stopWorker();
  });
  afterAll(async () => {
    await stack.close();
    await model.close();
  });

  /** Where the size of a process's files can be limited, and the limit lifted while it runs. */
  const onLinux = process.platform === 'linux' ? test : test.skip;
  onLinux('is waited for, and the run goes on when there is room', async () => {
    const folder = path.join(stack.stateDir, 'store');
    const data = path.join(folder, 'data.mdb');
    // In blocks of 512 bytes: room for three of the six.
    const blocks = Math.ceil((statSync(data).size + 1_000_000) / 512);
    const worker = await start(
      'sh',
      ['-c', `trap '' XFSZ; ulimit -S -f ${blocks}; exec "${process.execPath}" "${CLI}" worker`],
      {
        cwd: project,
        env: {
          TEMPORAL_ADDRESS: stack.server.address,
          LONGHAUL_STORE: `lmdb:${folder}`,
          OPENAI_BASE_URL: model.url,
          OPENAI_API_KEY: 'sk-test-key-of-the-model-server',
          OPENAI_MODEL: 'test',
        },
      },
    );
    await worker.saying(/^worker {4}/m);
    const run = await stack.client.agent('writer').start('write', { id: 'full' });
    for await (const { type, ...event } of run.events())
      if (type === 'status' && 'progress' in event && event.progress.reason?.startsWith('Store.Unavailable')) break;
    const before = (await run.progress()).totals;
    expect(before.toolCalls).toBeLessThan(6);
    execFileSync('prlimit', ['--pid', String(worker.pid), '--fsize=unlimited:']);
    expect(await run.result()).toMatchObject({
      outcome: 'completed',
      output: 'done',
      totals: { toolCalls: 6, modelCalls: 7 },
    });
    expect(model.requests()).toHaveLength(7);
    const transcript = await run.transcript();
    const names = transcript.flatMap(({ role, parts }) =>
      role === 'tool' ? parts.flatMap((part) => (part.type === 'text' ? part.text.split(' ') : [])) : [],
    );
    const files = await stack.store.of('acme').get(names);
    expect(files.map(({ length }) => length)).toEqual(Array.from({ length: 60 }, () => 30_000));
    worker.kill('SIGTERM');
    expect((await worker.ended).code).toBe(0);
  });
});
