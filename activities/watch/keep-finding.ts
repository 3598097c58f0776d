// A finding, kept once for as long as it is seen: whoever sees it again adds to it.
import { createHash } from 'node:crypto';
import { findingSchema, type Finding } from '../../workflows/contract/schemas/finding';
import { failure } from '../failure';
import type { ContentStore } from '../store';
import { findingName } from '../store/ref-names';

/** Counted from when it was last seen. */
const KEPT_MS = 90 * 86_400_000;
const ID_CHARS = 12;
/** A conflict is another worker that adds to it. */
const ROUNDS = 20;
/** Of runs one by one: whoever looks need not be shown all of them. */
const RUNS_MOST = 20;
const DAY_MS = 86_400_000;

export interface FindingDeps {
  store: ContentStore;
  now(): number;
  /** Counts and logs it. Of runs one by one once for each run. Absent where nobody does. */
  anomalyFound?(finding: Finding): void;
  /** Told of each attempt to tell the webhook. Absent where nobody counts. */
  findingTold?(finding: Finding, came: FindingCame): void;
}

export interface FindingCame {
  isTaken: boolean;
  /** Nobody tries again. */
  isGivenUp: boolean;
  /** As HTTP has it. Absent where there was no answer. */
  status?: number;
}

export type Seen = Omit<Finding, 'schemaVersion' | 'id' | 'at' | 'seenAt' | 'isTold'>;

/** @param parts tell it from others of its agent */
export function findingId(agent: string, ...parts: readonly (string | number)[]): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([agent, ...parts]))
    .digest();
  return `fnd_${BigInt(`0x${digest.toString('hex').slice(0, 24)}`)
    .toString(36)
    .padStart(ID_CHARS, '0')
    .slice(-ID_CHARS)}`;
}

/** @returns whether nobody had found it before. @throws ApplicationFailure `Store.*` */
export async function keepFinding(deps: FindingDeps, id: string, seen: Seen): Promise<boolean> {
  const { store, now } = deps;
  const name = findingName(seen.agent, id);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const ref = await store.readRef(name);
    const known = findingSchema.safeParse(ref?.value).data;
    const value: Finding = known
      ? seenAgain(known, seen, now())
      : { schemaVersion: 1, id, ...seen, at: now(), seenAt: now() };
    const expiresAt = value.seenAt + KEPT_MS;
    const { conflicts } = await store.commit({
      refs: [
        ref
          ? { op: 'compare-and-set', name, version: ref.version, value, expiresAt }
          : { op: 'create', name, value, expiresAt },
      ],
    });
    if (conflicts.length > 0) continue;
    if (!known || (seen.of === 'run' && value.runs.length > known.runs.length))
      deps.anomalyFound?.({ ...value, ...seen });
    return !known;
  }
  throw failure('Store.Unavailable', `the finding ${id} keeps being changed by somebody else.`);
}

function seenAgain(known: Finding, seen: Seen, now: number): Finding {
  if (seen.of !== 'run') return { ...known, ...seen, seenAt: now };
  const ids = new Set(known.runs.map(({ id }) => id));
  const added = seen.runs.filter(({ id }) => !ids.has(id));
  return { ...known, runs: [...known.runs, ...added].slice(0, RUNS_MOST), seenAt: now };
}

export interface OddRun {
  agent: string;
  release: string;
  run: string;
  tenant: string;
  metric: string;
  before?: number;
  after: number;
  why?: string;
}

/** One run that is unlike the others: those of one release and one day are one finding. */
export async function keepOddRun(deps: FindingDeps, { run, tenant, ...odd }: OddRun): Promise<boolean> {
  const { agent, release, metric } = odd;
  const id = findingId(agent, release, metric, Math.floor(deps.now() / DAY_MS));
  return await keepFinding(deps, id, { ...odd, of: 'run', direction: 'up', runs: [{ id: run, tenant }] });
}
