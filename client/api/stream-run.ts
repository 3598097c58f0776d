// One run as server-sent events: `step`, `status`, `text` and, last, `result`. Each has an id with which a reader that was cut off goes on.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { TextPosition } from '../../activities/stream/port';
import type { RunEvent } from '../run-events';
import { followRun, type FollowedRun } from '../follow-run';

/** What stands between a reader and us may cut a connection on which nothing passes. */
const BEAT_MS = 15_000;
const RETRY_MS = 1_000;
/** The id of the last event: whoever comes again with it is told that there is no more. */
const END = 'end';

interface Place {
  /** Every step up to this one has ended, and was told. */
  steps: number;
  text: TextPosition | undefined;
}

/** What of a run's handle it takes. */
export interface StreamedRun extends Pick<FollowedRun, 'describe'> {
  record(): Promise<{ ended?: unknown }>;
  events(options: { signal: AbortSignal; after?: TextPosition }): AsyncIterable<RunEvent>;
  result(): Promise<unknown>;
}

/** Writes nothing before it knows the run. @throws ClientError `run-not-found` */
export async function streamRun(
  run: StreamedRun,
  lastId: string | undefined,
  response: ServerResponse,
  over: AbortSignal,
): Promise<void> {
  if (lastId === END) return void response.writeHead(204).end();
  const { ended } = await run.record();
  const left = new AbortController();
  const stop = AbortSignal.any([over, left.signal]);
  response.on('close', () => left.abort());
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
  const send = async (event: string, data: unknown, id: string): Promise<void> => {
    if (stop.aborted) return;
    // Until there is room for more nothing is asked for: what is said meanwhile comes in one piece then.
    if (!response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`))
      await once(response, 'drain', { signal: stop }).catch(() => undefined);
  };
  response.write(`retry: ${RETRY_MS}\n\n`);
  const beat = setInterval(() => void (response.writableNeedDrain || response.write(':\n\n')), BEAT_MS);
  try {
    const place = placeOf(lastId);
    const open = new Set<number>();
    if (!ended)
      for await (const event of followRun(
        { events: (options) => run.events({ ...options, signal: stop }), describe: () => run.describe() },
        () => undefined,
        place.text,
      )) {
        if (stop.aborted) return;
        if (event.type === 'step' && event.step.seq <= place.steps) continue;
        move(place, open, event);
        await send(event.type, event, idOf(place));
      }
    if (!stop.aborted) await send('result', await run.result(), END);
    response.end();
  } finally {
    clearInterval(beat);
    left.abort();
  }
}

function move(place: Place, open: Set<number>, event: RunEvent): void {
  if (event.type === 'text') place.text = event;
  if (event.type !== 'step') return;
  const { seq, state } = event.step;
  if (state === 'running') open.add(seq);
  else open.delete(seq);
  // Steps begin in the order of their numbers.
  place.steps = open.size > 0 ? Math.min(...open) - 1 : Math.max(place.steps, seq);
}

const idOf = ({ steps, text }: Place): string => `${steps}.${text?.begunAt ?? 0}.${text?.sequence ?? 0}`;

/** One that is not ours says nothing: the reader is told everything. */
function placeOf(id: string | undefined): Place {
  const [, steps, begunAt, sequence] = (/^(\d{1,15})\.(\d{1,15})\.(\d{1,15})$/.exec(id ?? '') ?? []).map(Number);
  if (steps === undefined || begunAt === undefined || sequence === undefined) return { steps: 0, text: undefined };
  return { steps, text: begunAt > 0 ? { begunAt, sequence } : undefined };
}
