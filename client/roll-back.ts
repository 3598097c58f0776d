// Back to an earlier release, in the store alone: no server and no worker need be up for new runs to take it. What is under way is another
// question, asked afterwards.
import { setTimeout as pause } from 'node:timers/promises';
import { allRefs } from '../activities/store';
import { changeTraffic, type ChangedTraffic, type TrafficAbout } from '../activities/store/change-traffic';
import type { RefusedTraffic } from '../activities/store/next-traffic';
import type { ContentStore } from '../activities/store/port';
import { OPEN_PREFIX, SERVING_PREFIX, runRecordName } from '../activities/store/ref-names';
import { messageOf } from '../infra/temporal/error-reason';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { servingSchema, type AgentPointer, type Serving } from '../workflows/contract/schemas/traffic';
import type { AgentClient } from './agent-client';
import { ClientError } from './errors';
import { pointerOf, readManifest, releaseOf } from './releases';

export interface RolledBack extends Pick<ChangedTraffic, 'record'> {
  kind: 'rolled-back';
  /** As it was read back. */
  pointer: AgentPointer;
  /** That new runs took until now and do not take any more. */
  withdrawn: string[];
  tookMs: number;
}

/** @throws ClientError `unknown-agent`; `invalid-input` where `to` is no release of it; `refused` where it reads back something else */
export async function rollBack(
  store: ContentStore,
  agent: string,
  { to, ...about }: TrafficAbout & { to?: string },
): Promise<RolledBack | RefusedTraffic> {
  const since = performance.now();
  if (to === undefined) await pointerOf(store, agent);
  const target = to === undefined ? undefined : (await releaseOf(store, agent, to)).release;
  const change = { kind: 'rollback' as const, ...(target === undefined ? {} : { to: target }) };
  const changed = await changeTraffic(store, agent, change, about);
  if (changed.kind === 'refused') return changed;
  const { record } = changed;
  const tookMs = performance.now() - since;
  const pointer = await pointerOf(store, agent);
  if (
    (pointer.epoch ?? 0) < record.epoch ||
    (pointer.epoch === record.epoch && pointer.release !== record.after.release)
  )
    throw new ClientError('refused', `the store took change ${record.epoch} of ${agent} and does not show it.`);
  const before = [record.before?.release, record.before?.candidate?.release];
  const withdrawn = before.flatMap((one) => (one === undefined || one === record.after.release ? [] : [one]));
  return { kind: 'rolled-back', pointer, record, withdrawn, tookMs };
}

/** Runs that have not ended, of these releases or of one that load made of them; sub-agents' runs are their callers'. */
export async function openRunsOn(
  store: ContentStore,
  agent: string,
  releases: readonly string[],
): Promise<{ runs: RunRecord[]; subRuns: RunRecord[] }> {
  const ids = (await allRefs(store, OPEN_PREFIX)).map(({ name }) => decodeURIComponent(name.slice(OPEN_PREFIX.length)));
  const found: RunRecord[] = [];
  for (const id of ids) {
    const record = runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;
    if (record?.agent !== agent || record.ended) continue;
    if (releases.includes(record.release) || releases.includes((await originOf(store, record)) ?? ''))
      found.push(record);
  }
  return { runs: found.filter(({ parent }) => !parent), subRuns: found.filter(({ parent }) => parent) };
}

async function originOf(store: ContentStore, { release, degraded }: RunRecord): Promise<string | undefined> {
  if (!degraded?.route) return undefined;
  return (await readManifest(store, release).catch(() => undefined))?.degradedFrom;
}

/** A start that had read what stood before is recorded by then, where its caller did not stop in its middle. */
export const SETTLED_MS = 1_000;
export const APART_MS = 100;
export const AT_ONCE = 16;
/** A worker that does not answer by then may be gone: then the reason is left out, and the run ends without it. */
const REASON_MS = 500;

export interface Cancelled {
  /** Ids of runs that were asked to end. */
  asked: string[];
  /** Those that could not be asked, with why. */
  failed: { run: string; why: string }[];
}

/** Asks every open run of the releases to end, those included that were being started while the traffic was changed. */
export async function cancelRunsOn(
  { store, client }: { store: ContentStore; client: Pick<AgentClient, 'run'> },
  agent: string,
  releases: readonly string[],
  { changedAt, reason }: { changedAt: number; reason: string },
): Promise<Cancelled> {
  const asked = new Set<string>();
  const failed = new Map<string, string>();
  for (let isLast = false; !isLast;) {
    isLast = Date.now() >= changedAt + SETTLED_MS;
    const { runs } = await openRunsOn(store, agent, releases);
    const left = runs.map(({ id }) => id).filter((id) => !asked.has(id));
    failed.clear();
    const askNext = async (): Promise<void> => {
      for (let id = left.shift(); id !== undefined; id = left.shift()) {
        const why = await cancelled(client, id, reason);
        if (why === undefined) asked.add(id);
        // One that is recorded and not begun yet is found again.
        else failed.set(id, why);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, askNext));
    if (!isLast) await pause(APART_MS);
  }
  return { asked: [...asked], failed: [...failed].map(([run, why]) => ({ run, why })) };
}

/** @returns why it could not be asked */
async function cancelled(client: Pick<AgentClient, 'run'>, id: string, reason: string): Promise<string | undefined> {
  const run = client.run(id);
  const noReason = (): undefined => undefined;
  const told = (error: unknown): unknown => error;
  const asking = run.cancel(reason).then(noReason, told);
  const first = await Promise.race([asking, pause(REASON_MS, 'late' as const)]);
  // Temporal's own cancel needs no worker to be taken.
  const error = first === 'late' ? await run.cancel().then(noReason, told) : first;
  // That has ended, or is being cancelled, is what was asked for.
  if (error === undefined || (ClientError.isInstance(error) && error.code === 'refused')) return undefined;
  return messageOf(error);
}

/** Workers that live, or were killed within the last minute, and have loaded the agent. */
export async function workersOf(store: ContentStore, agent: string): Promise<(Serving & { loaded: string[] })[]> {
  return (await allRefs(store, SERVING_PREFIX)).flatMap(({ value }) => {
    const serving = servingSchema.safeParse(value).data;
    const loaded = serving?.releases[agent];
    return serving && loaded ? [{ ...serving, loaded }] : [];
  });
}
