// A run and its shadow, side by side: where they part first, which tools each called with what, what they answered, and what that took. Pure.
import type { RunCall } from '../../activities/store/run-calls';
import { originalPositions } from '../../activities/store/original-messages';
import { canonicalJson } from '../../activities/store/canonical-json';
import { previewOf } from '../../activities/store/preview';
import type { Message, ToolCallPart } from '../../workflows/contract/message';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { unfairness } from './fair-pair';

export interface ComparedRun {
  record: RunRecord & { ended: NonNullable<RunRecord['ended']> };
  /** The whole conversation, oldest first, as it was said. */
  said: readonly { hash: string; message: Message }[];
  /** In the order of turns. */
  calls: readonly RunCall[];
}

/**
 * `reasoning`: only what the model thought; `words`: what it said beside the same calls; `calls`: another tool, or more or fewer of them;
 * `arguments`; `result`: what the same call was answered; `input`: what it was told; `end`: one goes on where the other has ended.
 */
export type DifferenceKind = 'reasoning' | 'words' | 'calls' | 'arguments' | 'result' | 'answer' | 'input' | 'end';

export const KIND_TEXTS: Readonly<Record<DifferenceKind, string>> = {
  reasoning: 'what the model thought',
  words: 'what it said beside its calls',
  calls: 'which tools are called',
  arguments: 'what a tool is called with',
  result: 'what a tool answered',
  answer: 'the answer',
  input: 'what the model was told',
  end: 'one ended where the other went on',
};

export interface FirstDifference {
  kind: DifferenceKind;
  /** Of the message in the conversation, from 0. */
  position: number;
  /** The step of each, as its trace numbers its calls; null where it has none there. */
  step: number | null;
  shadowStep: number | null;
  /** What stands there, short. */
  run: string | null;
  shadow: string | null;
}

export interface Taken {
  turns: number;
  modelCalls: number;
  toolCalls: number;
  /** Of all model calls. */
  tokens: number;
  /** Null where nobody knows the price. */
  nanoUsd: number | null;
  /** From its start to its end. A shadow's tools answer at once, and nobody is waited for: compare the model's time. */
  ms: number;
  modelMs: number;
}

export interface NotExecuted {
  step: number;
  tool: string;
  arguments: string;
}

export interface ShadowComparison {
  run: string;
  shadow: string;
  agent: string;
  /** Hash of that of the run, and of its shadow. */
  release: string;
  shadowRelease: string;
  /** One release: what differs does so by chance. */
  isFloor: boolean;
  /** Null where the two are the same, message for message. */
  first: FirstDifference | null;
  outcome: { run: string; shadow: string; same: boolean };
  /** Names of the tools called, in order; `edits`: how many must be put in, taken out or exchanged to make one of the other. */
  tools: { run: string[]; shadow: string[]; same: boolean; edits: number };
  /** Of calls in the same place to the same tool. */
  arguments: { same: number; different: number };
  answer: { run: string | null; shadow: string | null; same: boolean };
  took: { run: Taken; shadow: Taken };
  /** Calls of the shadow by how they were answered. */
  answered: { recorded: number; ran: number; notExecuted: NotExecuted[] };
  /** Why what differs says nothing of the releases. Null where it does: these alone are summed up. */
  unfair: string | null;
}

/** @param begun messages that both began with: a session's, or what a run was forked with */
export function compareShadow(run: ComparedRun, shadow: ComparedRun): ShadowComparison {
  const [theirs, ours] = [callsIn(run), callsIn(shadow)];
  const names = { run: theirs.map(({ name }) => name), shadow: ours.map(({ name }) => name) };
  const edits = editsBetween(names.run, names.shadow);
  const pairs = theirs.flatMap((call, at) =>
    ours[at]?.name === call.name ? [isSameJson(call.arguments, ours[at].arguments)] : [],
  );
  const answers = { run: answerOf(run), shadow: answerOf(shadow) };
  return {
    ...{ run: run.record.id, shadow: shadow.record.id, agent: run.record.agent },
    ...{ release: run.record.release, shadowRelease: shadow.record.release },
    isFloor: run.record.release === shadow.record.release,
    first: firstDifference(run, shadow),
    outcome: {
      ...{ run: outcomeOf(run), shadow: outcomeOf(shadow) },
      same: outcomeOf(run) === outcomeOf(shadow),
    },
    tools: { ...names, same: edits === 0, edits },
    arguments: { same: pairs.filter(Boolean).length, different: pairs.filter((same) => !same).length },
    answer: { ...answers, same: run.record.ended.output?.hash === shadow.record.ended.output?.hash },
    took: { run: takenBy(run), shadow: takenBy(shadow) },
    answered: answeredIn(shadow),
    unfair: unfairness(run.record, shadow.record),
  };
}

/** By the hashes of the messages: as long as they are the same, so are the nodes of both chains. */
function firstDifference(run: ComparedRun, shadow: ComparedRun): FirstDifference | null {
  const length = Math.max(run.said.length, shadow.said.length);
  for (let at = 0; at < length; at += 1) {
    const [theirs, ours] = [run.said[at], shadow.said[at]];
    if (theirs?.hash === ours?.hash) continue;
    return {
      ...{ kind: kindOf(theirs?.message, ours?.message), position: at },
      ...{ step: stepAt(run, at), shadowStep: stepAt(shadow, at) },
      ...{ run: theirs ? textOf(theirs.message) : null, shadow: ours ? textOf(ours.message) : null },
    };
  }
  // One that failed may have said the same until then.
  if (outcomeOf(run) === outcomeOf(shadow)) return null;
  return {
    ...{ kind: 'end', position: length, step: null, shadowStep: null },
    ...{ run: outcomeOf(run), shadow: outcomeOf(shadow) },
  };
}

