import { allRefs } from './all-refs';
import type { ContentStore } from './port';
import { headName } from './ref-names';
import { headRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';

export interface Checkpoint {
  head: string | null;
  length: number;
}

/** The last checkpoint of a run that was stored, whether the run has ended or not. */
export async function lastCheckpoint(store: ContentStore, { id, ended }: RunRecord): Promise<Checkpoint> {
  if (ended) return { head: ended.head, length: ended.length };
  const heads = (await allRefs(store, headName(id, ''))).flatMap(({ value }) => {
    const parsed = headRecordSchema.safeParse(value);
    return parsed.success ? [parsed.data] : [];
  });
  return heads.sort((a, b) => a.at - b.at || a.length - b.length).at(-1) ?? { head: null, length: 0 };
}
