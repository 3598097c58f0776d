import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultAction } from './faults';
import { aborted } from './gates';
import { frame, type SseEvent } from './sse';
import { withTokenCounts } from './told-usage';
import { plainError } from './wire-error';

/** What a gateway between client and provider puts in the place of an answer. */
const GATEWAY_PAGE = '<html>\n<head><title>502 Bad Gateway</title></head>\n<body>502 Bad Gateway</body>\n</html>\n';

/** One answer on its way to one client. */
export interface Delivery {
  readonly res: ServerResponse;
  readonly headers: Readonly<Record<string, string>>;
  readonly action: FaultAction;
  /** Fires when the client is gone or the server closes. */
  readonly signal: AbortSignal;
  /** Must be called before the server itself breaks the connection, so that it is not taken for the client. */
  readonly cut: () => void;
}

/** Sends a whole body, or what the faults leave of it. */
export async function deliverBody(delivery: Delivery, body: string, status = 200): Promise<void> {
  const { res, headers, action, signal } = delivery;
  if (action.failStreamAfterChunks !== undefined) return deliverBody(without(delivery), plainError(500).body(), 500);
  if (action.malformedSse) {
    res.writeHead(200, { ...headers, 'content-type': 'text/html' });
    return end(res, GATEWAY_PAGE);
  }
  const { tokenCounts } = action;
  const bytes = Buffer.from(tokenCounts === undefined ? body : withTokenCounts(body, tokenCounts));
  const half = bytes.subarray(0, Math.floor(bytes.length / 2));
  const sent = action.malformedJson ? half : bytes;
  res.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': sent.length });
  if (action.cutStreamAfterChunks !== undefined) {
    await write(res, half);
    delivery.cut();
    res.destroy();
  } else if (action.hangAfterChunks !== undefined) {
    await write(res, half);
    await aborted(signal);
  } else {
    await end(res, sent);
  }
}

/** Sends events, or what the faults leave of them. `failure` is the event that reports a failed provider. */
export async function deliverStream(
  delivery: Delivery,
  events: readonly SseEvent[],
  failure: (sent: number) => SseEvent,
): Promise<void> {
  const { res, headers, action, signal } = delivery;
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers });
  res.flushHeaders();
  const middle = Math.floor(events.length / 2);
  for (let sent = 0; sent <= events.length; sent += 1) {
    const last = sent === events.length;
    // A count beyond the last event strikes at the end, or a short answer would pass unharmed.
    const strikes = (after: number | undefined) => after !== undefined && (after === sent || (last && after > sent));
    if (strikes(action.cutStreamAfterChunks)) {
      delivery.cut();
      res.destroy();
      return;
    }
    if (strikes(action.hangAfterChunks)) return aborted(signal);
    if (strikes(action.failStreamAfterChunks)) return end(res, frame(failure(sent)));
    const event = events[sent];
    if (!event) break;
    if (action.slowStreamMsPerChunk) await sleep(action.slowStreamMsPerChunk, undefined, { signal });
    if (action.malformedSse && sent === middle) return end(res, GATEWAY_PAGE);
    const broken = action.malformedJson && sent === middle;
    await write(res, frame(broken ? { ...event, data: '{"type": "unfinis' } : changed(event, action)));
    if (signal.aborted) return;
  }
  await end(res, '');
}

function changed(event: SseEvent, { timeInPlaceOf, tokenCounts }: FaultAction): SseEvent {
  let { data } = event;
  // All processes of a machine share this clock, and nobody sets it.
  if (timeInPlaceOf !== undefined)
    data = data.replaceAll(timeInPlaceOf, () => String(process.hrtime.bigint() / 1_000n));
  if (tokenCounts !== undefined) data = withTokenCounts(data, tokenCounts);
  return { ...event, data };
}

function without(delivery: Delivery): Delivery {
  return { ...delivery, action: {} };
}

/** Resolves once the bytes are handed on, so that a cut afterwards does not take them back; also when nobody listens. */
function write(res: ServerResponse, bytes: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    if (res.destroyed) resolve();
    else res.write(bytes, () => resolve());
  });
}

function end(res: ServerResponse, bytes: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    if (res.destroyed) resolve();
    else {
      res.once('close', resolve);
      res.end(bytes, () => resolve());
    }
  });
}
