// Scores a run, or one call of it: checked, and kept beside it. The same person says a thing of a call once: said again, it takes the place.
import { allRefs, type ContentStore } from '../../activities/store';
import { callsOf } from '../../activities/store/run-calls';
import { runRecordName, scoreName, scoresOf } from '../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import {
  SCORE_BY_CHARS,
  SCORE_CATEGORIES_MAX,
  SCORE_CATEGORY_CHARS,
  SCORE_KEY_CHARS,
  SCORE_NAME,
  SCORE_NAME_CHARS,
  SCORE_NOTE_CHARS,
  SCORE_SOURCES,
  scoreSchema,
  type Score,
} from '../../workflows/contract/schemas/score';
import { ClientError } from '../errors';
import { firstRunIdOf } from '../first-run';
import { refuseErased } from '../recorded-result';
import { shellWord } from '../shell-word';

export interface GivenScore {
  /** Lower-case words, with `-`, `_` or `.` between them: `helpful`, `cites.sources`. */
  name: string;
  /** A number in `range`, yes or no, or the name of a category. */
  value: number | boolean | string;
  /** Of a number. @default from 0 to 1 */
  range?: { least: number; most: number };
  /** Of a category: those there are. @default any */
  categories?: readonly string[];
  /** Number of the call in the trace. @default the whole run */
  call?: number;
  /** Who has judged: a person, a rule, a model. */
  by: string;
  /** @default 'person' */
  source?: Score['source'];
  /** At most 2,000 characters. */
  note?: string;
  /** Said again by the same key, with the same value, it is given once. @default the run, the call, the name and `by` name it */
  key?: string;
}

const NO_RANGE = { least: 0, most: 1 };
const CONTROL = /\p{Cc}/u;

/**
 * @throws ClientError `run-not-found`; `erased`; `invalid-input` where it does not fit, the run has no such call, or the key stands for
 * another score
 */
export async function scoreRun(
  store: ContentStore,
  id: string,
  given: GivenScore,
  now: () => number = Date.now,
): Promise<Score> {
  requireFit(given);
  const record = await recordOf(store, id);
  const call = given.call === undefined ? undefined : await callOf(store, record, given.call);
  const score = scoreSchema.parse({
    schemaVersion: 1,
    ...{ run: record.id, agent: record.agent, release: record.release, tenant: record.tenant },
    ...(call ? { call } : {}),
    ...{ name: given.name, by: given.by, source: given.source ?? 'person', at: now() },
    ...(given.note === undefined ? {} : { note: given.note }),
    ...(given.key === undefined ? {} : { key: given.key }),
    ...judged(given),
  });
  const place = call ? `${call.fork}/${call.turn}/${call.index}` : '';
  const name = scoreName(id, given.key === undefined ? ['of', place, given.name, given.by] : ['key', given.key]);
  const kept = given.key === undefined ? undefined : await sameByKey(store, name, score);
  if (kept) return kept;
  await keep(store, name, score);
  return score;
}

/** In the order in which they were given; what this version cannot read is left out. */
export async function scoresOfRun(store: ContentStore, id: string): Promise<Score[]> {
  const refs = await allRefs(store, scoresOf(id));
  return refs.flatMap(({ value }) => scoreSchema.safeParse(value).data ?? []).sort((a, b) => a.at - b.at);
}

async function keep(store: ContentStore, name: string, score: Score): Promise<void> {
  const op = score.key === undefined ? 'put' : 'create';
  const { conflicts } = await store.commit({ refs: [{ op, name, value: score }] });
  if (conflicts.length > 0) await sameByKey(store, name, score);
  // An erasure that began meanwhile has not seen it.
  const record = runRecordSchema.safeParse((await store.readRef(runRecordName(score.run)))?.value).data;
  if (record && !record.erased) return;
  await store.deleteRef(name);
  throw new ClientError('erased', `run ${score.run} was erased: what was thought of it is not kept.`);
}

async function sameByKey(store: ContentStore, name: string, score: Score): Promise<Score | undefined> {
  const kept = scoreSchema.safeParse((await store.readRef(name))?.value).data;
  if (!kept) return undefined;
  const what = ({ at: _, ...said }: Score): string => JSON.stringify(said);
  if (what(kept) === what(score)) return kept;
  throw new ClientError('invalid-input', `key: it stands for another score of run ${score.run} already.`);
}

