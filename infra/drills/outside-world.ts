// All that a crash drill leaves standing: the model server and the counter, with one log of what reached them, in order.
import { startModelServer } from '../../test/kit';
import type { CourierRound } from './courier-round';
import { startOutsideCounter } from './outside-counter';

/** A call as it was seen from outside. */
export interface SeenCall {
  /** As in the round; of a model call that the round does not have, its turn. */
  id: string;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface OutsideWorld {
  readonly modelUrl: string;
  readonly counterUrl: string;
  /** Since the last reset. */
  readonly seen: readonly SeenCall[];
  /** Answers of one turn that were begun more than once, each beyond the first: a provider charges for what it began. */
  paidTwice(): number;
  /** Model calls that were repeated with other bytes than the first time. */
  askedDifferently(): string[];
  /** Resolves to true when so many different calls have been seen. */
  untilSeen(calls: number): Promise<true>;
  /** Forgets what was seen and paid: every run of a drill asks the same. */
  reset(): void;
  close(): Promise<void>;
}

export interface OutsideWorldOptions {
  round: CourierRound;
  /** Before the first byte of an answer. @default 0 */
  delayMs?: number;
  /** Between the events of a stream, so that there is a middle to be killed in. @default 4 */
  chunkMs?: number;
}

export async function startOutsideWorld({
  round,
  delayMs = 0,
  chunkMs = 4,
}: OutsideWorldOptions): Promise<OutsideWorld> {
  const model = await startModelServer({
    script: round.script,
    delayMs,
    faults: [{ do: { slowStreamMsPerChunk: chunkMs } }],
  });
  const counter = await startOutsideCounter();
  const seen: SeenCall[] = [];
  const listeners = new Set<() => void>();
  const see = (id: string): void => {
    seen.push({ id, at: Date.now() });
    for (const listener of listeners) listener();
  };
  const tools = new Map(round.calls.flatMap(({ id, heard }) => (heard === undefined ? [] : [[heard, id] as const])));
  const turns = new WeakMap<object, string>();
  model.on('arrived', (record) => {
    const id = `${answersIn(record.body) + 1}.0`;
    turns.set(record, id);
    see(id);
  });
  counter.onArrival((what) => see(tools.get(what) ?? what));
  return {
    modelUrl: model.url,
    counterUrl: counter.url,
    seen,
    paidTwice: () => {
      const begun = model.requests().filter(({ usage }) => usage !== undefined);
      return begun.length - new Set(begun.map((record) => turns.get(record))).size;
    },
    askedDifferently: () => {
      const asked = model.requests().map((record) => [turns.get(record), record.sha256] as const);
      const first = new Map([...asked].reverse());
      return [...new Set(asked.flatMap(([id, sha256]) => (id === undefined || first.get(id) === sha256 ? [] : [id])))];
    },
    untilSeen: (calls) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (new Set(seen.map(({ id }) => id)).size < calls) return;
          listeners.delete(look);
          resolve(true);
        };
        listeners.add(look);
        look();
      }),
    reset: () => {
      model.reset();
      seen.length = 0;
    },
    close: async () => {
      await model.close();
      await counter.close();
    },
  };
}

/** Earlier answers that a Chat Completions request holds: its turn, whatever was retried. */
function answersIn(body: Buffer | undefined): number {
  const request: unknown = JSON.parse(body?.toString('utf8') ?? '{}');
  const messages = request instanceof Object && 'messages' in request ? request.messages : [];
  return Array.isArray(messages) ? messages.filter((message) => isAnswer(message)).length : 0;
}

const isAnswer = (message: unknown): boolean =>
  message instanceof Object && 'role' in message && message.role === 'assistant';
