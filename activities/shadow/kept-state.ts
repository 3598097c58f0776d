// What is kept of the shadows of an agent, read and changed: of several workers that change it at once each sees what the others did.
import type { RunTotals } from '../../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { shadowStateSchema, type ShadowState } from '../../workflows/contract/schemas/shadow';
import { failure } from '../failure';
import type { ContentStore } from '../store';
import { runRecordName, shadowStateName } from '../store/ref-names';
import type { wantShadow } from '../store/wanted-shadows';
import { noShadows } from './shadow-budget';

export interface KeptDeps {
  store: ContentStore;
  now(): number;
}

export const usedBy = ({ cost, usage }: Pick<RunTotals, 'cost' | 'usage'>): { nanoUsd: number; tokens: number } => ({
  nanoUsd: cost?.nanoUsd ?? 0,
  tokens: usage.input + usage.output,
});

export const readRun = async ({ store }: Pick<KeptDeps, 'store'>, id: string): Promise<RunRecord | undefined> =>
  runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;

/** Others who change the state all the time are other workers, each of which comes to an end. */
const ROUNDS = 20;

/** @param to what it is to be; undefined where it stays as it is @param beside written with it, and only with it */
export async function changeState(
  { store, now }: KeptDeps,
  agent: string,
  to: (state: ShadowState) => ShadowState | undefined,
  beside: readonly ReturnType<typeof wantShadow>[] = [],
): Promise<void> {
  const name = shadowStateName(agent);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const ref = await store.readRef(name);
    const before = shadowStateSchema.safeParse(ref?.value).data ?? noShadows(agent, now());
    const value = to(before);
    if (value === undefined || (ref && value === before)) return;
    const { conflicts } = await store.commit({
      refs: [
        ...beside,
        ref ? { op: 'compare-and-set', name, version: ref.version, value } : { op: 'create', name, value },
      ],
    });
    if (conflicts.length === 0) return;
  }
  throw failure('Store.Unavailable', `the state of the shadows of ${agent} is changed by others all the time.`);
}
