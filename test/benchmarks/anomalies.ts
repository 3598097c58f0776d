// How soon a change of an agent's behaviour is found, and how often one that there is not: runs are drawn from recorded conversations, the
// change is made to what is kept of them, and the looks are those of the watch.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { tokenCounter } from '../../activities/context/count-tokens';
import { chanceOf } from '../../activities/rollout/seeded-chance';
import { changesBetween } from '../../activities/watch/compare-runs';
import { RATE_RUNS, lookAt } from '../../activities/watch/looks';
import { createRunTable, type RunTable } from '../../activities/watch/run-table';
import type { WatchedRun } from '../../activities/watch/watched-run';

const recordingSchema = z.object({
  success: z.boolean(),
  messages: z.array(
    z.object({
      role: z.enum(['user', 'assistant', 'tool']),
      content: z.string().nullable(),
      name: z.string().optional(),
      tool_calls: z.array(z.object({ function: z.object({ name: z.string(), arguments: z.string() }) })).nullish(),
    }),
  ),
});
type Recording = z.output<typeof recordingSchema>;

/** Of the system message and the tools, which come with every request. */
const counter = tokenCounter('gpt-4o');

/** What a recording does not have: prices of the model that was asked, in billionths of a dollar, and a pace for it. */
const NANO_USD = { input: 2_500, cachedInput: 1_250, output: 10_000 };
const MS = { call: 500, outputToken: 20 };
/** As the model's provider counts what it has read before: the beginning of a request, in steps, where it is long enough. */
const CACHED = { least: 1_024, step: 128 };

/** @param policy the system message */
export function readRecordedRuns(file: string, policy: string): WatchedRun[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line, nth) => runOf(recordingSchema.parse(JSON.parse(line)), policy, `recorded-${nth}`));
}

function runOf({ success, messages }: Recording, policy: string, id: string): WatchedRun {
  let context = counter.countAgain(policy);
  // Every request begins with it, whoever made the one before.
  let known = context;
  const taken = { input: 0, cachedInput: 0, output: 0, turns: 0 };
  const tools: WatchedRun['tools'] = {};
  const same = new Map<string, number>();
  for (const { role, content, name, tool_calls: calls } of messages) {
    const asked = (calls ?? []).map(({ function: call }) => `${call.name} ${call.arguments}`);
    const tokens = counter.countText([content ?? '', ...asked].join(' '));
    if (role === 'assistant') {
      taken.input += context;
      taken.cachedInput += known < CACHED.least ? 0 : known - (known % CACHED.step);
      taken.output += tokens;
      taken.turns += 1;
      known = context;
    }
    context += tokens;
    for (const call of asked) same.set(call, (same.get(call) ?? 0) + 1);
    if (role !== 'tool' || name === undefined) continue;
    const [made, failed] = tools[name] ?? [0, 0];
    tools[name] = [made + 1, failed + (content?.startsWith('Error') ? 1 : 0)];
  }
  const all = Object.values(tools);
  const errors = all.reduce((sum, [, failed]) => sum + failed, 0);
  const last = messages.findLast(({ role, content }) => role === 'assistant' && content);
  return {
    ...{ schemaVersion: 1, id, tenant: 'shop', release: 'a', at: 0, tools },
    completed: success,
    refused: false,
    values: {
      ...valuesOf(taken),
      ...{ errors, repeats: Math.max(0, ...same.values()), 'tool-calls': all.reduce((sum, [made]) => sum + made, 0) },
      'answer-bytes': Buffer.byteLength(last?.content ?? ''),
    },
    failures: errors > 0 ? ['Tool.Failed'] : [],
  };
}

function valuesOf({
  input,
  cachedInput,
  output,
  turns,
}: { [of in 'input' | 'cachedInput' | 'output' | 'turns']: number }) {
  return {
    ...{ tokens: input + output, 'input-tokens': input, 'output-tokens': output, turns, 'model-calls': turns },
    'cached-share': cachedInput / input,
    cost: (input - cachedInput) * NANO_USD.input + cachedInput * NANO_USD.cachedInput + output * NANO_USD.output,
    'call-time': turns * MS.call + output * MS.outputToken,
  };
}

