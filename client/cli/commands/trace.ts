// `longhaul trace RUN`: its turns as a tree of calls, with what it asked people and the runs of its sub-agents at their place.
import type { CallTotals } from '../../../activities/store/run-calls';
import { FALLBACK_INDEX_STEP } from '../../../workflows/contract/limits';
import type { Usage } from '../../../workflows/contract/message';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { erasedText } from '../../recorded-result';
import { subRunsUnder } from '../../sub-runs';
import type { CliContext } from '../context';
import { EXIT, errorLine } from '../exit-codes';
import { findRun } from '../find-run';
import { counted, formatCost, formatDuration, formatTokens, savedText } from '../../format';
import type { PendingCall } from '../live-run';
import type { Output } from '../output';
import {
  askedIn,
  traceJson,
  tracedRun,
  turnsOf,
  type TracedCall,
  type TracedRun,
  type Unrecorded,
} from '../traced-run';
import { waitingLine } from '../waiting';
import { decisionText, type AskedOfRun } from './requests-of';

export async function traceCommand(context: CliContext, given: string): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const found = await findRun(store, given);
  // The reuse of calls stands in the history alone, so an ended run is looked up too, but silently.
  const connected = await context.connectIfPossible((reason) => {
    if (!found.ended) output.note(`what is under way is not known: ${errorLine(reason)}`);
  });
  const traced = await tracedRun(store, connected, found, await subRunsUnder(store, found));
  output.json(traceJson(traced));
  if (!output.isJson) showRun(output, traced, '');
  return EXIT.completed;
}

/** @param indent of a sub-agent's run: it stands under the call that began it */
function showRun(output: Output, traced: TracedRun, indent: string): void {
  const { record, status, totals, live, waiting, unreadable } = traced;
  const { colors } = output;
  const line = (text: string): void => output.line(`${indent}${text}`);
  const time = record.ended ? ` in ${formatDuration(record.ended.at - record.startedAt)}` : '';
  line(`${record.id}  ${record.agent}  ${status}${time}   ${totalsLine(totals)}`);
  if (record.question !== '') line(colors.dim(output.safeLine(record.question)));
  if (record.forkedFrom) line(output.safeLine(originText(record, record.forkedFrom)));
  if (record.parent && indent === '') line(output.safeLine(callerText(record.parent)));
  if (record.erased) line(`${colors.yellow('erased')}  it ${output.safeLine(erasedText(record.erased))}`);
  showTree(output, traced, indent);
  for (const problem of live?.problems ?? []) line(`${colors.red('stuck')}  ${output.safeLine(problem)}`);
  if (live?.reason !== undefined) line(`${live.status}: ${output.safeLine(live.reason)}`);
  for (const one of waiting) line(`${colors.yellow('asks')}  ${waitingLine(output, one)}`);
  const failure = record.ended?.failure;
  if (failure) line(`${colors.red(status)}  ${failure.type}: ${output.safeLine(failure.message)}`);
  if (unreadable > 0) output.note(`${counted(unreadable, 'record')} not readable by this version.`);
}

const callerText = ({ run, turn, root }: NonNullable<RunRecord['parent']>): string =>
  `called by ${run}, turn ${turn}: "longhaul trace ${root}" shows all`;

export const originText = (
  { erased }: Pick<RunRecord, 'erased'>,
  { run, step }: NonNullable<RunRecord['forkedFrom']>,
): string => `forked from ${run} at step ${step}${erased ? '' : ': what came before is there'}`;

const totalsLine = ({ turns, toolCalls, usage, cost, estimated, saved, savedCost }: CallTotals): string =>
  [
    ...[counted(turns, 'turn'), counted(toolCalls, 'tool call'), usageText(usage), formatCost(cost)],
    ...(estimated ? ['in part estimated'] : []),
    ...(saved ? [`${savedText(saved, savedCost)} saved by the cache`] : []),
  ].join(', ');

/** A call that was stopped, or has failed for good, has no record: its run alone says what it took. */
function unrecordedText({ modelCalls, usage, cost }: Unrecorded): string {
  const what = modelCalls > 0 ? counted(modelCalls, 'model call') : 'requests';
  return `no answer: ${what}, stopped or failed  ${usageText(usage)}  ${formatCost(cost)}, estimated`;
}

function usageText({ input, cachedInput, output, reasoning }: Usage): string {
  const cached = cachedInput > 0 ? ` (${formatTokens(cachedInput)} cached)` : '';
  const thought = reasoning > 0 ? ` (${formatTokens(reasoning)} reasoning)` : '';
  return `${formatTokens(input)} in${cached}, ${formatTokens(output)} out${thought}`;
}

