// POST /v1/runs: a run is started, or found again by its id or its Idempotency-Key.
import type { QueuePlace } from '../../../workflows/contract/queue';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { ClientError } from '../../errors';
import { newRunId } from '../../run-labels';
import { seesAgent, seesTenant, type Caller } from '../caller';
import { IDEMPOTENCY_KEY_PATTERN, idempotencyKeyOf, startOnce } from '../idempotency';
import { knownRun } from '../known-run';
import { Problem } from '../problem';
import { shownPlace, takenLimits } from '../run-status';
import { defineRoute } from '../route';
import { startedShape, startShape } from '../shapes';
import { callersTrace, TRACEPARENT_HEADER } from '../callers-trace';
import { webhookTarget } from '../webhook-target';

export const startRoute = defineRoute(
  {
    method: 'POST',
    path: '/v1/runs',
    group: 'runs',
    summary: 'Start a run',
    description:
      'It goes on whatever happens to the caller. Asked again with the same `id`, or the same `Idempotency-Key` within a day, it is the same run.',
    scopes: ['start'],
    headers: [
      {
        name: 'Idempotency-Key',
        description: 'A text of your own, best in quotes: the same one is the same run.',
        pattern: IDEMPOTENCY_KEY_PATTERN,
      },
      TRACEPARENT_HEADER,
    ],
    body: { schema: startShape },
    answers: {
      202: {
        description: 'It is started.',
        schema: { name: 'Started', shape: startedShape },
        headers: { location: 'Where it is seen.' },
      },
    },
  },
  async ({ body, caller, deps, client, header }) => {
    const key = idempotencyKeyOf(header('idempotency-key'));
    const { agent, input, id: given, limits, webhook, ...labels } = body;
    const told = webhookTarget(deps, caller, webhook);
    const tenant = tenantOf(caller, labels.tenant, deps.tenant);
    if (!seesAgent(caller, agent)) throw noAgent(agent);
    const own = client();
    const start = async (id: string): Promise<{ record: RunRecord; place: QueuePlace | undefined }> => {
      try {
        const run = await own.agent(agent).start(input as never, {
          ...{ ...labels, id, tenant },
          ...(limits ? { limits: takenLimits(limits) } : {}),
          ...told,
          ...callersTrace(header('traceparent')),
        });
        return { record: await run.record(), place: run.queued };
      } catch (error) {
        throw await retold(error, { agent, id, caller, store: deps.store });
      }
    };
    const run = given ?? newRunId();
    const once = { caller: caller.name ?? '', request: body, run, now: Date.now() };
    const { record, place } = await (key === undefined ? start(run) : startOnce(deps.store, { ...once, key }, start));
    return {
      status: 202,
      body: {
        ...{ id: record.id, agent: record.agent, tenant: record.tenant, release: record.release },
        ...(place && record.queue ? { queued: shownPlace(record.queue.name, place) } : {}),
      },
      headers: { location: `/v1/runs/${encodeURIComponent(record.id)}` },
    };
  },
);

/** @throws Problem `Api.Forbidden`, `Api.Invalid` */
export function tenantOf(caller: Caller, given: string | undefined, usual: string): string {
  const { tenants = [] } = caller;
  const [only, ...others] = tenants;
  const tenant = given ?? (only !== undefined && others.length === 0 ? only : usual);
  if (seesTenant(caller, tenant)) return tenant;
  if (given !== undefined) throw new Problem('Api.Forbidden', `the key "${caller.name ?? ''}" is not for this tenant.`);
  throw new Problem('Api.Invalid', 'say for which tenant: the key is for several.', {
    errors: [{ pointer: '/tenant', detail: 'missing' }],
  });
}

export const noAgent = (agent: string): Problem =>
  new Problem('Agent.NotFound', `there is no agent "${agent.slice(0, 80)}": GET /v1/agents lists those there are.`);

/** Without the names of what the caller may not see. */
export async function retold(
  error: unknown,
  { agent, id, caller, store }: { agent: string; id: string; caller: Caller; store: Parameters<typeof knownRun>[1] },
): Promise<unknown> {
  if (!ClientError.isInstance(error)) return error;
  if (error.code === 'unknown-agent') return noAgent(agent);
  if (error.code !== 'id-in-use') return error;
  const isOwn = await knownRun(caller, store, id).then(
    () => true,
    () => false,
  );
  return isOwn ? error : new Problem('Run.IdInUse', `the id "${id.slice(0, 80)}" is taken: choose another.`);
}
