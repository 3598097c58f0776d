// `npm run bench -- history|turns|store|compaction|cancel|parallel|batch|cache|gateway|failover|quota|stream|runs|workers|shards|waiting|week|dashboard|observe|anomalies|trace|rollouts|shadow [--short]`: figures of long conversations, of cancels, of
// tools side by side, of what a model call costs and of providers that fail, each beside its floor, in plain tables.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { printTable } from '../../infra/drills/print-table';
import { databaseBytes, startPostgres, type TestPostgres } from '../stack/postgres';
import { findTemporalServer, startTemporalOnPostgres, type TestTemporal } from '../stack/temporal-on-postgres';
import { machine, temporalVersions } from './machine';
import { printAnomalies } from './print-anomalies';
import { printBatch } from './batch';
import { cancelFigures, percentile } from './cancel';
import { storeLoads } from './store-loads';
import { compactionFigures, placeholderFigures } from './compaction';
import { manyTurns } from './many-turns';
import { parallelTurns } from './parallel';
import { printCache } from './print-cache';
import { printDashboard } from './print-dashboard';
import { printFailover } from './print-failover';
import { printGateway } from './print-gateway';
import { printManyRuns, type Place } from './print-many-runs';
import { printObserve } from './print-observe';
import { printQuota } from './print-quota';
import { printRollouts } from './print-rollouts';
import { printShadow } from './print-shadow';
import { printStream } from './print-stream';
import { printShards } from './print-shards';
import { printThroughput } from './print-throughput';
import { printTraces } from './print-traces';
import { printWaitingRuns } from './print-waiting-runs';
import { WAITING_LONG, WAITING_SHORT, WEEK_LONG, WEEK_SHORT } from './waiting-runs';
import { longConversation, naiveRun, type LongConversation, type NaiveRun } from './long-conversation';

const isShort = process.argv.includes('--short');
const kb = (bytes: number): string => (bytes / 1_000).toFixed(1);
async function history(): Promise<void> {
  const size = isShort ? { turns: 10, pageBytes: 8_000 } : { turns: 100, pageBytes: 8_600 };
  const rows: string[][] = [];
  const row = (name: string, made: LongConversation): void => {
    rows.push([
      name,
      made.outcome,
      String(made.tokens),
      String(made.activities),
      kb(made.historyBytes),
      String(made.bytesPerActivity),
      String(made.floorBytesPerActivity),
      made.flatness.toFixed(3),
      kb(made.conversationBytes),
      kb(made.storedBytes),
      (made.storedBytes / made.conversationBytes).toFixed(2),
      made.seconds.toFixed(1),
    ]);
  };
  row('LMDB', await longConversation(size));
  await withPostgres(async (postgres) => {
    row('Postgres', await longConversation({ ...size, ...storeIn(postgres) }));
    await onPostgres(postgres, async (startServer) => {
      row('Postgres, and Temporal on it', await longConversation({ ...size, ...storeIn(postgres), startServer }));
    });
  });
  console.log(
    'Sealed with a key, in the store and in Temporal. Bytes per activity: whole histories, workflow tasks included.',
  );
  printTable(
    [
      'store',
      'outcome',
      'tokens',
      'activities',
      'history KB',
      'B/activity',
      'bare B/activity',
      'last/first',
      'said KB',
      'stored KB',
      'stored/said',
      's',
    ],
    rows,
  );
  const naive: string[][] = [];
  const naiveRow = (name: string, made: NaiveRun): void => {
    const { asked, turns: done, historyBytes, seconds, failure } = made;
    naive.push([
      name,
      String(asked),
      String(done),
      kb(historyBytes),
      kb(historyBytes / (2 * done)),
      seconds.toFixed(1),
      failure ?? 'completed',
    ]);
  };
  naiveRow('embedded', await naiveRun(size));
  await withPostgres((postgres) =>
    onPostgres(postgres, async (startServer) => naiveRow('on Postgres', await naiveRun({ ...size, startServer }))),
  );
  console.log('\nThe usual design: the conversation in every activity input, no codec.');
  printTable(['Temporal', 'turns asked', 'turns done', 'history KB', 'KB/activity', 's', 'ended'], naive);
}

async function withPostgres(work: (postgres: TestPostgres) => Promise<void>): Promise<void> {
  const postgres = await startPostgres();
  try {
    await work(postgres);
  } finally {
    await postgres.remove();
  }
}

function storeIn(postgres: TestPostgres): { storeUrl: string; storeBytes: () => Promise<number> } {
  const storeUrl = postgres.freshUrl();
  return { storeUrl, storeBytes: () => databaseBytes(storeUrl) };
}

/** Leaves the work out, with a word, where Temporal's own server is not on this machine. */
async function onPostgres(
  postgres: TestPostgres,
  work: (startServer: (historyShards?: number) => Promise<TestTemporal>) => Promise<void>,
): Promise<void> {
  const programs = findTemporalServer();
  if (programs !== undefined)
    return await work((historyShards) => startTemporalOnPostgres(programs, postgres, historyShards));
  console.log(
    'left out: Temporal on Postgres. Its programs temporal-server and temporal-sql-tool are not on PATH, nor in the folder that LONGHAUL_TEMPORAL_SERVER names.',
  );
}

async function turns(): Promise<void> {
  const made = await manyTurns(isShort ? 150 : 1_000);
  console.log(
    `${made.outcome} after ${made.turns} turns in ${made.seconds.toFixed(1)} s: ${made.executions} executions, ${made.compactions} compactions.`,
  );
  printTable(
    ['turns', 'median ms of a turn'],
    made.medians.map(({ from, to, ms }) => [`${from} to ${to}`, String(ms)]),
  );
  console.log(`last 50 / turns 50 to 100: ${made.ratio.toFixed(2)}`);
}

