// Needs: a Temporal CLI, free ports. A queue of a thousand runs whose submitters come all at once, and whose workers and server are then killed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from '@temporalio/client';
import { openConnection } from '../../infra/temporal/open-connection';
import { allRefs, type ContentStore } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';
import { publishQueue } from '../../activities/store/queue-settings';
import { OPEN_PREFIX, RUN_PREFIX } from '../../activities/store/ref-names';
import { createAgentClient, type AgentClient } from '../../client/agent-client';
import { ClientError } from '../../client/errors';
import { startEmbeddedTemporal, type EmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { publishReleases } from '../../workers/publish-releases';
import { QUERY_NAMES, SEARCH_ATTRIBUTES, queueId } from '../../workflows/contract/names';
import type { QueueView } from '../../workflows/contract/queue';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { tellerReleases, type queued } from '../stack/teller';
import type { TellerWorkerOptions } from '../stack/teller-worker';
import { freePort } from '../stack/free-port';
import { temporalCli } from '../stack/test-stack';
import { until } from '../stack/until';
import { startWorkerProcess, type WorkerProcess } from '../stack/worker-process';

jest.setTimeout(1_200_000);

const DEPTH = 1_000;
const SUBMITTERS = 8;
const EACH = 140;
const FIRST = 4;
const settings = (concurrency: number): PublishedQueue => ({
  ...{ depth: DEPTH, concurrency, weights: {}, shards: 1, degrade: [] },
});

let stateDir: string;
let preferredPort: number;
let store: ContentStore;
let server: EmbeddedTemporal;
let model: ModelServer;
let workers: WorkerProcess[] = [];
const gate: { open?: () => void } = {};
const opened = new Promise<void>((resolve) => (gate.open = resolve));
const clients: AgentClient[] = [];

const startServer = async (dynamicConfig: Record<string, number> = {}): Promise<EmbeddedTemporal> =>
  startEmbeddedTemporal({
    ...{ stateDir, cliPath: await temporalCli(), preferredPort },
    ...{ searchAttributes: SEARCH_ATTRIBUTES, dynamicConfig },
  });
const startWorkers = async (): Promise<void> => {
  const { address, namespace } = server;
  const options = {
    address,
    namespace,
    stateDir,
    storeUrl: `lmdb:${path.join(stateDir, 'store')}`,
    modelUrl: model.url,
  };
  const start = (): Promise<WorkerProcess> =>
    startWorkerProcess<TellerWorkerOptions>(path.join(__dirname, '..', 'stack', 'teller-worker.ts'), options);
  workers = await Promise.all([start(), start()]);
};
/** As another process would: with a connection, and a line of requests, of its own. */
const connect = async (): Promise<Client> => {
  const { address, namespace } = server;
  return new Client({ connection: await openConnection({ address }), namespace });
};
const clientOf = (temporal: Client): AgentClient =>
  createAgentClient({ temporal, store, taskQueue: 'agents', tenant: 'acme' });

beforeAll(async () => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'longhaul-queue-'));
  const said = async () => {
    await opened;
    return script().answer('told');
  };
  model = await startModelServer({ respond: said });
  // Not the default, which the server of another test would take while this one is down.
  preferredPort = await freePort();
  // The server asks for it after so few events, so that it comes among the requests.
  server = await startServer({ 'limit.historyCount.suggestContinueAsNew': 50 });
  store = openStore(`lmdb:${path.join(stateDir, 'store')}`);
  await publishReleases(store, tellerReleases());
  await publishQueue(store, { taskQueue: 'agents', queue: 'line' }, settings(FIRST));
  await startWorkers();
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  await model.close();
  await server.stop();
  await store.close();
  rmSync(stateDir, { recursive: true, force: true });
});

const records = async (): Promise<RunRecord[]> =>
  (await allRefs(store, RUN_PREFIX)).map(({ value }) => runRecordSchema.parse(value));

test('the thousand and first is refused under eight submitters and as the queue goes on as new; none of the thousand is lost when everything is killed', async () => {
  const temporals = await Promise.all(Array.from({ length: SUBMITTERS }, connect));
  clients.push(...temporals.map(clientOf));
  const [first] = clients;
  for (let nth = 0; nth < FIRST; nth += 1) await first?.agent<typeof queued>('queued').start(`first ${nth}`);
  await model.until(({ requests }) => requests >= FIRST, 60_000);

  const begunAt = Date.now();
  const outcomes = await Promise.all(
    clients.flatMap((client, submitter) =>
      Array.from({ length: EACH }, async (_, nth): Promise<number | 'refused'> => {
        try {
          const run = await client.agent<typeof queued>('queued').start(`run ${nth} of ${submitter}`);
          return run.queued?.position ?? 0;
        } catch (error) {
          if (ClientError.isInstance(error) && error.code === 'queue-full') return 'refused';
          throw error;
        }
      }),
    ),
  );
  const places = outcomes.filter((outcome) => outcome !== 'refused');
  console.log(`${SUBMITTERS * EACH} submitted in ${Date.now() - begunAt} ms, ${places.length} taken`);
  expect(places.sort((one, other) => one - other)).toEqual(Array.from({ length: DEPTH }, (_, nth) => nth + 1));
  expect(await records()).toHaveLength(DEPTH + FIRST);

  const [temporal] = temporals;
  const queue = (): Promise<QueueView> | undefined =>
    temporal?.workflow.getHandle(queueId('agents', 'line', 0)).query<QueueView>(QUERY_NAMES.queue);
  expect(await queue()).toMatchObject({ depth: DEPTH, running: FIRST, counts: { accepted: DEPTH + FIRST } });
  const { events } = (await temporal?.workflow.getHandle(queueId('agents', 'line', 0)).fetchHistory()) ?? {};
  expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).toBeTruthy();

  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  process.kill(-server.groupId, 'SIGKILL');
  await server.exited;
  await Promise.all(temporals.map(({ connection }) => connection.close()));
  server = await startServer();
  await publishQueue(store, { taskQueue: 'agents', queue: 'line' }, settings(50));
  await startWorkers();
  gate.open?.();
  const again = await connect();
  const restartedAt = Date.now();
  await until(async () => (await store.listRefs(OPEN_PREFIX, { limit: 1 })).length === 0, 1_000_000);
  console.log(`${DEPTH + FIRST} runs were done ${Date.now() - restartedAt} ms after the restart`);
  const all = await records();
  expect(all).toHaveLength(DEPTH + FIRST);
  expect(all.filter(({ ended }) => ended?.outcome !== 'completed')).toEqual([]);
  const handle = again.workflow.getHandle(queueId('agents', 'line', 0));
  await until(async () => (await handle.query<QueueView>(QUERY_NAMES.queue)).running === 0, 120_000);
  expect(await handle.query<QueueView>(QUERY_NAMES.queue)).toMatchObject({
    depth: 0,
    counts: { accepted: DEPTH + FIRST, begun: DEPTH + FIRST, expired: 0 },
  });
  await again.connection.close();
});