function kindOf(theirs: Message | undefined, ours: Message | undefined): DifferenceKind {
  if (!theirs || !ours) return 'end';
  if (theirs.role !== ours.role || theirs.role === 'user' || ours.role === 'user')
    return theirs.role === ours.role ? 'input' : 'end';
  if (theirs.role === 'tool' || ours.role === 'tool') return 'result';
  const [before, after] = [toolCallsOf(theirs), toolCallsOf(ours)];
  if (before.length !== after.length || before.some(({ name }, at) => name !== after[at]?.name)) return 'calls';
  if (before.some((call, at) => !isSameJson(call.arguments, after[at]?.arguments))) return 'arguments';
  if (wordsOf(theirs) === wordsOf(ours)) return 'reasoning';
  return before.length === 0 ? 'answer' : 'words';
}

/** The call that the message is of: the model's that said it, or the tool's that it is the result of. */
function stepAt({ said, calls }: ComparedRun, at: number): number | null {
  const message = said[at];
  if (!message) return null;
  const place = originalPositions(said.map((one) => one.message))[at];
  const found = calls.find(({ record }) =>
    record.kind === 'model'
      ? record.position === place && record.answer.messages.some(({ hash }) => hash === message.hash)
      : record.kind === 'tool' && record.result.message.hash === message.hash && isAsked(said, at, record.from.message),
  );
  return found?.number ?? null;
}

/** The same result may be told twice: its call is that of the newest message which asks for calls before it. */
function isAsked(said: ComparedRun['said'], at: number, message: string): boolean {
  return said.slice(0, at).findLast((one) => one.message.role === 'assistant')?.hash === message;
}

/** Behind what both began with: that of a session is as long. */
const callsIn = ({ said, record }: ComparedRun): ToolCallPart[] =>
  said.slice(begunWith(record)).flatMap(({ message }) => toolCallsOf(message));

const begunWith = ({ goesOnFrom }: RunRecord): number => goesOnFrom?.length ?? 0;

const toolCallsOf = (message: Message): ToolCallPart[] =>
  message.role === 'assistant' ? message.parts.filter((part) => part.type === 'tool-call') : [];

const wordsOf = (message: Message): string =>
  message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');

const isSameJson = (
  one: ToolCallPart['arguments'] | undefined,
  other: ToolCallPart['arguments'] | undefined,
): boolean =>
  one !== undefined && other !== undefined && Buffer.compare(canonicalJson(one), canonicalJson(other)) === 0;

function textOf(message: Message): string {
  const calls = toolCallsOf(message).map(({ name, arguments: given }) => `${name} ${previewOf(given)}`);
  return calls.length > 0 ? calls.join(', ') : previewOf(message);
}

const outcomeOf = ({ record: { ended } }: ComparedRun): string =>
  ended.failure ? `${ended.outcome}: ${ended.failure.type}` : ended.outcome;

const answerOf = ({ record: { ended } }: ComparedRun): string | null => ended.output?.preview ?? null;

function takenBy({ record: { ended, startedAt }, calls }: ComparedRun): Taken {
  const { totals } = ended;
  const modelMs = calls.reduce(
    (sum, { record }) =>
      sum + (record.kind === 'model' || record.kind === 'compaction' ? record.endedAt - record.startedAt : 0),
    0,
  );
  return {
    ...{ turns: totals.turns, modelCalls: totals.modelCalls, toolCalls: totals.toolCalls },
    ...{ tokens: totals.usage.input + totals.usage.output, nanoUsd: totals.cost?.nanoUsd ?? null },
    ...{ ms: Math.max(0, ended.at - startedAt), modelMs },
  };
}

function answeredIn({ calls, said }: ComparedRun): ShadowComparison['answered'] {
  const answered: ShadowComparison['answered'] = { recorded: 0, ran: 0, notExecuted: [] };
  for (const { record, number } of calls) {
    if (record.kind !== 'tool' || !record.shadow) continue;
    if (record.shadow.how === 'recorded') answered.recorded += 1;
    if (record.shadow.how === 'ran') answered.ran += 1;
    if (record.shadow.how !== 'not-executed') continue;
    const asking = said.find(({ hash }) => hash === record.from.message)?.message;
    const part = asking && toolCallsOf(asking).find(({ call }) => call === record.from.call);
    answered.notExecuted.push({ step: number, tool: record.name, arguments: part ? previewOf(part.arguments) : '' });
  }
  return answered;
}

/** Levenshtein's distance, over names of tools. */
export function editsBetween(one: readonly string[], other: readonly string[]): number {
  let row = other.map((_, at) => at + 1);
  let above = 0;
  for (const [at, name] of one.entries()) {
    let left = at + 1;
    let corner = at;
    const next: number[] = [];
    for (const [nth, another] of other.entries()) {
      above = row[nth] ?? 0;
      left = Math.min(above + 1, left + 1, corner + (name === another ? 0 : 1));
      next.push(left);
      corner = above;
    }
    row = next;
  }
  return other.length === 0 ? one.length : (row.at(-1) ?? one.length);
}
