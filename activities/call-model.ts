// One model call: found again if it was made before, otherwise made, judged and stored, in that order.
//
// Write order: objects, call record and head become durable in one commit before the activity completes. What remains is one
// window, an answer received and not yet stored; the guarantees table in the root README says so.
import type { CallModelInput, CallModelResult, ModelAnswer } from '../workflows/contract/activities';
import type { JsonValue, Message, MessageHead } from '../workflows/contract/message';
import { modelRecordSchema, type ModelRecord } from '../workflows/contract/schemas/call-record';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { failure } from './failure';
import { judgeAnswer, type Verdict } from './judge-answer';
import { ModelWaitError } from './model/model-wait-error';
import type { ModelProvider, ModelResponse } from './model/provider';
import { requireAgent } from './require-agent';
import { rawItemsOf } from './raw-items';
import { canonicalJson, encodeMessage, previewOf } from './store';
import { callRecordName, chainName, headName } from './store/ref-names';

export async function callModel(deps: ActivityDeps, input: CallModelInput, attempt: Attempt): Promise<CallModelResult> {
  const found = await findRecord(deps, input);
  if (found.answers) {
    deps.metrics.reused('model');
    return { ...found.answers.answer, reused: true };
  }
  const loaded = await requireAgent(deps, input);
  const { provider, model } = deps.providers.resolve(loaded.manifest.model.route[0] ?? '');
  const startedAt = deps.now();
  const asked = await ask(deps, input, attempt, { loaded, provider, model });
  if ('wait' in asked) return asked.wait;
  const verdict = await judgeAnswer(asked.response, loaded);
  const { record, objects } = build(deps, input, {
    ...asked,
    verdict,
    made: {
      schemaVersion: 1,
      startedAt,
      endedAt: deps.now(),
      attempt: attempt.number,
      worker: deps.worker,
      release: loaded.release,
    },
    route: `${provider.name}/${model}`,
    rawForm: provider.rawItemsForm,
  });
  return await store(deps, input, attempt, { record, objects, version: found.version });
}

interface Found {
  /** Of whatever is kept under the call's key; absent where nothing is. */
  version?: number;
  /** A record answers the call it was made for. After a reset the same key may ask for another conversation: that is a new call. */
  answers?: ModelRecord;
}

async function findRecord(deps: ActivityDeps, input: CallModelInput): Promise<Found> {
  const ref = await deps.store.readRef(callRecordName(input.key));
  if (!ref) return {};
  const { success, data } = modelRecordSchema.safeParse(ref.value);
  if (!success) throw failure('Store.ObjectCorrupt', `the call record ${ref.name} is not readable.`);
  const same = data.from.base === input.base && data.from.append.join() === input.append.join();
  return { version: ref.version, ...(same ? { answers: data } : {}) };
}

interface Asked {
  response: ModelResponse;
  /** Head after what was appended before the call, with the nodes to write. */
  before: { head: string; objects: Uint8Array[] };
  length: number;
}

async function ask(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  { loaded, provider, model }: { loaded: LoadedAgent; provider: ModelProvider; model: string },
): Promise<Asked | { wait: CallModelResult }> {
  const before = linked(deps, input);
  const [earlier, added] = await Promise.all([
    input.base === null ? [] : deps.conversation.load(input.base, chainName(attempt.workflowId)),
    deps.conversation.messages(input.append),
  ]);
  const messages: Message[] = [...earlier.map((entry) => entry.message), ...added];
  const { manifest } = loaded;
  const rawItems = provider.rawItemsForm
    ? await rawItemsOf(deps, input, provider, earlier)
    : new Map<number, JsonValue>();
  await deps.failpoint('model.before');
  let streaming = false;
  const passing = { during: Promise.resolve() };
  try {
    const response = await provider.generate(
      {
        model,
        instructions: manifest.instructions,
        messages,
        tools: manifest.tools,
        ...(manifest.output ? { output: { name: `${manifest.agent}_output`, schema: manifest.output } } : {}),
        parameters: manifest.model.parameters,
        rawItems,
        loadFile: async (sha256) => (await deps.store.get([sha256]))[0] ?? new Uint8Array(),
      },
      {
        signal: attempt.signal,
        onDelta: () => {
          if (streaming) return;
          streaming = true;
          passing.during = deps.failpoint('model.during');
        },
      },
    );
    await passing.during;
    await deps.failpoint('model.answered');
    return { response, before, length: messages.length };
  } catch (error) {
    if (error instanceof ModelWaitError)
      return { wait: { kind: 'wait', waitUntil: error.waitUntil, reason: error.reason } };
    throw error;
  }
}

/** A run begins with a message, so there is always a head to call the model with. */
function linked(deps: ActivityDeps, { base, append }: CallModelInput): { head: string; objects: Uint8Array[] } {
  const { head, objects } = deps.conversation.extend(base, append);
  if (head === null) throw failure('Runtime.Unexpected', 'a model call needs a conversation.');
  return { head, objects };
}

