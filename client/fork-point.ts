// Where a run stood before one of its steps: what a fork begins with. Read from the records of its calls, so any kept run has them.
import { previewOf, type Conversation } from '../activities/store';
import { chainName } from '../activities/store/ref-names';
import type { RunCall } from '../activities/store/run-calls';
import type { Message, MessageHead } from '../workflows/contract/message';
import type { ModelRecord } from '../workflows/contract/schemas/call-record';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import type { ToolTurn } from '../workflows/contract/tool-call';
import { ClientError } from './errors';

export interface ForkPoint {
  step: number;
  /** A stored head. */
  base: string | null;
  /** Hashes of stored messages behind it. */
  append: string[];
  /** Tool calls that are next. Without them the model is. */
  calling?: ToolTurn;
}

/**
 * @param conversation as the run's tenant names things
 * @param step from 1, as the trace numbers the run's calls; one more than there are is behind the last
 * @throws ClientError `invalid-input`
 */
export async function forkPoint(
  conversation: Conversation,
  { record, calls, step }: { record: RunRecord; calls: readonly RunCall[]; step: number },
): Promise<ForkPoint> {
  const call = calls[step - 1];
  if (call === undefined && step !== calls.length + 1) {
    const range = calls.length === 0 ? 'step 1 alone: nothing was recorded yet' : `steps 1 to ${calls.length + 1}`;
    throw new ClientError('invalid-input', `run ${record.id} can be forked at ${range}.`);
  }
  const before = call ?? calls.at(-1);
  if (!before)
    return { step, base: record.forkedFrom?.base ?? null, append: record.forkedFrom?.append ?? [record.input] };
  if (call && (call.record.kind === 'model' || call.record.kind === 'compaction')) return { step, ...call.record.from };
  if (before.record.kind === 'compaction') return { step, base: before.record.result.head, append: [] };
  const model = modelOf(calls, before);
  if (!model)
    throw new ClientError('invalid-input', `the answer that step ${step} of run ${record.id} follows is not recorded.`);
  const made = call ? before.index - 1 : model.answer.toolCalls.length;
  const results = await resultsOf(conversation, { record, calls, turn: before, model });
  const { answer } = model;
  const known = answer.toolCalls.map((_, at) => (at < made ? (results[at] ?? null) : null));
  if (known.every((head) => head !== null)) return { step, base: answer.head, append: known.map(({ hash }) => hash) };
  const assistant = answer.messages[0]?.hash ?? '';
  const calling = {
    message: assistant,
    calls: answer.toolCalls,
    results: known.map((message) => (message ? { message } : null)),
  };
  return { step, base: answer.head, append: [], calling };
}

type Turn = Pick<RunCall, 'fork' | 'turn'>;

const isOf = (turn: Turn, call: Turn): boolean => call.fork === turn.fork && call.turn === turn.turn;

function modelOf(calls: readonly RunCall[], turn: Turn): ModelRecord | undefined {
  const made = calls.find((call) => isOf(turn, call) && call.record.kind === 'model')?.record;
  return made?.kind === 'model' ? made : undefined;
}

/**
 * In the order of the answer's calls. What the model was told of a call that failed for good has no record of its own: the next call
 * of the run was given it, or its end linked it.
 */
async function resultsOf(
  conversation: Conversation,
  { record, calls, turn, model }: { record: RunRecord; calls: readonly RunCall[]; turn: RunCall; model: ModelRecord },
): Promise<(MessageHead | undefined)[]> {
  const next = calls.find((call) => call.fork === turn.fork && call.turn > turn.turn)?.record;
  const given =
    next && 'base' in next.from ? next.from.append : await linkedAfter(conversation, record, model.answer.head);
  const told = new Map<number, MessageHead>();
  for (const head of await headsOf(conversation, given))
    if (head.message.role === 'tool') told.set(head.message.call, head.head);
  return model.answer.toolCalls.map((_, at) => {
    const own = calls.find((call) => isOf(turn, call) && call.index === at + 1)?.record;
    return own?.kind === 'tool' ? own.result.message : told.get(at);
  });
}

async function linkedAfter(conversation: Conversation, { id, ended }: RunRecord, head: string): Promise<string[]> {
  if (!ended?.head) return [];
  const entries = await conversation.load(ended.head, chainName(id));
  const at = entries.findIndex(({ node }) => node === head);
  return at === -1 ? [] : entries.slice(at + 1).map(({ hash }) => hash);
}

export const headOf = (hash: string, message: Message): MessageHead => ({
  hash,
  role: message.role,
  preview: previewOf(message),
});

async function headsOf(
  conversation: Conversation,
  hashes: readonly string[],
): Promise<{ head: MessageHead; message: Message }[]> {
  const messages = await conversation.messages(hashes);
  return messages.map((message, at) => ({ message, head: headOf(hashes[at] ?? '', message) }));
}
