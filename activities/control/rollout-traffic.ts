// What a rollout does to the traffic of its agent, each of it once however often it is asked for; and who has changed it past the rollout.
import type { EndInput, PassedOver, ShareInput, ShareResult } from '../../workflows/contract/rollout';
import { WHOLE_SHARE, type TrafficRecord } from '../../workflows/contract/schemas/traffic';
import { changeTraffic, trafficHistory } from '../store/change-traffic';
import { readPointer } from '../store/pick-release';
import type { ContentStore } from '../store/port';
import type { RefusedTraffic } from '../store/next-traffic';

export interface RolloutTrafficDeps {
  store: ContentStore;
  now(): number;
}

export async function setRolloutShare({ store, now }: RolloutTrafficDeps, input: ShareInput): Promise<ShareResult> {
  const { agent, id, release, sticky, epoch, by, why } = input;
  const share = Math.round(input.share * WHOLE_SHARE);
  const { pointer } = (await readPointer(store, agent)) ?? {};
  // By this, in an attempt that could not say so.
  if (pointer?.candidate?.rollout === id && pointer.candidate.share === share)
    return { kind: 'set', at: pointer.at, epoch: pointer.epoch ?? 0 };
  const changed = await changeTraffic(
    store,
    agent,
    { kind: 'candidate', release, share, rollout: id, salt: id, sticky },
    { by, expectedEpoch: epoch, now, ...(why === undefined ? {} : { why }) },
  );
  if (changed.kind === 'changed') return { kind: 'set', at: changed.record.at, epoch: changed.record.epoch };
  return await refusedOr(store, agent, id, changed);
}

export async function endRollout(
  { store, now }: RolloutTrafficDeps,
  { agent, id, as, by, why }: EndInput,
): Promise<ShareResult> {
  const kind = as === 'promoted' ? 'promote' : 'withdraw';
  const changed = await changeTraffic(store, agent, { kind, rollout: id }, { by, why, now });
  if (changed.kind === 'changed') return { kind: 'set', at: changed.record.at, epoch: changed.record.epoch };
  const ended = await endOf(store, agent, id);
  // By this, in an attempt that could not say so.
  if (ended?.change === kind && ended.by === by && ended.why === why)
    return { kind: 'set', at: ended.at, epoch: ended.epoch };
  return await refusedOr(store, agent, id, changed);
}

async function refusedOr(
  store: ContentStore,
  agent: string,
  id: string,
  { reason, message }: RefusedTraffic,
): Promise<ShareResult> {
  if (reason === 'unreadable' || reason === 'invalid') return { kind: 'refused', why: message };
  return (await passedOver(store, agent, id)) ?? { kind: 'refused', why: message };
}

/** Undefined while new runs are given its candidate. @throws ApplicationFailure `Store.*` */
export async function passedOver(store: ContentStore, agent: string, id: string): Promise<PassedOver | undefined> {
  const { pointer } = (await readPointer(store, agent)) ?? {};
  if (pointer?.candidate?.rollout === id) return undefined;
  const record = (await endOf(store, agent, id)) ?? (await trafficHistory(store, agent)).at(-1);
  if (!record) return { kind: 'superseded', by: 'somebody', why: 'the traffic was taken away.' };
  const { by, change, epoch, after, why } = record;
  const what = `change ${epoch} (${change}): new runs take release ${after.release.slice(0, 12)}`;
  return { kind: 'superseded', by, why: why === undefined ? what : `${what}; ${why}` };
}

/** The change that took its candidate out of the traffic. */
async function endOf(store: ContentStore, agent: string, id: string): Promise<TrafficRecord | undefined> {
  return (await trafficHistory(store, agent)).findLast(
    ({ before, after }) => before?.candidate?.rollout === id && after.candidate?.rollout !== id,
  );
}
