// Findings of the watch, as they are listed: newest first. Needs no server.
import { findingSchema, type Finding } from '../../workflows/contract/schemas/finding';
import { allRefs } from './all-refs';
import type { ContentStore } from './port';
import { FINDING_PREFIX, findingsOf } from './ref-names';

/** What this version cannot read is left out. @param agent @default of all */
export async function findingsIn(store: Pick<ContentStore, 'listRefs'>, agent?: string): Promise<Finding[]> {
  const refs = await allRefs(store, agent === undefined ? FINDING_PREFIX : findingsOf(agent));
  return refs
    .flatMap(({ value }) => findingSchema.safeParse(value).data ?? [])
    .sort((one, other) => other.at - one.at || (one.id < other.id ? -1 : 1));
}
