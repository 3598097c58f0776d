// What runs have cost as CSV (RFC 4180), for a spreadsheet: one that opens it runs nothing of what others have named.
import { NANO_USD, type Cost } from '../../workflows/contract/cost';
import type { Usage } from '../../workflows/contract/message';
import type { CostBy, CostLine, Costs } from './run-costs';

/** What begins so a spreadsheet takes for a formula: an apostrophe before it makes it text. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(value: string | number | undefined): string {
  if (typeof value !== 'string') return value === undefined ? '' : String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** All digits of it: billionths. */
const usdOf = (cost: Cost | undefined): string | undefined =>
  cost && (cost.nanoUsd / NANO_USD).toFixed(9).replace(/\.?0+$/, '');

const tokensOf = (usage: Usage | undefined): number => (usage ? usage.input + usage.output : 0);

/** With a heading, and without the total. Money is dollars. */
export function costCsv(by: readonly CostBy[], { costs }: Costs): string {
  const heading = [
    ...by,
    ...['runs', 'input_tokens', 'cached_input_tokens', 'output_tokens', 'reasoning_tokens'],
    ...['usd', 'requests_of_unknown_price', 'saved_tokens', 'saved_usd'],
    ...['unanswered_requests', 'estimated_tokens', 'wasted_tokens'],
  ];
  const rows = costs.map(({ key, runs, usage, cost, saved, savedCost, inVain }: CostLine) => [
    ...by.map((one) => key[one] ?? ''),
    ...[runs, usage.input, usage.cachedInput, usage.output, usage.reasoning],
    ...[usdOf(cost), cost?.unknown ?? 0, saved && saved.input + saved.output, usdOf(savedCost)],
    ...[inVain?.requests ?? 0, tokensOf(inVain?.unanswered), tokensOf(inVain?.wasted)],
  ]);
  return [heading, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
