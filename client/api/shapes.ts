// What the API answers and takes, as schemas: checked on the way in, described in the OpenAPI document on both ways.
import { z } from 'zod';
import { RUN_STATUSES } from './run-status';
import { DECISION_REASON_CHARS } from '../../workflows/contract/approval';
import { ID_CHARS, STEER_CHARS, TAG_CHARS, TAGS_MAX } from '../../workflows/contract/limits';
import { PRIORITIES } from '../../workflows/contract/quota';
import { OUTCOMES } from '../../workflows/contract/run';
import { WEBHOOK_EVENTS } from '../../workflows/contract/webhook';
import { costSchema } from '../../workflows/contract/schemas/cost';
import { usageSchema } from '../../workflows/contract/schemas/message';

export const count = z.number().int().nonnegative();
export const ms = count.describe('Milliseconds since 1970.');
export const label = z.string().min(1).max(ID_CHARS);
export const jsonSchema = z
  .unknown()
  .refine((value) => value !== undefined, 'missing')
  .describe('Any JSON.');

/** Neither "." nor "..", which make another path before it is sent: nobody could ask for what has such an id. */
export const inPath = [/^(?!\.{1,2}$)/, 'it cannot be in a path'] as const;

/** Dollars, as people write them; a release and a run have billionths. */
const limits = {
  turns: z.number().int().min(1).describe('Answers of the model.'),
  toolCalls: z.number().int().min(1),
  tokens: z.number().int().min(1).describe('Input and output together.'),
  modelCalls: z.number().int().min(1),
  usd: z.number().min(1e-9).max(1_000_000).describe('Dollars.'),
  wallMs: z.number().int().min(1).describe('Milliseconds from the start, waits included.'),
};
export const limitsShape = z.strictObject({
  turns: limits.turns.exactOptional(),
  toolCalls: limits.toolCalls.exactOptional(),
  tokens: limits.tokens.exactOptional(),
  modelCalls: limits.modelCalls.exactOptional(),
  usd: limits.usd.exactOptional(),
  wallMs: limits.wallMs.exactOptional(),
});

export const runIdShape = z.strictObject({ id: z.string().min(1).describe('Of the run.') });
export const reasonShape = z.strictObject({ reason: z.string().max(DECISION_REASON_CHARS).exactOptional() });

export const webhookShape = z
  .strictObject({
    url: z.string().min(1).max(2_000).describe('https; http to this machine alone, where the server allows that.'),
    events: z.array(z.enum(WEBHOOK_EVENTS)).min(1).exactOptional().describe('Both where it is left out.'),
  })
  .describe('Told of the run, signed as Standard Webhooks has it.');

export const startShape = z.strictObject({
  agent: label.describe('Its name.'),
  input: jsonSchema.describe(
    'As the agent declares it: its JSON Schema is that of GET /v1/agents/{name}. A plain text where it declares none.',
  ),
  id: label
    .regex(...inPath)
    .exactOptional()
    .describe('The same id is the same run: starting it twice starts it once.'),
  tenant: label.exactOptional().describe("Where it is left out: the key's only one, or the server's."),
  user: label.exactOptional(),
  session: label.exactOptional().describe('Groups the runs of one conversation or customer.'),
  tags: z.array(z.string().min(1).max(TAG_CHARS)).max(TAGS_MAX).exactOptional().describe('Shown in clear: no secrets.'),
  priority: z.enum(PRIORITIES).exactOptional(),
  limits: limitsShape.exactOptional().describe("Beside the agent's own: of each the smaller counts."),
  webhook: webhookShape.exactOptional(),
});

const failureShape = z.object({ type: z.string().describe('Dotted, from a closed set.'), message: z.string() });
const totalsShape = z.object({
  turns: count,
  modelCalls: count,
  toolCalls: count,
  reusedCalls: count,
  cachedCalls: count.exactOptional(),
  usage: usageSchema,
  saved: usageSchema.exactOptional(),
  savedCost: costSchema.exactOptional(),
  cost: costSchema.exactOptional(),
  subAgentsCost: costSchema.exactOptional(),
  estimated: z.literal(true).exactOptional(),
});
const heldShape = z.object({ ...limitsShape.shape, usd: z.number().exactOptional() });

export const waitShape = z
  .object({ fromMs: count, toMs: count })
  .describe('Milliseconds from now: most waits end within it, and not all. Absent where nobody knows yet.');
export const degradedShape = z
  .object({ above: z.number(), limits: heldShape.exactOptional(), route: z.array(z.string()).exactOptional() })
  .describe(
    'What the load takes from runs that begin now, or took from this one. `above`: part of the places that are taken.',
  );
export const placeShape = z.object({
  queue: z.string(),
  position: count.exactOptional().describe('1 begins next. Absent where it is just changing, or no worker answers.'),
  wait: waitShape.exactOptional(),
});

export const runShape = z.object({
  id: z.string(),
  agent: z.string(),
  release: z.string().describe('SHA-256 of what it runs.'),
  tenant: z.string(),
  user: z.string().exactOptional(),
  session: z.string().exactOptional(),
  tags: z.array(z.string()),
  question: z.string().describe('The beginning of what it was asked.'),
  status: z
    .enum(RUN_STATUSES)
    .describe(
      'The outcome of a run that has ended. `open` where only that is known: in lists, and where no worker answers.',
    ),
  reason: z.string().exactOptional().describe('Why it waits, is paused, or ended as it did.'),
  failure: failureShape.exactOptional(),
  startedAt: ms,
  endedAt: ms.exactOptional(),
  totals: totalsShape.exactOptional(),
  limits: heldShape.exactOptional(),
  queued: placeShape.exactOptional().describe('Where it waits for a place, of status `queued`.'),
  degraded: degradedShape.exactOptional(),
  requests: count.exactOptional().describe('How many it asks people now: GET /v1/runs/{id}/requests.'),
  parent: z.string().exactOptional().describe('The run that has called it as a sub-agent.'),
  forkedFrom: z.object({ run: z.string(), step: count }).exactOptional(),
  erasedAt: ms.exactOptional(),
});
export type ShownRun = z.output<typeof runShape>;

