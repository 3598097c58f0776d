// `longhaul trace RUN`: its turns as a tree of calls, from their records; where a server answers, also what is under way.
import type { Usage } from '../../../workflows/contract/message';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { erasedText } from '../../recorded-result';
import type { CliContext, Connected } from '../context';
import { EXIT, errorLine } from '../exit-codes';
import { firstRunIdOf } from '../../first-run';
import { findRun } from '../find-run';
import { counted, formatDuration, formatTokens } from '../format';
import { liveRun, type LiveRun, type PendingCall } from '../live-run';
import type { Output } from '../output';
import { settledRecord } from '../settled-record';
import { callName, reusedCalls } from '../reused-calls';
import { directSubRuns, subRunsUnder } from '../../sub-runs';
import type { ContentStore } from '../../../activities/store';
import { callsOf, totalsOf, type CallTotals, type RunCall } from '../../../activities/store/run-calls';
import { FALLBACK_INDEX_STEP } from '../../../workflows/contract/limits';
import { askedNow, openStatus, waitingLine, waitingNow, type Waiting } from '../waiting';
import { decisionText, requestsOf, type AskedOfRun } from './requests-of';

export interface TracedCall {
  number: number;
  fork: number;
  turn: number;
  index: number;
  kind: Exclude<RunCall['record']['kind'], 'started-tool'>;
  /** The model as `provider/model`, or the tool. */
  name: string;
  asked: string | null;
  /** Milliseconds after the run's start. */
  offsetMs: number;
  durationMs: number;
  /** The one that succeeded, from 1. */
  attempt: number;
  worker: string;
  usage: Usage | null;
  preview: string;
  /** What was wrong with an answer, or how a tool failed. */
  failure: string | null;
  /** Whether the call was later answered from this record instead of being made again; null where no history tells. */
  reused: boolean | null;
}

/** One run, with those that its calls of sub-agents began. */
interface TracedRun {
  record: RunRecord;
  status: string;
  firstRunId: string | undefined;
  calls: TracedCall[];
  totals: CallTotals;
  live: LiveRun | undefined;
  unreadable: number;
  asked: AskedOfRun[];
  waiting: Waiting[];
  subRuns: TracedRun[];
}

export async function traceCommand(context: CliContext, given: string): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const found = await findRun(store, given);
  // The reuse of calls stands in the history alone, so an ended run is looked up too, but silently.
  const connected = await context.connectIfPossible((reason) => {
    if (!found.ended) output.note(`what is under way is not known: ${errorLine(reason)}`);
  });
  const traced = await tracedRun(store, connected, found, await subRunsUnder(store, found));
  output.json(jsonOf(traced));
  if (!output.isJson) showRun(output, traced, '');
  return EXIT.completed;
}

async function tracedRun(
  store: ContentStore,
  connected: Connected | undefined,
  found: RunRecord,
  below: readonly RunRecord[],
): Promise<TracedRun> {
  const record = connected ? await settledRecord(store, connected.temporal, found) : found;
  const live = connected ? await liveRun(connected.temporal, record.id) : undefined;
  const reused = connected && live ? await reusedCalls(connected.temporal, record.id) : undefined;
  const firstRunId = record.ended?.firstRunId ?? live?.firstRunId ?? (await firstRunIdOf(store, record));
  const { calls, unreadable } =
    firstRunId === undefined ? { calls: [], unreadable: 0 } : await callsOf(store, firstRunId);
  const subRuns = await Promise.all(directSubRuns(below, record).map((sub) => tracedRun(store, connected, sub, below)));
  const waiting = record.ended ? [] : await waitingNow(store, record.id, live);
  return {
    ...{ record, firstRunId, live, unreadable, subRuns, waiting },
    status: record.ended?.outcome ?? openStatus(live, waiting),
    calls: calls.map((call) => tracedCall(call, record, reused)),
    asked: firstRunId === undefined || record.erased ? [] : await requestsOf(store.of(record.tenant), firstRunId),
    totals: record.ended?.totals ?? totalsOf(calls),
  };
}

