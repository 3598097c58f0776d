// Needs: nothing but Node. A run that leaves its history behind between turns carries little, however long it is, and loses nothing.
import { NO_METRICS } from '../../activities/no-metrics';
import { z } from 'zod';
import { defineAgent, defineTool } from 'longhaul';
import { failure } from '../../activities/failure';
import { UNKNOWN_PRICES } from '../../activities/gateway/money/prices';
import { AS_PREFERRED, NO_QUOTA } from '../../activities/gateway/ports';
import { describeAgent } from '../../activities/describe-agent';
import {
  createConversation,
  createMemoryStore,
  directToolStore,
  encodeMessage,
  objectHash,
} from '../../activities/store';
import type { ActivityDeps } from '../../activities/deps';
import type { FailureType } from '../../workflows/contract/failures';
import type { AgentRunInput, CarriedState } from '../../workflows/contract/run';
import { createScriptedProvider } from '../kit/scripted-provider';
import { createTestPeople } from '../kit/test-people';
import { startTestRun, type RunControls } from '../kit/test-run';
import { createVirtualClock } from '../kit/virtual-clock';

const look = defineTool({
  name: 'look',
  description: 'Looks at a page.',
  input: z.object({ page: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ page }) => `page ${page}: ${'lorem ipsum '.repeat(50)}`,
});
/** Begins work elsewhere, which is done when it is asked for the third time. */
const renders = { begun: 0, asked: 0 };
const render = defineTool({
  name: 'render',
  description: 'Renders a film.',
  input: z.object({ page: z.number() }),
  output: z.string(),
  effect: 'read',
  poll: {
    started: z.number(),
    every: '30m',
    upTo: '6h',
    check: (job) => {
      renders.asked += 1;
      return renders.asked < 3 ? undefined : `film ${job}`;
    },
  },
  run: () => (renders.begun += 1),
});
/** Asked every six hours, and done at the second time. */
const ages = { asked: 0 };
const age = defineTool({
  name: 'age',
  description: 'Ages a film.',
  input: z.object({ page: z.number() }),
  output: z.string(),
  effect: 'read',
  poll: {
    started: z.string(),
    every: '6h',
    upTo: '2d',
    check: () => ((ages.asked += 1) < 2 ? undefined : 'aged'),
  },
  run: () => 'ageing',
});
/** Fails that often; once it has stored a result, does as it is told. */
const lost = { called: 0, fails: 3, type: 'Store.Unavailable' as FailureType, stored: (): void => undefined };
const find = defineTool({
  name: 'find',
  description: 'Finds a page.',
  input: z.object({ page: z.number() }),
  output: z.string(),
  effect: 'read',
  run: () => {
    lost.called += 1;
    if (lost.called <= lost.fails) throw failure(lost.type, 'nothing is where it was.');
    return 'found';
  },
});
const reader = defineAgent({
  name: 'reader',
  instructions: 'Read all pages.',
  tools: [look, render, age, find],
  limits: { turns: 2_000, toolCalls: 5_000, wall: '2d' },
  // It looks at the same two pages for ever.
  loops: false,
});

interface Long {
  turns: number;
  /** Turns of one execution. */
  every: number;
  onCarry?(carried: CarriedState): void;
  /** How often the provider asks for patience in each turn; then the history is long after each wait. */
  waits?: number;
  /** The tools of the first turn, one page each; then the history is long while they wait. */
  films?: readonly string[];
  /** Called as the model is asked. */
  onModel?(turn: number, controls: RunControls): void;
}

