// `longhaul trace RUN`: its turns as a tree of calls, with what it asked people and the runs of its sub-agents at their place.
import type { CallTotals } from '../../../activities/store/run-calls';
import { FALLBACK_INDEX_STEP } from '../../../workflows/contract/limits';
import type { Usage } from '../../../workflows/contract/message';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { erasedText } from '../../recorded-result';
import type { CliContext } from '../context';
import { EXIT, errorLine } from '../exit-codes';
import { findRun } from '../find-run';
import { counted, formatCost, formatDuration, formatTokens, savedText } from '../../format';
import type { PendingCall } from '../../live-run';
import { COMPACTION_INDEX } from '../../../workflows/contract/context';
import { missingOf, traceOf } from '../../trace/read-trace';
import type { RunTrace, TraceSpan } from '../../trace/trace-shapes';
import { settledRecord } from '../settled-record';
import { isElsewhere, looseSpans, momentText, type Below } from '../trace-moments';
import { createWaterfall, isUnicodeTerminal, waterfallWidth, type Waterfall } from '../waterfall';
import type { Output } from '../output';
import { callName, type TracedCall } from '../../trace/traced-call';
import { tracedInTime } from '../../trace/traced-in-time';
import { askedIn, traceJson, turnsOf, type TracedRun, type Unrecorded } from '../../trace/traced-run';
import { scoresOfRun } from '../../scores/score-run';
import { scoreText } from '../../scores/score-text';
import { waitingLine } from '../waiting';
import { decisionText, type AskedOfRun } from '../../requests-of';
import { shellWord } from '../../shell-word';

export interface TraceOptions {
  /** Which of its turns. @default all */
  turns?: { from: number; to: number };
  /** Also who made each call, with which release, and why it went as it did. */
  wide?: boolean;
  /** @default on a terminal */
  waterfall?: boolean;
}

/** Whoever types a command waits longer than whoever reloads a page: for a history of thousands of calls, from a server far away. */
const HISTORY_MS = 30_000;

export async function traceCommand(context: CliContext, given: string, options: TraceOptions = {}): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const found = await findRun(store, given);
  // The reuse of calls stands in the history alone, so an ended run is looked up too, but silently.
  const connected = await context.connectIfPossible((reason) => {
    if (!found.ended) output.note(`what is under way is not known: ${errorLine(reason)}`);
  });
  const temporal = connected?.temporal;
  const sources = {
    store,
    ...(temporal ? { temporal, settled: (record: RunRecord) => settledRecord(store, temporal, record) } : {}),
  };
  const traced = await tracedInTime(sources, found, { withinMs: HISTORY_MS });
  const trace = traceOf(traced, options);
  const { history, spans, run, problems, unreadable } = trace;
  const { release, tenant, limits, degraded } = run;
  const scores = await scoresOfRun(store, found.id);
  const facts = { release, tenant, limits, degraded, history, spans, problems, unreadable };
  output.json({ ...traceJson(traced, options.turns), ...facts, scores });
  if (output.isJson) return EXIT.completed;
  const shown = createShown(context, traced, trace, options);
  showRun(shown, traced, '');
  for (const score of scores) output.line(`${output.colors.dim('scored')}  ${output.safeLine(scoreText(score))}`);
  if (shown.waterfall) output.note(shown.waterfall.legend);
  for (const missing of missingOf(traced)) output.note(output.safeLine(missing));
  return EXIT.completed;
}

/** What is printed, and with what beside it. */
interface Shown {
  output: Output;
  /** By their parents. */
  below: Below;
  byId: ReadonlyMap<string, TraceSpan>;
  waterfall: Waterfall | undefined;
  isWide: boolean;
  turns: TraceOptions['turns'];
  line(text: string, span?: TraceSpan): void;
}

