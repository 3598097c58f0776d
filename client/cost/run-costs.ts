// What runs have cost, by their records: the ledger of the command line, of the API and of the dashboard. Each run counts what it spent
// itself; what its sub-agents spent is theirs.
import type { ContentStore } from '../../activities/store';
import { refPages } from '../../activities/store/all-refs';
import { RUN_PREFIX } from '../../activities/store/ref-names';
import { callsOf, totalsOf, withKnownCost, type CallTotals, type RunCall } from '../../activities/store/run-calls';
import { indexedRuns, recordOf } from '../../activities/store/run-index';
import { addCosts, addUsage, type Cost, type SpentDetails } from '../../workflows/contract/cost';
import type { Usage } from '../../workflows/contract/message';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { costBeyond } from '../cost-beyond';
import { firstRunIdOf } from '../first-run';
import { directSubRuns, subRunsUnder } from '../sub-runs';

export const COST_BY = ['agent', 'release', 'tenant', 'user', 'model', 'day'] as const;
export type CostBy = (typeof COST_BY)[number];

export interface CostsAsked {
  /** One line for each combination of these. */
  by: readonly CostBy[];
  /** Only runs that began then or later, in milliseconds since 1970. @default all */
  since?: number;
  /** @default all */
  fits?(record: RunRecord): boolean | Promise<boolean>;
}

export interface Spent {
  /** Tokens. */
  usage: Usage;
  /** Absent where nobody counted it. */
  cost?: Cost;
  /** What answers from the cache took when they were asked first, and what that would cost. Absent where there were none. */
  saved?: Usage;
  savedCost?: Cost;
  /** Part of the above: requests that brought no answer, or one that nobody took. Absent where there were none. */
  inVain?: InVain;
}

export interface InVain {
  /** Broken off, stopped, late: no provider tells what they took, so it is estimated. */
  unanswered: Usage;
  /** How many of them calls record; those of a call that was stopped or has failed for good are not counted. */
  requests: number;
  /** Answered, as the provider tells it, and another answer was taken. */
  wasted: Usage;
}

export interface CostLine extends Spent {
  /** What it is the cost of: the values of `key`, in their order. */
  of: string;
  key: { [by in CostBy]?: string };
  runs: number;
}

export interface Costs {
  /** The dearest first; by day alone, the newest. */
  costs: CostLine[];
  total: CostLine;
}

const NO_USAGE: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const NOTHING: Spent = { usage: NO_USAGE };

/** @throws what keeps the store from telling */
export async function costsOf(store: ContentStore, { by, since, fits = () => true }: CostsAsked): Promise<Costs> {
  const lines = new Map<string, CostLine>();
  let total: CostLine = { of: 'all', key: {}, runs: 0, ...NOTHING };
  for await (const record of recordsSince(store, since)) {
    if (!(await fits(record))) continue;
    const spent = await ownSpent(store, record);
    total = added(total, spent);
    for (const { key, part } of await partsOf(store, record, by, spent)) {
      const of = Object.values(key).join(', ');
      const name = JSON.stringify(Object.values(key));
      lines.set(name, added(lines.get(name) ?? { of, key, runs: 0, ...NOTHING }, part));
    }
  }
  const isByDay = by.length === 1 && by[0] === 'day';
  const order = (a: CostLine, b: CostLine): number =>
    isByDay ? (a.of < b.of ? 1 : -1) : (b.cost?.nanoUsd ?? 0) - (a.cost?.nanoUsd ?? 0) || (a.of < b.of ? -1 : 1);
  return { costs: [...lines.values()].sort(order), total };
}

/** Where the runs are indexed by their starts, older ones are not read at all. */
async function* recordsSince(store: ContentStore, since: number | undefined): AsyncGenerator<RunRecord> {
  const runs = since === undefined ? undefined : await indexedRuns(store);
  if (!runs || since === undefined) {
    for await (const page of refPages(store, RUN_PREFIX))
      for (const { value } of page) {
        const { data: record } = runRecordSchema.safeParse(value);
        if (record && (since === undefined || record.startedAt >= since)) yield record;
      }
    return;
  }
  for await (const entry of runs) {
    if (entry.startedAt < since) return;
    const record = await recordOf(store, entry);
    if (record) yield record;
  }
}

