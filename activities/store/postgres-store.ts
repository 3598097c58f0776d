// The store in Postgres: for production, any number of processes and machines at once, durable when `commit` resolves.
import type { BackendObject, BackendRef, BackendRefWrite, StoreBackend, StoredObject } from './backend';
import { byteaArray, groupsByBytes } from './postgres-arrays';
import { openPostgresConnections, type PostgresTimeouts } from './postgres-connections';
import { objectValues, postgresStatements, refValues, SWEEP_MOST } from './postgres-statements';
import { parsePostgresUrl } from './postgres-url';

/** Both sides hold a statement whole, several times over. A larger object is a statement by itself. */
const STATEMENT_BYTES = 8 * 1024 * 1024;
const SWEEP_EVERY_MS = 60 * 60 * 1_000;

interface RefRow {
  name: string;
  value: Buffer;
  /** The driver gives a bigint as text. */
  version: string;
  expires_at: number | null;
}

/**
 * Connects when first used, and makes its tables then where they are missing.
 * @param url `postgres://user:password@host:5432/database?schema=longhaul`
 * @throws Error for a URL that cannot be read
 */
export function openPostgresBackend(url: string, timeouts: PostgresTimeouts = {}): StoreBackend {
  const place = parsePostgresUrl(url);
  const statements = postgresStatements(place.schema);
  const connections = openPostgresConnections(place, timeouts);
  let sweptAt = 0;

  /** Without waiting, and without a word when it fails: the next one does what this one did not. */
  function sweepNowAndThen(): void {
    if (Date.now() - sweptAt < SWEEP_EVERY_MS) return;
    sweptAt = Date.now();
    connections.run(statements.sweepRefs).catch(() => undefined);
  }

  async function commit(objects: readonly BackendObject[], refs: readonly BackendRefWrite[]): Promise<string[]> {
    const groups = groupsByBytes([...objects].sort(byName), STATEMENT_BYTES);
    const last = groups.pop() ?? [];
    const before = groups.map((group) => ({ ...statements.putObjects, values: objectValues(group) }));
    const final =
      refs.length === 0
        ? { ...statements.putObjects, values: objectValues(last) }
        : { ...statements.commit, values: [...objectValues(last), ...refValues(refs)] };
    // Objects may be there before their refs, never after.
    for (const statement of before) await connections.run(statement);
    const { rows } = await connections.run<{ name: string }>(final);
    const clashed = new Set(rows.map(({ name }) => name));
    return refs.filter(({ name }) => clashed.has(name)).map(({ name }) => name);
  }

  /** @returns what the statement says of each name, in the order of the names */
  async function ofEach<R extends { at: number }>(
    statement: typeof statements.get,
    names: readonly string[],
  ): Promise<(R | undefined)[]> {
    const asked = [...new Set(names)];
    const { rows } = await connections.run<R>({ ...statement, values: [nameArray(asked)] });
    const found = new Map(rows.map((row) => [asked[row.at - 1], row]));
    return names.map((name) => found.get(name));
  }

  return {
    description: place.description,
    async commit({ objects, refs }) {
      if (objects.length + refs.length === 0) return { conflicts: [] };
      const conflicts = await commit(objects, refs);
      sweepNowAndThen();
      return { conflicts };
    },
    async get(names) {
      const rows = await ofEach<{ at: number; base64: string }>(statements.get, names);
      return rows.map((row) => row && Buffer.from(row.base64, 'base64'));
    },
    has: async (names) => (await ofEach(statements.has, names)).map((row) => row !== undefined),
    async readRef(name) {
      const { rows } = await connections.run<RefRow>({ ...statements.readRef, values: [name] });
      return rows.map(toRef)[0];
    },
    async listRefs(prefix, { after = '', limit }) {
      const { rows } = await connections.run<RefRow>({ ...statements.listRefs, values: [prefix, after, limit] });
      return rows.map(toRef);
    },
    async deleteRef(name, version) {
      const { rowCount } = await connections.run({ ...statements.deleteRef, values: [name, version ?? null] });
      return rowCount === 1;
    },
    deleteExpiredRefs: () => sweepAll(async () => (await connections.run(statements.sweepRefs)).rowCount ?? 0),
    async listObjects({ after = '', limit }): Promise<StoredObject[]> {
      const { rows } = await connections.run<{ name: string; bytes: number; last_put: string }>({
        ...statements.listObjects,
        values: [Buffer.from(after, 'hex'), limit],
      });
      return rows.map(({ name, bytes, last_put: lastPut }) => ({ name, bytes, lastPut: Number(lastPut) }));
    },
    async deleteObjects(names, putBefore) {
      const { rows } = await connections.run<{ name: string }>({
        ...statements.deleteObjects,
        values: [nameArray(names), Math.ceil(putBefore)],
      });
      const gone = new Set(rows.map(({ name }) => name));
      return names.filter((name) => gone.has(name));
    },
    close: () => connections.close(),
  };
}

/** A statement deletes so many at most. */
async function sweepAll(sweep: () => Promise<number>): Promise<number> {
  for (let deleted = 0; ;) {
    const count = await sweep();
    deleted += count;
    if (count < SWEEP_MOST) return deleted;
  }
}

const nameArray = (names: readonly string[]): Buffer => byteaArray(names.map((name) => Buffer.from(name, 'hex')));

/** The order in which objects are locked. */
const byName = (a: BackendObject, b: BackendObject): number => (a.name < b.name ? -1 : 1);

const toRef = ({ name, value, version, expires_at: expiresAt }: RefRow): BackendRef => ({
  name,
  value,
  version: Number(version),
  ...(expiresAt === null ? {} : { expiresAt }),
});
