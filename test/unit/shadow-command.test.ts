// Needs a scratch folder: the real embedded store. What the commands about shadows say and refuse, where no server and no worker runs.
import { canonicalJson, objectHash } from '../../activities/store';
import { agentPointerName, runRecordName, servingName, shadowStateName } from '../../activities/store/ref-names';
import { wantShadow } from '../../activities/store/wanted-shadows';
import { noShadows } from '../../activities/shadow/shadow-budget';
import { shadowCommand, type ShadowOptions } from '../../client/cli/commands/shadow';
import { shadowReportCommand } from '../../client/cli/commands/shadow-report';
import { costsOf } from '../../client/cost/run-costs';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { AgentPointer, Serving } from '../../workflows/contract/schemas/traffic';
import { indexRuns, runEntryName } from '../../activities/store/run-index';
import { testProject, told, withStore, type TestProject, type Told } from '../cli/given';
import { storeRun } from '../cli/store-run';

const PRICED = 'openai/gpt-5';

let project: TestProject;
beforeEach(() => {
  project = testProject();
});
afterEach(() => project.remove());

function manifestOf(agent: string, route: string, sub?: string): ReleaseManifest {
  const calls = { effect: 'keyed', timeoutMs: 1_000, attempts: 1, onFailure: 'tell-model' } as const;
  return {
    ...{ schemaVersion: 1, agent, instructions: 'Read.', model: { route: [route], parameters: {} }, tools: [] },
    plan: {
      ...{ limits: { turns: 7, toolCalls: 9 }, model: { timeoutMs: 1_000, attempts: 1 }, repairs: 1 },
      tools: sub === undefined ? {} : { ask: { ...calls, agent: { name: 'helper', release: sub } } },
    },
    ...{ code: 'none', orchestration: 'test' },
  };
}

/** @returns hash of what new runs of `reader` take, with the store having both manifests */
async function released(current: ReleaseManifest, ...others: ReleaseManifest[]): Promise<string> {
  const release = objectHash(canonicalJson(current));
  const value: AgentPointer = { agent: 'reader', release, at: 1 };
  await withStore(project.dir, (store) =>
    store.commit({
      objects: [current, ...others].map((one) => canonicalJson(one)),
      refs: [{ op: 'put', name: agentPointerName('reader'), value }],
    }),
  );
  return release;
}

const options: ShadowOptions = { atOnce: 2, reads: 'recorded', sticky: 'run', floor: true };
const shadowed = (more: Partial<ShadowOptions>): Promise<Told> =>
  told(project.dir, (context) => shadowCommand(context, 'reader', { ...options, ...more }));
const refused = (work: Promise<Told>): Promise<unknown> => work.catch((error: unknown) => error);

describe('--budget', () => {
  test('holds a share back where the price of all models is known', async () => {
    await released(manifestOf('reader', PRICED));
    const { stdout } = await shadowed({ release: 'current', share: 0.1, budget: 1e9 });
    expect(stdout).toContain('a day, by what the runs took');
  });

  test('is refused where nobody knows what a sub-agent costs', async () => {
    const helper = manifestOf('helper', 'mine/unpriced');
    await released(manifestOf('reader', PRICED, objectHash(canonicalJson(helper))), helper);
    const said = await refused(shadowed({ release: 'current', share: 0.1, budget: 1e9 }));
    expect(said).toMatchObject({
      message: expect.stringContaining('mine/unpriced costs, which helper uses') as string,
    });
  });

  test('is refused where nobody knows what the shadows by the release of now cost, unless there are none', async () => {
    const candidate = manifestOf('reader', PRICED);
    const hash = objectHash(canonicalJson(candidate));
    await released(manifestOf('reader', 'mine/unpriced'), candidate);
    const said = await refused(shadowed({ release: hash, share: 0.1, budget: 1e9 }));
    expect(said).toMatchObject({
      message: expect.stringContaining('mine/unpriced costs, which reader uses') as string,
    });
    const { stdout } = await shadowed({ release: hash, share: 0.1, budget: 1e9, floor: false });
    expect(stdout).toContain('shadowed   reader');
  });
});

test('while a worker is there that knows no shadows the command names it, and the report says what they wait for', async () => {
  const release = await released(manifestOf('reader', PRICED));
  const worker: Serving = { ...{ schemaVersion: 1, worker: '1@host 2', at: 1 }, releases: {}, strict: false };
  const wanted = { schemaVersion: 1, run: 'run_1', agent: 'reader', release, at: 1 } as const;
  const state = { ...noShadows('reader', 1), heldBack: 'worker 1@host 2 knows none.' };
  await withStore(project.dir, async (store) => {
    await store.commit({
      refs: [{ op: 'put', name: servingName('3@host 4'), value: { ...worker, worker: '3@host 4', shadows: true } }],
    });
    await store.commit({ refs: [wantShadow(wanted), { op: 'put', name: shadowStateName('reader'), value: state }] });
  });
  const share = { release: 'current', share: 0.1 };
  expect((await shadowed(share)).stderr).not.toContain('earlier version');
  await withStore(project.dir, (store) =>
    store.commit({ refs: [{ op: 'put', name: servingName('1@host 2'), value: worker }] }),
  );
  expect((await shadowed(share)).stderr).toContain('worker 1@host 2 does not say that it knows shadows');
  const report = await told(project.dir, (context) => shadowReportCommand(context, 'reader', { limit: 9 }));
  expect(report.stdout).toContain('held back: worker 1@host 2 knows none.');
});

test('each share of the report has its interval, and what a shadow cost is in no ledger', async () => {
  await released(manifestOf('reader', PRICED));
  await withStore(project.dir, async (store) => {
    await storeRun(store, { id: 'run_1' });
    const [run] = await store.listRefs('run/');
    const record = run?.value as { id: string; release: string; startedAt: number };
    const id = `shadow/run_1/${record.release.slice(0, 12)}`;
    const shadow = { ...record, id, shadowOf: { run: 'run_1', reads: 'recorded' } };
    await indexRuns(store);
    await store.commit({
      refs: [
        { op: 'put', name: runRecordName(id), value: shadow },
        { op: 'put', name: runEntryName({ ...record, id, agent: 'reader' }), value: { id, agent: 'reader' } },
      ],
    });
    expect((await costsOf(store, { by: ['agent'] })).total).toMatchObject({ runs: 1 });
  });
  const report = await told(project.dir, (context) => shadowReportCommand(context, 'reader', { limit: 9 }));
  expect(report.stdout).toMatch(/1 of 1 \(20\.7 % to 100 %\)/);
});