export interface SeededChange {
  name: string;
  /** Whether a finding names it. */
  isNamed(metric: string, direction: 'up' | 'down'): boolean;
  /** One run of the changed agent. @param chance from 0 to 1 */
  changed(run: WatchedRun, chance: () => number): WatchedRun;
  /** Of one who knows how often or how much, before and after: what a run says for the change, as a logarithm of odds. */
  oddsOf(run: WatchedRun): number;
}

const withoutTool = ({ [TOOL]: _, ...tools }: WatchedRun['tools']): WatchedRun['tools'] => tools;
/** It is called in most conversations, and hardly ever fails. */
const TOOL = 'get_reservation_details';
const POINTS = 0.15;
const MORE = 1.3;

const odds = (is: boolean, before: number, after: number): number =>
  is ? Math.log(after / before) : Math.log((1 - after) / (1 - before));

/** The four of the plan. */
export function seededChanges(runs: readonly WatchedRun[]): SeededChange[] {
  const shareOf = (is: (run: WatchedRun) => boolean): number => runs.filter(is).length / runs.length;
  const completed = shareOf((run) => run.completed);
  const used = shareOf(({ tools }) => TOOL in tools);
  const logs = runs.map(({ values }) => Math.log(values['tokens'] ?? 1));
  const mean = logs.reduce((sum, one) => sum + one, 0) / logs.length;
  const variance = logs.reduce((sum, one) => sum + (one - mean) ** 2, 0) / logs.length;
  const shift = Math.log(MORE);
  /** What is never seen may happen in one of a hundred runs. */
  const rare = 0.01;
  return [
    {
      name: '30 % more tokens',
      isNamed: (metric, direction) => /^(tokens|input-tokens|output-tokens)$/.test(metric) && direction === 'up',
      changed: (run) => ({
        ...run,
        values: { ...run.values, ...more(run, 'tokens', 'input-tokens', 'output-tokens', 'cost', 'call-time') },
      }),
      oddsOf: ({ values }) => ((Math.log(values['tokens'] ?? 1) - mean - shift / 2) * shift) / variance,
    },
    {
      name: 'one tool fails',
      isNamed: (metric, direction) => metric === `tool-failed:${TOOL}` && direction === 'up',
      changed: (run) => {
        const [made] = run.tools[TOOL] ?? [0];
        if (made === 0) return run;
        const errors = (run.values['errors'] ?? 0) + made;
        const tools: WatchedRun['tools'] = { ...run.tools, [TOOL]: [made, made] };
        return { ...run, tools, failures: ['Tool.Failed'], values: { ...run.values, errors } };
      },
      oddsOf: ({ tools }) => (tools[TOOL] ? odds(tools[TOOL][1] > 0, rare, 1 - rare) : 0),
    },
    {
      name: 'one tool is not used any more',
      isNamed: (metric, direction) =>
        /^tool-(used|share):/.test(metric) && metric.endsWith(TOOL) && direction === 'down',
      changed: (run) => {
        const [made] = run.tools[TOOL] ?? [0];
        const calls = (run.values['tool-calls'] ?? 0) - made;
        return { ...run, tools: withoutTool(run.tools), values: { ...run.values, 'tool-calls': calls } };
      },
      oddsOf: ({ tools }) => odds(TOOL in tools, used, rare),
    },
    {
      name: 'completion 15 points down',
      isNamed: (metric, direction) => metric === 'completed' && direction === 'down',
      changed: (run, chance) => ({ ...run, completed: run.completed && chance() >= POINTS / completed }),
      oddsOf: (run) => odds(run.completed, completed, completed - POINTS),
    },
  ];
}

const more = ({ values }: WatchedRun, ...names: string[]): { [name: string]: number } =>
  Object.fromEntries(names.map((name) => [name, (values[name] ?? 0) * MORE]));

/** Called millions of times, and names of the global object are slow to find within a test. */
const { floor, max } = Math;

export interface TrialSize {
  trials: number;
  /** Runs of the agent as it was. */
  before: number;
  /** Nobody waits for longer. */
  after: number;
  falseAlarms: number;
}

interface Drawn {
  /** The newest run last. */
  table: RunTable;
  ofRelease: number;
  number: number;
}

