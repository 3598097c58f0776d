// `longhaul cost`: what runs have cost, by their records, as a table, as JSON, or as CSV.
import { InvalidArgumentError } from 'commander';
import { costCsv } from '../../cost/cost-csv';
import { COST_BY, costsOf, type CostBy, type Spent } from '../../cost/run-costs';
import { counted, formatCost, formatTokens, savedText } from '../../format';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';

export interface CostOptions {
  by: readonly CostBy[];
  /** Milliseconds. */
  since?: number;
  csv?: boolean;
}

/** Of an option: names with commas between them. */
export function costBy(value: string): CostBy[] {
  const names = value.split(',').map((name) => name.trim());
  const known = names.flatMap((name) => COST_BY.find((one) => one === name) ?? []);
  if (known.length === names.length && new Set(known).size === known.length) return known;
  throw new InvalidArgumentError(`it is one or several of ${COST_BY.join(', ')}, with commas between them.`);
}

export async function costCommand(
  context: CliContext,
  { by, since, csv }: CostOptions,
  now = Date.now(),
): Promise<number> {
  const { output } = context;
  const found = await costsOf(context.readStore(), { by, ...(since === undefined ? {} : { since: now - since }) });
  const { costs, total } = found;
  if (csv && !output.isJson) {
    output.line(costCsv(by, found).trimEnd());
    return EXIT.completed;
  }
  output.json({ by: by.join(','), costs, total });
  output.table(costs, [
    ...by.map((one) => ({ title: one, value: ({ key }: (typeof costs)[number]) => output.safeLine(key[one] ?? '') })),
    { title: 'runs', value: ({ runs }) => String(runs) },
    { title: 'tokens', value: ({ usage }) => formatTokens(usage.input + usage.output) },
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
