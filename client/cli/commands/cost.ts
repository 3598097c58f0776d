// `longhaul cost`: what runs have cost, by their records. Each run counts what it spent itself; what its sub-agents spent is theirs.
import { allRefs, type ContentStore } from '../../../activities/store';
import { RUN_PREFIX } from '../../../activities/store/ref-names';
import { callsOf, totalsOf, withKnownCost } from '../../../activities/store/run-calls';
import { addCosts, addUsage, type Cost } from '../../../workflows/contract/cost';
import type { Usage } from '../../../workflows/contract/message';
import { runRecordSchema, type RunRecord } from '../../../workflows/contract/schemas/run-record';
import { firstRunIdOf } from '../../first-run';
import type { CliContext } from '../context';
import { costBeyond } from '../../cost-beyond';
import { EXIT } from '../exit-codes';
import { counted, formatCost, savedText } from '../../format';

export const COST_BY = ['agent', 'tenant', 'user', 'model', 'day'] as const;
export type CostBy = (typeof COST_BY)[number];

export interface CostOptions {
  by: CostBy;
  /** Milliseconds. */
  since?: number;
}

interface Spent {
  /** Absent where nobody counted it. */
  cost?: Cost;
  /** What answers from the cache took when they were asked first, and what that would cost. Absent where there were none. */
  saved?: Usage;
  savedCost?: Cost;
}

interface CostLine extends Spent {
  of: string;
  runs: number;
}

export async function costCommand(context: CliContext, { by, since }: CostOptions, now = Date.now()): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const lines = new Map<string, CostLine>();
  let total: CostLine = { of: 'all', runs: 0 };
  for (const { value } of await allRefs(store, RUN_PREFIX)) {
    const { data: record } = runRecordSchema.safeParse(value);
    if (!record || (since !== undefined && record.startedAt < now - since)) continue;
    const spent = await ownSpent(store, record);
    total = added(total, spent);
    for (const [of, part] of await partsOf(store, record, by, spent))
      lines.set(of, added(lines.get(of) ?? { of, runs: 0 }, part));
  }
  const dearest = [...lines.values()].sort((a, b) =>
    by === 'day' ? (a.of < b.of ? 1 : -1) : (b.cost?.nanoUsd ?? 0) - (a.cost?.nanoUsd ?? 0) || (a.of < b.of ? -1 : 1),
  );
  output.json({ by, costs: dearest, total });
  output.table(dearest, [
    { title: by, value: ({ of }) => output.safeLine(of) },
    { title: 'runs', value: ({ runs }) => String(runs) },
    { title: 'cost', value: ({ cost }) => formatCost(cost) },
    { title: 'saved by the cache', value: ({ saved, savedCost }) => (saved ? savedText(saved, savedCost) : '') },
  ]);
  output.note(
    total.runs === 0
      ? 'no runs.'
      : `${counted(total.runs, 'run')}, ${formatCost(total.cost)} in all${savedInAll(total)}`,
  );
  return EXIT.completed;
}

const savedInAll = ({ saved, savedCost }: Spent): string =>
  saved ? `; ${savedText(saved, savedCost)} saved by the cache` : '';

const added = (line: CostLine, more: Spent): CostLine => ({ ...line, runs: line.runs + 1, ...sumOf(line, more) });

function sumOf(a: Spent, b: Spent): Spent {
  const cost = addCosts(a.cost, b.cost);
  const savedCost = addCosts(a.savedCost, b.savedCost);
  const saved = a.saved && b.saved ? addUsage(a.saved, b.saved) : (a.saved ?? b.saved);
  return { ...(cost ? { cost } : {}), ...(saved ? { saved } : {}), ...(savedCost ? { savedCost } : {}) };
}

const savedOf = ({ saved, savedCost }: Pick<Spent, 'saved' | 'savedCost'>): Spent => ({
  ...(saved ? { saved } : {}),
  ...(savedCost ? { savedCost } : {}),
});

/** Of one that has not ended: of the calls that are recorded by now. What its sub-agents' runs took and saved is theirs. */
async function ownSpent(store: ContentStore, record: RunRecord): Promise<Spent> {
  const { ended } = record;
  const cost = ended?.totals.cost && costBeyond(ended.totals.cost, ended.totals.subAgentsCost);
  if (ended && !ended.totals.cachedCalls) return cost ? { cost } : {};
  const first = await firstRunIdOf(store, record);
  const recorded = withKnownCost(totalsOf(first === undefined ? [] : (await callsOf(store, first)).calls));
  const known = ended ? cost : recorded.cost;
  return { ...(known ? { cost: known } : {}), ...savedOf(recorded) };
}

async function partsOf(
  store: ContentStore,
  record: RunRecord,
  by: CostBy,
  spent: Spent,
): Promise<Iterable<[of: string, part: Spent]>> {
  if (by === 'model') return await byModel(store, record, spent);
  if (by === 'day') return [[new Date(record.startedAt).toISOString().slice(0, 10), spent]];
  return [[record[by] ?? '(none)', spent]];
}

/** Of calls that nobody has answered, and of runs that are erased, the record of the run alone tells the cost. */
const NO_MODEL = '(no answer)';

async function byModel(store: ContentStore, record: RunRecord, spent: Spent): Promise<Map<string, Spent>> {
  const first = record.ended?.firstRunId ?? (await firstRunIdOf(store, record));
  const parts = new Map<string, Spent>();
  let told: Cost | undefined;
  for (const { record: call } of first === undefined ? [] : (await callsOf(store, first)).calls) {
    if (call.kind !== 'model' && call.kind !== 'compaction') continue;
    const { model, cost, unanswered } = call.kind === 'model' ? call.answer : call.result;
    const own = addCosts(cost, unanswered?.cost);
    const part = { ...(own ? { cost: own } : {}), ...(call.kind === 'model' ? savedOf(call.answer) : {}) };
    parts.set(model, sumOf(parts.get(model) ?? {}, part));
    told = addCosts(told, own);
  }
  const rest = spent.cost && costBeyond(spent.cost, told);
  if (rest && (rest.nanoUsd > 0 || rest.unknown !== undefined)) parts.set(NO_MODEL, { cost: rest });
  return parts;
}