function showTree(output: Output, traced: TracedRun, indent: string): void {
  const { calls, live, subRuns, unrecorded } = traced;
  const pending = live?.pending ?? [];
  const turns = turnsOf(calls);
  // A call that has no record yet is under way in a run of its own.
  const open = subRuns.filter(({ record: { parent } }) => !calls.some((call) => isCallOf(call, parent)));
  const rest = unrecorded ? 1 : 0;
  const more = pending.length + open.length;
  turns.forEach((turn, at) => {
    const isLast = at === turns.length - 1 && more + rest === 0;
    const fork = turn[0].fork > 0 ? ` of fork ${turn[0].fork}` : '';
    output.line(`${indent}${isLast ? '└─' : '├─'} turn ${turn[0].turn}${fork}`);
    showTurn(output, traced, turn, `${indent}${isLast ? '   ' : '│  '}`);
  });
  pending.forEach((call, at) => {
    output.line(`${indent}${at === more + rest - 1 ? '└─' : '├─'} ${pendingLine(output, call)}`);
  });
  open.forEach((sub, at) => {
    const isLast = at === open.length + rest - 1;
    const { agent, parent } = sub.record;
    const title = output.colors.cyan(`turn ${parent?.turn ?? 0}: ${agent} ${sub.status}`);
    output.line(`${indent}${isLast ? '└─' : '├─'} ${title}`);
    showRun(output, sub, `${indent}${isLast ? '   ' : '│  '}`);
  });
  if (unrecorded) output.line(`${indent}└─ ${output.colors.yellow(unrecordedText(unrecorded))}`);
}

function showTurn(
  output: Output,
  { record, asked, subRuns }: TracedRun,
  turn: readonly [TracedCall, ...TracedCall[]],
  indent: string,
): void {
  const lines = [
    // A question stands before its call, which is recorded only once it is made.
    ...askedIn(turn[0], asked).map((one) => ({
      ...{ place: one.call + 0.5, call: undefined },
      text: askedText(output, one, record.startedAt),
    })),
    ...turn.map((call) => ({ place: call.index % FALLBACK_INDEX_STEP, call, text: callLine(output, call) })),
  ].sort((a, b) => a.place - b.place);
  lines.forEach(({ text, call }, nth) => {
    const isLast = nth === lines.length - 1;
    output.line(`${indent}${isLast ? '└─' : '├─'} ${text}`);
    for (const sub of subRuns)
      if (call && isCallOf(call, sub.record.parent)) showRun(output, sub, `${indent}${isLast ? '   ' : '│  '}   `);
  });
}

function askedText(output: Output, asked: AskedOfRun, startedAt: number): string {
  const { number, question, askedAt, decision } = asked;
  const facts = [
    `asked ${number}: ${output.safeLine(question)}`,
    `+${formatDuration(askedAt - startedAt)}`,
    ...(decision ? [formatDuration(decision.decidedAt - askedAt)] : []),
    output.safeLine(decisionText(asked)),
  ];
  return facts.join('  ');
}

const isCallOf = ({ fork, turn, index }: TracedCall, parent: RunRecord['parent']): boolean =>
  fork === 0 && turn === parent?.turn && index === parent.index;

function callLine(output: Output, call: TracedCall): string {
  const { colors } = output;
  const name = call.kind === 'tool' ? `${call.name} ${call.asked ?? ''}`.trimEnd() : call.name;
  const facts = [
    `+${formatDuration(call.offsetMs)}`,
    formatDuration(call.durationMs),
    ...(call.usage ? [usageText(call.usage)] : []),
    ...(call.cost && !call.cost.unknown ? [formatCost(call.cost)] : []),
    ...(call.attempt > 1 ? [colors.yellow(`attempt ${call.attempt}`)] : []),
    ...(call.failedBefore.length > 0 ? [colors.yellow(`instead of ${failedText(output, call)}`)] : []),
    ...(call.cached ? [colors.cyan(`cached, ${askedByText(call.cached, output)}`)] : []),
    ...(call.reused ? [colors.cyan('reused')] : []),
    ...(call.failure ? [colors.red(call.failure)] : []),
  ];
  return `${call.number}. ${call.kind} ${output.safeLine(name)}  ${facts.join('  ')}  ${colors.dim(output.safeLine(call.preview))}`.trimEnd();
}

const askedByText = ({ run, near }: NonNullable<TracedCall['cached']>, output: Output): string =>
  near ? `nearly the same was asked by ${output.safeLine(run)}` : `asked by ${output.safeLine(run)}`;

const failedText = (output: Output, { failedBefore }: TracedCall): string =>
  failedBefore.map(({ name, type }) => `${output.safeLine(name)} (${type})`).join(', ');

function pendingLine(output: Output, { what, label, attempt, since, lastFailure }: PendingCall): string {
  const facts = [
    label === undefined ? what : output.safeLine(label),
    `attempt ${attempt}`,
    ...(since === undefined ? [] : [`for ${formatDuration(Date.now() - since)}`]),
    ...(lastFailure === undefined ? [] : [`after ${output.safeLine(lastFailure)}`]),
  ];
  return output.colors.cyan(`under way: ${facts.join('  ')}`);
}
