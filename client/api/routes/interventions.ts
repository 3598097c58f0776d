// What is done to a run that goes: cancel, pause, resume, steer, extend.
import { randomUUID } from 'node:crypto';
import { ClientError } from '../../errors';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import type { RunHandle } from '../../run-handle';
import { IDEMPOTENCY_KEY_PATTERN, idempotencyKeyOf, startOnce } from '../idempotency';
import { knownRun } from '../known-run';
import { Problem } from '../problem';
import { defineRoute, type Answer, type ApiRequest, type Route } from '../route';
import { shownLimits, takenLimits } from '../run-status';
import { askedShape, cancelledShape, extendedShape, limitsShape, reasonShape, runIdShape, steerShape } from '../shapes';

const shared = { method: 'POST', group: 'interventions', scopes: ['intervene'], params: runIdShape } as const;
const ASKED = { name: 'Asked', shape: askedShape };

type Asking = Pick<ApiRequest<{ id: string }, unknown, unknown>, 'params' | 'caller' | 'deps' | 'client' | 'header'>;

/** The run, where it is one of the caller's. */
async function ownRun({
  params,
  caller,
  deps,
  client,
}: Asking): Promise<{ run: RunHandle<unknown>; ended: RunRecord['ended'] }> {
  const { id, ended } = await knownRun(caller, deps.store, params.id);
  return { run: client().run(id), ended };
}

/** Where it has not ended, too. */
async function openRun(request: Asking): Promise<RunHandle<unknown>> {
  const { run, ended } = await ownRun(request);
  // Temporal takes a cancel of one that has ended, and does nothing.
  if (ended) throw new Problem('Run.Refused', `run "${run.id}" has ended already: ${ended.outcome}.`);
  return run;
}

/** What was said before the end is told as taken after it too: of one that has ended Temporal still knows the answer, by the key. */
const hearingRun = async (request: Asking): Promise<RunHandle<unknown>> =>
  request.header('idempotency-key') === undefined ? await openRun(request) : (await ownRun(request)).run;

/** Asked again by the same key, after an answer that was lost, it is not done twice. */
const SAID_ONCE = {
  headers: [
    {
      name: 'Idempotency-Key',
      description: 'The same one is taken once, for a day, by each execution of the run.',
      pattern: IDEMPOTENCY_KEY_PATTERN,
    },
  ],
};

/** @param request what is asked for, with the place at which it is */
async function saidOnce(
  { caller, deps, header }: Pick<ApiRequest<unknown, unknown, unknown>, 'caller' | 'deps' | 'header'>,
  request: unknown,
  say: (options: { once?: string }) => Promise<void>,
): Promise<void> {
  const key = idempotencyKeyOf(header('idempotency-key'));
  if (key === undefined) return await say({});
  // What the key stands for is not a run here, but the id by which Temporal takes an update once.
  const about = { caller: caller.name ?? '', request, run: randomUUID(), now: Date.now() };
  await startOnce(deps.store, { ...about, key }, (once) => say({ once }));
}

const asked = ({ id }: RunHandle<unknown>): Answer => ({ status: 202, body: { id } });

/** It was extended, whether or not a worker is still there to tell what it has now. */
async function limitsNow(run: RunHandle<unknown>): Promise<{ limits?: ReturnType<typeof shownLimits> }> {
  try {
    return { limits: shownLimits((await run.progress()).limits) };
  } catch (error) {
    if (!ClientError.isInstance(error)) throw error;
    return {};
  }
}

export const interventionRoutes: Route[] = [
  defineRoute(
    {
      ...shared,
      path: '/v1/runs/{id}/cancel',
      summary: 'End a run',
      description: 'Calls under way are stopped. It needs no worker: without one the run ends when the next one comes.',
      body: { schema: reasonShape, required: false },
      answers: { 202: { description: 'It is asked to end.', schema: { name: 'Cancelled', shape: cancelledShape } } },
    },
    async (request) => {
      const run = await openRun(request);
      return { status: 202, body: { id: run.id, ...(await run.cancel(request.body.reason)) } };
    },
  ),
  defineRoute(
    {
      ...shared,
      path: '/v1/runs/{id}/pause',
      summary: 'Hold a run',
      description: 'Calls under way finish, nothing new is begun.',
      body: { schema: reasonShape, required: false },
      answers: { 202: { description: 'It is asked to.', schema: ASKED } },
    },
    async (request) => {
      const run = await openRun(request);
      await run.pause(request.body.reason);
      return asked(run);
    },
  ),
  defineRoute(
    {
      ...shared,
      path: '/v1/runs/{id}/resume',
      summary: 'Let a paused run go on',
      answers: { 202: { description: 'It is asked to.', schema: ASKED } },
    },
    async (request) => {
      const run = await openRun(request);
      await run.resume();
      return asked(run);
    },
  ),
  defineRoute(
    {
      ...shared,
      ...SAID_ONCE,
      path: '/v1/runs/{id}/steer',
      summary: 'Say something to the model',
      description: 'It hears it when its next turn begins, and answers it before the run ends.',
      body: { schema: steerShape },
      answers: { 202: { description: 'The run has taken it.', schema: ASKED } },
    },
    async (request) => {
      const run = await hearingRun(request);
      const { text } = request.body;
      await saidOnce(request, { steer: run.id, text }, (options) => run.steer(text, options));
      return asked(run);
    },
  ),
  defineRoute(
    {
      ...shared,
      ...SAID_ONCE,
      path: '/v1/runs/{id}/extend',
      summary: 'Let a run use more than its limits',
      description: 'What is given is added, to limits that it has.',
      body: {
        schema: limitsShape
          .refine((limits) => Object.keys(limits).length > 0, 'say what is added')
          .meta({ minProperties: 1 }),
      },
      answers: { 200: { description: 'It has more from now on.', schema: { name: 'Extended', shape: extendedShape } } },
    },
    async (request) => {
      const run = await hearingRun(request);
      const added = takenLimits(request.body);
      await saidOnce(request, { extend: run.id, added }, (options) => run.extend(added, options));
      return { status: 200, body: { id: run.id, ...(await limitsNow(run)) } };
    },
  ),
];
