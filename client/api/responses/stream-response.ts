// A run as the events of OpenAI's Responses API. What the model says before its last answer comes too, each time as a message of its own; a
// text that an attempt had begun in vain stays, marked as incomplete, and the next attempt's is another message: clients cannot take back.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ResponseOutputMessage, ResponseStreamEvent } from 'openai/resources/responses/responses';
import type { TextEvent } from '../../../activities/stream/port';
import type { RunEvent } from '../../run-events';
import type { RunResult } from '../../run-result';
import { messageItem, outputText, type ToldResponse } from './response-object';

/** What stands between a reader and us may cut a connection on which nothing passes. */
const BEAT_MS = 15_000;

export interface ToStream {
  /** Of the run: the ids of its messages follow from it. */
  id: string;
  events: AsyncIterable<RunEvent>;
  /** The response as it stands, and once the run has ended. */
  begun: ToldResponse;
  ended(result: RunResult<unknown>): Promise<ToldResponse>;
  result(): Promise<RunResult<unknown>>;
}

interface Saying {
  item: ResponseOutputMessage;
  index: number;
  place: Pick<TextEvent, 'begunAt' | 'turn'>;
  text: string;
}

type Unnumbered<E> = E extends ResponseStreamEvent ? Omit<E, 'sequence_number'> : never;
type Send = (event: Unnumbered<ResponseStreamEvent>) => Promise<void>;

/** What is written of an event. @returns once there is room for the next */
export type WriteEvent = (text: string) => Promise<void> | void;

/** From the first event to the last, with the numbers that they keep. The run goes on whatever becomes of who is told. */
export async function tellResponse(
  { id, events, begun, ended, result }: ToStream,
  write: WriteEvent,
  gone: AbortSignal,
): Promise<void> {
  let sequence = 0;
  const send: Send = async (event) => {
    if (gone.aborted) return;
    const data = JSON.stringify({ ...event, sequence_number: sequence });
    sequence += 1;
    await write(`event: ${event.type}\ndata: ${data}\n\n`);
  };
  const told = begun as never;
  await send({ type: 'response.created', response: told });
  await send({ type: 'response.in_progress', response: told });
  const speech = createSpeech(id, send);
  for await (const event of events) {
    if (gone.aborted) return;
    if (event.type === 'text') await speech.hear(event);
  }
  if (gone.aborted) return;
  const end = await result();
  await speech.end(finalText(end));
  const items = speech.items();
  const response = { ...(await ended(end)), ...(items.length > 0 ? { output: items } : {}) } as never;
  if (end.outcome === 'completed') await send({ type: 'response.completed', response });
  else if (end.outcome === 'budget-exhausted') await send({ type: 'response.incomplete', response });
  else await send({ type: 'response.failed', response });
}

/** A response of server-sent events, which ends when `tell` has. */
export async function openEventStream(
  response: ServerResponse,
  gone: AbortSignal,
  tell: (write: WriteEvent) => Promise<void>,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
  response.flushHeaders();
  const beat = setInterval(() => void (response.writableNeedDrain || response.write(':\n\n')), BEAT_MS);
  try {
    await tell(async (text) => {
      if (!response.write(text)) await once(response, 'drain', { signal: gone }).catch(() => undefined);
    });
  } finally {
    clearInterval(beat);
  }
  response.end();
}

const finalText = (result: RunResult<unknown>): string | undefined => {
  if (result.outcome === 'completed') return outputText(result.output);
  return result.outcome === 'budget-exhausted' ? result.achieved : undefined;
};

/** Messages as they are said. */
function createSpeech(run: string, send: Send) {
  const done: ResponseOutputMessage[] = [];
  let saying: Saying | undefined;

  async function open(place: Saying['place']): Promise<Saying> {
    const index = done.length;
    const item: ResponseOutputMessage = {
      ...{ id: `msg_${run}_${index}`, type: 'message', role: 'assistant', status: 'in_progress', content: [] },
    };
    await send({ type: 'response.output_item.added', output_index: index, item });
    await send({ type: 'response.content_part.added', ...at({ item, index }), part: part('') });
    saying = { item, index, place, text: '' };
    return saying;
  }

  async function say(one: Saying, delta: string): Promise<void> {
    if (delta === '') return;
    one.text += delta;
    await send({ type: 'response.output_text.delta', ...at(one), delta, logprobs: [] });
  }

  async function close(status: 'completed' | 'incomplete'): Promise<void> {
    if (!saying) return;
    const { item, index, text } = saying;
    const said = messageItem(item.id, text, status);
    await send({ type: 'response.output_text.done', ...at({ item, index }), text, logprobs: [] });
    await send({ type: 'response.content_part.done', ...at({ item, index }), part: part(text) });
    await send({ type: 'response.output_item.done', output_index: index, item: said });
    done.push(said);
    saying = undefined;
  }

  return {
    items: () => done,
    async hear({ begunAt, turn, sequence, text }: TextEvent): Promise<void> {
      if (saying && saying.place.begunAt !== begunAt)
        await close(saying.place.turn === turn ? 'incomplete' : 'completed');
      const one = saying ?? (await open({ begunAt, turn }));
      // A piece stands at its place: what was sent already is not sent again.
      await say(one, text.slice(Math.max(0, one.text.length - (sequence - text.length))));
    },
    /** @param text of the last answer, as it is kept; undefined where there is none */
    async end(text: string | undefined): Promise<void> {
      if (text === undefined) return await close('incomplete');
      if (saying && !text.startsWith(saying.text)) await close('completed');
      const one = saying ?? (await open({ begunAt: Infinity, turn: Infinity }));
      await say(one, text.slice(one.text.length));
      await close('completed');
    },
  };
}

const part = (text: string) => ({ type: 'output_text' as const, text, annotations: [] });
const at = ({ item, index }: Pick<Saying, 'item' | 'index'>) => ({
  ...{ item_id: item.id, output_index: index, content_index: 0 },
});