async function startLong({ turns, every, waits = 0, films, onCarry, onModel }: Long) {
  let begun = 0;
  let leaving: CarriedState | undefined;
  let waited = 0;
  const store = createMemoryStore();
  const clock = createVirtualClock(0);
  const manifest = {
    ...describeAgent(reader),
    instructions: 'Read all pages.',
    model: { route: ['scripted/x'], parameters: {} },
    code: '',
    orchestration: '',
  };
  let controls: RunControls | undefined;
  const provider = createScriptedProvider({
    model: ({ messages }) => {
      const turn = messages.filter(({ role }) => role === 'assistant').length + 1;
      if (controls) onModel?.(turn, controls);
      if (waited < waits) {
        waited += 1;
        return { waits: '1h' };
      }
      waited = 0;
      if (films && turn === 1) return { calls: films.map((name, page) => ({ name, args: { page } })) };
      return turn < turns ? { calls: [1, 2].map((page) => ({ name: 'look', args: { page } })) } : { text: 'read' };
    },
    context: () => undefined,
    now: clock.now,
  });
  const loaded = { agent: reader, manifest, release: 'r1' };
  const deps: ActivityDeps = {
    store,
    conversation: createConversation(store),
    toolStore: directToolStore(store),
    agents: { resolve: () => loaded },
    providers: { resolve: () => ({ provider, model: 'x' }) },
    quota: NO_QUOTA,
    routing: AS_PREFERRED,
    prices: UNKNOWN_PRICES,
    secretsOf: () => ({}),
    approvers: { people: {}, allowUnsigned: true },
    stateDir: '/nonexistent',
    worker: 'test',
    now: clock.now,
    metrics: NO_METRICS,
    failpoint: (name) => {
      if (name === 'store.after-put' && lost.called > lost.fails) {
        lost.stored();
        lost.stored = () => undefined;
      }
      return Promise.resolve();
    },
  };
  const first = encodeMessage({ role: 'user', parts: [{ type: 'text', text: 'go' }] });
  await store.commit({ objects: [first] });
  const input: AgentRunInput = {
    schemaVersion: 1,
    agent: 'reader',
    release: 'r1',
    tenant: 't',
    tags: [],
    input: { hash: objectHash(first), role: 'user', preview: 'go' },
    plan: manifest.plan,
  };
  return await startTestRun({
    id: 'long',
    input,
    deps,
    clock,
    calls: [],
    readOutput: (result) => Promise.resolve(result.output?.preview),
    people: createTestPeople(manifest.plan),
    onControls: (given) => (controls = given),
    shouldContinueAsNew: (kept) => {
      // With waits: after each of them, and never twice at one place.
      const inTurns = waits > 0 || films !== undefined;
      // Of one execution, whose answer stays what it was.
      if (kept === leaving) return true;
      if (inTurns ? kept.lastSeq === begun : kept.turn - begun < every) return false;
      begun = inTurns ? kept.lastSeq : kept.turn;
      leaving = kept;
      onCarry?.(kept);
      return true;
    },
  });
}

beforeEach(() => {
  Object.assign(renders, { begun: 0, asked: 0 });
  Object.assign(ages, { asked: 0 });
  Object.assign(lost, { called: 0, fails: 3, type: 'Store.Unavailable', stored: () => undefined });
});

const sizeOf = (carried: CarriedState): number => JSON.stringify(carried).length;

test('what is carried is of one size over 1,000 turns, and the run is whole', async () => {
  const sizes: number[] = [];
  const run = await startLong({
    turns: 1_000,
    every: 1,
    onCarry: (carried) => sizes.push(sizeOf(carried)),
  });
  expect(await run.result()).toMatchObject({
    outcome: 'completed',
    output: 'read',
    totals: { turns: 1_000, modelCalls: 1_000, toolCalls: 1_998, reusedCalls: 0 },
  });
  expect(sizes).toHaveLength(999);
  // What still grows is the digits of counts: seq numbers, positions, tokens.
  const full = sizes.slice(30);
  expect(Math.max(...full) - Math.min(...full)).toBeLessThan(400);
  console.log(`carried state: ${sizes[30]} bytes after 30 turns, ${sizes.at(-1)} bytes after 999`);
  const transcript = await run.transcript();
  expect(transcript).toHaveLength(1 + 999 * 3 + 1);
  expect(run.progress()).toMatchObject({ turn: 1_000, length: transcript.length });
});

test('steps are numbered without a gap, and the newest are shown', async () => {
  const run = await startLong({ turns: 30, every: 7 });
  const { steps } = await run.result();
  expect(steps.map(({ seq }) => seq)).toEqual(Array.from({ length: 24 }, (_, at) => 30 + 58 + 1 - 23 + at));
  expect(steps.every(({ state }) => state === 'done')).toBe(true);
});

test('the wall time counts from the first execution', async () => {
  const run = await startLong({
    turns: 10,
    every: 2,
    onModel: (turn, controls) => {
      if (turn >= 5) controls.advance('1d');
    },
  });
  await expect(run.result()).resolves.toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.WallTimeExhausted' },
    totals: { turns: 6 },
  });
});