async function recordOf(store: ContentStore, id: string): Promise<RunRecord> {
  const ref = await store.readRef(runRecordName(id));
  if (!ref) throw new ClientError('run-not-found', `there is no run "${id}".`);
  const record = runRecordSchema.parse(ref.value);
  refuseErased(record);
  return record;
}

async function callOf(store: ContentStore, record: RunRecord, number: number): Promise<NonNullable<Score['call']>> {
  const first = await firstRunIdOf(store, record);
  const { calls } = first === undefined ? { calls: [] } : await callsOf(store, first);
  const call = calls.find((one) => one.number === number);
  if (call) return { number, fork: call.fork, turn: call.turn, index: call.index };
  const range = calls.length === 0 ? 'no recorded calls' : `calls 1 to ${calls.length}`;
  throw new ClientError(
    'invalid-input',
    `run ${record.id} has ${range}: "longhaul trace ${shellWord(record.id)}" lists them.`,
  );
}

function judged({ value, range = NO_RANGE, categories }: GivenScore) {
  if (typeof value === 'number') return { kind: 'number', value, range: { least: range.least, most: range.most } };
  if (typeof value === 'boolean') return { kind: 'boolean', value };
  return { kind: 'category', value, ...(categories ? { categories: [...categories] } : {}) };
}

/** @throws ClientError `invalid-input` */
export function requireFit({ name, value, range, categories, by, source, note, key }: GivenScore): void {
  const refuse = (what: string): never => {
    throw new ClientError('invalid-input', what);
  };
  // Without types a caller may pass anything.
  const isLine = (text: unknown, most: number): boolean =>
    typeof text === 'string' && text.trim() !== '' && text.length <= most && text.isWellFormed() && !CONTROL.test(text);
  if (typeof name !== 'string' || name.length > SCORE_NAME_CHARS || !SCORE_NAME.test(name))
    refuse(
      `name: lower-case letters and figures, with - _ or . between words, at most ${SCORE_NAME_CHARS} characters.`,
    );
  if (!isLine(by, SCORE_BY_CHARS)) refuse(`by: who judges, one line of 1 to ${SCORE_BY_CHARS} characters.`);
  if (source !== undefined && !SCORE_SOURCES.includes(source))
    refuse(`source: it is one of ${SCORE_SOURCES.join(', ')}.`);
  if (note !== undefined && (typeof note !== 'string' || note.length > SCORE_NOTE_CHARS || !note.isWellFormed()))
    refuse(`note: at most ${SCORE_NOTE_CHARS} characters.`);
  if (key !== undefined && !isLine(key, SCORE_KEY_CHARS))
    refuse(`key: one line of 1 to ${SCORE_KEY_CHARS} characters.`);
  if (typeof value === 'number') return requireInRange(value, range ?? NO_RANGE, categories, refuse);
  if (range) refuse('range: it is of numbers.');
  if (typeof value === 'boolean') return categories ? refuse('categories: yes or no has none.') : undefined;
  if (!isLine(value, SCORE_CATEGORY_CHARS))
    refuse(`value: a number, true or false, or a category of 1 to ${SCORE_CATEGORY_CHARS} characters.`);
  if (!categories) return undefined;
  if (categories.length > SCORE_CATEGORIES_MAX || !categories.every((one) => isLine(one, SCORE_CATEGORY_CHARS)))
    refuse(`categories: at most ${SCORE_CATEGORIES_MAX}, each of 1 to ${SCORE_CATEGORY_CHARS} characters.`);
  if (!categories.includes(value)) refuse(`value: "${value}" is none of ${categories.join(', ')}.`);
}

function requireInRange(
  value: number,
  { least, most }: { least: number; most: number },
  categories: readonly string[] | undefined,
  refuse: (what: string) => never,
): void {
  if (categories) refuse('categories: a number has none.');
  if (!Number.isFinite(least) || !Number.isFinite(most) || least >= most)
    refuse('range: from a number to a larger one.');
  if (!(value >= least && value <= most))
    refuse(`value: ${value} is not from ${least} to ${most}; a number of another range says which.`);
}
