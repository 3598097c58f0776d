// A run of two turns and one tool call, stored as activities store it: real messages, a real chain, records under their real names.
import {
  canonicalJson,
  createConversation,
  encodeMessage,
  objectHash,
  type ContentStore,
} from '../../activities/store';
import { previewOf } from '../../activities/store/preview';
import { callRecordName, headName, openRunName, runRecordName } from '../../activities/store/ref-names';
import { runEntry } from '../../activities/store/run-index';
import type { Message, MessageHead } from '../../workflows/contract/message';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { ModelRecord, ToolRecord } from '../../workflows/contract/schemas/call-record';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';

const manifest: ReleaseManifest = {
  schemaVersion: 1,
  agent: 'reader',
  instructions: 'Read.',
  model: { route: ['test/model-1'], parameters: {} },
  tools: [],
  plan: { limits: { turns: 7, toolCalls: 9 }, model: { timeoutMs: 1_000, attempts: 1 }, tools: {}, repairs: 1 },
  code: 'none',
  orchestration: 'test',
};
const release = canonicalJson(manifest);

export const STARTED_AT = Date.UTC(2026, 0, 2, 3, 4, 5);
const made = { schemaVersion: 1 as const, attempt: 1, worker: 'worker-1', release: objectHash(release) };
const usage = { input: 1_200, cachedInput: 1_000, output: 50, reasoning: 10 };
const totals = {
  turns: 2,
  modelCalls: 2,
  toolCalls: 1,
  reusedCalls: 0,
  usage: { input: 2_400, cachedInput: 2_000, output: 100, reasoning: 20 },
};

export interface StoredRunOptions {
  id: string;
  question?: string;
  /** What its one tool answers. */
  toolAnswer?: string;
  answer?: string;
  ended?: boolean;
  agent?: string;
  /** Milliseconds after STARTED_AT. */
  startedAt?: number;
  /** In which its model was asked. @default none: not over HTTP */
  form?: 'openai-chat';
  /** Objects that are named and are not there, as after a loss: messages, the release, the answer, the node of its first message. */
  lost?: readonly (keyof Said | 'release' | 'output' | 'node')[];
}

const headOf = (message: Message): MessageHead => ({
  hash: objectHash(encodeMessage(message)),
  role: message.role,
  preview: previewOf(message),
});

interface Said {
  asked: Message;
  calling: Message;
  looked: Message;
  final: Message;
}

const text = (words: string) => [{ type: 'text' as const, text: words }];
const conversationOf = ({ question = 'Where?', toolAnswer = 'in a.txt', answer = ANSWER }: StoredRunOptions): Said => ({
  asked: { role: 'user', parts: text(question) },
  calling: { role: 'assistant', parts: [{ type: 'tool-call', call: 0, name: 'look', arguments: { pattern: 'a' } }] },
  looked: { role: 'tool', call: 0, name: 'look', outcome: 'ok', parts: text(toolAnswer) },
  final: { role: 'assistant', parts: text(answer) },
});
const ANSWER = 'It stands in a.txt:1';

interface Times {
  startedAt: number;
  endedAt: number;
}

interface ModelCall extends Times {
  from: ModelRecord['from'];
  head: string | null;
  answer: Message;
  calls: ModelRecord['answer']['toolCalls'];
}

const modelRecord = ({ from, head, answer, calls, startedAt, endedAt }: ModelCall): ModelRecord => ({
  kind: 'model',
  ...made,
  startedAt,
  endedAt,
  from,
  answer: {
    kind: 'answer',
    head: head ?? '',
    messages: [headOf(answer)],
    toolCalls: calls,
    usage,
    model: 'test/model-1',
  },
  position: 1,
  raw: objectHash(encodeMessage(answer)),
  finish: calls.length > 0 ? 'tool-calls' : 'stop',
  request: { sha256: 'f'.repeat(64), bytes: 900 },
  requestId: 'req_1',
});

const toolRecord = ({ calling, looked }: Said, times: Times): ToolRecord => ({
  kind: 'tool',
  ...made,
  ...times,
  attempt: 2,
  from: { message: headOf(calling).hash, call: 0 },
  name: 'look',
  result: { message: headOf(looked) },
});

export async function storeRun(store: ContentStore, options: StoredRunOptions): Promise<void> {
  const { id, ended = true, lost = [] } = options;
  const said = conversationOf(options);
  const messages = [said.asked, said.calling, said.looked, said.final];
  const hashes = messages.map((message) => headOf(message).hash);
  const [asked = '', , looked = ''] = hashes;
  const { extend } = createConversation(store);
  const chain = extend(null, hashes);
  const { head: base } = extend(null, hashes.slice(0, 2));
  const startedAt = STARTED_AT + (options.startedAt ?? 0);
  const during = (from: number, to: number): Times => ({ startedAt: startedAt + from, endedAt: startedAt + to });
  const records = [
    modelRecord({
      ...during(100, 1_600),
      from: { base: null, append: [asked] },
      head: base,
      answer: said.calling,
      calls: [{ name: 'look', preview: '{"pattern":"a"}' }],
    }),
    toolRecord(said, during(1_700, 1_720)),
    modelRecord({
      ...during(1_800, 3_300),
      from: { base, append: [looked] },
      head: chain.head,
      answer: said.final,
      calls: [],
    }),
  ];
  const firstRunId = `first-of-${id}`;
  const places = [
    { turn: 1, index: 0 },
    { turn: 1, index: 1 },
    { turn: 2, index: 0 },
  ];
  const output = new TextEncoder().encode(options.answer ?? ANSWER);
  const record = runRecord(options, said, startedAt, { head: chain.head, firstRunId, output });
  const isKept = <T>(name: (typeof lost)[number], object: T): T[] => (lost.includes(name) ? [] : [object]);
  const [node, ...nodes] = chain.objects;
  await store.commit({
    objects: [
      ...[...isKept('release', release), ...isKept('output', output), ...(node ? isKept('node', node) : []), ...nodes],
      ...isKept('asked', encodeMessage(said.asked)),
      ...isKept('calling', encodeMessage(said.calling)),
      ...isKept('looked', encodeMessage(said.looked)),
      ...isKept('final', encodeMessage(said.final)),
    ],
    refs: [
      ...places.map((place, at) => ({
        op: 'put' as const,
        name: callRecordName({ run: firstRunId, fork: 0, ...place }),
        value: { ...records[at], ...(options.form && place.index === 0 ? { rawForm: options.form } : {}) },
      })),
      { op: 'put', name: headName(id, firstRunId), value: { head: chain.head, length: 4, at: startedAt + 3_300 } },
      { op: 'put', name: runRecordName(id), value: record },
      ...(ended ? [] : [{ op: 'put' as const, name: openRunName(id), value: { id } }, runEntry(record)]),
    ],
  });
}

function runRecord(
  { id, agent = 'reader', ended = true }: StoredRunOptions,
  { asked, final }: Said,
  startedAt: number,
  { head, firstRunId, output }: { head: string | null; firstRunId: string; output: Uint8Array },
): RunRecord {
  return {
    schemaVersion: 1,
    id,
    agent,
    release: objectHash(release),
    tenant: 'acme',
    user: 'u7',
    tags: ['blue'],
    input: headOf(asked).hash,
    question: headOf(asked).preview,
    startedAt,
    ...(ended
      ? {
          ended: {
            at: startedAt + 4_000,
            outcome: 'completed',
            output: { hash: objectHash(output), bytes: output.length, preview: headOf(final).preview },
            head,
            length: 4,
            firstRunId,
            totals,
          },
        }
      : {}),
  };
}
