// What is said to Postgres. Each statement is a transaction and one round trip by itself: any number of objects, refs and names are
// arrays. All assume READ COMMITTED, the default: under a stricter level they fail as raced, and are run again.
import type { BackendObject, BackendRefWrite } from './backend';
import { byteaArray } from './postgres-arrays';
import { NOW_MS } from './postgres-schema';

export interface PostgresStatement {
  /** Prepared once per connection. */
  name: string;
  text: string;
}

/** Refs in one statement that deletes them. */
export const SWEEP_MOST = 10_000;
const LIVE = `(r.expires_at IS NULL OR r.expires_at > ${NOW_MS})`;

/**
 * A row of object_puts is the lock of its object: taken in the order of the names, so that two commits cannot wait for each other,
 * and before the object is touched, so that a deletion and a put of one object come one after the other. Bytes that are there and
 * equal are read and not written.
 */
const putObjects = (schema: string): string => `
  put AS (SELECT * FROM unnest($1::bytea[], $2::bytea[]) AS p (name, bytes)),
  touched AS (
    INSERT INTO ${schema}.object_puts AS t (name, last_put) SELECT name, ${NOW_MS} FROM put
    ON CONFLICT (name) DO UPDATE SET last_put = greatest(t.last_put, ${NOW_MS}) RETURNING name
  ),
  mended AS (
    UPDATE ${schema}.objects AS o SET bytes = put.bytes FROM put JOIN touched USING (name)
    WHERE o.name = put.name AND o.bytes <> put.bytes
  ),
  added AS (
    INSERT INTO ${schema}.objects (name, bytes) SELECT name, bytes FROM put JOIN touched USING (name)
    ON CONFLICT (name) DO NOTHING
  )`;

/**
 * Refs that are there are locked, in the order of their names, as they are by then; then judged; then written, all or none. A ref
 * that was not there when the statement began cannot be locked: if someone makes it meanwhile, "create" may not write over it,
 * and all that this statement did must go. SET version = NULL does that: the whole is refused, and run again.
 */
const writeRefs = (schema: string): string => `
  wanted AS (
    SELECT * FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::float8[])
      AS w (name, op, version, value, expires_at)
  ),
  held AS (
    SELECT r.name, r.version, ${LIVE} AS live FROM ${schema}.refs r
    WHERE r.name = ANY ($8::text[]) ORDER BY r.name FOR UPDATE
  ),
  clash AS (
    SELECT w.name FROM wanted w LEFT JOIN held h ON h.name = w.name AND h.live
    WHERE (w.op = 'create' AND h.name IS NOT NULL)
      OR (w.op = 'compare-and-set' AND h.version IS DISTINCT FROM w.version)
  ),
  unseen AS (SELECT name FROM wanted WHERE op = 'create' EXCEPT SELECT name FROM held),
  written AS (
    INSERT INTO ${schema}.refs (name, value, version, expires_at)
    SELECT w.name, w.value, nextval('${schema}.ref_versions'), w.expires_at FROM wanted w WHERE NOT EXISTS (SELECT FROM clash)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at,
      version = CASE WHEN excluded.name = ANY (ARRAY(SELECT name FROM unseen)) THEN NULL
        ELSE nextval('${schema}.ref_versions') END
  )`;

const namesOf = 'unnest($1::bytea[]) WITH ORDINALITY AS k (name, at)';

const texts = (schema: string) => ({
  putObjects: `WITH ${putObjects(schema)} SELECT WHERE false`,
  commit: `WITH ${putObjects(schema)}, ${writeRefs(schema)} SELECT name FROM clash`,
  // Not as the driver has bytes by itself, twice as long: it cannot read binary answers.
  get: `SELECT k.at::int, encode(o.bytes, 'base64') AS base64 FROM ${namesOf} JOIN ${schema}.objects o USING (name)`,
  has: `SELECT k.at::int FROM ${namesOf} JOIN ${schema}.objects o USING (name)`,
  readRef: `SELECT name, value, version, expires_at FROM ${schema}.refs r WHERE name = $1 AND ${LIVE}`,
  // Names are printable ASCII: no name that starts with the prefix is behind prefix + DEL.
  listRefs: `
    SELECT name, value, version, expires_at FROM ${schema}.refs r
    WHERE name >= $1::text AND name < $1::text || chr(127) AND name > $2 AND ${LIVE} ORDER BY name LIMIT $3`,
  deleteRef: `
    DELETE FROM ${schema}.refs r WHERE name = $1 AND ($2::bigint IS NULL OR version = $2::bigint) AND ${LIVE}`,
  listObjects: `
    SELECT encode(o.name, 'hex') AS name, octet_length(o.bytes) AS bytes, p.last_put
    FROM ${schema}.object_puts p JOIN ${schema}.objects o USING (name) WHERE p.name > $1 ORDER BY p.name LIMIT $2`,
  // Who waits for the lock of a row judges it as it is afterwards: one that was put meanwhile stays.
  deleteObjects: `
    WITH old AS (
      SELECT name FROM ${schema}.object_puts WHERE name = ANY ($1::bytea[]) AND last_put < $2
      ORDER BY name FOR UPDATE
    ),
    bytes_gone AS (DELETE FROM ${schema}.objects o USING old WHERE o.name = old.name)
    DELETE FROM ${schema}.object_puts p USING old WHERE p.name = old.name RETURNING encode(p.name, 'hex') AS name`,
  // What nobody can read; past the ones that a commit is just writing over.
  sweepRefs: `
    DELETE FROM ${schema}.refs WHERE name IN (
      SELECT name FROM ${schema}.refs WHERE expires_at <= ${NOW_MS} ORDER BY name LIMIT ${SWEEP_MOST} FOR UPDATE SKIP LOCKED
    ) AND expires_at <= ${NOW_MS}`,
});

type StatementName = keyof ReturnType<typeof texts>;

/** @param schema its name, checked: it becomes part of the text */
export function postgresStatements(schema: string): { [name in StatementName]: PostgresStatement } {
  const prepared = (name: StatementName, text: string): PostgresStatement => ({ name: `longhaul_${name}`, text });
  const all = texts(`"${schema}"`);
  return {
    putObjects: prepared('putObjects', all.putObjects),
    commit: prepared('commit', all.commit),
    get: prepared('get', all.get),
    has: prepared('has', all.has),
    readRef: prepared('readRef', all.readRef),
    listRefs: prepared('listRefs', all.listRefs),
    deleteRef: prepared('deleteRef', all.deleteRef),
    listObjects: prepared('listObjects', all.listObjects),
    deleteObjects: prepared('deleteObjects', all.deleteObjects),
    sweepRefs: prepared('sweepRefs', all.sweepRefs),
  };
}

/** $1 and $2 of `putObjects` and `commit`. */
export const objectValues = (objects: readonly BackendObject[]): unknown[] => [
  byteaArray(objects.map(({ name }) => Buffer.from(name, 'hex'))),
  byteaArray(objects.map(({ bytes }) => bytes)),
];

/** $3 to $8 of `commit`. Sorted: the order in which rows are locked. */
export function refValues(refs: readonly BackendRefWrite[]): unknown[] {
  const sorted = [...refs].sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = sorted.map(({ name }) => name);
  return [
    names,
    sorted.map(({ op }) => op),
    sorted.map((ref) => (ref.op === 'compare-and-set' ? ref.version : null)),
    byteaArray(sorted.map(({ value }) => value)),
    sorted.map(({ expiresAt }) => expiresAt ?? null),
    // Without a condition there is nothing to judge: writing locks in the same order.
    sorted.every(({ op }) => op === 'put') ? [] : names,
  ];
}
