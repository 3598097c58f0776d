// A run that a command acts on: by its record, or, where it was started without our client, as Temporal alone knows it.
import { ClientError } from '../errors';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { CliContext, Connected } from './context';
import { findRun } from './find-run';

export interface ReachableRun {
  id: string;
  record?: RunRecord;
  /** @throws ClientError `temporal-unreachable` */
  connect(): Promise<Connected>;
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
