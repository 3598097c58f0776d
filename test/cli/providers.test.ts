// Needs a scratch folder. `longhaul providers`: what is configured, with what workers have found.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createHealthBoard } from '../../activities/gateway/routing/health-board';
import { HEALTH_PREFIX } from '../../activities/store/ref-names';
import { providersCommand } from '../../client/cli/commands/providers';
import { until } from '../e2e/cli';
import { testProject, told, withStore, type TestProject } from './given';

let project: TestProject;
beforeEach(() => {
  project = testProject();
  const config = {
    models: { smart: ['near/small', 'far/large'] },
    quotas: {
      'near/small': { requestsPerMinute: 60, concurrency: 4, reserve: 'strict', patience: '20s', weights: { acme: 2 } },
      'far/large': { tokensPerDay: 1_000_000, reserve: { quantile: 0.55 } },
    },
    providers: {
      near: { baseUrl: 'http://127.0.0.1:9/v1' },
      far: { baseUrl: 'http://127.0.0.1:8/v1', api: 'responses' },
    },
  };
  writeFileSync(path.join(project.dir, 'longhaul.config.ts'), `export default ${JSON.stringify(config)};`);
});
afterEach(() => project.remove());

async function models(): Promise<{ model: string; state: string }[]> {
  const { code, stdout } = await told(project.dir, providersCommand, { json: true });
  expect(code).toBe(0);
  return (JSON.parse(stdout) as { models: { model: string; state: string }[] }).models;
}

test('nobody has been asked yet, and nothing is made to say so', async () => {
  expect(await models()).toMatchObject([
    { model: 'demo/extractive', state: 'unused', aliases: ['default'] },
    { model: 'near/small', api: 'chat', aliases: ['smart'], state: 'unused', p95Ms: null },
    { model: 'far/large', api: 'responses', state: 'unused' },
  ]);
});

test('a model that is left alone is shown with why and for how long, one that answers with its times', async () => {
  await withStore(project.dir, async (store) => {
    const board = createHealthBoard({ store, worker: 'w', now: Date.now, metrics: { routeTurned: () => undefined } });
    board.seen(
      { route: 'far/large', state: 'healthy' },
      { kind: 'answered', input: 10, output: 20, ms: 900, firstTokenMs: 90 },
    );
    board.seen({ route: 'near/small', state: 'healthy' }, { kind: 'failed', type: 'Model.Authentication' });
    await new Promise((resolve) => setTimeout(resolve, 200));
  });
  expect((await models()).slice(1)).toMatchObject([
    { model: 'near/small', state: 'cooling', why: 'Model.Authentication', calls: 1, failed: 1 },
    { model: 'far/large', state: 'healthy', calls: 1, failed: 0, p50Ms: 905 },
  ]);
  const { stdout } = await told(project.dir, providersCommand);
  expect(stdout).toMatch(/near\/small +smart +chat +cooling for [\d.]+ s: Model.Authentication/);
});

test('one whose pause is over is not said to be in it', async () => {
  await withStore(project.dir, async (store) => {
    const now = (): number => Date.now() - 120_000;
    const board = createHealthBoard({ store, worker: 'w', now, metrics: { routeTurned: () => undefined } });
    board.seen({ route: 'near/small', state: 'healthy' }, { kind: 'failed', type: 'Model.Authentication' });
    await until('its record', async () =>
      (await store.listRefs(HEALTH_PREFIX)).some(({ name }) => name.endsWith('/state')),
    );
  });
  expect(await models()).toMatchObject([{}, { state: 'due', why: 'Model.Authentication' }, {}]);
  const { stdout } = await told(project.dir, providersCommand);
  expect(stdout).toMatch(/near\/small .*the next call tries it, after Model\.Authentication/);
  expect(stdout).not.toContain('cooling');
});

test('quotas are told in words', async () => {
  const { stdout } = await told(project.dir, providersCommand);
  expect(stdout).toContain('60 requests a minute, 4 at once; reserve strict; patience 20.0 s; weights acme 2');
  expect(stdout).toContain('1000000 tokens a day; reserve learned, 55 %; patience 10m 00s');
});