function jsonOf(traced: TracedRun): object {
  const { record, status, firstRunId, calls, totals, live, unreadable, subRuns, asked, waiting } = traced;
  const { turns, modelCalls, toolCalls, usage } = totals;
  return {
    id: record.id,
    agent: record.agent,
    status,
    outcome: record.ended?.outcome ?? null,
    firstRunId: firstRunId ?? null,
    startedAt: record.startedAt,
    endedAt: record.ended?.at ?? null,
    totals: { turns, modelCalls, toolCalls, usage },
    turns: turnsOf(calls).map(([first, ...others]) => ({
      fork: first.fork,
      turn: first.turn,
      calls: [first, ...others],
      requests: askedIn(first, asked),
    })),
    waiting: askedNow(waiting),
    pending: live?.pending ?? [],
    failure: record.ended?.failure ?? null,
    forkedFrom: record.forkedFrom ? { run: record.forkedFrom.run, step: record.forkedFrom.step } : null,
    calledBy: record.parent ? { run: record.parent.run, turn: record.parent.turn, index: record.parent.index } : null,
    erased: record.erased ?? null,
    problems: live?.problems ?? [],
    unreadable,
    subRuns: subRuns.map(jsonOf),
  };
}

/** @param indent of a sub-agent's run: it stands under the call that began it */
function showRun(output: Output, traced: TracedRun, indent: string): void {
  const { record, status, totals, live, unreadable, waiting } = traced;
  const line = (text: string): void => output.line(`${indent}${text}`);
  const time = record.ended ? ` in ${formatDuration(record.ended.at - record.startedAt)}` : '';
  line(`${record.id}  ${record.agent}  ${status}${time}   ${totalsLine(totals.turns, totals.toolCalls, totals.usage)}`);
  if (record.question !== '') line(output.colors.dim(output.safeLine(record.question)));
  if (record.forkedFrom) line(output.safeLine(originText(record, record.forkedFrom)));
  if (record.parent && indent === '')
    line(
      output.safeLine(
        `called by ${record.parent.run}, turn ${record.parent.turn}: "longhaul trace ${record.parent.root}" shows all`,
      ),
    );
  if (record.erased) line(`${output.colors.yellow('erased')}  it ${output.safeLine(erasedText(record.erased))}`);
  showTree(output, traced, indent);
  for (const one of waiting) line(`${output.colors.yellow('asks')}  ${waitingLine(output, one)}`);
  for (const problem of live?.problems ?? []) line(`${output.colors.red('stuck')}  ${output.safeLine(problem)}`);
  if (live?.reason !== undefined) line(`${live.status}: ${output.safeLine(live.reason)}`);
  const failure = record.ended?.failure;
  if (failure) line(`${output.colors.red(status)}  ${failure.type}: ${output.safeLine(failure.message)}`);
  if (unreadable > 0) output.note(`${counted(unreadable, 'record')} not readable by this version.`);
}

export const originText = (
  { erased }: Pick<RunRecord, 'erased'>,
  { run, step }: NonNullable<RunRecord['forkedFrom']>,
): string => `forked from ${run} at step ${step}${erased ? '' : ': what came before is there'}`;

const totalsLine = (turns: number, toolCalls: number, usage: Usage): string =>
  `${counted(turns, 'turn')}, ${counted(toolCalls, 'tool call')}, ${usageText(usage)}`;

function usageText({ input, cachedInput, output, reasoning }: Usage): string {
  const cached = cachedInput > 0 ? ` (${formatTokens(cachedInput)} cached)` : '';
  const thought = reasoning > 0 ? ` (${formatTokens(reasoning)} reasoning)` : '';
  return `${formatTokens(input)} in${cached}, ${formatTokens(output)} out${thought}`;
}

function tracedCall(call: RunCall, { startedAt }: RunRecord, reused: Set<string> | undefined): TracedCall {
  const { record, number, fork, turn, index, asked } = call;
  const common = {
    number,
    fork,
    turn,
    index,
    offsetMs: record.startedAt - startedAt,
    durationMs: record.endedAt - record.startedAt,
    attempt: record.attempt,
    worker: record.worker,
    reused: reused ? reused.has(callName(call)) : null,
  };
  if (record.kind === 'tool') {
    const { message, failure } = record.result;
    const result = { usage: null, preview: message.preview, failure: failure ?? null };
    return { ...common, kind: 'tool', name: record.name, asked: asked ?? null, ...result };
  }
  if (record.kind === 'started-tool') {
    const preview = 'has begun work elsewhere, whose outcome is asked for';
    return { ...common, kind: 'tool', name: record.name, asked: asked ?? null, usage: null, preview, failure: null };
  }
  if (record.kind === 'compaction') {
    const { model, usage, covered } = record.result;
    const { first, last } = record.range;
    const preview = `sums up ${counted(covered, 'message')}, ${first} to ${last}`;
    return { ...common, kind: 'compaction', name: model, asked: null, usage, preview, failure: null };
  }
  const { model, usage, messages, toolCalls, problem, pruned, notices } = record.answer;
  const preview =
    toolCalls.length > 0 ? `calls ${toolCalls.map(({ name }) => name).join(', ')}` : (messages[0]?.preview ?? '');
  const edit = pruned ? `leaves out ${counted(pruned.results, 'tool result')}; ` : '';
  const told = notices ? 'is warned first; ' : '';
  return {
    ...common,
    kind: 'model',
    name: model,
    asked: null,
    usage,
    preview: `${edit}${told}${preview}`,
    failure: problem?.type ?? null,
  };
}

