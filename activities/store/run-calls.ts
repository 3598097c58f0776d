// The calls of a run, as their records tell them: what was asked and answered, when, by whom, at what price. Needs no server.
import { allRefs } from './all-refs';
import type { ContentStore } from './port';
import { callsOfFirst } from './ref-names';
import { COMPACTION_INDEX } from '../../workflows/contract/context';
import { addCosts, addUsage, type Cost } from '../../workflows/contract/cost';
import type { Usage } from '../../workflows/contract/message';
import { callRecordSchema, type CallRecord } from '../../workflows/contract/schemas/call-record';

export interface RunCall {
  /** From 1, in the order of turns: what `show --call` takes. */
  number: number;
  fork: number;
  turn: number;
  /** 0 is the turn's model call, COMPACTION_INDEX a compaction before it; the others are tool calls. */
  index: number;
  record: CallRecord;
  /** Of a tool call: its arguments, as the model's answer previews them. */
  asked?: string;
}

/** In the order of turns; what this version cannot read is left out, and counted. */
export async function callsOf(
  store: ContentStore,
  firstRunId: string,
): Promise<{ calls: RunCall[]; unreadable: number }> {
  const prefix = callsOfFirst(firstRunId);
  const refs = await allRefs(store, prefix);
  const calls: RunCall[] = [];
  for (const { name, value } of refs) {
    const [, fork, turn, index] = /^(\d+)\/(\d+)\/(\d+)$/.exec(name.slice(prefix.length)) ?? [];
    const parsed = callRecordSchema.safeParse(value);
    if (!parsed.success || index === undefined) continue;
    calls.push({
      number: 0,
      fork: Number(fork),
      turn: Number(turn),
      index: Number(index),
      record: parsed.data,
    });
  }
  const inOrder = calls.sort((a, b) => a.fork - b.fork || a.turn - b.turn || placeOf(a) - placeOf(b));
  return {
    calls: inOrder.map((call, at) => ({ ...call, number: at + 1, ...askedOf(call, calls) })),
    unreadable: refs.length - calls.length,
  };
}

/** In its turn, as it was made. */
const placeOf = ({ index }: RunCall): number => (index === COMPACTION_INDEX ? -1 : index);

function askedOf({ fork, turn, record }: RunCall, calls: readonly RunCall[]): { asked?: string } {
  if (record.kind !== 'tool' && record.kind !== 'started-tool') return {};
  const model = calls.find((call) => call.fork === fork && call.turn === turn && call.record.kind === 'model');
  const asked = model?.record.kind === 'model' ? model.record.answer.toolCalls[record.from.call]?.preview : undefined;
  return asked === undefined ? {} : { asked };
}

const NO_USAGE: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };

export interface CallTotals {
  turns: number;
  modelCalls: number;
  toolCalls: number;
  usage: Usage;
  /** Model calls that were given the answer to the same question. Absent where there are none. */
  cachedCalls?: number;
  /** What those took when they were asked first, and what that would cost: in neither `usage` nor `cost`. */
  saved?: Usage;
  savedCost?: Cost;
  cost?: Cost;
  estimated?: true;
}

/** What has been recorded so far; of an ended run its record has the totals. */
export function totalsOf(calls: readonly RunCall[]): CallTotals {
  let usage = NO_USAGE;
  let saved = NO_USAGE;
  let [cost, savedCost]: [Cost?, Cost?] = [];
  let isEstimated = false;
  let [modelCalls, cachedCalls] = [0, 0];
  for (const { record } of calls) {
    if (record.kind === 'tool' || record.kind === 'started-tool') continue;
    modelCalls += 1;
    if (record.kind === 'model' && record.answer.cached) {
      cachedCalls += 1;
      saved = addUsage(saved, record.answer.saved ?? NO_USAGE);
      savedCost = addCosts(savedCost, record.answer.savedCost);
    }
    const { usage: used, cost: own, unanswered } = record.kind === 'model' ? record.answer : record.result;
    usage = addUsage(usage, used);
    cost = addCosts(addCosts(cost, own), unanswered?.cost);
    if (!unanswered) continue;
    usage = addUsage(usage, unanswered.spent);
    isEstimated = true;
  }
  const turns = new Set(calls.map(({ fork, turn }) => `${fork}/${turn}`)).size;
  const toolCalls = calls.length - modelCalls;
  return {
    ...{ turns, modelCalls, toolCalls, usage },
    ...(cachedCalls > 0 ? { cachedCalls, saved, ...(savedCost ? { savedCost } : {}) } : {}),
    ...(cost ? { cost } : {}),
    ...(isEstimated ? { estimated: true as const } : {}),
  };
}

/** Where no request brought or took anything, nothing was paid; without a cost beside what was used, nobody counted it. */
export function withKnownCost<T extends Pick<CallTotals, 'modelCalls' | 'usage' | 'cost'>>(totals: T): T {
  const { modelCalls, usage, cost } = totals;
  const isNothing = modelCalls === 0 && usage.input === 0 && usage.output === 0;
  return cost || !isNothing ? totals : { ...totals, cost: { nanoUsd: 0 } };
}