interface ToBuild extends Asked {
  verdict: Verdict;
  made: Pick<ModelRecord, 'schemaVersion' | 'startedAt' | 'endedAt' | 'attempt' | 'worker' | 'release'>;
  route: string;
  rawForm: string | undefined;
}

function build(
  deps: ActivityDeps,
  input: CallModelInput,
  { response, before, length, verdict, made, route, rawForm }: ToBuild,
): { record: ModelRecord; objects: Uint8Array[] } {
  const messages = [verdict.message, ...(verdict.reply ? [verdict.reply] : [])];
  const encoded = messages.map(encodeMessage);
  const heads = messages.map((message, at) => headOf(deps, message, encoded[at] ?? new Uint8Array()));
  const after = deps.conversation.extend(
    before.head,
    heads.map((head) => head.hash),
  );
  const raw = canonicalJson(response.raw);
  const output = verdict.output === undefined ? undefined : canonicalOutput(verdict.output);
  const answer: ModelAnswer = {
    kind: 'answer',
    head: after.head,
    messages: heads,
    toolCalls: verdict.toolCalls,
    ...(verdict.problem ? { problem: verdict.problem } : {}),
    ...(output
      ? { output: { hash: deps.store.nameOf(output), bytes: output.length, preview: previewOf(verdict.output ?? '') } }
      : {}),
    usage: response.usage,
    model: route,
  };
  const record: ModelRecord = {
    kind: 'model',
    ...made,
    from: { base: input.base, append: input.append },
    answer,
    position: length,
    raw: deps.store.nameOf(raw),
    ...(rawForm === undefined ? {} : { rawForm }),
    finish: response.finish,
    request: response.request,
    ...(response.requestId === undefined ? {} : { requestId: response.requestId }),
  };
  return {
    record,
    objects: [...before.objects, ...encoded, ...after.objects, raw, ...(output ? [output] : [])],
  };
}

const headOf = ({ store }: ActivityDeps, message: Message, bytes: Uint8Array): MessageHead => ({
  hash: store.nameOf(bytes),
  role: message.role,
  preview: previewOf(message),
});

/** Text as it is, anything else as canonical JSON. */
const canonicalOutput = (output: JsonValue): Uint8Array =>
  typeof output === 'string' ? new TextEncoder().encode(output) : canonicalJson(output);

/** A conflict is another attempt of this call, or its execution before a reset: neither comes back this often. */
export const COMMIT_ROUNDS = 5;

/**
 * The first attempt that stores its answer has answered the call: one that was given up and wakes later must not replace what the run
 * goes on with.
 */
async function store(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  { record, objects, version }: { record: ModelRecord; objects: Uint8Array[]; version: number | undefined },
): Promise<ModelAnswer> {
  await deps.failpoint('store.before-put');
  const { answer } = await commit(deps, input, attempt, { record, objects, version });
  await deps.failpoint('store.after-put');
  // Of this attempt's own answer, whichever was kept: it was paid for.
  deps.metrics.modelCall({
    agent: input.agent,
    model: record.answer.model,
    outcome: record.answer.problem?.type ?? 'ok',
    seconds: (record.endedAt - record.startedAt) / 1000,
    input: record.answer.usage.input,
    output: record.answer.usage.output,
  });
  return answer;
}

/** @returns the record that is kept */
async function commit(
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  { record, objects, version }: { record: ModelRecord; objects: Uint8Array[]; version: number | undefined },
): Promise<ModelRecord> {
  const name = callRecordName(input.key);
  const appended = [...input.append, ...record.answer.messages.map(({ hash }) => hash)];
  const index = await deps.conversation.index(input.base, appended, chainName(attempt.workflowId));
  let expected = version;
  for (let round = 1; round <= COMMIT_ROUNDS; round += 1) {
    const { conflicts } = await deps.store.commit({
      objects: [...objects, ...index.objects],
      refs: [
        ...index.refs,
        expected === undefined
          ? { op: 'create', name, value: record }
          : { op: 'compare-and-set', name, version: expected, value: record },
        {
          op: 'put',
          name: headName(attempt.workflowId, attempt.runId),
          value: {
            head: record.answer.head,
            length: record.position + record.answer.messages.length,
            at: record.endedAt,
          },
        },
      ],
    });
    if (conflicts.length === 0) return record;
    const found = await findRecord(deps, input);
    if (found.answers) return found.answers;
    // Of another conversation, from before a reset: it gives way.
    expected = found.version;
  }
  throw recordContended(name);
}

export const recordContended = (name: string): Error =>
  failure('Store.Unavailable', `the call record ${name} keeps being changed by somebody else.`);
