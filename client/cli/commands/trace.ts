// `longhaul trace RUN`: its turns as a tree of calls, from their records; where a server answers, also what is under way.
import type { Usage } from '../../../workflows/contract/message';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { erasedText } from '../../recorded-result';
import type { CliContext } from '../context';
import { EXIT, errorLine } from '../exit-codes';
import { firstRunIdOf } from '../../first-run';
import { findRun } from '../find-run';
import { counted, formatDuration, formatTokens } from '../format';
import { liveRun, type LiveRun, type PendingCall } from '../live-run';
import type { Output } from '../output';
import { settledRecord } from '../settled-record';
import { callName, reusedCalls } from '../reused-calls';
import { FALLBACK_INDEX_STEP } from '../../../workflows/contract/limits';
import { askedNow, openStatus, waitingLine, waitingNow } from '../waiting';
import { decisionText, requestsOf, type AskedOfRun } from './requests-of';
import { callsOf, totalsOf, type RunCall } from '../../../activities/store/run-calls';

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

export async function traceCommand(context: CliContext, given: string): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const found = await findRun(store, given);
  // The reuse of calls stands in the history alone, so an ended run is looked up too, but silently.
  const connected = await context.connectIfPossible((reason) => {
    if (!found.ended) output.note(`what is under way is not known: ${errorLine(reason)}`);
  });
  const record = connected ? await settledRecord(store, connected.temporal, found) : found;
  const live = connected ? await liveRun(connected.temporal, record.id) : undefined;
  const reused = connected && live ? await reusedCalls(connected.temporal, record.id) : undefined;
  const firstRunId = record.ended?.firstRunId ?? live?.firstRunId ?? (await firstRunIdOf(store, record));
  const { calls, unreadable } =
    firstRunId === undefined ? { calls: [], unreadable: 0 } : await callsOf(store, firstRunId);
  const traced = calls.map((call) => tracedCall(call, record, reused));
  const asked = firstRunId === undefined || record.erased ? [] : await requestsOf(store.of(record.tenant), firstRunId);
  const waiting = record.ended ? [] : await waitingNow(store, record.id, live);
  const pending = live?.pending ?? [];
  const { turns, modelCalls, toolCalls, usage } = record.ended?.totals ?? totalsOf(calls);
  const status = record.ended?.outcome ?? openStatus(live, waiting);
  output.json({
    id: record.id,
    agent: record.agent,
    status,
    outcome: record.ended?.outcome ?? null,
    firstRunId: firstRunId ?? null,
    startedAt: record.startedAt,
    endedAt: record.ended?.at ?? null,
    totals: { turns, modelCalls, toolCalls, usage },
    turns: turnsOf(traced).map(([first, ...others]) => ({
      fork: first.fork,
      turn: first.turn,
      calls: [first, ...others],
      requests: askedIn(first, asked),
    })),
    waiting: askedNow(waiting),
    pending,
    failure: record.ended?.failure ?? null,
    forkedFrom: record.forkedFrom ? { run: record.forkedFrom.run, step: record.forkedFrom.step } : null,
    erased: record.erased ?? null,
    problems: live?.problems ?? [],
    unreadable,
  });
  const time = record.ended ? ` in ${formatDuration(record.ended.at - record.startedAt)}` : '';
  output.line(`${record.id}  ${record.agent}  ${status}${time}   ${totalsLine(turns, toolCalls, usage)}`);
  if (record.question !== '') output.line(output.colors.dim(output.safeLine(record.question)));
  if (record.forkedFrom) output.line(output.safeLine(originText(record, record.forkedFrom)));
  if (record.erased) output.line(`${output.colors.yellow('erased')}  it ${output.safeLine(erasedText(record.erased))}`);
  showTree(output, traced, { live, pending, asked, startedAt: record.startedAt });
  for (const one of waiting) output.line(`${output.colors.yellow('asks')}  ${waitingLine(output, one)}`);
  const failure = record.ended?.failure;
  if (failure) output.line(`${output.colors.red(status)}  ${failure.type}: ${output.safeLine(failure.message)}`);
  if (unreadable > 0) output.note(`${counted(unreadable, 'record')} not readable by this version.`);
  return EXIT.completed;
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

interface Around {
  live: LiveRun | undefined;
  pending: readonly PendingCall[];
  asked: readonly AskedOfRun[];
  startedAt: number;
}

function showTree(output: Output, calls: readonly TracedCall[], { live, pending, asked, startedAt }: Around): void {
  const turns = turnsOf(calls);
  const more = pending.length > 0;
  turns.forEach((turn, at) => {
    const isLast = at === turns.length - 1 && !more;
    output.line(`${isLast ? '└─' : '├─'} turn ${turn[0].turn}${turn[0].fork > 0 ? ` of fork ${turn[0].fork}` : ''}`);
    const lines = [
      // A question stands before its call, which is recorded only once it is made.
      ...askedIn(turn[0], asked).map((one) => ({ place: one.call + 0.5, text: askedText(output, one, startedAt) })),
      ...turn.map((call) => ({ place: call.index % FALLBACK_INDEX_STEP, text: callLine(output, call) })),
    ].sort((a, b) => a.place - b.place);
    lines.forEach(({ text }, nth) => {
      const branch = nth === lines.length - 1 ? '└─' : '├─';
      output.line(`${isLast ? '   ' : '│  '}${branch} ${text}`);
    });
  });
  pending.forEach((call, at) => {
    output.line(`${at === pending.length - 1 ? '└─' : '├─'} ${pendingLine(output, call)}`);
  });
  for (const problem of live?.problems ?? []) output.line(`${output.colors.red('stuck')}  ${output.safeLine(problem)}`);
  if (live?.reason !== undefined) output.line(`${live.status}: ${output.safeLine(live.reason)}`);
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
