// `longhaul cost`: what runs have cost, by their records. Each run counts what it spent itself; what its sub-agents spent is theirs.
import { allRefs, type ContentStore } from '../../../activities/store';
import { RUN_PREFIX } from '../../../activities/store/ref-names';
import { callsOf, totalsOf } from '../../../activities/store/run-calls';
import { addCosts, type Cost } from '../../../workflows/contract/cost';
import { runRecordSchema, type RunRecord } from '../../../workflows/contract/schemas/run-record';
import { firstRunIdOf } from '../../first-run';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { counted, formatCost } from '../format';

export const COST_BY = ['agent', 'tenant', 'user', 'model', 'day'] as const;
export type CostBy = (typeof COST_BY)[number];

export interface CostOptions {
  by: CostBy;
  /** Milliseconds. */
  since?: number;
}

interface CostLine {
  of: string;
  runs: number;
  /** Absent where nobody counted it. */
  cost?: Cost;
}

export async function costCommand(context: CliContext, { by, since }: CostOptions, now = Date.now()): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const lines = new Map<string, CostLine>();
  let total: CostLine = { of: 'all', runs: 0 };
  for (const { value } of await allRefs(store, RUN_PREFIX)) {
    const { data: record } = runRecordSchema.safeParse(value);
    if (!record || (since !== undefined && record.startedAt < now - since)) continue;
    const spent = await ownCost(store, record);
    total = added(total, spent);
    for (const [of, cost] of await partsOf(store, record, by, spent))
      lines.set(of, added(lines.get(of) ?? { of, runs: 0 }, cost));
  }
  const dearest = [...lines.values()].sort((a, b) =>
    by === 'day' ? (a.of < b.of ? 1 : -1) : (b.cost?.nanoUsd ?? 0) - (a.cost?.nanoUsd ?? 0) || (a.of < b.of ? -1 : 1),
  );
  output.json({ by, costs: dearest, total });
  output.table(dearest, [
    { title: by, value: ({ of }) => output.safeLine(of) },
    { title: 'runs', value: ({ runs }) => String(runs) },
    { title: 'cost', value: ({ cost }) => formatCost(cost) },
  ]);
  output.note(total.runs === 0 ? 'no runs.' : `${counted(total.runs, 'run')}, ${formatCost(total.cost)} in all`);
  return EXIT.completed;
}

function added({ cost, ...line }: CostLine, more: Cost | undefined): CostLine {
  const sum = addCosts(cost, more);
  return { ...line, runs: line.runs + 1, ...(sum ? { cost: sum } : {}) };
}

/** Of one that has not ended: of the calls that are recorded by now. */
async function ownCost(store: ContentStore, record: RunRecord): Promise<Cost | undefined> {
  const { ended } = record;
  if (ended) return ended.totals.cost && without(ended.totals.cost, ended.totals.subAgentsCost);
  const first = await firstRunIdOf(store, record);
  return first === undefined ? undefined : totalsOf((await callsOf(store, first)).calls).cost;
}

function without(cost: Cost, less: Cost | undefined): Cost {
  const unknown = Math.max(0, (cost.unknown ?? 0) - (less?.unknown ?? 0));
  const nanoUsd = Math.max(0, cost.nanoUsd - (less?.nanoUsd ?? 0));
  return { nanoUsd, ...(unknown === 0 ? {} : { unknown }) };
}

async function partsOf(
  store: ContentStore,
  record: RunRecord,
  by: CostBy,
  spent: Cost | undefined,
): Promise<Iterable<[of: string, cost: Cost | undefined]>> {
  if (by === 'model') return await byModel(store, record, spent);
  if (by === 'day') return [[new Date(record.startedAt).toISOString().slice(0, 10), spent]];
  return [[record[by] ?? '(none)', spent]];
}

/** Of calls that nobody has answered, and of runs that are erased, the record of the run alone tells the cost. */
const NO_MODEL = '(no answer)';

async function byModel(
  store: ContentStore,
  record: RunRecord,
  spent: Cost | undefined,
): Promise<Map<string, Cost | undefined>> {
  const first = record.ended?.firstRunId ?? (await firstRunIdOf(store, record));
  const parts = new Map<string, Cost | undefined>();
  let told: Cost | undefined;
  for (const { record: call } of first === undefined ? [] : (await callsOf(store, first)).calls) {
    if (call.kind !== 'model' && call.kind !== 'compaction') continue;
    const { model, cost, unanswered } = call.kind === 'model' ? call.answer : call.result;
    const own = addCosts(cost, unanswered?.cost);
    parts.set(model, addCosts(parts.get(model), own));
    told = addCosts(told, own);
  }
  const rest = spent && without(spent, told);
  if (rest && (rest.nanoUsd > 0 || rest.unknown !== undefined)) parts.set(NO_MODEL, rest);
  return parts;
}
