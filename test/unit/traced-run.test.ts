// No server but one that never answers. A trace is read in time, and of many sub-agents few at once.
import { createServer, type Server } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { readTrace } from '../../client/trace/read-trace';
import { tracedRun } from '../../client/trace/traced-run';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { storeRun } from '../cli/store-run';
import { freePort } from '../stack/free-port';

const recordOf = async (store: ContentStore, id: string): Promise<RunRecord> =>
  runRecordSchema.parse((await store.readRef(runRecordName(id)))?.value);

async function stored(): Promise<{ store: ContentStore; record: RunRecord }> {
  const store = createMemoryStore();
  await storeRun(store, { id: 'run_one' });
  return { store, record: await recordOf(store, 'run_one') };
}

describe('where Temporal does not answer', () => {
  let silent: Server;
  const connections: Connection[] = [];
  const clientOf = (address: string): Client => {
    const connection = Connection.lazy({ address });
    connections.push(connection);
    return new Client({ connection });
  };
  beforeAll(async () => {
    silent = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    for (const connection of connections) await connection.close();
    silent.close();
  });

  const told = { history: 'unreachable', problems: [], unreadable: 0 };
  const kinds = ['run', 'turn', 'model', 'tool', 'turn', 'model'];

  test('a server that takes connections and says nothing is waited for so long, and then its records tell', async () => {
    const { store, record } = await stored();
    const address = silent.address();
    const temporal = clientOf(`127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
    const trace = await readTrace({ store, temporal }, record, { withinMs: 500 });
    expect(trace.spans.map(({ kind }) => kind)).toEqual(kinds);
    expect(trace).toMatchObject(told);
  });

  test('one that is not there is not waited for any longer than the SDK tries', async () => {
    const { store, record } = await stored();
    const temporal = clientOf(`127.0.0.1:${await freePort()}`);
    const trace = await readTrace({ store, temporal }, record, { withinMs: 600_000 });
    expect(trace.spans.map(({ kind }) => kind)).toEqual(kinds);
    expect(trace).toMatchObject(told);
  }, 180_000);
});

test('what of the store cannot be read is no reason to do without Temporal: it is thrown', async () => {
  const { store, record } = await stored();
  const broken = { ...store, listRefs: () => Promise.reject(new Error('the disk is gone')) };
  await expect(readTrace({ store: broken }, record)).rejects.toThrow('the disk is gone');
});

test('of a tree of sub-agents four runs are read at once, and each stands under its caller', async () => {
  const { store, record } = await stored();
  const sub = (nth: number, run: string): RunRecord => ({
    ...record,
    id: `sub_${nth}`,
    parent: { run, root: 'run_one', firstRunId: `first-of-${run}`, turn: 1, index: 1 },
  });
  // Two levels: a limit for each of them would let more go.
  const below = Array.from({ length: 12 }, (_, nth) => sub(nth, nth < 6 ? 'run_one' : `sub_${nth - 6}`));
  let [busy, most] = [0, 0];
  const settled = async (one: RunRecord): Promise<RunRecord> => {
    busy += 1;
    most = Math.max(most, busy);
    await new Promise(setImmediate);
    busy -= 1;
    return one;
  };
  const traced = await tracedRun({ store, settled }, record, below);
  expect(most).toBe(4);
  expect(traced.subRuns.map((one) => one.record.id)).toEqual(['sub_0', 'sub_1', 'sub_2', 'sub_3', 'sub_4', 'sub_5']);
  expect(traced.subRuns.map(({ subRuns: [one] }) => one?.record.id)).toEqual(below.slice(6).map(({ id }) => id));
});
