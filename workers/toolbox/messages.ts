// What the process that has the store and a toolbox's own process say to each other, over the channel that Node opens between parent and
// child. The child runs the code of tools, so what it says is checked like anything from outside.
import { z } from 'zod';
import type { Approvers } from '../../activities/approvals/require-approval';
import type { RuleFor } from '../../activities/define/approval';
import type { Failpoint } from '../../activities/deps';
import type { ListedTool } from '../../activities/mcp/listed-tool';
import { isFailureType, type FailureType } from '../../workflows/contract/failures';
import { approvalRuleSchema } from '../../workflows/contract/schemas/approval';
import { callToolAnswerSchema, callToolInputSchema } from '../../workflows/contract/schemas/tool-call';
import { isFailpoint } from '../process-settings';

const id = z.number().int().nonnegative();
const failureType = z.custom<FailureType>(isFailureType);
/** Of names and identities. Longer ones are nobody's. */
const name = z.string().max(300);

const isFailpointName = (value: unknown): boolean => typeof value === 'string' && isFailpoint(value);

const ruleFor: z.ZodType<RuleFor> = z.object({
  rule: approvalRuleSchema,
  tools: z.array(z.string()).exactOptional(),
  effects: z.array(z.enum(['read', 'idempotent', 'keyed', 'at-most-once'])).exactOptional(),
  agents: z.array(z.string()).exactOptional(),
});

const approvers: z.ZodType<Approvers> = z.object({
  people: z.record(z.string(), z.object({ keys: z.array(z.string()), roles: z.array(z.string()) })),
  allowUnsigned: z.boolean(),
});
const breakerLimits = z.object({ failures: z.number(), openForMs: z.number() });

const begin = z.object({
  kind: z.literal('begin'),
  toolbox: z.object({ name, secrets: z.array(z.string()), breaker: breakerLimits.exactOptional() }),
  /** Absolute. */
  stateDir: z.string(),
  /** What a release is made with, so that both processes come to the same. */
  settings: z.object({
    models: z.record(z.string(), z.array(z.string())),
    providers: z.array(z.object({ name: z.string() })),
    approvals: z.array(ruleFor),
  }),
  /** Who may decide what runs ask people. */
  approvers,
  strict: z.boolean(),
  failpoint: z
    .object({ name: z.custom<Failpoint>(isFailpointName), nth: z.number(), file: z.string().exactOptional() })
    .exactOptional(),
});
export type BeginToolbox = z.output<typeof begin>;

const jsonObject = z.record(z.string(), z.json());
const listed: z.ZodType<ListedTool> = z.object({
  name: z.string(),
  description: z.string(),
  input: jsonObject,
  output: jsonObject.exactOptional(),
});

export const toChildSchema = z.discriminatedUnion('kind', [
  begin,
  z.object({
    kind: z.literal('load'),
    id,
    files: z.array(z.string()),
    servers: z.record(z.string(), z.array(listed)),
    releases: z.record(z.string(), z.string()),
  }),
  z.object({
    kind: z.literal('call'),
    id,
    input: callToolInputSchema,
    attempt: z.object({
      number: z.number(),
      workflowId: z.string(),
      runId: z.string(),
      scheduledAt: z.number().exactOptional(),
      timeoutMs: z.number().exactOptional(),
      traceparent: z.string().exactOptional(),
      shadow: z.object({ same: z.string(), mayRead: z.literal(true).exactOptional() }).exactOptional(),
    }),
  }),
  z.object({ kind: z.literal('cancel'), id }),
]);
export type ToChild = z.output<typeof toChildSchema>;

export const fromChildSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('loaded'),
    id,
    problems: z.array(z.object({ file: z.string(), line: z.number().exactOptional(), message: z.string() })),
  }),
  z.object({ kind: z.literal('answered'), id, answer: callToolAnswerSchema }),
  z.object({
    kind: z.literal('failed'),
    id,
    type: failureType,
    message: z.string(),
    final: z.literal(true).exactOptional(),
    retryAfterMs: z.number().nonnegative().exactOptional(),
  }),
  z.object({ kind: z.literal('called'), agent: name, release: name, tool: name, outcome: name, seconds: z.number() }),
  z.object({
    ...{ kind: z.literal('begun'), agent: name, release: name },
    ...{ attempt: z.number(), seconds: z.number().exactOptional() },
  }),
  z.object({ kind: z.literal('reused') }),
  z.object({ kind: z.literal('breaker'), state: z.enum(['closed', 'open', 'trying']) }),
  z.object({ kind: z.literal('refused') }),
]);
export type FromChild = z.output<typeof fromChildSchema>;
