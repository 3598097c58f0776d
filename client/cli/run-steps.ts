// The steps of a run as content: what each was given and what it answered, by hash. Of a fork, those of the run it came from too.
import { callsOf, type RunCall } from '../../activities/store/run-calls';
import { createConversation, previewOf, type ContentStore, type Conversation } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import type { JsonValue, Message } from '../../workflows/contract/message';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { firstRunIdOf } from '../first-run';

export interface RunStep {
  kind: 'model' | 'tool' | 'compaction';
  /** The tool, or the model as `provider/model`. */
  name: string;
  /** Names all that it was given. */
  givenHash: string;
  given: string;
  /** Names what it answered. */
  answeredHash: string;
  answered: string;
  release: string;
}

export interface StepDifference {
  /** From 1. */
  number: number;
  /** In words: what differs. */
  in: string[];
  /** Absent where the run has ended before it. */
  a?: RunStep;
  b?: RunStep;
}

export interface RunSteps {
  steps: RunStep[];
  /** Where the oldest of them begins, when what it was forked from is gone: the steps before are not known any more. */
  behind?: { run: string; step: number };
}

/** In order; what is not recorded, as a call under way is not, is left out. Of a fork also what it had behind it when it began. */
export async function allSteps(store: ContentStore, record: RunRecord): Promise<RunSteps> {
  const line = await lineOf(store, record);
  const gone = line[0]?.forkedFrom;
  let steps: PlacedStep[] = [];
  for (const [at, run] of line.entries()) {
    const next = line[at + 1]?.forkedFrom;
    const calls = await callsOfRecord(store, run);
    const own = await stepsOf(store, run, next ? callsBefore(calls, next) : calls);
    steps = joined(steps, own, run);
  }
  return { steps: steps.map(({ step }) => step), ...(gone ? { behind: { run: gone.run, step: gone.step } } : {}) };
}

/**
 * The run, behind those that it was forked from, oldest first; without those that are gone. A run that began after its fork is another
 * one under the same id: so the line has an end, too.
 */
async function lineOf(store: ContentStore, record: RunRecord): Promise<RunRecord[]> {
  const line = [record];
  for (let fork = record; fork.forkedFrom;) {
    const { success, data } = runRecordSchema.safeParse(
      (await store.readRef(runRecordName(fork.forkedFrom.run)))?.value,
    );
    if (!success || data.erased || data.startedAt >= fork.startedAt) break;
    line.unshift(data);
    fork = data;
  }
  return line;
}

async function callsOfRecord(store: ContentStore, record: RunRecord): Promise<RunCall[]> {
  const firstRunId = await firstRunIdOf(store, record);
  return firstRunId === undefined ? [] : (await callsOf(store, firstRunId)).calls;
}

type Origin = NonNullable<RunRecord['forkedFrom']>;

/** By the newest of them and not by their number: a call beside it may have been recorded since, which the fork makes anew. */
function callsBefore(calls: readonly RunCall[], { step, after, calling }: Origin): RunCall[] {
  // As an earlier version recorded it.
  if (!after) return calls.slice(0, step - 1);
  const isOfTurn = ({ fork, turn }: RunCall): boolean => fork === after.fork && turn === after.turn;
  const end = calls.findIndex((call) => isOfTurn(call) && call.index === after.index) + 1;
  return calls
    .slice(0, end)
    .filter((call) => !calling || !isOfTurn(call) || call.index === 0 || Boolean(calling.results[call.index - 1]));
}

interface PlacedStep {
  step: RunStep;
  /** Of its call in the turn. */
  index: number;
}

/** A fork that began among the tool calls of a turn makes the others: they take their places in it, as if one run had made all. */
function joined(before: readonly PlacedStep[], own: readonly PlacedStep[], { forkedFrom }: RunRecord): PlacedStep[] {
  if (!forkedFrom?.calling) return [...before, ...own];
  const [from, to] = [before.findLastIndex(isAnswer) + 1, own.findIndex((step) => !isToolCall(step))];
  const made = to === -1 ? own : own.slice(0, to);
  const turn = [...before.slice(from), ...made].sort((a, b) => a.index - b.index);
  return [...before.slice(0, from), ...turn, ...own.slice(made.length)];
}

const isAnswer = ({ step }: PlacedStep): boolean => step.kind === 'model';
const isToolCall = ({ step }: PlacedStep): boolean => step.kind === 'tool';

async function stepsOf(store: ContentStore, { tenant }: RunRecord, calls: readonly RunCall[]): Promise<PlacedStep[]> {
  const conversation = createConversation(store.of(tenant));
  const asking = calls.flatMap(({ record: { kind, from } }) =>
    kind === 'tool' && 'message' in from ? [from.message] : [],
  );
  const given = calls.flatMap(({ record: { from } }) => ('append' in from ? from.append.slice(-1) : []));
  const hashes = [...new Set([...asking, ...given])];
  const messages = await conversation.messages(hashes);
  const byHash = new Map(hashes.map((hash, at) => [hash, messages[at]]));
  return calls.flatMap((call) => stepOf(conversation, byHash, call).map((step) => ({ step, index: call.index })));
}

function stepOf(
  conversation: Conversation,
  messages: ReadonlyMap<string, Message | undefined>,
  { record }: RunCall,
): RunStep[] {
  const { release } = record;
  if (record.kind === 'started-tool') return [];
  if (record.kind === 'tool') {
    const { message } = record.result;
    const args = argumentsOf(messages.get(record.from.message), record.from.call);
    const given = { givenHash: JSON.stringify(args), given: previewOf(args) };
    return [
      { kind: 'tool', name: record.name, ...given, answeredHash: message.hash, answered: message.preview, release },
    ];
  }
  const { base, append } = record.from;
  const last = messages.get(append.at(-1) ?? '');
  const given = {
    givenHash: (record.kind === 'model' ? record.edited : undefined) ?? conversation.extend(base, append).head ?? '',
    given: last ? previewOf(last) : '',
  };
  if (record.kind === 'compaction') {
    const { message, model } = record.result;
    return [
      { kind: 'compaction', name: model, ...given, answeredHash: message.hash, answered: message.preview, release },
    ];
  }
  const { answer } = record;
  const names = answer.messages.map(({ hash }) => hash).join();
  return [
    {
      kind: 'model',
      name: answer.model,
      ...given,
      answeredHash: names,
      answered: answer.messages[0]?.preview ?? '',
      release,
    },
  ];
}

function argumentsOf(message: Message | undefined, at: number): JsonValue {
  const parts = message?.role === 'assistant' ? message.parts : [];
  const part = parts.find((one) => one.type === 'tool-call' && one.call === at);
  return part?.type === 'tool-call' ? part.arguments : null;
}

/** Equal conversations have equal heads, whoever held them: so a few hashes tell whether two steps were the same. */
export function compareSteps(a: readonly RunStep[], b: readonly RunStep[]): StepDifference | undefined {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const [one, other] = [a[at], b[at]];
    const parts = one && other ? partsOf(one, other) : ['one run has ended'];
    if (parts.length > 0)
      return { number: at + 1, in: parts, ...(one ? { a: one } : {}), ...(other ? { b: other } : {}) };
  }
  return undefined;
}

const partsOf = (a: RunStep, b: RunStep): string[] => [
  ...(a.kind === b.kind ? [] : ['the kind of step']),
  ...(a.kind === b.kind && a.name !== b.name
    ? [a.kind === 'tool' ? 'which tool is called' : 'which model answers']
    : []),
  ...(a.givenHash === b.givenHash ? [] : ['what it is given']),
  ...(a.answeredHash === b.answeredHash ? [] : ['what it answers']),
];
