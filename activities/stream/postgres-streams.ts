// Answers on their way over Postgres: whoever reads asks for a run, whoever has its answer notifies. Where nobody reads nothing is sent,
// and nothing is ever written: what a reader missed it asks for.
import type { KeyRing } from '../keys/key-ring';
import { parsePostgresUrl } from '../store/postgres-url';
import { createLiveTexts } from './live-texts';
import type { LiveText } from './live-text';
import type { TextPublisher, TextReader } from './port';
import { openNotifyConnection, type NotifyConnection } from './postgres-notify';
import {
  arrivalsChannel,
  decodeEvent,
  decodeRequest,
  encodeNext,
  encodeRequest,
  requestsChannel,
  runChannel,
  type ReadRequest,
} from './postgres-payload';
import { createTextFollower, type TextFollower } from './text-follower';

export interface PostgresStreamsPlace {
  /** URL of Postgres. */
  store: string;
  keys?: KeyRing | undefined;
}

/** At most one notification of a run in so long, and one transaction for all runs: notifications of a whole database queue for one lock. */
const EVERY_MS = 50;
/** Readers ask again so often, and are forgotten after three times as long. */
const ASK_MS = 5_000;
const READER_MS = 3 * ASK_MS;
/** What is missing is asked for at most so often: what was under way may close the gap. */
const GAP_MS = 100;

/** @throws Error for a URL that cannot be read */
export function createPostgresPublisher({ store, keys }: PostgresStreamsPlace): TextPublisher {
  const place = parsePostgresUrl(store);
  /** Until when somebody reads it, by channel: who asked last stands last. */
  const readers = new Map<string, number>();
  const channels = new WeakMap<LiveText, string>();
  const sent = new WeakMap<LiveText, number>();
  /** Those of which there may be more to send. */
  let growing = new Set<LiveText>();
  let timer: NodeJS.Timeout | undefined;
  let sentAt = 0;

  const channelOf = (live: LiveText): string => {
    const channel = channels.get(live) ?? runChannel(place.schema, live.place.run);
    channels.set(live, channel);
    return channel;
  };
  const isRead = (live: LiveText): boolean => (readers.get(channelOf(live)) ?? 0) > Date.now();
  function due(live: LiveText): void {
    growing.add(live);
    timer ??= setTimeout(() => void send(), Math.max(0, sentAt + EVERY_MS - Date.now()));
  }
  async function send(): Promise<void> {
    sentAt = Date.now();
    const next = [...growing].flatMap((live) => {
      const one = encodeNext(live, sent.get(live) ?? 0, keys);
      return one ? [{ live, channel: channelOf(live), ...one }] : [];
    });
    growing = new Set();
    for (const { live, event } of next) {
      sent.set(live, event.sequence);
      // Before it is: a reader may have it sooner than this hears that it went.
      live.wasRead = true;
    }
    // What is lost its readers ask for.
    await connection.notify(next).catch(() => undefined);
    timer = undefined;
    for (const { live, event } of next) if (live.sequence > event.sequence) growing.add(live);
    for (const live of growing) if (isRead(live)) due(live);
  }
  function asked({ channel, after }: ReadRequest): void {
    const now = Date.now();
    readers.delete(channel);
    readers.set(channel, now + READER_MS);
    for (const [one, until] of readers) {
      if (until > now) break;
      readers.delete(one);
    }
    for (const live of texts.all()) {
      if (channelOf(live) !== channel) continue;
      const from = after?.begunAt === live.place.begunAt ? after.sequence : 0;
      sent.set(live, Math.min(sent.get(live) ?? from, from));
      if (live.sequence > from) due(live);
    }
  }
  const texts = createLiveTexts((live) => {
    if (isRead(live)) due(live);
  });
  const connection = openNotifyConnection({
    place,
    onNotification: (_, payload) => {
      const request = decodeRequest(payload);
      if (request) asked(request);
    },
    // Who reads already asks for it again.
    onUp: () =>
      void connection.notify([{ channel: arrivalsChannel(place.schema), payload: '' }]).catch(() => undefined),
  });
  connection.listen(requestsChannel(place.schema));
  return {
    open: texts.open,
    close: async () => {
      clearTimeout(timer);
      await connection.close();
    },
  };
}

interface Reading {
  run: string;
  follower: TextFollower;
  gapAt: number;
}

/** One connection for all runs that are read, made when the first one is. @throws Error for a URL that cannot be read */
export function createPostgresReader({ store, keys }: PostgresStreamsPlace): TextReader {
  const place = parsePostgresUrl(store);
  const arrivals = arrivalsChannel(place.schema);
  const readings = new Map<string, Set<Reading>>();
  const over = new AbortController();
  let connection: NotifyConnection | undefined;
  let asking: NodeJS.Timeout | undefined;

  /** Without waiting: what is not heard is asked again. */
  function ask(asked: Iterable<readonly [channel: string, readings: Iterable<Reading>]>): void {
    const requests = Array.from(asked, ([channel, of]) =>
      Array.from(of, ({ follower }) => ({
        channel: requestsChannel(place.schema),
        payload: encodeRequest(channel, follower.told),
      })),
    ).flat();
    if (requests.length > 0) connection?.notify(requests).catch(() => undefined);
  }
  function heard(channel: string, payload: string): void {
    if (channel === arrivals) return ask(readings);
    for (const reading of readings.get(channel) ?? []) {
      const event = decodeEvent(payload, reading.run, keys);
      const isMissing = event && reading.follower.take(event) === 'gap';
      if (!isMissing || Date.now() - reading.gapAt < GAP_MS) continue;
      reading.gapAt = Date.now();
      ask([[channel, [reading]]]);
    }
  }
  function connect(): NotifyConnection {
    asking = setInterval(() => ask(readings), ASK_MS).unref();
    const made = openNotifyConnection({ place, onNotification: heard, onUp: () => ask(readings) });
    made.listen(arrivals);
    return made;
  }
  return {
    read: async function* (run, { after, signal } = {}) {
      const channel = runChannel(place.schema, run);
      const reading: Reading = { run, follower: createTextFollower(after), gapAt: 0 };
      const others = readings.get(channel) ?? new Set();
      readings.set(channel, others.add(reading));
      connection ??= connect();
      if (others.size === 1) connection.listen(channel);
      ask([[channel, [reading]]]);
      try {
        yield* reading.follower.events(signal ? AbortSignal.any([over.signal, signal]) : over.signal);
      } finally {
        others.delete(reading);
        if (others.size === 0) {
          readings.delete(channel);
          connection.unlisten(channel);
        }
      }
    },
    close: async () => {
      over.abort();
      clearInterval(asking);
      await connection?.close();
    },
  };
}