/** Runs one by one, drawn from the recorded ones with repetition. */
function* drawnRuns(
  recorded: readonly WatchedRun[],
  { before, after }: TrialSize,
  { chance, change }: { chance: () => number; change?: SeededChange | undefined },
): Generator<Drawn> {
  const table = createRunTable();
  for (let number = 1; number <= before + after; number += 1) {
    const [some] = recorded;
    const run = recorded[floor(chance() * recorded.length)] ?? some;
    if (!run) return;
    table.add(number > before && change ? change.changed(run, chance) : run);
    yield { table, ofRelease: number, number };
  }
}

/** Runs of the changed agent until a finding names the change; undefined where none did. */
export const detections = (
  recorded: readonly WatchedRun[],
  change: SeededChange,
  size: TrialSize,
): (number | undefined)[] =>
  Array.from({ length: size.trials }, (_, trial) => {
    for (const drawn of drawnRuns(recorded, size, { chance: chanceOf(trial + 1), change })) {
      const { number } = drawn;
      if (number <= size.before) continue;
      const looks = lookAt(drawn, size.falseAlarms);
      const isFound = looks.some(({ changes }) =>
        changes.some(({ metric, direction }) => change.isNamed(metric, direction)),
      );
      if (isFound) return number - size.before;
    }
    return undefined;
  });

/** Of each trial without any change, one stretch of RATE_RUNS runs after another: whether any look in it had a finding. */
export const falseAlarmsIn = (recorded: readonly WatchedRun[], size: TrialSize): boolean[][] =>
  Array.from({ length: size.trials }, (_, trial) => {
    const stretches = Array.from({ length: Math.floor(size.after / RATE_RUNS) }, () => false);
    for (const drawn of drawnRuns(recorded, size, { chance: chanceOf(1_000_003 + trial) })) {
      const stretch = Math.floor((drawn.number - size.before - 1) / RATE_RUNS);
      if (stretch >= 0 && lookAt(drawn, size.falseAlarms).some(({ changes }) => changes.length > 0))
        stretches[stretch] = true;
    }
    return stretches;
  });

/** One comparison of a shuffled baseline's halves at a time, at a rate that so many trials can measure. */
export const falseChangesIn = (recorded: readonly WatchedRun[], trials: number, alpha: number): number =>
  Array.from({ length: trials }, (_, trial) => {
    const chance = chanceOf(2_000_003 + trial);
    const shuffled = recorded
      .flatMap((run) => Array.from({ length: 4 }, () => ({ run, at: chance() })))
      .sort((one, other) => one.at - other.at)
      .map(({ run }) => run);
    const sides = { from: 0, split: shuffled.length - 40, to: shuffled.length };
    return changesBetween(createRunTable(shuffled), sides, alpha).length > 0 ? 1 : 0;
  }).reduce<number>((sum, one) => sum + one, 0);

/**
 * The floor: a CUSUM (Page 1954) that looks for this one change and knows the law before and after. Nothing that may err as seldom finds it
 * sooner (Moustakides 1986). How high it must rise is set so that without a change it errs once in so many runs as the watch at most.
 */
export function floorOf(
  recorded: readonly WatchedRun[],
  change: SeededChange,
  size: TrialSize,
): (number | undefined)[] {
  const sums = recorded.map((run) => change.oddsOf(run));
  const height = heightFor(sums, RATE_RUNS / size.falseAlarms);
  return Array.from({ length: size.trials }, (_, trial) => {
    const chance = chanceOf(trial + 1);
    let sum = 0;
    for (const { table, number } of drawnRuns(recorded, size, { chance, change })) {
      const run = table.runs.at(-1);
      if (!run) return undefined;
      sum = max(0, sum + change.oddsOf(run));
      if (number <= size.before && sum >= height) sum = 0;
      if (number > size.before && sum >= height) return number - size.before;
    }
    return undefined;
  });
}

const CALIBRATED_RUNS = 1_000_000;

function heightFor(sums: readonly number[], runsPerAlarm: number): number {
  let [low, high] = [0, 20];
  for (let round = 0; round < 14; round += 1) {
    const height = (low + high) / 2;
    const chance = chanceOf(77);
    let [sum, alarms] = [0, 0];
    for (let run = 0; run < CALIBRATED_RUNS; run += 1) {
      sum = max(0, sum + (sums[floor(chance() * sums.length)] ?? 0));
      if (sum < height) continue;
      alarms += 1;
      sum = 0;
    }
    if (alarms * runsPerAlarm > CALIBRATED_RUNS) low = height;
    else high = height;
  }
  return high;
}
