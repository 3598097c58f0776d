// A provider that is down, and then ten times slower without an error, under load from several worker processes that share a store: which
// runs fail, how soon requests go elsewhere and come back, and how long calls take meanwhile.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { CALL_PREFIX } from '../../activities/store/ref-names';
import { allRefs, type ContentStore } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';
import { createAgentClient } from '../../client/agent-client';
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { publishReleases } from '../../workers/publish-releases';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { modelRecordSchema, type ModelRecord } from '../../workflows/contract/schemas/call-record';
import { script, startModelServerProcess, type ModelServerProcess } from '../kit/model-server';
import { temporalCli } from '../stack/test-stack';
import { type asker, failoverRelease } from './failover-agent';
import type { FailoverWorkerOptions } from './failover-worker';
import { startWorkerProcess } from '../stack/worker-process';

export interface FailoverOptions {
  workers: number;
  runsPerSecond: number;
  /** Of each phase, in milliseconds. */
  phases: { well: number; down: number; again: number; slow: number; after: number };
  /** Requests that a phase lasts for at least, on a machine that is busy. */
  least: number;
  /** Of the times in the rules of health. */
  scale: number;
}

export const FAILOVER_LONG: FailoverOptions = {
  workers: 4,
  runsPerSecond: 5,
  phases: { well: 20_000, down: 60_000, again: 40_000, slow: 60_000, after: 40_000 },
  least: 0,
  scale: 1,
};
export const FAILOVER_SHORT: FailoverOptions = {
  workers: 2,
  runsPerSecond: 4,
  phases: { well: 8_000, down: 5_000, again: 6_000, slow: 8_000, after: 6_000 },
  least: 30,
  scale: 0.2,
};

export interface FailoverFigures {
  runs: number;
  /** Outcomes other than completed. */
  failed: string[];
  phases: { name: string; calls: number; byA: number; p50: number; p95: number; max: number }[];
  /** Milliseconds from a trouble's begin until ten requests in a row go to B, and from its end until ten go to A. */
  troubles: { name: string; divertMs: number; returnMs: number; requestsToA: number }[];
}

/** Before the first byte, and between the pieces of an answer. */
const FIRST_MS = 100;
const PIECE_MS = 10;
const SLOWER = 10;
const ANSWER = 'All is well here, and nothing else is to be said of it. '.repeat(8);
const IN_A_ROW = 10;

const PACE = (factor: number): { do: { delayMs: number; slowStreamMsPerChunk: number } } => ({
  do: { delayMs: FIRST_MS * factor, slowStreamMsPerChunk: PIECE_MS * factor },
});

type Phase = keyof FailoverOptions['phases'];

