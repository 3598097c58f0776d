// Who has changed the traffic past a rollout, by the history of the traffic.
import type { PassedOver } from '../../workflows/contract/rollout';
import type { TrafficRecord } from '../../workflows/contract/schemas/traffic';
import { trafficHistory } from './change-traffic';
import { readPointer } from './pick-release';
import type { ContentStore } from './port';

/** Undefined while new runs are given its candidate. @throws ApplicationFailure `Store.*` */
export async function passedOver(store: ContentStore, agent: string, id: string): Promise<PassedOver | undefined> {
  const { pointer } = (await readPointer(store, agent)) ?? {};
  if (pointer?.candidate?.rollout === id) return undefined;
  const history = await trafficHistory(store, agent);
  const record = endIn(history, id) ?? history.at(-1);
  if (!record) return { kind: 'superseded', by: 'somebody', why: 'the traffic was taken away.' };
  const { by, change, epoch, after, why } = record;
  const what = `change ${epoch} (${change}): new runs take release ${after.release.slice(0, 12)}`;
  return { kind: 'superseded', by, why: why === undefined ? what : `${what}; ${why}` };
}

/** The change that took its candidate out of the traffic. */
export async function endOf(store: ContentStore, agent: string, id: string): Promise<TrafficRecord | undefined> {
  return endIn(await trafficHistory(store, agent), id);
}

const endIn = (history: readonly TrafficRecord[], id: string): TrafficRecord | undefined =>
  history.findLast(({ before, after }) => before?.candidate?.rollout === id && after.candidate?.rollout !== id);
