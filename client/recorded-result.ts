// The result of a run as its record tells it: for as long as the store keeps it, whether Temporal still knows the run or not.
import type { ContentStore } from '../activities/store/port';
import { releaseManifestSchema } from '../workflows/contract/schemas/release';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import type { RunResult } from './run-result';

/**
 * Undefined for a run that has no recorded end. What its output is, its agent's schema said before it was stored.
 * @throws ClientError `erased`
 */
export async function recordedResult(store: ContentStore, record: RunRecord): Promise<RunResult<unknown> | undefined> {
  const { id, ended } = record;
  if (!ended) return undefined;
  refuseErased(record);
  const about = { runId: id, checkpoint: ended.head, length: ended.length, totals: ended.totals };
  const failure = ended.failure ?? { type: 'Runtime.Unexpected', message: 'no failure was recorded.' };
  if (ended.outcome === 'budget-exhausted') {
    const achieved = await achievedText(store, ended.achieved?.hash);
    return { ...about, outcome: ended.outcome, failure, ...(achieved === undefined ? {} : { achieved }) };
  }
  if (ended.outcome !== 'completed') return { ...about, outcome: ended.outcome, failure };
  return { ...about, outcome: 'completed', output: await readOutput(store, ended.output?.hash, record) };
}

/** @throws ClientError `erased` */
export function refuseErased({ id, erased }: RunRecord): void {
  if (!erased) return;
  throw new ClientError('erased', `run ${id} ${erasedText(erased)}; only what it cost is kept.`);
}

export const erasedText = ({ at, by, reason }: NonNullable<RunRecord['erased']>): string =>
  `was erased on ${new Date(at).toISOString()} by ${by}${reason === undefined ? '' : `: ${reason}`}`;

async function achievedText(store: ContentStore, hash: string | undefined): Promise<string | undefined> {
  if (hash === undefined) return undefined;
  const [text] = await store.get([hash]);
  return new TextDecoder().decode(text);
}

/** Text as it was answered; JSON parsed. */
async function readOutput(store: ContentStore, hash: string | undefined, { release }: RunRecord): Promise<unknown> {
  const [output, manifest] = await store.get([hash ?? '', release]);
  const text = new TextDecoder().decode(output);
  const schema = releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(manifest))).output;
  return schema === undefined ? text : JSON.parse(text);
}
