// The end of a run, for a person: its answer to standard output, all else to standard error.
import type { RunTotals } from '../../workflows/contract/run';
import type { RunResult } from '../run-result';
import { counted, formatCost, formatTokens, savedText } from '../format';
import type { Output } from './output';

/** Text as it is; everything else as JSON. */
export const answerText = (answer: unknown): string =>
  typeof answer === 'string' ? answer : (JSON.stringify(answer, null, 2) ?? '');

const cachedText = (calls: number, { saved, savedCost }: RunTotals): string =>
  `${counted(calls, 'model call')} answered from the cache${saved ? ` (saved ${savedText(saved, savedCost)})` : ''}`;

export function showResult(output: Output, result: RunResult<unknown>): void {
  const { totals } = result;
  if (result.outcome === 'completed') output.line(output.safe(answerText(result.output)));
  else
    output.note(
      `${output.colors.red(result.outcome)}  ${result.failure.type}: ${output.safeLine(result.failure.message)}`,
    );
  if (result.outcome === 'budget-exhausted' && result.achieved !== undefined)
    output.note(`what it had said by then:\n${output.safe(result.achieved)}`);
  const parts = [
    counted(totals.turns, 'turn'),
    counted(totals.toolCalls, 'tool call'),
    `${formatTokens(totals.usage.input)} tokens in`,
    `${formatTokens(totals.usage.output)} out${totals.estimated ? ' (in part estimated)' : ''}`,
    formatCost(totals.cost),
    ...(totals.cachedCalls ? [cachedText(totals.cachedCalls, totals)] : []),
    ...(totals.reusedCalls > 0 ? [`${counted(totals.reusedCalls, 'call')} taken from records`] : []),
  ];
  output.note(output.colors.dim(`${result.outcome}  ${parts.join(', ')}`));
}
