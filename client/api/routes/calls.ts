// One call of a run: what it was given and answered, whole; exactly what the model was sent; and what changed since another call.
import { z } from 'zod';
import { rebuildRequest, type RebuiltRequest } from '../../../activities/rebuild/rebuild-request';
import { callChanges, type RequestChanges } from '../../call-changes';
import { callContent, type GonePart } from '../../call-content';
import { chosenCall } from '../../find-call';
import { callsOf, type RunCall } from '../../../activities/store/run-calls';
import { messageSchema } from '../../../workflows/contract/schemas/message';
import { firstRunIdOf } from '../../first-run';
import { refuseErased } from '../../recorded-result';
import { knownRun } from '../known-run';
import { Problem } from '../problem';
import { defineRoute } from '../route';
import { count, jsonSchema, ms, runIdShape } from '../shapes';
import { createTurnstile } from '../turnstile';

/** Each reads whole conversations. */
const readers = createTurnstile(20);

const change = z.enum(['added', 'removed', 'edited']);
const textChange = z.object({ was: z.string(), is: z.string() }).nullable();
const position = count.nullable();

const requestShape = z.object({
  route: z.string().describe('As provider/model.'),
  form: z.enum(['openai-responses', 'openai-chat', 'anthropic-messages']),
  path: z.string().describe("Below the provider's base URL."),
  body: z.string().describe('What was sent, byte for byte, where isSame is true.'),
  sha256: z.string(),
  bytes: count,
  isSame: z.boolean().nullable().describe('By the hash that was recorded when it was sent.'),
  note: z.string().exactOptional(),
}) satisfies z.ZodType<RebuiltRequest>;

const changesShape = z.object({
  from: count.describe('The number of the call that it is compared with.'),
  model: textChange,
  instructions: textChange,
  parameters: z.array(z.object({ name: z.string(), was: z.json().exactOptional(), is: z.json().exactOptional() })),
  tools: z.array(z.object({ change, name: z.string() })),
  output: change.nullable().describe('The schema of the answer.'),
  messages: z.array(
    z.object({
      ...{ change, before: position, after: position },
      was: messageSchema.exactOptional(),
      is: messageSchema.exactOptional(),
    }),
  ),
  same: count.describe('Messages that both were given.'),
});

const goneShape = z.object({
  part: z.enum(['given', 'answered']),
  position: position.describe(
    'Which message of the part, from 1, those that are gone counted too. Null: all before the first that is there, or the arguments of a tool call.',
  ),
  preview: z.string().exactOptional().describe('How it began, where that is recorded.'),
  why: z.string(),
}) satisfies z.ZodType<GonePart>;

export const callShape = z.object({
  run: z.string(),
  call: count.describe('Its number in the trace, from 1.'),
  of: count.describe('How many calls of the run are recorded.'),
  before: count.nullable().describe('Number of the model call before it: what `diff` is usually asked about.'),
  fork: count,
  turn: count,
  index: count.describe('In its turn: 0 is the model, tool calls follow from 1.'),
  kind: z.enum(['model', 'tool', 'started-tool', 'compaction']),
  startedMs: ms,
  endedMs: ms,
  attempt: count,
  worker: z.string(),
  release: z.string(),
  record: jsonSchema.describe('As it is stored.'),
  given: z.union([z.object({ messages: z.array(messageSchema) }), z.object({ arguments: jsonSchema.nullable() })]),
  answered: z.array(messageSchema),
  gone: z.array(goneShape).describe('What of it cannot be read, and why: all else is here.'),
  request: requestShape.nullable().describe('What the model was sent. Null where `withheld` says why.'),
  withheld: z.string().nullable(),
  changes: changesShape.exactOptional().describe('What changed since the call that was asked for.'),
});

const number = z.coerce.number({ error: 'the number of a call' }).int().min(1).max(Number.MAX_SAFE_INTEGER);

const callRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/runs/{id}/calls/{call}',
    group: 'runs',
    summary: 'One call of a run, whole',
    description:
      'Messages and arguments are never cut. The exact request, and instructions that changed, are for keys that may administer: they hold the system prompt of the release.',
    scopes: ['read'],
    params: runIdShape.extend({ call: number.describe('Its number in the trace.') }),
    query: z.strictObject({
      diff: number.exactOptional().describe('The number of another model call: what changed since that one.'),
    }),
    answers: { 200: { description: 'The call.', schema: { name: 'Call', shape: callShape } } },
  },
  async ({ params, query, caller, deps: { store } }) => {
    const record = await knownRun(caller, store, params.id);
    refuseErased(record);
    const firstRunId = (await firstRunIdOf(store, record)) ?? '';
    const { calls } = await callsOf(store, firstRunId);
    const call = calls.find((one) => one.number === params.call);
    if (!call)
      throw new Problem('Api.NotFound', `the run has ${calls.length} recorded calls, and none of that number.`);
    const run = { id: record.id, firstRunId, tenant: record.tenant };
    const mayAll = caller.may('administer');
    const before = query.diff === undefined ? undefined : chosenCall(record, calls, query.diff).call;
    const [{ given, answered, gone }, rebuilt, changes] = await readers.pass(caller, () =>
      Promise.all([
        callContent(store, record, call),
        mayAll ? rebuildRequest(store, run, call) : { why: 'the exact request is for keys that may administer.' },
        before && callChanges(store, run, [before, call]),
      ]),
    );
    const { record: made } = call;
    return {
      status: 200,
      body: {
        ...{ of: calls.length, before: numberBefore(calls, call) },
        ...{ run: record.id, call: call.number, fork: call.fork, turn: call.turn, index: call.index, kind: made.kind },
        ...{ startedMs: made.startedAt, endedMs: made.endedAt, attempt: made.attempt },
        ...{ worker: made.worker, release: made.release, record: made },
        given: 'messages' in given ? given : { arguments: given.arguments ?? null },
        ...{ answered, gone },
        request: 'why' in rebuilt ? null : rebuilt,
        withheld: 'why' in rebuilt ? rebuilt.why : null,
        ...(changes && before ? { changes: { from: before.number, ...seenChanges(changes, mayAll) } } : {}),
      },
    };
  },
);

const numberBefore = (calls: readonly RunCall[], { number: own }: RunCall): number | null =>
  calls.findLast((one) => one.number < own && one.record.kind === 'model')?.number ?? null;

const seenChanges = (changes: RequestChanges, mayAll: boolean): RequestChanges =>
  mayAll || !changes.instructions ? changes : { ...changes, instructions: { was: '', is: '' } };

export const callRoutes = [callRoute];
