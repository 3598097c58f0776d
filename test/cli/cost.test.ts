// Needs a scratch folder: the real embedded store, with records of runs. No server.
import { costCommand } from '../../client/cli/commands/cost';
import type { CostBy } from '../../client/cost/run-costs';
import { callRecordName, runRecordName } from '../../activities/store/ref-names';
import type { Cost } from '../../workflows/contract/cost';
import { modelRecordSchema } from '../../workflows/contract/schemas/call-record';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { testProject, told, withStore, type TestProject } from './given';
import { storeRun } from './store-run';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 10, 12);
const USD = 1_000_000_000;

function recordOf(id: string, cost: Cost | undefined, more: Partial<RunRecord> = {}, subAgentsCost?: Cost): RunRecord {
  const usage = { input: 1, cachedInput: 0, output: 1, reasoning: 0 };
  const totals = { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0, usage };
  return {
    ...{ schemaVersion: 1, id, agent: 'writer', release: 'f'.repeat(64), tenant: 'acme', tags: [] },
    ...{ input: 'e'.repeat(64), question: '?', startedAt: NOW - DAY },
    ended: {
      ...{ at: NOW, outcome: 'completed', head: null, length: 1, firstRunId: `first-${id}` },
      totals: { ...totals, ...(cost ? { cost } : {}), ...(subAgentsCost ? { subAgentsCost } : {}) },
    },
    ...more,
  };
}

let project: TestProject;
beforeAll(async () => {
  project = testProject();
  const parent = { run: 'lead', root: 'lead', firstRunId: 'f', turn: 1, index: 1 };
  await withStore(project.dir, async (store) => {
    const records = [
      // Half of it is its sub-agent's.
      recordOf('lead', { nanoUsd: 2 * USD }, { agent: 'leader', user: 'u1' }, { nanoUsd: USD }),
      recordOf('sub', { nanoUsd: USD }, { parent }),
      recordOf('odd', { nanoUsd: 0, unknown: 3 }, { tenant: 'other' }),
      recordOf('old', { nanoUsd: 5 * USD }, { startedAt: NOW - 9 * DAY }),
      recordOf('before', undefined, { agent: 'ancient' }),
    ];
    await store.commit({
      refs: records.map((value) => ({ op: 'put' as const, name: runRecordName(value.id), value })),
    });
  });
});
afterAll(() => project.remove());

const costs = async (by: CostBy, since?: number) =>
  await told(project.dir, (context) =>
    costCommand(context, { by: [by], ...(since === undefined ? {} : { since }) }, NOW),
  );
const lines = ({ stdout }: { stdout: string }): string[] =>
  stdout
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replaceAll(/\s+/g, ' '));

test('by agent: what a sub-agent spent is counted once, and an unknown price is said to be unknown', async () => {
  const all = await costs('agent');
  expect(all.code).toBe(0);
  expect(lines(all)).toEqual([
    'writer 3 6 $6.0000 and 3 requests of unknown price',
    'leader 1 0 $1.0000',
    'ancient 1 2 cost unknown',
  ]);
  expect(all.stderr).toContain('5 runs, $7.0000 and 3 requests of unknown price in all');
});

test('by tenant, user and day, of the newest runs only', async () => {
  expect(lines(await costs('tenant', 7 * DAY))).toEqual([
    'acme 3 4 $2.0000',
    'other 1 2 cost unknown (3 requests of unknown price)',
  ]);
  expect(lines(await costs('user', 7 * DAY))).toEqual([
    '(none) 3 6 $1.0000 and 3 requests of unknown price',
    'u1 1 0 $1.0000',
  ]);
  expect(lines(await costs('day'))).toEqual([
    '2026-01-09 4 6 $2.0000 and 3 requests of unknown price',
    '2026-01-01 1 2 $5.0000',
  ]);
});

