// The tables, and how a database gets them: in steps that are never changed once released, each process at its own pace.
import type { ClientBase } from 'pg';
import { failure } from '../failure';

/** `CREATE ... IF NOT EXISTS` of two processes at once can fail; so one at a time, in a database. Spells "longhaul". */
const LOCK_KEY = '7813585268923004268';

/** Milliseconds since the epoch by the server's clock: workers' clocks differ. */
export const NOW_MS = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

/** Version n of the schema is what the first n make. */
const MIGRATIONS: readonly ((schema: string) => string)[] = [
  (schema) => `
    -- Never updated but to mend. No compression by the server: what comes is compressed or sealed.
    CREATE TABLE ${schema}.objects (
      name bytea PRIMARY KEY,
      bytes bytea NOT NULL
    );
    ALTER TABLE ${schema}.objects ALTER COLUMN bytes SET STORAGE EXTERNAL;

    -- Apart from the bytes, so that to put an object again writes 40 bytes and not the object; with room on each page and no
    -- index on the time, so that the new row stays on its page and no index grows.
    CREATE TABLE ${schema}.object_puts (
      name bytea PRIMARY KEY,
      last_put bigint NOT NULL
    ) WITH (fillfactor = 75);

    CREATE TABLE ${schema}.refs (
      name text COLLATE "C" PRIMARY KEY,
      value bytea NOT NULL,
      version bigint NOT NULL,
      expires_at double precision
    ) WITH (fillfactor = 75);
    CREATE INDEX refs_expiring ON ${schema}.refs (expires_at) WHERE expires_at IS NOT NULL;

    -- One for all names: a version is never given twice, also to a name that was deleted in between.
    CREATE SEQUENCE ${schema}.ref_versions;
  `,
];

/** Makes what is missing. Any number of processes may call it at once; where all is there, it needs no right to create. */
export async function prepareSchema(client: ClientBase, name: string, description: string): Promise<void> {
  const schema = `"${name}"`;
  if ((await versionOf(client, schema, description)) === MIGRATIONS.length) return;
  await client.query('BEGIN');
  await client.query(`SELECT pg_advisory_xact_lock(${LOCK_KEY})`);
  // Even IF NOT EXISTS wants the right to create.
  const { rows } = await client.query<{ found: boolean }>('SELECT to_regnamespace($1) IS NOT NULL AS found', [schema]);
  if (rows[0]?.found !== true) await client.query(`CREATE SCHEMA ${schema}`);
  const version = await versionOf(client, schema, description);
  if (version === 0)
    await client.query(`CREATE TABLE IF NOT EXISTS ${schema}.longhaul_schema (version integer NOT NULL)`);
  for (const migration of MIGRATIONS.slice(version)) await client.query(migration(schema));
  await client.query(`DELETE FROM ${schema}.longhaul_schema`);
  await client.query(`INSERT INTO ${schema}.longhaul_schema VALUES (${MIGRATIONS.length})`);
  await client.query('COMMIT');
}

/** @returns 0 where there is none yet */
async function versionOf(client: ClientBase, schema: string, description: string): Promise<number> {
  const table = `${schema}.longhaul_schema`;
  const { rows: there } = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    table,
  ]);
  if (there[0]?.found !== true) return 0;
  const { rows } = await client.query<{ version: number }>(`SELECT version FROM ${table}`);
  const version = rows[0]?.version ?? 0;
  if (version <= MIGRATIONS.length) return version;
  throw failure(
    'Store.Unavailable',
    `the store ${description} has version ${version} of the schema, and this release knows ${MIGRATIONS.length}: update it.`,
  );
}
