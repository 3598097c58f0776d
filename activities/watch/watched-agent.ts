// What a watch knows of one agent: its newest runs in the order in which they ended, and how many there were of each release.
import { z } from 'zod';
import type { ContentStore, RefWrite } from '../store';
import { allRefs } from '../store';
import { watchedAgentName, watchedRunName, watchedRunsOf } from '../store/ref-names';
import { KEPT_RUNS } from './looks';
import { medianOf } from './rank-test';
import { createRunTable, type RunTable } from './run-table';
import { watchedRunSchema, type WatchedRun } from './watched-run';

/** Of one look at a release that takes over, both releases' runs are needed. */
const KEPT_MOST = KEPT_RUNS + 400;
/** By which it is told what a run usually takes. */
const USUAL_OF = 200;
const USUAL_LEAST = 20;

export const watchedAgentSchema = z.object({
  schemaVersion: z.literal(1),
  agent: z.string(),
  /** Number of the next run. */
  next: z.number(),
  /** The newest releases: how many runs of each have ended, the number of the first, and the release that ran before it. */
  releases: z.record(z.string(), z.object({ runs: z.number(), first: z.number(), after: z.string().exactOptional() })),
  /** Tokens of a run's own calls, the median. Absent where there were too few. */
  usualTokens: z.number().exactOptional(),
});
type WatchedAgentRecord = z.output<typeof watchedAgentSchema>;

interface Numbered {
  number: number;
  run: WatchedRun;
}

export interface WatchedAgent {
  /** Takes the next run in. @returns undefined of one that was taken in before */
  take(run: WatchedRun): Taken | undefined;
  /** Writes what is new. @returns false where another watch has written in between: then nothing is written */
  save(): Promise<boolean>;
}

export interface Taken {
  /** Runs of the release that was before, then those of the run's own: the run is the last. */
  table: RunTable;
  ofRelease: number;
  /** Of the run, among all of its release. */
  number: number;
  /** The release that was before. */
  after?: string;
}

export async function readWatchedAgent(store: ContentStore, agent: string): Promise<WatchedAgent> {
  const name = watchedAgentName(agent);
  const ref = await store.readRef(name);
  const known = watchedAgentSchema.safeParse(ref?.value).data;
  const record: WatchedAgentRecord = known ?? { schemaVersion: 1, agent, next: 1, releases: {} };
  const prefix = watchedRunsOf(agent);
  const kept: Numbered[] = (await allRefs(store, prefix)).flatMap(({ name: of, value }) => {
    const run = watchedRunSchema.safeParse(value).data;
    return run ? [{ number: Number(of.slice(prefix.length)), run }] : [];
  });
  const ids = new Set(kept.map(({ run }) => run.id));
  const added: Numbered[] = [];
  const tables = new Map<string, Omit<Taken, 'number'>>();
  return {
    take: (run) => {
      if (ids.has(run.id)) return undefined;
      ids.add(run.id);
      const one = { number: record.next, run };
      const before = kept.at(-1)?.run.release;
      record.next += 1;
      kept.push(one);
      added.push(one);
      const counted = countIn(record, { ...one, before });
      const known = tables.get(run.release);
      if (known) known.table.add(run);
      const taken = known ? { ...known, ofRelease: known.ofRelease + 1 } : tableOf(kept, run.release, counted);
      tables.set(run.release, taken);
      return { ...taken, number: counted.runs };
    },
    save: async () => {
      const gone = kept.splice(0, Math.max(0, kept.length - KEPT_MOST));
      const usual = usualTokensOf(kept);
      const value: WatchedAgentRecord = { ...record, ...(usual === undefined ? {} : { usualTokens: usual }) };
      const isGone = new Set(gone.map(({ number }) => number));
      const refs: RefWrite[] = [
        ref ? { op: 'compare-and-set', name, version: ref.version, value } : { op: 'create', name, value },
        ...added
          .filter(({ number }) => !isGone.has(number))
          .map(({ number, run }): RefWrite => ({ op: 'put', name: watchedRunName(agent, number), value: run })),
      ];
      if ((await store.commit({ refs })).conflicts.length > 0) return false;
      for (const { number } of gone) await store.deleteRef(watchedRunName(agent, number));
      return true;
    },
  };
}

/** Older ones are gone by then. */
const RELEASES_MOST = 50;

type Counted = WatchedAgentRecord['releases'][string];

function countIn(
  record: WatchedAgentRecord,
  { run: { release }, number, before }: Numbered & { before: string | undefined },
): Counted {
  const known = record.releases[release] ?? {
    ...{ runs: 0, first: number },
    ...(before === undefined ? {} : { after: before }),
  };
  const counted = { ...known, runs: known.runs + 1 };
  const newest = Object.entries({ ...record.releases, [release]: counted }).sort(
    ([, one], [, other]) => other.first - one.first,
  );
  record.releases = Object.fromEntries(newest.slice(0, RELEASES_MOST));
  return counted;
}

/** No run of the release before that ended after this one took over is added later. */
function tableOf(kept: readonly Numbered[], release: string, { after, first }: Counted): Omit<Taken, 'number'> {
  const runs = kept.flatMap(({ run }) => (run.release === release ? [run] : []));
  const before = kept.flatMap(({ number, run }) => (run.release === after && number < first ? [run] : []));
  return {
    ...{ table: createRunTable([...before, ...runs]), ofRelease: runs.length },
    ...(after === undefined ? {} : { after }),
  };
}

function usualTokensOf(kept: readonly Numbered[]): number | undefined {
  const tokens = kept.slice(-USUAL_OF).flatMap(({ run }) => run.ownTokens ?? run.values['tokens'] ?? []);
  return tokens.length < USUAL_LEAST ? undefined : medianOf(tokens);
}
