// `longhaul cost`: what runs have cost, by their records, as a table, as JSON, or as CSV.
import { InvalidArgumentError } from 'commander';
import { costCsv } from '../../cost/cost-csv';
import { COST_BY, costsOf, type CostBy, type InVain, type Spent } from '../../cost/run-costs';
import { counted, formatCost, formatTokens, PART_LEAST, savedText } from '../../format';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';

export interface CostOptions {
  by: readonly CostBy[];
  /** Milliseconds. */
  since?: number;
  csv?: boolean;
  /** @default all */
  tenant?: string;
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
  { by, since, csv, tenant }: CostOptions,
  now = Date.now(),
): Promise<number> {
  const { output } = context;
  const found = await costsOf(context.readStore(), {
    by,
    ...(since === undefined ? {} : { since: now - since }),
    ...(tenant === undefined ? {} : { fits: (record) => record.tenant === tenant }),
  });
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
    { title: 'of it unanswered', value: ({ inVain }) => (inVain ? unansweredText(inVain) : '') },
    { title: 'saved by the cache', value: ({ saved, savedCost }) => (saved ? savedText(saved, savedCost) : '') },
  ]);
  output.note(
    total.runs === 0
      ? 'no runs.'
      : `${counted(total.runs, 'run')}, ${formatCost(total.cost)} in all${savedInAll(total)}`,
  );
  return EXIT.completed;
}

/** No provider tells what a request took that it did not answer to the end. */
function unansweredText({ unanswered, requests, wasted }: InVain): string {
  const estimated = unanswered.input + unanswered.output;
  const unused = wasted.input + wasted.output;
  const count = requests > 0 ? `, ${counted(Math.ceil(requests - PART_LEAST), 'request')}` : '';
  return [
    ...(estimated > 0 ? [`${formatTokens(estimated)} tokens estimated${count}`] : []),
    ...(unused > 0 ? [`${formatTokens(unused)} tokens of answers not taken`] : []),
  ].join('; ');
}

const savedInAll = ({ saved, savedCost }: Spent): string =>
  saved ? `; ${savedText(saved, savedCost)} saved by the cache` : '';
