// One incident is one finding: what is different in the same runs is told once, named by what comes nearest to a cause; the rest stands with it.
import type { Finding } from '../../workflows/contract/schemas/finding';
import { findingsIn } from '../store/findings';
import type { Change } from './compare-runs';
import { findingId, keepFinding, type FindingDeps, type Seen } from './keep-finding';
import { KEPT_RUNS, type Look } from './looks';
import type { Taken } from './watched-agent';

/** From a cause to what follows of it; numbers of runs come after all of them, the surest first. */
const CAUSES = [/^tool-failed:/, /^failure:/, /^refused$/, /^tool-used:/, /^completed$/];
/** What people notice of an agent is no part of what was found before it, unless it is of the same runs. */
const NOTICED: ReadonlySet<string> = new Set(['completed', 'refused']);

export interface Looked {
  agent: string;
  release: string;
  taken: Taken;
  look: Look;
}

type Part = NonNullable<Finding['also']>[number];

/** @returns how many incidents nobody had found before. @throws ApplicationFailure `Store.*` */
export async function keepIncidents(deps: FindingDeps, looked: Looked): Promise<number> {
  const { agent, release, taken, look } = looked;
  if (look.changes.length === 0) return 0;
  const live = (await findingsIn(deps.store, agent)).filter(
    (one) => one.of !== 'run' && one.release === release && (one.upTo ?? 0) >= taken.number - KEPT_RUNS,
  );
  const seen = new Map<Finding, Change[]>();
  const add = (to: Finding, change: Change): void => void seen.set(to, [...(seen.get(to) ?? []), change]);
  const unknown = look.changes.filter((change) => {
    const known = live.find((one) => partsOf(one).some((part) => isSame(part, change)));
    if (known) add(known, change);
    return !known;
  });
  const known = new Map(seen);
  const rest = unknown.filter((change) => {
    const of = live.find((one) => isPartOf(change, one, known.get(one) ?? [], looked));
    if (of) add(of, change);
    return !of;
  });
  for (const [finding, changes] of seen) await keepFinding(deps, finding.id, seenAgain(looked, finding, changes));
  const [first, ...others] = nearestFirst(rest);
  if (!first) return 0;
  const id = findingId(agent, release, first.metric, first.direction, taken.number);
  const found = { ...namedBy(looked, first), since: taken.number, ...withAlso(others.map(partOf)) };
  return Number(await keepFinding(deps, id, found));
}

/** It is of runs from before the finding, or the look shows what was found at least as surely. */
function isPartOf(change: Change, finding: Finding, seen: readonly Change[], looked: Looked): boolean {
  if (isFromBefore(finding, looked)) return true;
  return !NOTICED.has(change.metric) && seen.some(({ p }) => p <= change.p);
}

const isFromBefore = ({ since, upTo = 0 }: Finding, { taken, look }: Looked): boolean =>
  taken.number - look.window.length < (since ?? upTo);

const partsOf = ({ metric, direction, also = [] }: Finding): readonly Pick<Part, 'metric' | 'direction'>[] => [
  { metric, direction },
  ...also,
];

const isSame = (one: Pick<Part, 'metric' | 'direction'>, other: Pick<Part, 'metric' | 'direction'>): boolean =>
  one.metric === other.metric && one.direction === other.direction;

function causeOf({ metric }: Change): number {
  const at = CAUSES.findIndex((cause) => cause.test(metric));
  return at === -1 ? CAUSES.length : at;
}

const nearestFirst = (changes: readonly Change[]): Change[] =>
  [...changes].sort((one, other) => causeOf(one) - causeOf(other) || one.p - other.p);

const partOf = ({ metric, of, direction, before, after, p }: Change): Part => ({
  ...{ metric, of, direction, before, after, chance: p },
});

const withAlso = (also: Part[]): Pick<Finding, 'also'> => (also.length > 0 ? { also } : {});

function namedBy({ agent, release, taken, look: { window, baseline } }: Looked, change: Change): Seen {
  const isOther = baseline.filter((run) => run.release !== release).length * 2 > baseline.length;
  return {
    ...{ agent, release, ...partOf(change), upTo: taken.number },
    ...(isOther && taken.after !== undefined ? { against: taken.after } : {}),
    compared: { window: window.length, baseline: baseline.length },
    runs: change.runs.map(({ id, tenant }) => ({ id, tenant })),
  };
}

/** It keeps its name; and its numbers, unless runs from before it was found show them more surely: later baselines hold what has changed. */
function seenAgain(looked: Looked, known: Finding, changes: readonly Change[]): Seen {
  const first = changes.find((change) => isSame(known, change));
  const isSurer = first !== undefined && isFromBefore(known, looked) && first.p < (known.chance ?? 1);
  const more = changes.filter((change) => !partsOf(known).some((part) => isSame(part, change)));
  return {
    ...{ ...known, ...(isSurer ? namedBy(looked, first) : {}), upTo: looked.taken.number },
    ...withAlso([...(known.also ?? []), ...nearestFirst(more).map(partOf)]),
  };
}
