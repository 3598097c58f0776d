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

/** In order; what is not recorded, as a call under way is not, is left out. */
export async function allSteps(store: ContentStore, record: RunRecord): Promise<RunStep[]> {
  const before = await inherited(store, record);
  const conversation = createConversation(store.of(record.tenant));
  const firstRunId = await firstRunIdOf(store, record);
  const { calls } = firstRunId === undefined ? { calls: [] } : await callsOf(store, firstRunId);
  const asking = calls.flatMap(({ record: { kind, from } }) =>
    kind === 'tool' && 'message' in from ? [from.message] : [],
  );
  const given = calls.flatMap(({ record: { from } }) => ('append' in from ? from.append.slice(-1) : []));
  const hashes = [...new Set([...asking, ...given])];
  const messages = await conversation.messages(hashes);
  const byHash = new Map(hashes.map((hash, at) => [hash, messages[at]]));
  return [...before, ...calls.flatMap((call) => stepOf(conversation, byHash, call))];
}

/** What a fork had behind it when it began; nothing where its origin is gone. */
async function inherited(store: ContentStore, { forkedFrom }: RunRecord): Promise<RunStep[]> {
  if (!forkedFrom) return [];
  const origin = runRecordSchema.safeParse((await store.readRef(runRecordName(forkedFrom.run)))?.value);
  if (!origin.success || origin.data.erased) return [];
  const earlier = (await inherited(store, origin.data)).length;
  return (await allSteps(store, origin.data)).slice(0, earlier + forkedFrom.step - 1);
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
