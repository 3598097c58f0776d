// Needs a Temporal CLI, which an embedded server is started from. The one worker of a rollout is killed in its middle, as its candidate was given its
// next share and while runs wait: the next worker goes on with it, and each step is taken once.
import { defineAgent } from '../../activities/define';
import { canonicalJson } from '../../activities/store';
import { trafficHistory } from '../../activities/store/change-traffic';
import { readPointer } from '../../activities/store/pick-release';
import { readRollout } from '../../activities/store/rollouts';
import { beginRollout, prepareRollout } from '../../client/begin-rollout';
import { tellServing } from '../../workers/tell-serving';
import { script } from '../kit/model-server';
import { manifestFor } from '../stack/manifest-for';
import { startTellerStack } from '../stack/teller';
import { until } from '../stack/until';

test('killed in its middle it is gone on with by the next worker, and no step is taken twice', async () => {
  const stack = await startTellerStack({ model: { script: script().answer('told') } });
  const { store, temporal, client } = stack;
  const { release, manifest } = manifestFor(defineAgent({ name: 'teller', instructions: 'Tell more.' }), 'test/model');
  const current = (await readPointer(store, 'teller'))?.pointer.release ?? '';
  await store.commit({ objects: [canonicalJson(manifest)] });
  const releases = () => ({ teller: [current, release] });
  const serving = tellServing({ store, worker: 'w', strict: false, releases });
  const kept = () => readRollout(store, 'teller', 'rol_killed');
  const start = (from: number) =>
    Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        client.agent('teller').start(`tell ${'more '.repeat((from + nth) % 9)}`, { id: `killed-${from + nth}` }),
      ),
    );
  const drive = async (from: number): Promise<void> => {
    for (const run of await start(from)) await run.result();
  };
  try {
    await serving.tell();
    const first = await stack.startWorker();
    const prepared = await prepareRollout(store, {
      ...{ agent: 'teller', release, by: 'ada', sticky: 'run', steps: [30, 60, 100], units: [8], everyMs: 1_000 },
      margins: { success: 0.5 },
    });
    // Its model says the same each time, so of tokens nothing can be shown.
    const metrics = prepared.planned.policy.metrics.filter(({ name }) => name === 'success');
    const planned = { ...prepared.planned, id: 'rol_killed', policy: { ...prepared.planned.policy, metrics } };
    await beginRollout({ temporal, store, taskQueue: 'agents' }, { ...prepared, planned });
    let from = 0;
    for (; ((await kept())?.looks ?? 0) < 1; from += 20) await drive(from);
    await first.end('SIGKILL');
    const waiting = await start((from += 20));
    await stack.startWorker();
    for (const run of waiting) expect(await run.result()).toMatchObject({ outcome: 'completed' });
    for (; from < 600 && !(await kept())?.ended;) await drive((from += 20));
    await until(async () => (await kept())?.ended !== undefined, 60_000);
    expect((await kept())?.ended).toMatchObject({ as: 'promoted', because: 'fine' });
    const changes = (await trafficHistory(store, 'teller')).map(({ change, after }) => [
      change,
      after.candidate?.share,
    ]);
    expect(changes).toEqual([
      ['candidate', 3_000],
      ['candidate', 6_000],
      ['promote', undefined],
    ]);
    expect((await readPointer(store, 'teller'))?.pointer).toMatchObject({ release, previous: current });
  } finally {
    await serving.stop();
    await stack.close();
  }
}, 400_000);
