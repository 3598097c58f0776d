// Runs under way that have taken many times what their agent's runs usually take: found while they run, before they have taken more.
import { LRUCache } from 'lru-cache';
import { runRecordSchema, headRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { eachOf } from '../control/each-of';
import { allRefs, type ContentStore } from '../store';
import { OPEN_PREFIX, WATCHED_AGENTS, headsOf, runRecordName } from '../store/ref-names';
import { callsOf, totalsOf } from '../store/run-calls';
import { keepOddRun, type FindingDeps } from './keep-finding';
import { manyTokens } from './many-tokens';
import { watchedAgentSchema } from './watched-agent';
import type { WatchSettings } from './watch-settings';
import { tokensOf } from './watched-run';

/** What each run had last stored when it was looked at: one that has stored nothing since need not be looked at again. Of this process. */
const LOOKED_AT = new LRUCache<string, number>({ max: 20_000 });
const AT_ONCE = 50;

export async function lookAtOpenRuns(deps: FindingDeps & { watch: WatchSettings }, until: number): Promise<number> {
  const usual = await usualTokens(deps.store);
  if (usual.size === 0) return 0;
  const open = (await allRefs(deps.store, OPEN_PREFIX)).map(({ name }) =>
    decodeURIComponent(name.slice(OPEN_PREFIX.length)),
  );
  let findings = 0;
  for (let at = 0; at < open.length && deps.now() < until; at += AT_ONCE) {
    const found = await eachOf(open.slice(at, at + AT_ONCE), (id) => lookAtRun(deps, id, usual));
    findings += found.filter(Boolean).length;
  }
  return findings;
}

async function usualTokens(store: ContentStore): Promise<Map<string, number>> {
  const found = (await allRefs(store, WATCHED_AGENTS)).flatMap(
    ({ value }) => watchedAgentSchema.safeParse(value).data ?? [],
  );
  return new Map(found.flatMap(({ agent, usualTokens: tokens }) => (tokens === undefined ? [] : [[agent, tokens]])));
}

async function lookAtRun(
  deps: FindingDeps & { watch: WatchSettings },
  id: string,
  usual: ReadonlyMap<string, number>,
): Promise<boolean> {
  const { store, watch } = deps;
  const record = runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;
  const usually = record && usual.get(record.agent);
  if (!record || record.ended || record.erased || usually === undefined) return false;
  const newest = await newestOf(store, record);
  if (newest === 0 || LOOKED_AT.get(id) === newest) return false;
  const tokens = await ownTokensOf(store, record);
  const { agent, release, tenant } = record;
  const odd = manyTokens({ agent, release, tenant, run: id }, { tokens, usually, times: watch.tokensTimes });
  const isNew = odd !== undefined && (await keepOddRun(deps, odd));
  // Not before: a look that is cut off looks again.
  LOOKED_AT.set(id, newest);
  return isNew;
}

/** When it last stored something; 0 where it has not yet. */
async function newestOf(store: ContentStore, { id }: RunRecord): Promise<number> {
  const heads = await allRefs(store, headsOf(id));
  return Math.max(0, ...heads.map(({ value }) => headRecordSchema.safeParse(value).data?.at ?? 0));
}

/** Of the calls that are recorded by now. */
async function ownTokensOf(store: ContentStore, { id }: RunRecord): Promise<number> {
  const prefix = headsOf(id);
  for (const { name } of await allRefs(store, prefix)) {
    // Under the name of the first execution alone there are calls.
    const { calls } = await callsOf(store, decodeURIComponent(name.slice(prefix.length)));
    if (calls.length > 0) return tokensOf(totalsOf(calls));
  }
  return 0;
}
