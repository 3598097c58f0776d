// Needs nothing but a scratch folder: what a rollout will take, what is refused before anything is begun, and how one is shown. No server runs.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { changeTraffic } from '../../activities/store/change-traffic';
import { keepRollout } from '../../activities/store/rollouts';
import { lookName, runRecordName, sessionRecordName } from '../../activities/store/ref-names';
import { indexRuns, runEntry } from '../../activities/store/run-index';
import { errorLine, exitCodeOfError } from '../../client/cli/exit-codes';
import { prepareRollout } from '../../client/begin-rollout';
import { servingName } from '../../activities/store/ref-names';
import type { RolloutKept } from '../../workflows/contract/rollout';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { KeptLook } from '../../workflows/contract/schemas/rollout';
import type { SessionRecord } from '../../workflows/contract/schemas/session-record';
import { testProject, withStore, type TestProject, type Told } from './given';
import { typed } from './typed';

jest.setTimeout(120_000);

let project: TestProject;
let releases: { v1: string; v2: string };
/** One for all of them, in their order: to make a release takes a second. */
beforeAll(async () => {
  project = testProject();
  write(agentText('Be fair.', true));
  const v1 = (await json<{ release: string }>('release refunds --name v1')).release;
  write(agentText('Be generous.', false));
  const v2 = (await json<{ release: string }>('release refunds --name v2')).release;
  releases = { v1, v2 };
  await serve([v1, v2]);
});
afterAll(() => project.remove());

function write(text: string, agent = 'refunds'): void {
  const file = path.join(project.dir, 'agents', agent, 'agent.ts');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}
const agentText = (instructions: string, hasTool: boolean, name = 'refunds'): string => `
import { defineAgent, defineTool } from 'longhaul';
import { z } from 'zod';
const mail = defineTool({
  name: 'mail', description: 'Mails.', input: z.object({}), output: z.string(), effect: 'keyed', run: () => 'sent',
});
export const made = defineAgent({
  name: '${name}', instructions: ${JSON.stringify(instructions)}, tools: [${hasTool ? 'mail' : ''}],
});`;

const longhaul = (line: string, options: { json?: boolean } = {}): Promise<Told> =>
  typed(project.dir, line, options).catch((error: unknown) => ({
    ...{ code: exitCodeOfError(error), stdout: '', stderr: errorLine(error) },
  }));
const json = async <T>(line: string): Promise<T> => JSON.parse((await longhaul(line, { json: true })).stdout) as T;

const serve = (loaded: string[], agent = 'refunds'): Promise<unknown> =>
  withStore(project.dir, (store) =>
    store.commit({
      refs: [
        {
          ...{ op: 'put', name: servingName(agent) },
          value: { schemaVersion: 1, worker: agent, at: Date.now(), releases: { [agent]: loaded }, strict: false },
        },
      ],
    }),
  );

/** Ended within the last ten days; nine of ten have an answer. */
async function storeRuns(name: string, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, nth): RunRecord => {
    const startedAt = Date.now() - Math.round((nth / count) * 10 * 86_400_000) - 60_000;
    const usage = { input: 900 + (nth % 7) * 50, cachedInput: 0, output: 100, reasoning: 0 };
    return {
      ...{ schemaVersion: 1, id: `${name}-${nth}`, agent: 'refunds', release: releases.v1, tenant: `t${nth % 5}` },
      ...{ tags: [], input: 'f'.repeat(64), question: 'May I?', startedAt },
      ended: {
        ...{ at: startedAt + 4_000 + (nth % 9) * 100, outcome: nth % 10 === 0 ? 'failed' : 'completed' },
        ...{ head: null, length: 0, firstRunId: '' },
        totals: { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0, usage },
      },
    };
  });
  await withStore(project.dir, async (store) => {
    await store.commit({
      refs: records.flatMap((record) => [
        { op: 'put' as const, name: runRecordName(record.id), value: record },
        runEntry(record),
      ]),
    });
    await indexRuns(store);
  });
}

test('with few runs it says so', async () => {
  await storeRuns('few', 3);
  expect((await longhaul('rollout refunds v2 --plan')).stdout).toMatch(
    /^plan {3}3 sessions of refunds are known from the last 30 days: too few/m,
  );
});