function createShown(
  { output, env }: CliContext,
  { record }: TracedRun,
  { spans }: RunTrace,
  { wide = false, waterfall: wanted = output.columns !== undefined, turns }: TraceOptions,
): Shown {
  const below = new Map<string | null, TraceSpan[]>();
  for (const span of spans) {
    const siblings = below.get(span.parent);
    if (siblings) siblings.push(span);
    else below.set(span.parent, [span]);
  }
  const parts = turns ? spans.slice(1) : spans;
  const waterfall = wanted
    ? createWaterfall({
        fromMs: parts.reduce((least, { startMs }) => Math.min(least, startMs), parts[0]?.startMs ?? record.startedAt),
        toMs: parts.reduce((most, { startMs, endMs }) => Math.max(most, endMs ?? Date.now(), startMs), 0),
        width: waterfallWidth(output.columns ?? 80),
        isUnicode: isUnicodeTerminal(env),
      })
    : undefined;
  return {
    ...{ output, below, waterfall, turns },
    byId: new Map(spans.map((span) => [span.id, span])),
    isWide: wide,
    line: (text, span) => output.line(waterfall ? `${waterfall.bar(span)} ${text}` : text),
  };
}

/** @param indent of a sub-agent's run: it stands under the call that began it */
function showRun(shown: Shown, traced: TracedRun, indent: string): void {
  const { output } = shown;
  const { record, status, totals, live, waiting } = traced;
  const { colors } = output;
  const line = (text: string, span?: TraceSpan): void => shown.line(`${indent}${text}`, span);
  const time = record.ended ? ` in ${formatDuration(record.ended.at - record.startedAt)}` : '';
  line(`${record.id}  ${record.agent}  ${status}${time}   ${totalsLine(totals)}`, shown.byId.get(`${record.id}/`));
  if (shown.isWide)
    line(colors.dim(`release ${record.release.slice(0, 12)}, tenant ${output.safeLine(record.tenant)}`));
  if (record.question !== '') line(colors.dim(output.safeLine(record.question)));
  if (record.forkedFrom) line(output.safeLine(originText(record, record.forkedFrom)));
  if (record.parent && indent === '') line(output.safeLine(callerText(record.parent)));
  if (record.erased) line(`${colors.yellow('erased')}  it ${output.safeLine(erasedText(record.erased))}`);
  showTree(shown, traced, indent);
  for (const problem of live?.problems ?? []) line(`${colors.red('stuck')}  ${output.safeLine(problem)}`);
  if (live?.reason !== undefined) line(`${live.status}: ${output.safeLine(live.reason)}`);
  for (const one of waiting) line(`${colors.yellow('asks')}  ${waitingLine(output, one)}`);
  const failure = record.ended?.failure;
  if (failure) line(`${colors.red(status)}  ${failure.type}: ${output.safeLine(failure.message)}`);
}

const callerText = ({ run, turn, root }: NonNullable<RunRecord['parent']>): string =>
  `called by ${run}, turn ${turn}: "longhaul trace ${shellWord(root)}" shows all`;

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

