// Needs a scratch folder: the real embedded store, with records of runs and calls. No server. How an agent behaves, by percentiles.
import { callRecordName, runRecordName } from '../../activities/store/ref-names';
import { indexRuns, runEntry } from '../../activities/store/run-index';
import type { ContentStore, RefWrite } from '../../activities/store/port';
import { profileCommand } from '../../client/cli/commands/profile';
import { distributionOf, percentileOf } from '../../client/profile/percentiles';
import { agentProfileShape, type AgentProfile } from '../../client/profile/profile-shape';
import type { ModelRecord, ToolRecord } from '../../workflows/contract/schemas/call-record';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { testProject, told, withStore, type TestProject } from './given';

jest.setTimeout(300_000);

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 10, 12);
const SECOND = 1_000;

let project: TestProject;
beforeEach(() => (project = testProject()));
afterEach(() => project.remove());

interface Made {
  id: string;
  /** Seconds that it took. */
  seconds: number;
  startedAt: number;
  outcome?: 'completed' | 'failed';
  agent?: string;
  release?: string;
}

function runOf({
  id,
  seconds,
  startedAt,
  outcome = 'completed',
  agent = 'worker',
  release = 'a'.repeat(64),
}: Made): RunRecord {
  const usage = { input: 1_000, cachedInput: 0, output: 100, reasoning: 0 };
  return {
    ...{
      schemaVersion: 1,
      id,
      agent,
      release,
      tenant: 'acme',
      tags: [],
      input: 'e'.repeat(64),
      question: '?',
      startedAt,
    },
    ended: {
      ...{ at: startedAt + seconds * SECOND, outcome, head: null, length: 1, firstRunId: `first-${id}` },
      ...(outcome === 'failed' ? { failure: { type: 'Model.Timeout', message: 'late' } } : {}),
      totals: { turns: 2, modelCalls: 2, toolCalls: 1, reusedCalls: 0, usage, cost: { nanoUsd: 2_000_000 } },
    },
  };
}

const made = { schemaVersion: 1 as const, attempt: 1, worker: 'w', release: 'a'.repeat(64) };

function modelCall(at: number, ms: number, input: number, problem?: ModelRecord['answer']['problem']): ModelRecord {
  return {
    ...{ kind: 'model', ...made, startedAt: at, endedAt: at + ms, from: { base: null, append: [] } },
    answer: {
      ...{ kind: 'answer', head: 'h', messages: [], toolCalls: [], model: 'test/model' },
      usage: { input, cachedInput: 0, output: 50, reasoning: 0 },
      ...(problem ? { problem } : {}),
    },
    ...{ position: 1, raw: 'f'.repeat(64), finish: 'stop', request: { sha256: 'f'.repeat(64), bytes: 1 } },
  };
}

const toolCall = (at: number, ms: number, failure?: 'Tool.Timeout'): ToolRecord => ({
  ...{ kind: 'tool', ...made, startedAt: at, endedAt: at + ms, from: { message: 'm', call: 0 }, name: 'look' },
  result: { message: { hash: 'm', role: 'tool', preview: '' }, ...(failure ? { failure } : {}) },
});

/** Two model calls of a second with a tool call of half a second between them. */
function callsOf(run: Made, problem?: ModelRecord['answer']['problem'], failure?: 'Tool.Timeout'): RefWrite[] {
  const at = (turn: number, index: number): string => callRecordName({ run: `first-${run.id}`, fork: 0, turn, index });
  const { startedAt } = run;
  return [
    { op: 'put', name: at(1, 0), value: modelCall(startedAt, SECOND, 400, problem) },
    { op: 'put', name: at(1, 1), value: toolCall(startedAt + SECOND, 500, failure) },
    { op: 'put', name: at(2, 0), value: modelCall(startedAt + 2 * SECOND, SECOND, 600) },
  ];
}

async function stored(store: ContentStore, runs: readonly Made[], more: readonly RefWrite[] = []): Promise<void> {
  const refs = runs.flatMap((run): RefWrite[] => {
    const record = runOf(run);
    return [{ op: 'put', name: runRecordName(run.id), value: record }, runEntry(record)];
  });
  const all = [...refs, ...more];
  for (let at = 0; at < all.length; at += 1_000) await store.commit({ refs: all.slice(at, at + 1_000) });
  await indexRuns(store);
}