test('a provider that asks for patience for ever: each wait may end an execution, and the turn is asked once', async () => {
  const carried: number[] = [];
  const run = await startLong({
    turns: 3,
    every: 1,
    waits: 4,
    onCarry: ({ steps, turn }) => {
      if (steps.at(-1)?.kind === 'wait') carried.push(turn);
    },
  });
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', totals: { turns: 3, modelCalls: 3, toolCalls: 4 } });
  expect(carried).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
  expect(run.progress().turn).toBe(3);
  const beforeWaits = result.steps.filter((_, at) => result.steps[at + 1]?.kind === 'wait');
  expect(beforeWaits.length).toBeGreaterThan(3);
  // Told apart from those that were answered.
  expect(beforeWaits.every(({ kind, unanswered }) => kind === 'model' && unanswered)).toBe(true);
  expect(result.steps.at(-1)).not.toHaveProperty('unanswered');
});

test('what a person said, and what they added to a limit, is carried to the next execution', async () => {
  const kept: CarriedState[] = [];
  const run = await startLong({ turns: 2, every: 1, waits: 1, onCarry: (carried) => kept.push(carried) });
  await run.steer('only page 2');
  await run.extend({ turns: 5 });
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(kept[0]?.steered).toMatchObject([{ role: 'user', preview: 'only page 2' }]);
  expect(kept.at(-1)?.steered).toBeUndefined();
  expect((await run.transcript()).filter(({ role }) => role === 'user')).toHaveLength(2);
  expect(run.progress().limits.turns).toBe(2_005);
});

test('a tool that works elsewhere for hours: each wait may end an execution, it begins once, and so does what is called beside it', async () => {
  const kept: CarriedState[] = [];
  const run = await startLong({
    turns: 2,
    every: 1,
    films: ['look', 'render', 'look'],
    onCarry: (carried) => kept.push(carried),
  });
  expect(await run.result()).toMatchObject({
    outcome: 'completed',
    totals: { turns: 2, modelCalls: 2, toolCalls: 3, reusedCalls: 0 },
  });
  expect(renders).toEqual({ begun: 1, asked: 3 });
  const turns = kept.flatMap(({ calling }) => (calling ? [calling.results] : []));
  expect(
    turns.map((results) => results.map((result) => (result === 'waiting' ? result : result?.message.preview))),
  ).toEqual(
    Array.from({ length: 2 }, (): unknown[] => [
      expect.stringMatching(/^page 0/),
      'waiting',
      expect.stringMatching(/^page 2/),
    ]),
  );
  expect((await run.transcript()).map(({ role }) => role)).toEqual([
    'user',
    'assistant',
    'tool',
    'tool',
    'tool',
    'assistant',
  ]);
});

test('of two that work elsewhere, the one that is asked seldom keeps the other from nothing: they leave a long history together', async () => {
  const at: number[] = [];
  const run = await startLong({
    turns: 2,
    every: 1,
    films: ['render', 'age'],
    onCarry: ({ calling }) => calling && at.push(ages.asked),
  });
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', totals: { toolCalls: 2 } });
  // An execution that begins asks both at once, so what would have taken twelve hours was never waited for to its end.
  expect([renders, ages]).toEqual([{ begun: 1, asked: 3 }, { asked: 2 }]);
  const steps = result.steps.filter(({ kind }) => kind === 'tool');
  expect(Math.max(...steps.map(({ endedAt = 0 }) => endedAt))).toBeLessThan(6 * 3_600_000);
});

test('a store that is away is waited for across executions, and what is called there is called again', async () => {
  const kept: CarriedState[] = [];
  const run = await startLong({ turns: 2, every: 1, films: ['find'], onCarry: (carried) => kept.push(carried) });
  expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { turns: 2, toolCalls: 1 } });
  expect(lost.called).toBe(4);
  expect(kept.flatMap(({ calling }) => (calling ? [calling.results] : []))).toEqual([[null]]);
});

test('a cancel that comes when some calls have left already ends the run', async () => {
  let controls: RunControls | undefined;
  Object.assign(lost, { fails: 1, type: 'Store.ObjectMissing', stored: () => controls?.cancel('enough') });
  const run = await startLong({
    turns: 2,
    every: 1,
    films: ['find', 'render'],
    onModel: (_, given) => (controls = given),
  });
  expect(run.progress()).toMatchObject({ status: 'paused' });
  await run.resume();
  expect(await run.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'enough' } });
  expect(lost.called).toBe(2);
});
