// Where a run stood before one of its steps: what a fork begins with. Read from the records of its calls, so any kept run has them.
import { previewOf, type Conversation } from '../activities/store';
import { chainName } from '../activities/store/ref-names';
import type { RunCall } from '../activities/store/run-calls';
import type { Message, MessageHead } from '../workflows/contract/message';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import type { ToolCallHead } from '../workflows/contract/tool-call';
import { ClientError } from './errors';

type Origin = NonNullable<RunRecord['forkedFrom']>;

export interface ForkPoint extends Pick<Origin, 'after' | 'calling'> {
  step: number;
  /** A stored head. */
  base: string | null;
  /** Hashes of stored messages behind it. */
  append: string[];
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
  const last = calls[step - 2];
  const after = last ? { after: { fork: last.fork, turn: last.turn, index: last.index } } : {};
  return { step, ...after, ...(await standingAt(conversation, { record, calls, call })) };
}

type Standing = Omit<ForkPoint, 'step' | 'after'>;

async function standingAt(
  conversation: Conversation,
  { record, calls, call }: { record: RunRecord; calls: readonly RunCall[]; call: RunCall | undefined },
): Promise<Standing> {
  const before = call ?? calls.at(-1);
  if (!before) return beginningOf(record);
  if (call && (call.record.kind === 'model' || call.record.kind === 'compaction')) return call.record.from;
  if (before.record.kind === 'compaction') return { base: before.record.result.head, append: [] };
  const asking = askingOf(record, calls, before);
  if (!asking)
    throw new ClientError(
      'invalid-input',
      `the answer that call ${before.number} of run ${record.id} follows is not recorded.`,
    );
  const made = call ? before.index - 1 : asking.calls.length;
  const results = await resultsOf(conversation, { record, calls, turn: before, asking });
  // What the run itself began with is none of its steps: it stays.
  const known = asking.calls.map((_, at) => asking.given[at] ?? (at < made ? (results[at] ?? null) : null));
  if (known.every((head) => head !== null)) return { base: asking.head, append: known.map(({ hash }) => hash) };
  const { head, message, calls: asked } = asking;
  const done = known.map((result) => (result ? { message: result } : null));
  return { base: head, append: [], calling: { message, calls: asked, results: done } };
}

function beginningOf({ input, forkedFrom, goesOnFrom }: RunRecord): Standing {
  if (!forkedFrom) return { base: goesOnFrom?.base ?? null, append: [input] };
  const { base, append, calling } = forkedFrom;
  return { base, append, ...(calling ? { calling } : {}) };
}

type Turn = Pick<RunCall, 'fork' | 'turn'>;

const isOf = (turn: Turn, call: Turn): boolean => call.fork === turn.fork && call.turn === turn.turn;

/** The answer that asks for a turn's tool calls. */
interface Asking {
  /** Stored, and ends with the answer. */
  head: string;
  /** Hash of the answer's message. */
  message: string;
  calls: ToolCallHead[];
  /** Results that the run was begun with. */
  given: readonly (MessageHead | undefined)[];
}

/** A run that was forked at a tool call goes on in a turn of which the answer is its origin's. */
const TURN_BEGUN_BEFORE = 0;

function askingOf({ forkedFrom }: RunRecord, calls: readonly RunCall[], turn: Turn): Asking | undefined {
  const made = calls.find((call) => isOf(turn, call) && call.record.kind === 'model')?.record;
  if (made?.kind === 'model') {
    const { head, messages, toolCalls } = made.answer;
    return { head, message: messages[0]?.hash ?? '', calls: toolCalls, given: [] };
  }
  const { base = null, calling } = forkedFrom ?? {};
  if (turn.turn !== TURN_BEGUN_BEFORE || base === null || !calling) return undefined;
  const given = calling.results.map((result) => result?.message);
  return { head: base, message: calling.message, calls: calling.calls, given };
}

/**
 * In the order of the answer's calls. What the model was told of a call that failed for good has no record of its own in older runs:
 * the next call of the run was given it, or its end linked it.
 */
async function resultsOf(
  conversation: Conversation,
  { record, calls, turn, asking }: { record: RunRecord; calls: readonly RunCall[]; turn: RunCall; asking: Asking },
): Promise<(MessageHead | undefined)[]> {
  const next = calls.find((call) => call.fork === turn.fork && call.turn > turn.turn)?.record;
  const given = next && 'base' in next.from ? next.from.append : await linkedAfter(conversation, record, asking.head);
  const told = new Map<number, MessageHead>();
  for (const head of await headsOf(conversation, given))
    if (head.message.role === 'tool') told.set(head.message.call, head.head);
  return asking.calls.map((_, at) => {
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
