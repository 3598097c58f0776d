// Policies, requests and decisions as they come back from the store and from other processes.
import { z } from 'zod';
import type { ApprovalNeed, ApprovalRule, MadeDecision, PersonRequest } from '../approval';
import { isFailureType, type FailureType } from '../failures';

const count = z.number().int().nonnegative();
const unanswered = z.enum(['deny', 'escalate', 'approve']);

export const approvalRuleSchema: z.ZodType<ApprovalRule> = z.object({
  when: z
    .array(
      z.object({
        arg: z.string().exactOptional(),
        above: z.number().exactOptional(),
        below: z.number().exactOptional(),
        oneOf: z.array(z.json()).exactOptional(),
        tenants: z.array(z.string()).exactOptional(),
      }),
    )
    .exactOptional(),
  by: z.array(z.string()).exactOptional(),
  withinMs: z.number(),
  otherwise: unanswered,
  remindMs: z.number().exactOptional(),
  escalation: z.array(z.object({ afterMs: z.number(), to: z.array(z.string()) })).exactOptional(),
});

export const approvalNeedSchema: z.ZodType<ApprovalNeed> = z.object({ args: z.string(), rules: z.array(count) });

export const madeDecisionSchema: z.ZodType<MadeDecision> = z.object({
  number: count,
  args: z.string(),
  reason: z.string().exactOptional(),
  edited: z.string().exactOptional(),
  result: z.string().exactOptional(),
  remember: z.literal(true).exactOptional(),
  signed: z.object({ by: z.string(), at: z.number(), signature: z.string() }).exactOptional(),
  kind: z.enum(['approval', 'failed-call']),
  verdict: z.enum(['approve', 'deny', 'replace']),
  run: z.string(),
  turn: count,
  call: count,
  tool: z.string(),
  rules: z.array(count),
  decidedAt: z.number(),
  byDefault: z.literal(true).exactOptional(),
});

export const personRequestSchema: z.ZodType<PersonRequest> = z.object({
  number: count,
  kind: z.enum(['approval', 'failed-call']),
  run: z.string(),
  turn: count,
  call: count,
  message: z.string(),
  tool: z.string(),
  args: z.string(),
  preview: z.string(),
  rules: z.array(count),
  by: z.array(z.array(z.string())),
  failure: z.object({ type: z.custom<FailureType>(isFailureType), message: z.string() }).exactOptional(),
  askedAt: z.number(),
  deadline: z.number(),
  otherwise: unanswered,
  again: z.string().exactOptional(),
});

/** One request with what became of it, as a ref's value: kept as long as its run's record. */
export const requestRecordSchema = z.object({
  schemaVersion: z.literal(1),
  /** Id of the run. */
  id: z.string(),
  agent: z.string(),
  release: z.string(),
  tenant: z.string(),
  request: personRequestSchema,
  /** `verified`: by a person whose signature fits the configuration that this worker has. */
  decision: madeDecisionSchema.and(z.object({ verified: z.boolean() })).exactOptional(),
  /** Milliseconds since the epoch: the run has ended, and asks nothing any more. */
  withdrawnAt: z.number().exactOptional(),
});
export type RequestRecord = z.output<typeof requestRecordSchema>;

/** What the inbox holds of one: the name of its record's ref. */
export const inboxEntrySchema = z.object({ request: z.string() });