test('by model: what no call tells any more is not lost', async () => {
  expect(lines(await costs('model', 7 * DAY))).toEqual(['(no answer) 4 6 $2.0000 and 3 requests of unknown price']);
});

test('what the cache saved stands beside what was paid, of each run its own', async () => {
  const other = testProject();
  try {
    await withStore(other.dir, async (store) => {
      await storeRun(store, { id: 'given' });
      const call = callRecordName({ run: 'first-of-given', fork: 0, turn: 1, index: 0 });
      const record = modelRecordSchema.parse((await store.readRef(call))?.value);
      const saved = { input: 900, cachedInput: 0, output: 100, reasoning: 0 };
      const answer = { ...record.answer, cached: true as const, saved, savedCost: { nanoUsd: USD / 100 } };
      const run = runRecordSchema.parse((await store.readRef(runRecordName('given')))?.value);
      const { totals } = run.ended ?? {};
      // Of the second its sub-agent's, which has a line of its own.
      const ended = { ...run.ended, totals: { ...totals, cost: { nanoUsd: 0 }, cachedCalls: 2, saved } };
      await store.commit({
        refs: [
          { op: 'put', name: call, value: { ...record, answer } },
          { op: 'put', name: runRecordName('given'), value: { ...run, ended } },
        ],
      });
    });
    const all = await told(other.dir, (context) => costCommand(context, { by: ['agent'] }));
    expect(lines(all)).toEqual(['reader 1 2.5k $0 1.0k tokens, $0.0100']);
    expect(all.stderr).toContain('1 run, $0 in all; 1.0k tokens, $0.0100 saved by the cache');
    const { stdout } = await told(other.dir, (context) => costCommand(context, { by: ['model'] }), { json: true });
    expect(JSON.parse(stdout)).toMatchObject({
      costs: [{ of: 'test/model-1', saved: { input: 900, output: 100 }, savedCost: { nanoUsd: USD / 100 } }],
    });
  } finally {
    other.remove();
  }
});

test('by several at once: one line for each combination, and as CSV, of which a spreadsheet runs nothing', async () => {
  const other = testProject();
  try {
    await withStore(other.dir, async (store) => {
      const records = [
        recordOf('a', { nanoUsd: USD }, { tenant: '=HYPERLINK("http://x";"a,b")' }),
        recordOf('b', { nanoUsd: 1 }, { tenant: '+1', release: 'a'.repeat(64) }),
        recordOf('c', undefined, { tenant: 'plain, with "quotes"' }),
      ];
      await store.commit({
        refs: records.map((value) => ({ op: 'put' as const, name: runRecordName(value.id), value })),
      });
    });
    const { stdout } = await told(other.dir, (context) =>
      costCommand(context, { by: ['agent', 'tenant', 'release'], csv: true }, NOW),
    );
    expect(stdout.trim().split('\n')).toEqual([
      'agent,tenant,release,runs,input_tokens,cached_input_tokens,output_tokens,reasoning_tokens,usd,requests_of_unknown_price,saved_tokens,saved_usd,unanswered_requests,estimated_tokens,wasted_tokens',
      `writer,"'=HYPERLINK(""http://x"";""a,b"")",${'f'.repeat(64)},1,1,0,1,0,1,0,,,0,0,0`,
      `writer,'+1,${'a'.repeat(64)},1,1,0,1,0,0.000000001,0,,,0,0,0`,
      `writer,"plain, with ""quotes""",${'f'.repeat(64)},1,1,0,1,0,,0,,,0,0,0`,
    ]);
    const json = await told(other.dir, (context) => costCommand(context, { by: ['agent', 'tenant'] }, NOW), {
      json: true,
    });
    expect(JSON.parse(json.stdout)).toMatchObject({
      by: 'agent,tenant',
      costs: [{ key: { agent: 'writer', tenant: expect.stringContaining('HYPERLINK') } }, {}, {}],
      total: { runs: 3, usage: { input: 3, output: 3 } },
    });
  } finally {
    other.remove();
  }
});
