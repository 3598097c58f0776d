// A manifest as it comes back from the store.
import { z } from 'zod';
import { DIVERTED_ANSWERS, type ReleaseManifest } from '../release';
import { approvalRuleSchema } from './approval';
import { inOrder } from './release-order';
import { count, partialLimitsSchema, runLimitsSchema } from './run-limits';
import { sessionPlanSchema } from './session-record';

const jsonObject = z.record(z.string(), z.json());

/** What is missing here is lost with a worker's restart: test/unit/core-tool-failures.test.ts sends a whole one through. */
const ownToolPlan = z.object({
  effect: z.enum(['read', 'idempotent', 'keyed', 'at-most-once']),
  timeoutMs: z.number(),
  attempts: count,
  backoff: z.object({ firstMs: z.number(), factor: z.number(), mostMs: z.number() }).exactOptional(),
  repeats: z.enum(['same-action', 'new-action']).exactOptional(),
  isIndependent: z.literal(true).exactOptional(),
  atOnce: count.exactOptional(),
  hasRate: z.literal(true).exactOptional(),
  onFailure: z.enum(['tell-model', 'stop', 'escalate']),
  escalation: approvalRuleSchema.exactOptional(),
  poll: z.object({ everyMs: z.number(), upToMs: z.number() }).exactOptional(),
  toolbox: z.string().exactOptional(),
});
const toolPlan = ownToolPlan.extend({
  approval: z.array(approvalRuleSchema).exactOptional(),
  fallback: z.array(z.object({ name: z.string(), plan: ownToolPlan })).exactOptional(),
  agent: z
    .object({
      name: z.string(),
      release: z.string(),
      limits: partialLimitsSchema.exactOptional(),
    })
    .exactOptional(),
});

const runPlan = z.object({
  limits: runLimitsSchema,
  model: z.object({ timeoutMs: z.number(), attempts: count }),
  tools: z.record(z.string(), toolPlan),
  repairs: count,
  inspect: z.literal(true).exactOptional(),
});

const contextTrigger = z.object({
  window: z.number().exactOptional(),
  tokens: count.exactOptional(),
  messages: count.exactOptional(),
});
const contextPlan = z.object({
  window: count.exactOptional(),
  prune: z
    .object({ when: z.array(contextTrigger), keepLast: count, except: z.array(z.string()), freeAtLeast: count })
    .exactOptional(),
  compact: z
    .object({
      when: z.array(contextTrigger),
      keepLast: count,
      prompt: z.object({ version: z.string(), text: z.string() }),
    })
    .exactOptional(),
});

const loopThreshold = z.object({ warn: count, stop: count });
const loopPlan = z.object({
  repeats: loopThreshold.exactOptional(),
  cycles: loopThreshold.exactOptional(),
  stale: loopThreshold.exactOptional(),
});

const cachePlan = z.object({
  ttlMs: z.number(),
  scope: z.literal('user').exactOptional(),
  toolCalls: z.enum(['none', 'read', 'all']),
  normalise: z
    .array(
      z.union([
        z.enum(['whitespace', 'dates', 'ids']),
        z.object({ pattern: z.string(), flags: z.string(), with: z.string() }),
      ]),
    )
    .exactOptional(),
});

const mcpPin = z.object({
  tool: z.string(),
  schemas: z.string(),
  dialect: z.string().exactOptional(),
  output: jsonObject.exactOptional(),
});

const routePlan = z.object({
  weights: z.array(z.number().positive()).exactOptional(),
  spillOverMs: z.number().exactOptional(),
  firstTokenWithinMs: z.number().exactOptional(),
  divertOn: z.array(z.enum(DIVERTED_ANSWERS)).exactOptional(),
});

const batchPlan = z.object({
  size: count,
  delayMs: z.number(),
  tokens: count.exactOptional(),
  within: z.literal('user').exactOptional(),
});

const storedManifest: z.ZodType<ReleaseManifest> = z.object({
  schemaVersion: z.literal(1),
  agent: z.string(),
  description: z.string().exactOptional(),
  instructions: z.string(),
  model: z.object({ route: z.array(z.string()), plan: routePlan.exactOptional(), parameters: jsonObject }),
  tools: z.array(
    z.object({
      name: z.string(),
      description: z.string(),
      input: jsonObject,
      toolbox: z.string().exactOptional(),
      mcp: mcpPin.exactOptional(),
    }),
  ),
  input: jsonObject.exactOptional(),
  output: jsonObject.exactOptional(),
  plan: runPlan,
  context: contextPlan.exactOptional(),
  loops: loopPlan.exactOptional(),
  cache: cachePlan.exactOptional(),
  batch: batchPlan.exactOptional(),
  queue: z.string().exactOptional(),
  degradedFrom: z.string().exactOptional(),
  sync: z.object({ withinMs: z.number(), calls: count }).exactOptional(),
  session: sessionPlanSchema.exactOptional(),
  written: z.string().exactOptional(),
  code: z.string(),
  orchestration: z.string(),
});

export const releaseManifestSchema: z.ZodType<ReleaseManifest> = storedManifest.transform(inOrder);
