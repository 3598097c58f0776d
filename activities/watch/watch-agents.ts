// One look of the watch: runs that have ended since the last one are taken in one by one, open runs are looked at, and the webhook is told.
import { setImmediate } from 'node:timers/promises';
import type { WatchLook } from '../../workflows/contract/watch';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { eachOf } from '../control/each-of';
import { failure } from '../failure';
import type { ContentStore } from '../store';
import type { Ref } from '../store/port';
import { UNWATCHED_PREFIX, runRecordName } from '../store/ref-names';
import { callsOf } from '../store/run-calls';
import { keepIncidents } from './incidents';
import type { FindingDeps } from './keep-finding';
import { lookAt } from './looks';
import { lookAtOpenRuns } from './open-runs';
import { tellFindings } from './tell-findings';
import type { WatchSettings } from './watch-settings';
import { readWatchedAgent } from './watched-agent';
import { watchedRun, type WatchedRun } from './watched-run';

export interface WatchDeps extends FindingDeps {
  watch: WatchSettings;
}

/** Half of what the activity may take: what is left is for the next look. */
const WORK_MS = 30_000;
const PAGE = 200;

/** Repeating it, or doing it twice at once, takes no run in twice. */
export async function watchAgents(deps: WatchDeps): Promise<WatchLook> {
  const { store, now } = deps;
  const until = now() + WORK_MS;
  let [runs, findings] = [0, 0];
  for (let isMore = true; isMore && now() < until;) {
    const page = await store.listRefs(UNWATCHED_PREFIX, { limit: PAGE });
    const seen = await eachOf(page, (ref) => readEnded(store, ref));
    for (const [agent, ended] of byAgent(seen)) {
      const taken = await takeIn(deps, agent, ended);
      runs += ended.length;
      findings += taken;
    }
    await eachOf(page, ({ name }) => store.deleteRef(name));
    isMore = page.length === PAGE;
  }
  findings += await lookAtOpenRuns(deps, until);
  await tellFindings(deps);
  return { runs, findings };
}

interface Ended {
  agent: string;
  run: WatchedRun;
}

/** Its calls are read this once. */
async function readEnded(store: ContentStore, { name }: Ref): Promise<Ended | undefined> {
  const id = decodeURIComponent(name.slice(name.lastIndexOf('/') + 1));
  const record = runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;
  if (!record?.ended) return undefined;
  const { firstRunId } = record.ended;
  const run = watchedRun(record, firstRunId === '' ? [] : (await callsOf(store, firstRunId)).calls);
  return run && { agent: record.agent, run };
}

function byAgent(seen: readonly (Ended | undefined)[]): Map<string, WatchedRun[]> {
  const found = new Map<string, WatchedRun[]>();
  for (const one of seen) if (one) found.set(one.agent, [...(found.get(one.agent) ?? []), one.run]);
  return found;
}

/** Findings come before what they follow from: a look that is cut off between them finds the same again, under the same ids. */
async function takeIn(deps: WatchDeps, agent: string, ended: readonly WatchedRun[]): Promise<number> {
  const watched = await readWatchedAgent(deps.store, agent);
  let findings = 0;
  for (const run of ended) {
    const taken = watched.take(run);
    if (!taken) continue;
    // Comparing takes milliseconds, and this process has other things to do.
    await setImmediate();
    for (const look of lookAt(taken, deps.watch.falseAlarms))
      findings += await keepIncidents(deps, { agent, release: run.release, taken, look });
  }
  if (!(await watched.save()))
    throw failure('Store.Unavailable', `agent ${agent} is being watched by another worker too.`);
  return findings;
}
