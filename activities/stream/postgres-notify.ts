// A connection of its own to Postgres, for notifications: it is made again whenever it breaks, and listens then to what it listened to.
// Notifications belong to a session, so it must not go through a pooler that hands sessions round ("transaction" mode).
import { Client } from 'pg';
import type { PostgresPlace } from '../store/postgres-url';

const CONNECT_MS = 10_000;
const STATEMENT_MS = 10_000;
const RETRY_MS = { first: 200, most: 5_000 };

export interface NotifyConnection {
  readonly isUp: boolean;
  listen(channel: string): void;
  unlisten(channel: string): void;
  /** In one transaction. @throws where there is no connection, or it breaks */
  notify(notifications: readonly { channel: string; payload: string }[]): Promise<void>;
  close(): Promise<void>;
}

export interface NotifyOptions {
  place: PostgresPlace;
  onNotification(channel: string, payload: string): void;
  /** Each time that it is connected, and listens. */
  onUp(): void;
}

export function openNotifyConnection({ place, onNotification, onUp }: NotifyOptions): NotifyConnection {
  const channels = new Set<string>();
  let client: Client | undefined;
  let connecting: Client | undefined;
  let retryMs = RETRY_MS.first;
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function connect(): Promise<void> {
    const fresh = new Client({
      connectionString: place.connectionString,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: STATEMENT_MS,
      application_name: 'longhaul-streams',
      keepAlive: true,
    });
    connecting = fresh;
    let isGone = false;
    const gone = (): void => {
      if (isGone) return;
      isGone = true;
      if (client === fresh) client = undefined;
      connecting = undefined;
      void fresh.end().catch(() => undefined);
      if (isClosed) return;
      retry = setTimeout(() => void connect(), retryMs * (0.75 + Math.random() / 2)).unref();
      retryMs = Math.min(2 * retryMs, RETRY_MS.most);
    };
    fresh.on('error', gone);
    fresh.on('end', gone);
    fresh.on('notification', ({ channel, payload }) => onNotification(channel, payload ?? ''));
    try {
      await fresh.connect();
      for (const channel of channels) await fresh.query(`LISTEN "${channel}"`);
    } catch {
      return gone();
    }
    if (isClosed || isGone) return gone();
    client = fresh;
    connecting = undefined;
    retryMs = RETRY_MS.first;
    onUp();
  }
  /** Where it fails the connection is on its way out, and a new one begins with all channels. */
  const tell = (statement: string): void => void client?.query(statement).catch(() => undefined);

  void connect();
  return {
    get isUp() {
      return client !== undefined;
    },
    listen: (channel) => {
      channels.add(channel);
      tell(`LISTEN "${channel}"`);
    },
    unlisten: (channel) => {
      channels.delete(channel);
      tell(`UNLISTEN "${channel}"`);
    },
    notify: async (notifications) => {
      if (!client) throw new Error('there is no connection.');
      await client.query({
        name: 'notify',
        text: 'SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS n (channel, payload)',
        values: [notifications.map(({ channel }) => channel), notifications.map(({ payload }) => payload)],
      });
    },
    close: async () => {
      isClosed = true;
      clearTimeout(retry);
      await Promise.allSettled([client?.end(), connecting?.end()]);
    },
  };
}