test('what it will take is said from the agent’s own runs, with a warning where the window is too short, and nothing is begun', async () => {
  await storeRuns('many', 400);
  const plan = await longhaul('rollout refunds v2 --plan --window 3');
  expect(plan).toMatchObject({ code: 0, stderr: '' });
  expect(plan.stdout).toContain(`refunds: release v2 (${releases.v2.slice(0, 12)}) beside v1`);
  expect(plan.stdout).toMatch(/^plan {3}At 40(\.\d)? runs a day the steps take at least: 1 % /m);
  expect(plan.stdout).toMatch(/^plan {3}A candidate with success 15\.0 points fewer is withdrawn after /m);
  expect(plan.stdout).toMatch(/^plan {3}The window of 3 days can't conclude: /m);
  expect(plan.stdout).toMatch(/nothing was begun/);
  const { plan: told, begun } = await json<{ plan: { runs: number; units: number; runsPerDay: number }; begun: null }>(
    'rollout refunds v2 --plan --sticky tenant',
  );
  expect(told).toMatchObject({
    runs: 403,
    units: 5,
    lines: [expect.stringMatching(/^5 tenants of refunds are known/)],
  });
  expect(begun).toBeNull();
  await withStore(project.dir, async (store) => expect(await store.listRefs('rollout/')).toEqual([]));
});

test.each([
  ['rollout nobody v2', 'there is no agent "nobody"'],
  ['rollout refunds v9', 'no release of refunds is named "v9"'],
  ['rollout refunds 000000', 'no release 000000 of refunds is known here'],
  ['rollout refunds v1', 'already: there is nothing to compare'],
  ['rollout refunds v2 --steps 50,20', 'rising shares in per cent'],
  ['rollout refunds v2 --steps 0,50', 'rising shares in per cent'],
  ['rollout refunds v2 --steps 50,101', 'rising shares in per cent'],
  ['rollout refunds v2 --steps 100', 'there is nothing to compare with'],
  ['rollout refunds v2 --steps half', 'they are numbers with commas'],
  ['rollout refunds v2 --units 3,4', 'units are whole numbers from 1'],
  ['rollout refunds v2 --units 0', 'units are whole numbers from 1'],
  ['rollout refunds v2 --window 91', 'at most 90 days'],
  ['rollout refunds v2 --every 100ms', 'a second at least, and an hour at most'],
  ['rollout refunds v2 --every soon', 'it is a time, such as 30s'],
  ['rollout refunds v2 --margin speed=0.1', 'there is no metric "speed"'],
  ['rollout refunds v2 --margin success', 'a metric and what is tolerated'],
  ['rollout refunds v2 --margin success=0', 'a margin is a number above 0'],
  ['rollout show refunds', 'no release of refunds was ever rolled out'],
  ['rollout show nobody', 'there is no agent "nobody"'],
  ['rollout promote refunds', 'whoever promotes a release by hand says why: --why TEXT'],
])('told in one line: %s', async (line, message) => {
  const refused = await longhaul(line);
  expect(refused).toMatchObject({ code: expect.any(Number), stdout: '', stderr: expect.stringContaining(message) });
  expect(refused.code).toBeGreaterThan(0);
  expect(refused.stderr.trim().split('\n')).toHaveLength(1);
});

test('a release whose code no worker has that lives, and one that lacks tools of open sessions, are refused', async () => {
  await serve([releases.v1]);
  expect((await longhaul('rollout refunds v2')).stderr).toMatch(
    /^error {2}release [0-9a-f]{12} cannot be run: no worker that runs refunds has its code\. Start one with its files/,
  );
  await serve([releases.v1, releases.v2]);
  const session: SessionRecord = {
    ...{ schemaVersion: 1, id: 'ticket-7', agent: 'refunds', tenant: 'acme', status: 'asleep', at: 1 },
    ...{ plan: { onBusy: 'enqueue', mailbox: 10, idleMs: 1_000 }, head: null, length: 0, answered: 0 },
  };
  await withStore(project.dir, (store) =>
    store.commit({ refs: [{ op: 'put', name: sessionRecordName(session.id), value: session }] }),
  );
  const refused = await longhaul('rollout refunds v2 --plan');
  expect(refused.stderr).toMatch(
    /^error {2}session ticket-7 of refunds may use mail, which release [0-9a-f]{12} lacks/,
  );
  expect(refused.code).toBe(1);
  expect(await longhaul('rollout refunds v2 --plan --without-tools')).toMatchObject({ code: 0 });
});

test('how one stands is shown from what is kept: its step, its last look in words and lines, who said what', async () => {
  const { planned } = await withStore(project.dir, (store) =>
    prepareRollout(store, {
      ...{ agent: 'refunds', release: 'v2', by: 'ada' },
      why: 'nicer',
      sticky: 'run',
      withoutTools: true,
    }),
  );
  const rollout: RolloutKept = {
    ...{ schemaVersion: 1, ...planned, id: 'rol_7', at: Date.now() - 7_200_000, looks: 3, changes: 9 },
    steps: [
      { share: 0.01, at: Date.now() - 7_200_000 },
      { share: 0.05, at: Date.now() - 3_600_000 },
    ],
    told: [{ act: 'pause', by: 'bob', why: 'lunch', at: Date.now() }],
    paused: { because: 'person', by: 'bob', why: 'lunch', at: Date.now() },
  };
  const look: KeptLook = {
    ...{ schemaVersion: 1, number: 3, at: Date.now() - 5_000, step: 1, decision: 'wait', tookMs: 12 },
    ...{ runs: { current: 300, candidate: 21 }, open: 2, exposure: 15, exposureNeeded: 20 },
    balance: { isOff: false, evidence: 0, candidate: 21, expected: 20, units: 321 },
    verdicts: [
      {
        ...{ metric: 'success', verdict: 'open', alpha: 0.02, harm: 0.03, bounds: { atLeast: -0.2, atMost: 0.25 } },
        ...{ current: { units: 300, mean: 0.9 }, candidate: { units: 21, mean: 0.87 } },
      },
    ],
    headline: 'Wait: worse in nothing so far.',
    lines: ['success: candidate 87 % of 21 units, current 90 % of 300. Open.'],
  };
  await withStore(project.dir, async (store) => {
    const candidate = { release: releases.v2, share: 500, rollout: 'rol_7', salt: 'rol_7', sticky: 'run' } as const;
    await changeTraffic(store, 'refunds', { kind: 'candidate', ...candidate }, { by: 'ada' });
    await keepRollout(store, rollout);
    // From an attempt that was given up: it takes nothing back.
    await keepRollout(store, { ...rollout, looks: 1, changes: 8 });
    await store.commit({ refs: [{ op: 'put', name: lookName('refunds', 'rol_7', 3), value: look }] });
  });
  const { stdout } = await longhaul('rollout show refunds');
  for (const line of [
    /^refunds {2}rollout rol_7: paused at 5 %$/m,
    /^ {2}steps {4}1 % → \[5 %\] → 25 % → 50 % → 100 %$/m,
    /^ {2}begun {4}2 h ago by ada: nicer$/m,
    /^ {2}paused {3}(now|\d+ s ago) by bob: lunch$/m,
    /^look 3, 5 s ago: 21 runs of the candidate, 300 of the current release, 2 open \(12 ms\)$/m,
    /^ {2}success: candidate 87 % of 21 units/m,
    /^ {4}better .*o.* worse$/m,
    /^ {2}\d+ types of failure: no difference$/m,
  ])
    expect(stdout).toMatch(line);
  expect(await json('rollouts refunds')).toMatchObject({ rollouts: [{ id: 'rol_7', looks: 3 }] });
  expect((await longhaul('rollouts')).stdout).toMatch(/rol_7 +refunds +[0-9a-f]{12} +paused at 5 %/);
  expect((await longhaul('rollout refunds v2')).stderr).toMatch(
    /^error {2}rollout rol_7 of refunds, of release .* is under way/,
  );
});

test('an agent that is called as a word of the command is rolled out with "begin"; without it, that is what is said', async () => {
  write(agentText('Stop.', false, 'abort'), 'abort');
  const first = (await json<{ release: string }>('release abort --name v1')).release;
  write(agentText('Stop at once.', false, 'abort'), 'abort');
  const second = (await json<{ release: string }>('release abort --name v2')).release;
  await serve([first, second], 'abort');
  const refused = await longhaul('rollout abort v2');
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toMatch(
    /^error {2}there is no agent "v2"\. To roll out a release of the agent abort: "longhaul rollout begin abort v2"\.\n$/,
  );
  const planned = await longhaul('rollout begin abort v2 --plan --steps 5,100');
  expect(planned).toMatchObject({ code: 0, stderr: '' });
  expect(planned.stdout).toMatch(/^abort: release v2 .* beside v1 /);
  expect(planned.stdout).toMatch(/^steps {2}5 % → 100 % of new runs/m);
});
