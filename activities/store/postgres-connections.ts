// Connections to Postgres: taken from a pool, replaced when they die, and every fault of theirs told as one typed failure.
import { ApplicationFailure } from '@temporalio/common';
import { DatabaseError, Pool, type PoolClient, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg';
import { failure } from '../failure';
import { prepareSchema } from './postgres-schema';
import type { PostgresPlace } from './postgres-url';

export interface PostgresTimeouts {
  /** To get a connection, be it a new one or one that others hold. @default 10_000 */
  connectMs?: number;
  /** Of one statement, its waiting for locks included. @default 30_000 */
  statementMs?: number;
}

/** A statement holds one for milliseconds; more would only queue in the server, which has 100 by default for everyone. */
const POOL_SIZE = 10;
const IDLE_MS = 60_000;
/** The server ends a statement by itself; a server that is gone without a word is given up this much later. */
const SILENCE_MS = 5_000;
/** Of those who lost a race nearly all get through the second time. */
const ATTEMPTS = 10;
/** The statement left nothing behind and may be run again. */
const RACED = {
  serializationFailure: '40001',
  deadlock: '40P01',
  /** How postgres-statements.ts says that a ref appeared under its hands. */
  notNullViolation: '23502',
};
const GONE = { table: '42P01', schema: '3F000' };

export interface PostgresConnections {
  /** One statement, in a transaction of its own: one round trip. @throws ApplicationFailure `Store.Unavailable` */
  run<R extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<R>>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

export function openPostgresConnections(
  place: PostgresPlace,
  { connectMs = 10_000, statementMs = 30_000 }: PostgresTimeouts,
): PostgresConnections {
  const pool = new Pool({
    connectionString: place.connectionString,
    max: POOL_SIZE,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: connectMs,
    query_timeout: statementMs + SILENCE_MS,
    fallback_application_name: 'longhaul',
    keepAlive: true,
  });
  // A connection that dies tells whoever uses it by a rejection; without these listeners it would end the process too.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const configured = new WeakSet<PoolClient>();
  const underWay = new Set<Promise<unknown>>();
  let ready: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  /** @param keepAfter whether the connection is still good after this error */
  async function withClient<T>(
    work: (client: PoolClient) => Promise<T>,
    keepAfter: (error: unknown) => boolean,
  ): Promise<T> {
    const client = await pool.connect();
    try {
      if (!configured.has(client)) await configure(client, statementMs);
      configured.add(client);
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      client.release(!keepAfter(error));
      throw error;
    }
  }

  async function attempt<R extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<R>> {
    // Once for all who come first; again after a failure, and where someone dropped the tables.
    ready ??= withClient(
      (client) => prepareSchema(client, place.schema, place.description),
      () => false,
    );
    const current = ready;
    try {
      await current;
      return await withClient((client) => client.query<R>(statement), isRaced);
    } catch (error) {
      if (ready === current && !(await isFulfilled(current, error))) ready = undefined;
      throw error;
    }
  }

  async function persist<R extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<R>> {
    for (let count = 1; ; count++) {
      try {
        return await attempt<R>(statement);
      } catch (error) {
        if (!isRaced(error) || count === ATTEMPTS) throw asFailure(error, place);
        // Spread, so that those who collided do not collide again.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * count));
      }
    }
  }

  return {
    async run<R extends QueryResultRow>(statement: QueryConfig): Promise<QueryResult<R>> {
      if (closing) throw failure('Store.Unavailable', `the store ${place.description} is closed.`);
      const running = persist<R>(statement);
      underWay.add(running);
      try {
        return await running;
      } finally {
        underWay.delete(running);
      }
    },
    close: () =>
      (closing ??= (async () => {
        // The pool forgets those who still wait for a connection when it ends.
        await Promise.allSettled(underWay);
        await pool.end();
      })()),
  };
}

/** Not by parameters of the connection, which poolers between us and the server refuse. */
async function configure(client: PoolClient, statementMs: number): Promise<void> {
  await client.query(
    `SELECT set_config('statement_timeout', $1, false),
            CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END`,
    [String(statementMs)],
  );
}

const codeOf = (error: unknown): string | undefined => (error instanceof DatabaseError ? error.code : undefined);

const isRaced = (error: unknown): boolean => Object.values(RACED).includes(codeOf(error) ?? '');

/** Whether the schema was made, and the error does not say that it is gone. */
async function isFulfilled(ready: Promise<void>, error: unknown): Promise<boolean> {
  if (Object.values(GONE).includes(codeOf(error) ?? '')) return false;
  return await ready.then(
    () => true,
    () => false,
  );
}

/**
 * Every fault is one that may pass, or that a person can mend while the run waits: also a wrong password and a missing right.
 * The driver's error is not attached as a cause: what it holds is not ours to vouch for.
 */
function asFailure(error: unknown, place: PostgresPlace): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const code = codeOf(error);
  const why = `${reason(error)}${code === undefined ? '' : ` (SQLSTATE ${code})`}`;
  const line = place.redact(why).replaceAll(/\s+/g, ' ');
  return failure('Store.Unavailable', `the store ${place.description} cannot be used: ${line}.${advice(code)}`);
}

function reason(error: unknown): string {
  // A host of several addresses: one error for each, and none of the whole.
  if (error instanceof AggregateError && error.message === '') return reason(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

function advice(code: string | undefined): string {
  if (code === undefined) return ' Look whether the server is up and can be reached.';
  if (code.startsWith('28')) return ' Look at the user and password of the store.';
  if (code.startsWith('53')) return ' Look at its disk, memory and number of connections.';
  return '';
}