export const runsShape = z.object({
  runs: z.array(runShape),
  next: z
    .string()
    .exactOptional()
    .describe('Give it as `cursor`: there are more. A page may be short, or empty, and have one.'),
});

export const startedShape = z.object({
  ...{ id: z.string(), agent: z.string(), tenant: z.string(), release: z.string() },
  queued: placeShape.exactOptional().describe('It waits for a place.'),
});
export const openShape = z.object({ id: z.string(), status: z.literal('open') });

const endedShape = {
  runId: z.string(),
  checkpoint: z.string().nullable().describe('Names the whole conversation.'),
  length: count.describe('Messages in the conversation.'),
  totals: totalsShape,
};
export const resultShape = z.discriminatedUnion('outcome', [
  z.object({ ...endedShape, outcome: z.literal('completed'), output: jsonSchema }),
  z.object({ ...endedShape, outcome: z.enum(['failed', 'escalated', 'cancelled']), failure: failureShape }),
  z.object({
    ...endedShape,
    outcome: z.literal('budget-exhausted'),
    failure: failureShape,
    achieved: z.string().exactOptional().describe('The last text that its model had said.'),
  }),
]);

export const steerShape = z.strictObject({ text: z.string().min(1).max(STEER_CHARS) });
export const askedShape = z.object({ id: z.string() });
export const cancelledShape = z.object({
  id: z.string(),
  reasonKept: z.boolean().describe('False where none was given, or no worker answered to keep it.'),
});
export const extendedShape = z.object({
  id: z.string(),
  limits: heldShape
    .exactOptional()
    .describe('As they are now. Absent where it was extended and no worker has answered since.'),
});

export const requestShape = z.object({
  run: z.string().describe('Answer it under this id.'),
  root: z.string().describe('The run that a caller has started: another one where a sub-agent asks.'),
  agent: z.string(),
  tenant: z.string(),
  number: count,
  kind: z.enum(['approval', 'failed-call']).describe('A call that needs a yes, or one that has failed for good.'),
  tool: z.string(),
  arguments: jsonSchema.describe('In full.'),
  args: z.string().describe('Names these exact arguments: an answer gives it back.'),
  by: z.array(z.array(z.string())).describe('Of each list one must agree. Anybody, where there is none.'),
  failure: failureShape.exactOptional(),
  askedAt: ms,
  deadline: ms,
  otherwise: z.enum(['deny', 'escalate', 'approve']).describe('What it means when nobody answers.'),
  again: z.string().exactOptional().describe('Why it is asked again: what was wrong with the answer before.'),
});
export type ShownRequest = z.output<typeof requestShape>;
export const requestsShape = z.object({ requests: z.array(requestShape), next: z.string().exactOptional() });

export const numberShape = z.strictObject({
  id: z.string().min(1).describe('Of the run that asks.'),
  number: z.coerce.number().int().min(1),
});
const args = z
  .string()
  .min(1)
  .describe('`args` of the request that was shown. About other arguments the answer is refused.');
const reason = z.string().max(DECISION_REASON_CHARS).exactOptional();
export const approveShape = z.strictObject({
  args,
  reason,
  edited: z.record(z.string(), jsonSchema).exactOptional().describe("All arguments, in place of the model's."),
  remember: z
    .boolean()
    .exactOptional()
    .describe('Not to be asked about this tool again in this run, where the same rules hold.'),
});
export const denyShape = z.strictObject({ args, reason });
export const replaceShape = z.strictObject({
  args,
  reason,
  result: jsonSchema.describe('As the tool would have answered.'),
});
export const decidedShape = z.object({
  run: z.string(),
  number: count,
  verdict: z.enum(['approve', 'deny', 'replace']),
  by: z.string().exactOptional().describe('Whose name it is signed in. Left out: unsigned.'),
});

const jsonObject = z.record(z.string(), jsonSchema);
export const agentShape = z.object({
  name: z.string(),
  description: z.string().exactOptional(),
  release: z.string().describe('What a new run takes.'),
  model: z.array(z.string()).describe('As provider/model, in the order in which they are asked.'),
  tools: z.array(z.object({ name: z.string(), description: z.string() })),
  input: jsonObject.exactOptional().describe('JSON Schema. Left out: a plain text.'),
  output: jsonObject.exactOptional().describe('JSON Schema. Left out: a plain text.'),
});
export const agentsShape = z.object({ agents: z.array(agentShape) });
export const agentNameShape = z.strictObject({ name: z.string().min(1) });
export const releasesShape = z.object({
  releases: z.array(z.object({ release: z.string(), agent: z.string(), since: ms, runs: z.literal('new') })),
});
export const releaseShape = z.object({ release: z.string(), manifest: jsonObject });
export const releaseNameShape = z.strictObject({ release: z.string().regex(/^[0-9a-f]{64}$/) });

export const outcomeFilter = z.enum(['open', ...OUTCOMES]);
