// What a rollout does to the traffic of its agent, each of it once however often it is asked for.
import type { EndInput, ShareInput, ShareResult } from '../../workflows/contract/rollout';
import { WHOLE_SHARE } from '../../workflows/contract/schemas/traffic';
import { changeTraffic } from '../store/change-traffic';
import { endOf, passedOver } from '../store/passed-over';
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