function showTree(shown: Shown, traced: TracedRun, indent: string): void {
  const { output, line } = shown;
  const { calls, live, subRuns, unrecorded, record } = traced;
  const pending = live?.pending ?? [];
  const isOwn = shown.byId.get(`${record.id}/`)?.depth === 0;
  const turns = turnsOf(calls).filter(([{ turn }]) => !isOwn || isShownTurn(turn, shown.turns));
  const loose = looseSpans(shown.below, record.id, turns);
  // A call that has no record yet is under way in a run of its own.
  const open = subRuns.filter(({ record: { parent } }) => !calls.some((call) => isCallOf(call, parent)));
  const rest = unrecorded ? 1 : 0;
  const more = pending.length + open.length;
  turns.forEach((turn, at) => {
    const span = shown.byId.get(`${record.id}/turn/${turn[0].fork}/${turn[0].turn}`);
    while (loose[0] && span && loose[0].startMs < span.startMs) showMoment(shown, loose.shift(), `${indent}├─`);
    const isLast = at === turns.length - 1 && more + rest + loose.length === 0;
    const fork = turn[0].fork > 0 ? ` of fork ${turn[0].fork}` : '';
    line(`${indent}${isLast ? '└─' : '├─'} turn ${turn[0].turn}${fork}`, span);
    showTurn(shown, traced, turn, `${indent}${isLast ? '   ' : '│  '}`);
  });
  while (loose.length > 0)
    showMoment(shown, loose.shift(), `${indent}${loose.length + more + rest === 0 ? '└─' : '├─'}`);
  pending.forEach((call, at) => {
    line(`${indent}${at === more + rest - 1 ? '└─' : '├─'} ${pendingLine(output, call)}`);
  });
  open.forEach((sub, at) => {
    const isLast = at === open.length + rest - 1;
    const { agent, parent } = sub.record;
    const title = output.colors.cyan(`turn ${parent?.turn ?? 0}: ${agent} ${sub.status}`);
    line(`${indent}${isLast ? '└─' : '├─'} ${title}`);
    showRun(shown, sub, `${indent}${isLast ? '   ' : '│  '}`);
  });
  if (unrecorded) line(`${indent}└─ ${output.colors.yellow(unrecordedText(unrecorded))}`);
}

const isShownTurn = (turn: number, turns: TraceOptions['turns']): boolean =>
  !turns || (turn >= turns.from && turn <= turns.to);

function showMoment(shown: Shown, span: TraceSpan | undefined, branch: string): void {
  if (span) shown.line(`${branch} ${momentText(shown.output, span)}`, span);
}

function showTurn(
  shown: Shown,
  { record, asked, subRuns }: TracedRun,
  turn: readonly [TracedCall, ...TracedCall[]],
  indent: string,
): void {
  const { output } = shown;
  const [{ fork, turn: number }] = turn;
  const own = (shown.below.get(`${record.id}/turn/${fork}/${number}`) ?? []).filter((span) => !isElsewhere(span));
  const spanOf = (call: TracedCall): TraceSpan | undefined => shown.byId.get(`${record.id}/${callName(call)}`);
  const lines = [
    ...own.map((span) => ({
      ...{ place: span.kind === 'tool' ? (span.index ?? 0) % FALLBACK_INDEX_STEP : -2, call: undefined, span },
      text: momentText(output, span),
    })),
    // A question stands before its call, which is recorded only once it is made.
    ...askedIn(turn[0], asked).map((one) => ({
      ...{ place: one.call + 0.5, call: undefined, span: shown.byId.get(`${record.id}/request/${one.number}`) },
      text: askedText(output, one, record.startedAt),
    })),
    ...turn.map((call) => ({
      ...{ place: placeOf(call), call, span: spanOf(call) },
      text: callLine(output, call),
    })),
  ].sort((a, b) => a.place - b.place);
  lines.forEach(({ text, call, span }, nth) => {
    const isLast = nth === lines.length - 1;
    shown.line(`${indent}${isLast ? '└─' : '├─'} ${text}`, span);
    if (shown.isWide && call && span) showMore(shown, span, `${indent}${isLast ? '  ' : '│ '}    `);
    for (const sub of subRuns)
      if (call && isCallOf(call, sub.record.parent)) showRun(shown, sub, `${indent}${isLast ? '   ' : '│  '}   `);
  });
}

const placeOf = ({ index }: TracedCall): number => (index === COMPACTION_INDEX ? -1 : index % FALLBACK_INDEX_STEP);

function showMore({ output, line }: Shown, { worker, release, queuedMs, note }: TraceSpan, indent: string): void {
  const facts = [
    `worker ${output.safeLine(worker ?? 'not known')}`,
    `release ${(release ?? '').slice(0, 12)}`,
    ...(queuedMs === undefined ? [] : [`queued ${formatDuration(queuedMs)}`]),
    ...(note === undefined ? [] : [`why: ${output.safeLine(note)}`]),
  ];
  line(output.colors.dim(`${indent}${facts.join(', ')}`));
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
