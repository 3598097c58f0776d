// What shadows cost those whose shadows they are: the same runs on one stack with all of them shadowed, without, and without again, in turns.
import { defineAgent, defineTool } from '../../activities/define';
import { changeTraffic, type TrafficChange } from '../../activities/store/change-traffic';
import { readPointer } from '../../activities/store/pick-release';
import { shadowStateName, SHADOWS_WANTED } from '../../activities/store/ref-names';
import { shadowStateSchema } from '../../workflows/contract/schemas/shadow';
import { WHOLE_SHARE, type Shadowing } from '../../workflows/contract/schemas/traffic';
import { z } from 'zod';
import { script, startModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { until } from '../stack/until';

export interface ShadowBenchOptions {
  pairs: number;
  /** Of each round, one after the other at this pace: a run begins so often, in milliseconds. */
  runs: number;
  everyMs: number;
  /** Each a model call and a tool call. */
  turns: number;
  /** How long the model takes to answer, in milliseconds. */
  modelMs: number;
}

/** Times of the runs of a round, in milliseconds, the shortest first. */
export type Times = readonly number[];

export interface ShadowPair {
  shadowed: Times;
  alone: Times;
  /** Once more without shadows: how far two rounds differ by themselves. */
  again: Times;
  /** How many began while the runs of the first went on. */
  shadows: number;
}

export const medianOf = (times: Times): number => times[Math.floor(times.length / 2)] ?? 0;

const work = defineTool({
  name: 'work',
  description: 'Works.',
  input: z.object({ number: z.number() }),
  output: z.number(),
  effect: 'idempotent',
  run: ({ number }) => number,
});
const SHADOWING: Omit<Shadowing, 'release'> = {
  ...{ share: WHOLE_SHARE, id: 'bench', sticky: 'run', reads: 'recorded', floor: false, atOnce: 2 },
};

/** Of rounds: shadowed, alone, and alone again. */
const KINDS = 3;

/** The first pair warms up, and is not among the results. */
export async function shadowPairs({ pairs, runs, everyMs, turns, modelMs }: ShadowBenchOptions): Promise<ShadowPair[]> {
  const worker = defineAgent({ name: 'worker', instructions: 'Work.', tools: [work], limits: { turns: turns + 1 } });
  const model = await startModelServer({
    respond: async ({ assistantTurns }) => {
      await after(modelMs);
      return (
        assistantTurns < turns ? script().call('work', { number: assistantTurns }) : script().answer('done')
      ).turnAt(0);
    },
  });
  const stack = await startTestStack({ agents: [worker], modelUrl: model.url, shadowPace: { lookMs: 250 } });
  const runMs = async (): Promise<number> => {
    const startedAt = performance.now();
    const { outcome } = await (await stack.client.agent<typeof worker>('worker').start('work')).result();
    if (outcome !== 'completed') throw new Error(`a run ended ${outcome}`);
    return performance.now() - startedAt;
  };
  const round = async (isShadowed: boolean): Promise<{ times: Times; shadows: number }> => {
    const earlier = await begunOn(stack);
    await set(stack, isShadowed);
    // One that is not timed, so that a shadow is under way when the first of the others begins.
    await runMs();
    if (isShadowed) await until(async () => (await begunOn(stack)) > earlier, 60_000);
    const before = await begunOn(stack);
    const taken: number[] = [];
    const all: Promise<unknown>[] = [];
    for (let nth = 0; nth < runs; nth += 1) {
      all.push(runMs().then((ms) => taken.push(ms)));
      await after(everyMs);
    }
    await Promise.all(all);
    const shadows = (await begunOn(stack)) - before;
    // What is left of them must not run into the round without.
    await set(stack, false);
    await until(
      async () => (await stack.store.listRefs(SHADOWS_WANTED)).length === 0 && (await openOn(stack)) === 0,
      600_000,
    );
    return { times: taken.sort((a, b) => a - b), shadows };
  };
  try {
    const made: ShadowPair[] = [];
    for (let nth = 0; nth <= pairs; nth += 1) {
      const rounds: Awaited<ReturnType<typeof round>>[] = [];
      // Each is first as often as the others: what the machine does meanwhile is nobody's.
      for (let at = 0; at < KINDS; at += 1) {
        const kind = (nth + at) % KINDS;
        rounds[kind] = await round(kind === 0);
      }
      const [shadowed, alone, again] = rounds;
      if (nth > 0 && shadowed && alone && again)
        made.push({
          ...{ shadowed: shadowed.times, alone: alone.times, again: again.times },
          shadows: shadowed.shadows,
        });
    }
    return made;
  } finally {
    await stack.close();
    await model.close();
  }
}

const after = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

async function set({ store }: TestStack, isShadowed: boolean): Promise<void> {
  const { pointer } = (await readPointer(store, 'worker')) ?? {};
  if (!pointer || (pointer.shadow !== undefined) === isShadowed) return;
  const change: TrafficChange = isShadowed
    ? { kind: 'shadow', ...SHADOWING, release: pointer.release }
    : { kind: 'unshadow' };
  await changeTraffic(store, 'worker', change, { by: 'bench' });
}

const stateOn = async ({ store }: TestStack) =>
  shadowStateSchema.safeParse((await store.readRef(shadowStateName('worker')))?.value).data;
const begunOn = async (stack: TestStack): Promise<number> => (await stateOn(stack))?.begun ?? 0;
const openOn = async (stack: TestStack): Promise<number> => (await stateOn(stack))?.open.length ?? 0;