export async function failover(options: FailoverOptions): Promise<FailoverFigures> {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'longhaul-failover-'));
  const server = await startEmbeddedTemporal({
    ...{ stateDir, cliPath: await temporalCli(), searchAttributes: SEARCH_ATTRIBUTES },
  });
  const answering = { script: script().answer(ANSWER), faults: [PACE(1)] };
  const [a, b] = await Promise.all([startModelServerProcess(answering), startModelServerProcess(answering)]);
  const storeUrl = `lmdb:${path.join(stateDir, 'store')}`;
  const store = openStore(storeUrl);
  await publishReleases(store, [failoverRelease()]);
  const { address, namespace } = server;
  const temporal = new Client({ connection: await Connection.connect({ address }), namespace });
  const client = createAgentClient({ temporal, store, taskQueue: 'agents', tenant: 'bench', user: 'bench' });
  const workers = await Promise.all(
    Array.from({ length: options.workers }, (_, nth) =>
      startWorkerProcess<FailoverWorkerOptions>(path.join(__dirname, 'failover-worker.ts'), {
        ...{ address, namespace, stateDir, storeUrl, identity: `worker-${nth + 1}`, scale: options.scale },
        providers: { a: a.url, b: b.url },
      }),
    ),
  );
  try {
    const results: Promise<string>[] = [];
    const start = async (): Promise<string> => {
      const run = await client.agent<typeof asker>('asker').start('How is it?', { id: `run-${results.length}` });
      return (await run.result()).outcome;
    };
    const timer = setInterval(() => results.push(start()), 1_000 / options.runsPerSecond);
    const began = await throughPhases([a, b], options);
    clearInterval(timer);
    const outcomes = await Promise.all(results);
    return await figuresOf({ outcomes, began, store, servers: [a, b] });
  } finally {
    await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
    await client.close();
    await Promise.all([a.close(), b.close(), server.stop()]);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** Longer than that no phase is extended: then something is wrong. */
const EXTENDED_MS = 60_000;

/** @returns when each began, and when the last ended */
async function throughPhases(
  [a, b]: readonly [ModelServerProcess, ModelServerProcess],
  { phases, least }: FailoverOptions,
): Promise<[Phase | 'end', number][]> {
  const faults = {
    well: [PACE(1)],
    // As a balancer with nothing behind it closes connections.
    down: [{ do: { dropConnection: true } }],
    again: [PACE(1)],
    slow: [PACE(SLOWER)],
    after: [PACE(1)],
  };
  const requests = async (): Promise<number> => (await a.counts()).requests + (await b.counts()).requests;
  const began: [Phase | 'end', number][] = [];
  for (const phase of ['well', 'down', 'again', 'slow', 'after'] as const) {
    await a.control({ clearFaults: true, faults: faults[phase] });
    const from = Date.now();
    began.push([phase, from]);
    const before = await requests();
    await pause(phases[phase]);
    while ((await requests()) < before + least && Date.now() - from < phases[phase] + EXTENDED_MS) await pause(200);
  }
  return [...began, ['end', Date.now()]];
}

interface Made {
  outcomes: readonly string[];
  began: readonly [Phase | 'end', number][];
  store: ContentStore;
  servers: [ModelServerProcess, ModelServerProcess];
}

async function figuresOf({ outcomes, began, store, servers }: Made): Promise<FailoverFigures> {
  const calls = (await allRefs(store, CALL_PREFIX)).flatMap(({ value }): ModelRecord[] => {
    const record = modelRecordSchema.safeParse(value);
    return record.success ? [record.data] : [];
  });
  const [toA, toB] = await Promise.all(
    servers.map(async (one) => (await one.requests()).map(({ arrivedAt }) => arrivedAt)),
  );
  const arrivals = [...(toA ?? []).map((at) => ({ at, by: 'a' })), ...(toB ?? []).map((at) => ({ at, by: 'b' }))].sort(
    (x, y) => x.at - y.at,
  );
  const spans = began.slice(0, -1).map(([name, from], nth) => ({ name, from, to: began[nth + 1]?.[1] ?? from }));
  const rowOf = (by: string, from: number): number => {
    const later = arrivals.filter(({ at }) => at >= from);
    const first = later.findIndex((_, nth) => {
      const row = later.slice(nth, nth + IN_A_ROW);
      return row.length === IN_A_ROW && row.every((one) => one.by === by);
    });
    return first === -1 ? NaN : (later[first]?.at ?? NaN) - from;
  };
  return {
    runs: outcomes.length,
    failed: outcomes.filter((outcome) => outcome !== 'completed'),
    phases: spans.map(({ name, from, to }) => {
      const made = calls.filter(({ startedAt }) => startedAt >= from && startedAt < to);
      const ms = made.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((x, y) => x - y);
      const rank = (share: number): number => ms[Math.ceil(ms.length * share) - 1] ?? NaN;
      const byA = made.filter(({ answer }) => answer.model.startsWith('a/')).length;
      return { name, calls: made.length, byA, p50: rank(0.5), p95: rank(0.95), max: rank(1) };
    }),
    troubles: spans
      .filter(({ name }) => name === 'down' || name === 'slow')
      .map(({ name, from, to }) => ({
        name,
        divertMs: rowOf('b', from),
        returnMs: rowOf('a', to),
        requestsToA: arrivals.filter(({ at, by }) => by === 'a' && at >= from && at < to).length,
      })),
  };
}
