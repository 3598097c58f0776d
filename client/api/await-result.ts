// The result of a run, waited for: for no longer than was asked, and not for a caller who has gone.
import { z } from 'zod';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { ClientError } from '../errors';
import { recordedResult } from '../recorded-result';
import type { RunHandle } from '../run-handle';
import { untilBegun } from '../session-run';
import type { Answer, ApiRequest, RouteAbout } from './route';
import { openShape, resultShape } from './shapes';
import { signalWithin } from './signal-within';
import { createTurnstile } from './turnstile';

const WAIT_SECONDS_MAX = 60;
/** Each holds a request to Temporal. */
const waits = createTurnstile(1_000);

export const waitQuery = z.strictObject({
  wait: z.coerce.number().int().min(0).max(WAIT_SECONDS_MAX).default(0).describe('Seconds to wait for its end.'),
});

export const RESULT_ANSWERS = {
  200: { description: 'The run has ended.', schema: { name: 'Result', shape: resultShape } },
  202: {
    description: 'It has not: come again.',
    schema: { name: 'Open', shape: openShape },
    headers: { 'retry-after': 'In so many seconds.' },
  },
} satisfies RouteAbout['answers'];

const openAnswer = (id: string): Answer => ({
  ...{ status: 202, body: { id, status: 'open' } },
  headers: { 'retry-after': '1' },
});

type Waiting = Pick<
  ApiRequest<unknown, z.output<typeof waitQuery>, unknown>,
  'query' | 'caller' | 'deps' | 'client' | 'gone'
>;

export async function resultOfRun({ query, caller, deps, client, gone }: Waiting, record: RunRecord): Promise<Answer> {
  const recorded = await recordedResult(deps.store, record);
  if (recorded) return { status: 200, body: recorded };
  const run = client().run(record.id);
  // One that has ended without saying so is waited for no longer than it takes to ask.
  if (query.wait === 0 && (await isOpen(run, record))) return openAnswer(record.id);
  return await waited(record.id, { query, caller, gone }, async (over) => {
    // A session records its run a moment before it begins.
    if (isOfSession(record)) await untilBegun({ ...deps, session: record.session, run: record.id }, over);
    return over.aborted ? undefined : await run.result({ signal: over });
  });
}

const isOfSession = (record: RunRecord): record is RunRecord & { session: string } =>
  record.goesOnFrom !== undefined && record.session !== undefined;

/** @param result given up once its signal is aborted */
export async function waited(
  id: string,
  { query, caller, gone }: Pick<Waiting, 'query' | 'caller' | 'gone'>,
  result: (over: AbortSignal) => Promise<unknown>,
): Promise<Answer> {
  const over = signalWithin(gone, Math.max(1, query.wait) * 1_000);
  return await waits.pass(caller, async () => {
    try {
      const body = await result(over);
      return body === undefined ? openAnswer(id) : { status: 200, body };
    } catch (error) {
      if (!over.aborted) throw error;
      return openAnswer(id);
    }
  });
}

async function isOpen(run: RunHandle<unknown>, record: RunRecord): Promise<boolean> {
  try {
    return (await run.describe()).status.name === 'RUNNING';
  } catch (error) {
    // One that waits for a place, or is just being begun, Temporal does not know yet.
    if ((record.queue || isOfSession(record)) && ClientError.isInstance(error) && error.code === 'run-not-found')
      return true;
    throw error;
  }
}