async function profiled(agent: string, options = {}): Promise<AgentProfile> {
  const { stdout } = await told(
    project.dir,
    (context) => profileCommand(context, agent, { since: 30 * DAY, ...options }, { now: NOW }),
    { json: true },
  );
  return agentProfileShape.parse(JSON.parse(stdout));
}

/** Of n runs the nth takes n seconds, one a minute. */
const staircase = (count: number): Made[] =>
  Array.from({ length: count }, (_, nth) => ({
    ...{ id: `run-${nth}`, seconds: nth + 5, startedAt: NOW - DAY + nth * 60_000 },
    ...(nth % 10 === 9 ? { outcome: 'failed' as const } : {}),
  }));

test('percentiles are values that were measured, by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, nth) => nth + 1);
  expect([0, 0.5, 0.9, 0.99, 1].map((share) => percentileOf(hundred, share))).toEqual([1, 50, 90, 99, 100]);
  expect(percentileOf([7], 0.99)).toBe(7);
  expect(distributionOf([])).toEqual({ count: 0, p50: 0, p90: 0, p99: 0, max: 0, mean: 0 });
});

test('times, turns, context, tools, waits, unexpected answers with what followed: as the records have them', async () => {
  const runs = staircase(100);
  const invalid = { type: 'Model.InvalidOutput', message: 'no' } as const;
  const calls = runs.flatMap((run, nth) =>
    callsOf(run, nth < 12 ? invalid : undefined, nth < 3 ? 'Tool.Timeout' : undefined),
  );
  await withStore(project.dir, (store) =>
    stored(store, [...runs, { id: 'other', agent: 'else', seconds: 999, startedAt: NOW - DAY }], calls),
  );
  const profile = await profiled('worker');
  expect(profile).toMatchObject({
    ...{ runs: 100, open: 0, readRuns: 100, releases: 1, enough: true },
    outcomes: [
      { outcome: 'completed', runs: 90 },
      { outcome: 'failed', runs: 10 },
    ],
    failures: [{ type: 'Model.Timeout', runs: 10 }],
    perRun: {
      durationMs: { count: 100, p50: 54_000, p90: 94_000, p99: 103_000, max: 104_000 },
      turns: { p50: 2, max: 2 },
      // Of 54 seconds two and a half were calls.
      waitingMs: { p50: 51_500 },
      nanoUsd: { count: 100, p50: 2_000_000 },
    },
    context: [
      { turn: 1, tokens: { count: 100, p50: 400, max: 400 } },
      { turn: 2, tokens: { count: 100, p50: 600 } },
    ],
    tools: [{ name: 'look', calls: 100, ms: { p50: 500 }, failures: [{ type: 'Tool.Timeout', times: 3 }] }],
    unexpected: [
      { type: 'Model.InvalidOutput', times: 12, runs: 12, then: [{ what: 'asked again, and mended', times: 12 }] },
    ],
    arrivals: { minutes: 100, requests: { p50: 2, max: 2 }, tokens: { p99: 1_100 } },
  });
  expect(profile.durations.reduce((sum, { runs: of }) => sum + of, 0)).toBe(100);
});

test('what it suggests follows from the figures, with the reason and whom it would have stopped', async () => {
  await withStore(project.dir, async (store) => {
    const runs = staircase(100);
    await stored(
      store,
      runs,
      runs.flatMap((run) => callsOf(run)),
    );
    const quick = Array.from({ length: 30 }, (_, nth) => ({
      id: `q${nth}`,
      agent: 'quick',
      seconds: 3,
      startedAt: NOW - nth * 1_000,
    }));
    await stored(store, quick);
  });
  const { suggests } = await profiled('worker');
  const of = (setting: string) => suggests.find((one) => one.setting === setting);
  expect(of('mode')).toMatchObject({ value: 'async', why: expect.stringContaining('1m 43s') as string });
  // The longest completed run but one took 103 s: half as much again is 154.5.
  expect(of('limits.wall')).toMatchObject({
    value: '200s',
    why: expect.stringContaining('stopped none of them') as string,
  });
  expect(of('limits.turns')).toMatchObject({ value: 3 });
  expect(of('limits.usd')).toMatchObject({ value: 0.003 });
  expect(of('requestsPerMinute')).toMatchObject({ value: 3 });
  expect((await profiled('quick')).suggests.find(({ setting }) => setting === 'mode')).toMatchObject({ value: 'sync' });
});