async function store(): Promise<void> {
  const messages = isShort ? 100 : 400;
  console.log(
    `${messages} messages of 2 KB; the most round trips and the median time of 20 reads. Warm: one message is new.`,
  );
  printTable(
    ['store', 'cold trips', 'cold ms', 'warm trips', 'warm ms', 'one object ms'],
    (await storeLoads(messages)).map(({ store: name, cold, warm, floorMs }) => [
      name,
      String(cold.trips),
      cold.ms.toFixed(1),
      String(warm.trips),
      warm.ms.toFixed(2),
      floorMs.toFixed(2),
    ]),
  );
}

async function compaction(): Promise<void> {
  const file = path.resolve(process.env['LONGHAUL_SHARED'] ?? '../shared', 'trajectories', 'airline.jsonl');
  if (!existsSync(file)) {
    console.log(`skipped: no recorded conversations at ${file}; LONGHAUL_SHARED names their folder.`);
    return;
  }
  const most = isShort ? 10 : 50;
  const share = (part: number, whole: number): string => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`);
  const figures = await compactionFigures(file, most);
  printTable(
    ['summary by', 'conversations', 'facts needed', 'in summary', 'by recall', 'lost', 'tokens before', 'after'],
    figures.map((made) => [
      made.summariser,
      String(made.conversations),
      String(made.needed),
      share(made.inSummary, made.needed),
      share(made.byRecall, made.needed),
      String(made.lost),
      String(made.before),
      String(made.after),
    ]),
  );
  const { placeholders, recalled } = placeholderFigures(file, most);
  console.log(`placeholders ${placeholders}; what they name gave the whole result back: ${recalled}`);
}

async function cancel(): Promise<void> {
  const size = isShort ? { samples: 10, unpushed: 4 } : { samples: 200, unpushed: 20 };
  console.log(await temporalVersions());
  const figures = await cancelFigures(size);
  console.log(
    'Milliseconds from the call of cancel until the server at the other end sees its socket closed. Calls beat every 5 s.',
  );
  printTable(
    ['what is cancelled', 'samples', 'p50', 'p90', 'p99', 'max', 'closed before a beat was due'],
    figures.map(({ what, ms, beforeHeartbeat }) => [
      what,
      String(ms.length),
      ...[50, 90, 99, 100].map((share) => percentile(ms, share).toFixed(0)),
      String(beforeHeartbeat),
    ]),
  );
  console.log('\nAll of them, in the order in which they were taken:');
  for (const { what, ms } of figures) console.log(`${what}: ${ms.map((each) => each.toFixed(1)).join(' ')}`);
}

async function parallel(): Promise<void> {
  const { outcome, most, turns: made } = await parallelTurns({ turns: isShort ? 3 : 20, tools: 5, toolMs: 1_000 });
  console.log(
    `${outcome}; ${most} tools at once, at most. From the model's answer to its next call, on the embedded server:`,
  );
  printTable(
    ['tools of 1 s in a turn', 'turns', 'median ms', 'worst ms'],
    made.map(({ tools, ms }) => [
      String(tools),
      String(ms.length),
      String(ms[Math.floor((ms.length - 1) / 2)] ?? ''),
      String(ms.at(-1) ?? ''),
    ]),
  );
}

/** One after the other. */
async function eachPlace(work: (place: Place) => Promise<void>): Promise<void> {
  await work({ name: 'embedded' });
  await withPostgres(async (postgres) => {
    await work({ name: 'store on Postgres', storeUrl: postgres.freshUrl });
    await onPostgres(postgres, (startServer) =>
      work({ name: 'all on Postgres', storeUrl: postgres.freshUrl, startServer }),
    );
  });
}

const BENCHMARKS: { readonly [name: string]: () => Promise<void> } = {
  history,
  turns,
  store,
  compaction,
  cancel,
  parallel,
  batch: () => printBatch(isShort),
  cache: () => printCache(isShort),
  gateway: () => printGateway(isShort),
  failover: () => printFailover(isShort),
  quota: () => printQuota(isShort),
  stream: async () => {
    console.log(await temporalVersions());
    await printStream(isShort, (work) => withPostgres((postgres) => work(postgres.freshUrl())));
  },
  runs: () => printManyRuns(isShort, eachPlace),
  workers: () => printThroughput(isShort, eachPlace),
  shards: () =>
    withPostgres((postgres) =>
      onPostgres(postgres, (startServer) => printShards(isShort, postgres.freshUrl, startServer)),
    ),
  waiting: () => printWaitingRuns(isShort ? WAITING_SHORT : WAITING_LONG),
  observe: () => printObserve(isShort),
  week: () => printWaitingRuns(isShort ? WEEK_SHORT : WEEK_LONG),
  dashboard: () => printDashboard(isShort),
  anomalies: () => printAnomalies(isShort),
  trace: () => printTraces(isShort),
  rollouts: () => printRollouts(isShort),
  shadow: () => printShadow(isShort),
};

const asked = process.argv.slice(1).filter((argument) => !argument.startsWith('--'));
const unknown = asked.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}. There are: ${Object.keys(BENCHMARKS).join(', ')}.`);
  process.exit(2);
}
void (async () => {
  console.log(`npm run bench -- ${process.argv.slice(1).join(' ')}`.trimEnd());
  console.log(machine());
  for (const name of asked.length > 0 ? asked : Object.keys(BENCHMARKS)) {
    console.log(`\n${name}`);
    await BENCHMARKS[name]?.();
  }
  process.exit(0);
})();
