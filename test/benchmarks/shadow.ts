// What shadows cost those whose shadows they are: the same runs on one stack with a share of all of them shadowed, and without, in turns.
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

export interface ShadowPair {
  /** Median time of a run, in milliseconds. */
  shadowed: number;
  alone: number;
  /** Of the round: how many had begun by its end. */
  shadows: number;
}

const work = defineTool({
  name: 'work',
  description: 'Works.',
  input: z.object({ number: z.number() }),
  output: z.number(),
  effect: 'keyed',
  run: ({ number }) => number,
});
const SHADOWING: Omit<Shadowing, 'release'> = {
  ...{ share: WHOLE_SHARE, id: 'bench', sticky: 'run', reads: 'recorded', floor: false, atOnce: 2 },
};

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
  const round = async (isShadowed: boolean): Promise<{ ms: number; shadows: number }> => {
    const before = await begunOn(stack);
    await set(stack, isShadowed);
    const taken: number[] = [];
    const all: Promise<void>[] = [];
    for (let nth = 0; nth < runs; nth += 1) {
      all.push(
        (async () => {
          const startedAt = performance.now();
          const { outcome } = await (await stack.client.agent<typeof worker>('worker').start('work')).result();
          if (outcome !== 'completed') throw new Error(`a run ended ${outcome}`);
          taken.push(performance.now() - startedAt);
        })(),
      );
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
    return { ms: taken.sort((a, b) => a - b)[Math.floor(taken.length / 2)] ?? 0, shadows };
  };
  try {
    const made: ShadowPair[] = [];
    for (let nth = 0; nth <= pairs; nth += 1) {
      // Each is first as often as the other: what the machine does meanwhile is nobody's.
      const first = await round(nth % 2 === 0);
      const second = await round(nth % 2 !== 0);
      const [shadowed, alone] = nth % 2 === 0 ? [first, second] : [second, first];
      if (nth > 0) made.push({ shadowed: shadowed.ms, alone: alone.ms, shadows: shadowed.shadows });
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