const added = (line: CostLine, more: Spent): CostLine => ({ ...line, runs: line.runs + 1, ...sumOf(line, more) });

function sumOf(a: Spent, b: Spent): Spent {
  const cost = addCosts(a.cost, b.cost);
  const savedCost = addCosts(a.savedCost, b.savedCost);
  const saved = a.saved && b.saved ? addUsage(a.saved, b.saved) : (a.saved ?? b.saved);
  const inVain = addInVain(a.inVain, b.inVain);
  return {
    usage: addUsage(a.usage, b.usage),
    ...(inVain ? { inVain } : {}),
    ...(cost ? { cost } : {}),
    ...(saved ? { saved } : {}),
    ...(savedCost ? { savedCost } : {}),
  };
}

const NONE: InVain = { unanswered: NO_USAGE, requests: 0, wasted: NO_USAGE };
const addInVain = (a: InVain | undefined, b: InVain | undefined): InVain | undefined =>
  a && b
    ? {
        unanswered: addUsage(a.unanswered, b.unanswered),
        requests: a.requests + b.requests,
        wasted: addUsage(a.wasted, b.wasted),
      }
    : (a ?? b);

/** Of a call's requests before its answer. Before it was recorded who was asked, all were estimated. */
function inVainOf({ spent, by }: SpentDetails): InVain {
  if (!by) return { ...NONE, unanswered: spent };
  return by.reduce<InVain>(
    (sum, one) =>
      one.answered
        ? { ...sum, wasted: addUsage(sum.wasted, one.spent) }
        : { ...sum, unanswered: addUsage(sum.unanswered, one.spent), requests: sum.requests + one.requests },
    NONE,
  );
}

/** What the calls of one that has stopped or failed calls do not account for is theirs. */
function inVainOfRun({ ended, erased }: RunRecord, calls: readonly RunCall[], recorded: Usage): Pick<Spent, 'inVain'> {
  if (erased) return {};
  const ofCalls = calls.reduce<InVain | undefined>((sum, { record }) => {
    if (record.kind !== 'model' && record.kind !== 'compaction') return sum;
    const { unanswered } = record.kind === 'model' ? record.answer : record.result;
    return unanswered ? addInVain(sum, inVainOf(unanswered)) : sum;
  }, undefined);
  // Where it called agents, its totals have theirs too.
  const isOwn = ended?.totals.estimated && ended.totals.subAgentsCost === undefined;
  const rest = isOwn ? usageBeyond(ended.totals.usage, recorded) : NO_USAGE;
  const inVain = rest.input + rest.output > 0 ? addInVain(ofCalls, { ...NONE, unanswered: rest }) : ofCalls;
  return inVain ? { inVain } : {};
}

const savedOf = ({ saved, savedCost }: Pick<Spent, 'saved' | 'savedCost'>): Omit<Spent, 'usage'> => ({
  ...(saved ? { saved } : {}),
  ...(savedCost ? { savedCost } : {}),
});

/** Of one that has not ended: of the calls that are recorded by now. What its sub-agents' runs took and saved is theirs. */
async function ownSpent(store: ContentStore, record: RunRecord): Promise<Spent> {
  const { ended } = record;
  const cost = ended?.totals.cost && costBeyond(ended.totals.cost, ended.totals.subAgentsCost);
  const calledAgents = ended?.totals.subAgentsCost !== undefined;
  if (ended && !calledAgents && !ended.totals.cachedCalls && !ended.totals.estimated)
    return { usage: ended.totals.usage, ...(cost ? { cost } : {}) };
  const first = await firstRunIdOf(store, record);
  const { calls } = first === undefined ? { calls: [] } : await callsOf(store, first);
  const recorded = withKnownCost(totalsOf(calls));
  const known = ended ? cost : recorded.cost;
  const usage = ended && !calledAgents ? ended.totals.usage : await ownUsage(store, record, recorded);
  const inVain = inVainOfRun(record, calls, recorded.usage);
  return { usage, ...(known ? { cost: known } : {}), ...savedOf(recorded), ...inVain };
}

