// Histories of rollouts: one that is promoted after its steps, a pause and a resume; one that is withdrawn because it is worse; one that somebody has
// passed over; and one that was aborted after it went on as new.
import { defineAgent } from '../../activities/define';
import { changeTraffic } from '../../activities/store/change-traffic';
import { readPointer } from '../../activities/store/pick-release';
import { readRollout } from '../../activities/store/rollouts';
import { beginRollout, prepareRollout } from '../../client/begin-rollout';
import { rollBack } from '../../client/roll-back';
import { sayToRollout } from '../../client/rollouts';
import { tellServing } from '../../workers/tell-serving';
import { rolloutWorkflowId } from '../../workflows/contract/names';
import { script, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { until } from '../stack/until';
import { keepHistory } from './keep-history';

const MS = 120_000;

export async function recordRollouts(model: ModelServer, date: string): Promise<void> {
  model.setRespond(({ messages }) =>
    messages.some(({ text }) => text.includes('version bad'))
      ? script().refuse('no').turnAt(0)
      : script()
          .answer('yes '.repeat(1 + (messages.at(-1)?.text.length ?? 0)))
          .turnAt(0),
  );
  for (const path of ['promoted', 'withdrawn', 'superseded', 'continued-and-aborted']) await record(model, path, date);
}

async function record(model: ModelServer, path: string, date: string): Promise<void> {
  const version = (nth: string) => defineAgent({ name: path, instructions: `You are version ${nth}.` });
  const isLong = path === 'continued-and-aborted';
  const stack = await startTestStack({
    ...{ agents: [version('one')], modelUrl: model.url },
    ...(isLong ? { dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 40 } } : {}),
  });
  const { store, temporal } = stack;
  const releaseOf = async (): Promise<string> => (await readPointer(store, path))?.pointer.release ?? '';
  const one = await releaseOf();
  await stack.publish([version(path === 'withdrawn' ? 'bad' : 'two')]);
  const two = await releaseOf();
  await changeTraffic(store, path, { kind: 'release', release: one }, { by: 'ada' });
  const serving = tellServing({ store, worker: 'w', strict: false, releases: () => ({ [path]: [one, two] }) });
  await serving.tell();
  const options = { temporal, store, taskQueue: 'agents' };
  const prepared = await prepareRollout(store, {
    ...{ agent: path, release: two, by: 'ada', sticky: 'run', everyMs: 1_000, steps: [30, 60, 100], units: [5] },
    margins: { success: 0.5, tokens: 1, cost: 5, duration: 9 },
  });
  const id = `rol_${path}`;
  await beginRollout(options, { ...prepared, planned: { ...prepared.planned, id } });
  const kept = () => readRollout(store, path, id);
  const say = (act: 'pause' | 'resume' | 'abort') => sayToRollout(options, path, act, { by: 'bob', why: 'recorded' });
  if (path === 'promoted') {
    await say('pause');
    await until(async () => (await kept())?.paused !== undefined, MS);
    await say('resume');
  }
  if (path === 'superseded') await rollBack(store, path, { by: 'eve' });
  if (isLong) {
    await until(async () => ((await kept())?.looks ?? 0) >= 6, MS);
    await say('abort');
  }
  if (path === 'promoted' || path === 'withdrawn')
    await drive(stack, path, async () => (await kept())?.ended !== undefined);
  await until(async () => (await kept())?.ended !== undefined, MS);
  await temporal.workflow.getHandle(rolloutWorkflowId('agents', path)).result();
  await keepHistory(stack, rolloutWorkflowId('agents', path), `agent-rollout-${path}`, date);
  await serving.stop();
  await stack.close();
}

async function drive({ client }: TestStack, agent: string, isOver: () => Promise<boolean>): Promise<void> {
  for (let from = 0; from < 600 && !(await isOver()); from += 20) {
    const runs = await Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        client.agent(agent).start('w'.repeat(1 + ((from + nth) % 9)), { id: `${agent}-${from + nth}` }),
      ),
    );
    for (const run of runs) await run.result();
  }
}