type Turn = [TracedCall, ...TracedCall[]];

function turnsOf(calls: readonly TracedCall[]): Turn[] {
  const turns = new Map<string, Turn>();
  for (const call of calls) {
    const turn = turns.get(`${call.fork}/${call.turn}`);
    if (turn) turn.push(call);
    else turns.set(`${call.fork}/${call.turn}`, [call]);
  }
  return [...turns.values()];
}

/** Of the turn of a call. */
const askedIn = ({ fork, turn }: TracedCall, asked: readonly AskedOfRun[]): AskedOfRun[] =>
  fork > 0 ? [] : asked.filter((one) => one.turn === turn);

function showTree(output: Output, { record, calls, live, subRuns, asked }: TracedRun, indent: string): void {
  const pending = live?.pending ?? [];
  const turns = turnsOf(calls);
  // A call that has no record yet is under way in a run of its own.
  const open = subRuns.filter(({ record: { parent } }) => !calls.some((call) => isCallOf(call, parent)));
  const more = pending.length + open.length;
  turns.forEach((turn, at) => {
    const isLast = at === turns.length - 1 && more === 0;
    const fork = turn[0].fork > 0 ? ` of fork ${turn[0].fork}` : '';
    output.line(`${indent}${isLast ? '└─' : '├─'} turn ${turn[0].turn}${fork}`);
    const inTurn = `${indent}${isLast ? '   ' : '│  '}`;
    const lines = [
      // A question stands before its call, which is recorded only once it is made.
      ...askedIn(turn[0], asked).map((one) => ({
        ...{ place: one.call + 0.5, text: askedText(output, one, record.startedAt) },
        below: [],
      })),
      ...turn.map((call) => ({
        ...{ place: call.index % FALLBACK_INDEX_STEP, text: callLine(output, call) },
        below: subRuns.filter((sub) => isCallOf(call, sub.record.parent)),
      })),
    ].sort((a, b) => a.place - b.place);
    lines.forEach(({ text, below }, nth) => {
      const isLastLine = nth === lines.length - 1;
      output.line(`${inTurn}${isLastLine ? '└─' : '├─'} ${text}`);
      for (const sub of below) showRun(output, sub, `${inTurn}${isLastLine ? '   ' : '│  '}   `);
    });
  });
  pending.forEach((call, at) => {
    output.line(`${indent}${at === more - 1 ? '└─' : '├─'} ${pendingLine(output, call)}`);
  });
  open.forEach((sub, at) => {
    const isLast = at === open.length - 1;
    const { agent, parent } = sub.record;
    output.line(
      `${indent}${isLast ? '└─' : '├─'} ${output.colors.cyan(`turn ${parent?.turn ?? 0}: ${agent} ${sub.status}`)}`,
    );
    showRun(output, sub, `${indent}${isLast ? '   ' : '│  '}`);
  });
}

const isCallOf = ({ fork, turn, index }: TracedCall, parent: RunRecord['parent']): boolean =>
  fork === 0 && turn === parent?.turn && index === parent.index;
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

function callLine(output: Output, call: TracedCall): string {
  const { colors } = output;
  const name = call.kind === 'tool' ? `${call.name} ${call.asked ?? ''}`.trimEnd() : call.name;
  const facts = [
    `+${formatDuration(call.offsetMs)}`,
    formatDuration(call.durationMs),
    ...(call.usage ? [usageText(call.usage)] : []),
    ...(call.attempt > 1 ? [colors.yellow(`attempt ${call.attempt}`)] : []),
    ...(call.reused ? [colors.cyan('reused')] : []),
    ...(call.failure ? [colors.red(call.failure)] : []),
  ];
  return `${call.number}. ${call.kind} ${output.safeLine(name)}  ${facts.join('  ')}  ${colors.dim(output.safeLine(call.preview))}`.trimEnd();
}

function pendingLine(output: Output, { what, label, attempt, since, lastFailure }: PendingCall): string {
  const facts = [
    label === undefined ? what : output.safeLine(label),
    `attempt ${attempt}`,
    ...(since === undefined ? [] : [`for ${formatDuration(Date.now() - since)}`]),
    ...(lastFailure === undefined ? [] : [`after ${output.safeLine(lastFailure)}`]),
  ];
  return output.colors.cyan(`under way: ${facts.join('  ')}`);
}