/** Of one that called agents its calls tell it; where they are erased, what those agents' runs did not use. */
async function ownUsage(store: ContentStore, record: RunRecord, recorded: CallTotals): Promise<Usage> {
  const { ended, erased } = record;
  if (!ended || !erased) return recorded.usage;
  const called = directSubRuns(await subRunsUnder(store, record), record);
  const theirs = called.reduce((sum, run) => addUsage(sum, run.ended?.totals.usage ?? NO_USAGE), NO_USAGE);
  return usageBeyond(ended.totals.usage, theirs);
}

interface Part {
  key: CostLine['key'];
  part: Spent;
}

async function partsOf(
  store: ContentStore,
  record: RunRecord,
  by: readonly CostBy[],
  spent: Spent,
): Promise<readonly Part[]> {
  const models = by.includes('model') ? await byModel(store, record, spent) : new Map([['', spent]]);
  return [...models].map(([model, part]) => ({
    key: Object.fromEntries(by.map((one) => [one, one === 'model' ? model : valueOf(record, one)])),
    part,
  }));
}

const valueOf = (record: RunRecord, by: Exclude<CostBy, 'model'>): string =>
  by === 'day' ? new Date(record.startedAt).toISOString().slice(0, 10) : (record[by] ?? '(none)');

/** Of calls that nobody has answered, and of runs that are erased, the record of the run alone tells the cost. */
const NO_MODEL = '(no answer)';

async function byModel(store: ContentStore, record: RunRecord, spent: Spent): Promise<Map<string, Spent>> {
  const first = record.ended?.firstRunId ?? (await firstRunIdOf(store, record));
  const parts = new Map<string, Spent>();
  let told: Spent = NOTHING;
  for (const { record: call } of first === undefined ? [] : (await callsOf(store, first)).calls) {
    if (call.kind !== 'model' && call.kind !== 'compaction') continue;
    const { model, usage, cost, unanswered } = call.kind === 'model' ? call.answer : call.result;
    const answered: Spent = {
      usage,
      ...(cost ? { cost } : {}),
      ...(call.kind === 'model' ? savedOf(call.answer) : {}),
    };
    for (const [of, part] of [[model, answered] as const, ...(unanswered ? askedInVain(unanswered) : [])]) {
      parts.set(of, sumOf(parts.get(of) ?? NOTHING, part));
      told = sumOf(told, part);
    }
  }
  const rest: Spent = {
    usage: usageBeyond(spent.usage, told.usage),
    ...(spent.cost ? { cost: costBeyond(spent.cost, told.cost) } : {}),
  };
  const { cost, usage } = rest;
  const isSpent = usage.input + usage.output > 0 || (cost && (cost.nanoUsd > 0 || cost.unknown !== undefined));
  if (isSpent) {
    const isEstimated = record.ended?.totals.estimated && !record.erased;
    const inVain = isEstimated ? { inVain: { ...NONE, unanswered: usage } } : {};
    parts.set(NO_MODEL, sumOf(parts.get(NO_MODEL) ?? NOTHING, { ...rest, ...inVain }));
  }
  return parts;
}

/** Of whoever was asked, not of who answered then. */
const askedInVain = ({ spent, cost, by }: SpentDetails): [model: string, part: Spent][] =>
  by
    ? by.map((one) => [
        one.model,
        {
          usage: one.spent,
          ...(one.cost ? { cost: one.cost } : {}),
          inVain: inVainOf({ spent: one.spent, by: [one] }),
        },
      ])
    : [[NO_MODEL, { usage: spent, ...(cost ? { cost } : {}), inVain: { ...NONE, unanswered: spent } }]];

const usageBeyond = (all: Usage, told: Usage): Usage => ({
  input: Math.max(0, all.input - told.input),
  cachedInput: Math.max(0, all.cachedInput - told.cachedInput),
  output: Math.max(0, all.output - told.output),
  reasoning: Math.max(0, all.reasoning - told.reasoning),
});