test('of too few runs it suggests nothing, and says so; of none it says that', async () => {
  await withStore(project.dir, (store) => stored(store, staircase(19)));
  expect(await profiled('worker')).toMatchObject({ runs: 19, enough: false, suggests: [] });
  const few = await told(project.dir, (context) =>
    profileCommand(context, 'worker', { since: 30 * DAY }, { now: NOW }),
  );
  expect(few.stdout).toContain('too few runs to suggest limits: 19, and it takes 20');
  const none = await told(project.dir, (context) => profileCommand(context, 'worker', { since: 1 }, { now: NOW }));
  expect(none).toMatchObject({ code: 0, stderr: expect.stringContaining('no run of worker') as string });
  await expect(profiled('nobody')).rejects.toMatchObject({ code: 'unknown-agent' });
});

test('how it has changed: by steps of time and by release, of tools as far as calls were read', async () => {
  const runs: Made[] = [
    ...staircase(10),
    // Two days later another release takes over, of which every second run fails.
    ...staircase(4).map((run, nth): Made => ({
      ...{ ...run, id: `b-${run.id}`, release: 'b'.repeat(64), startedAt: run.startedAt - 2 * DAY },
      outcome: nth % 2 === 0 ? 'failed' : 'completed',
    })),
  ];
  await withStore(project.dir, (store) =>
    stored(
      store,
      runs,
      runs.flatMap((run, nth) => callsOf(run, undefined, nth < 3 ? 'Tool.Timeout' : undefined)),
    ),
  );
  const { drift } = await profiled('worker');
  expect(drift.stepMs).toBe(6 * 3_600_000);
  expect(drift.points).toEqual([
    {
      ...{ from: NOW - 3 * DAY, release: 'b'.repeat(64), runs: 4, completed: 2, toolCalls: 4, toolFailures: 0 },
      ...{ tokens: { p10: 1_100, p50: 1_100, p90: 1_100 }, turns: { p10: 2, p50: 2, p90: 2 } },
    },
    {
      ...{ from: NOW - DAY, release: 'a'.repeat(64), runs: 10, completed: 9, toolCalls: 10, toolFailures: 3 },
      ...{ tokens: { p10: 1_100, p50: 1_100, p90: 1_100 }, turns: { p10: 2, p50: 2, p90: 2 } },
    },
  ]);
  expect((await profiled('worker', { tenant: 'nobody' })).drift.points).toEqual([]);
});

test('by release, tenant and time; plots of blocks on a terminal, and plain signs elsewhere', async () => {
  await withStore(project.dir, (store) =>
    stored(store, [
      ...staircase(30),
      ...staircase(25).map((run) => ({ ...run, id: `b-${run.id}`, release: 'b'.repeat(64) })),
    ]),
  );
  expect(await profiled('worker')).toMatchObject({ runs: 55, releases: 2 });
  expect(await profiled('worker', { release: 'bbbbbb' })).toMatchObject({ runs: 25, releases: 1 });
  expect(await profiled('worker', { tenant: 'other' })).toMatchObject({ runs: 0 });
  expect(await profiled('worker', { since: 3_600_000 })).toMatchObject({ runs: 0 });
  const shown = (isTerminal: boolean) =>
    told(project.dir, (context) => profileCommand(context, 'worker', { since: 30 * DAY }, { now: NOW, isTerminal }));
  const plain = (await shown(false)).stdout;
  expect(plain).toMatch(/^ +32\.7 s +\d+ +#+$/m);
  expect(plain).not.toMatch(/[▁-█]/);
  expect((await shown(true)).stdout).toMatch(/█/);
});

test('ten thousand runs are read within seconds: all records, and the calls of the newest thousand', async () => {
  const runs = Array.from({ length: 10_000 }, (_, nth) => ({
    ...{ id: `run-${nth}`, seconds: 1 + (nth % 60), startedAt: NOW - DAY + nth * 1_000 },
  }));
  await withStore(project.dir, (store) =>
    stored(
      store,
      runs,
      runs.slice(-1_000).flatMap((run) => callsOf(run)),
    ),
  );
  const began = performance.now();
  const profile = await profiled('worker');
  const seconds = (performance.now() - began) / 1_000;
  console.log(`a profile of ${profile.runs} runs, with the calls of ${profile.readRuns}: ${seconds.toFixed(1)} s`);
  expect(profile).toMatchObject({ runs: 10_000, readRuns: 1_000, model: { calls: 2_000 } });
  expect(seconds).toBeLessThan(60);
});
