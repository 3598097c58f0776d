// A run that a command acts on: by its record, or, where it was started without our client, as Temporal alone knows it.
import { ClientError } from '../errors';
import type { RunHandle } from '../run-handle';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { CliContext, Connected } from './context';
import { findRun } from './find-run';

export interface ReachableRun {
  id: string;
  record?: RunRecord;
  /** @throws ClientError `temporal-unreachable` */
  connect(): Promise<Connected>;
}

/** One that can still be acted on, as whoever acts on it holds it. @throws ClientError `refused` when it has ended */
export async function reachOpenRun(
  context: CliContext,
  given: string,
): Promise<{ id: string; run: RunHandle<unknown> }> {
  const { id, record, connect } = await reachRun(context, given);
  if (record?.ended) throw new ClientError('refused', `run ${id} has ended already: ${record.ended.outcome}.`);
  const { client } = await connect();
  return { id, run: client.run(id) };
}

/** @throws ClientError `run-not-found` when there is no record of it, and no server to ask */
export async function reachRun(context: CliContext, given: string): Promise<ReachableRun> {
  const record = await findRun(context.readStore(), given).catch((error: unknown) => {
    if (ClientError.isInstance(error) && error.code === 'run-not-found') return error;
    throw error;
  });
  if (!ClientError.isInstance(record)) return { id: record.id, record, connect: context.connect };
  // Temporal takes no empty id.
  const connected = given === '' ? undefined : await context.connectIfPossible();
  if (!connected) throw record;
  // A beginning is no id: only Temporal's own answer to the whole of it counts.
  const known = await connected.client
    .run(given)
    .describe()
    .catch((error: unknown) => {
      if (ClientError.isInstance(error) && error.code === 'run-not-found') throw record;
      throw error;
    });
  return { id: known.workflowId, connect: () => Promise.resolve(connected) };
}
