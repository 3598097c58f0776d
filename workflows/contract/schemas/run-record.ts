// The record of a run, as a ref's value: written when it is started, completed when it ends, kept after Temporal has forgotten it.
import { z } from 'zod';
import { isFailureType, type FailureType } from '../failures';
import { messageHead, toolCallHead } from './call-record';
import { costSchema } from './cost';
import { usageSchema } from './message';
import { PRIORITIES } from '../quota';
import { READS_OF_SHADOWS } from './shadow';
import { partialLimitsSchema, runLimitsSchema } from './run-limits';

export const runRecordSchema = z.object({
  schemaVersion: z.literal(1),
  id: z.string(),
  agent: z.string(),
  release: z.string(),
  tenant: z.string(),
  user: z.string().exactOptional(),
  session: z.string().exactOptional(),
  tags: z.array(z.string()),
  /** Hash of the first message. */
  input: z.string(),
  question: z.string(),
  startedAt: z.number(),
  ended: z
    .object({
      at: z.number(),
      outcome: z.enum(['completed', 'failed', 'escalated', 'cancelled', 'budget-exhausted']),
      failure: z.object({ type: z.custom<FailureType>(isFailureType), message: z.string() }).exactOptional(),
      output: z.object({ hash: z.string(), bytes: z.number(), preview: z.string() }).exactOptional(),
      achieved: z.object({ hash: z.string(), bytes: z.number(), preview: z.string() }).exactOptional(),
      head: z.string().nullable(),
      length: z.number(),
      firstRunId: z.string(),
      /** With what was added on the way. */
      limits: runLimitsSchema.exactOptional(),
      totals: z.object({
        turns: z.number(),
        modelCalls: z.number(),
        toolCalls: z.number(),
        reusedCalls: z.number(),
        cachedCalls: z.number().exactOptional(),
        usage: usageSchema,
        saved: usageSchema.exactOptional(),
        savedCost: costSchema.exactOptional(),
        cost: costSchema.exactOptional(),
        subAgentsCost: costSchema.exactOptional(),
        estimated: z.literal(true).exactOptional(),
      }),
    })
    .exactOptional(),
  /** The conversation that it began with: what another run had been given at a step, and what was changed of it. */
  forkedFrom: z
    .object({
      run: z.string(),
      /** As its trace numbers its calls; behind the last where the whole of it was taken. */
      step: z.number(),
      base: z.string().nullable(),
      append: z.array(z.string()),
      /** The newest call of the other run that came before: its steps are counted anew when a call beside it is recorded later. */
      after: z.object({ fork: z.number(), turn: z.number(), index: z.number() }).exactOptional(),
      /** Set where it began among the tool calls of a turn: those of them that were done, and their results, are named by this alone. */
      calling: z
        .object({
          message: z.string(),
          calls: z.array(toolCallHead),
          results: z.array(z.object({ message: messageHead }).nullable()),
        })
        .exactOptional(),
    })
    .exactOptional(),
  /** What was said in its session before it: a stored head, and the messages that it stands for. */
  goesOnFrom: z.object({ base: z.string().nullable(), length: z.number() }).exactOptional(),
  /** The call of another run that it answers, as its sub-agent. */
  parent: z
    .object({ run: z.string(), root: z.string(), firstRunId: z.string(), turn: z.number(), index: z.number() })
    .exactOptional(),
  /** Where it waits, or waited, for a place. Its start needs what stands here, and nothing of it is kept elsewhere. */
  queue: z
    .object({
      name: z.string(),
      /** Id of the queue's workflow. */
      workflow: z.string(),
      priority: z.enum(PRIORITIES).exactOptional(),
      inspect: z.literal(true).exactOptional(),
      /** What its caller holds it to, beside its release. */
      limits: partialLimitsSchema.exactOptional(),
      /** Of a fork: hash of what it goes on with, which nothing else has in this form. */
      carried: z.string().exactOptional(),
      /** How often it was asked for: whoever is refused takes back only what nobody else has asked for since. */
      asked: z.number(),
    })
    .exactOptional(),
  /** Of whoever started it, as W3C Trace Context writes it: its spans belong into that trace. */
  traceparent: z.string().exactOptional(),
  /** A caller is told of its end: a workflow of its own watches it, see workflows/caller-webhook.ts. */
  isWatched: z.literal(true).exactOptional(),
  /** Set where it began while a rollout was under way: by which of its two releases it is counted there. */
  rollout: z.object({ id: z.string(), arm: z.enum(['current', 'candidate']) }).exactOptional(),
  /** Releases that it went by before `release`, and until when: moved between two turns. */
  moved: z.array(z.object({ from: z.string(), at: z.number() })).exactOptional(),
  /** Set where the agent's traffic had it drawn when it began: it is shadowed by this release once it has ended. */
  shadow: z.object({ id: z.string(), release: z.string() }).exactOptional(),
  /** Of a shadow, and of the runs of its sub-agents: whose, and whether what only reads may really run where that one's record does not tell. */
  shadowOf: z
    .object({
      run: z.string(),
      reads: z.enum(READS_OF_SHADOWS),
      by: z.string().exactOptional(),
      id: z.string().exactOptional(),
    })
    .exactOptional(),
  /** What the load of its queue took from it when it began. */
  degraded: z
    .object({
      above: z.number(),
      limits: partialLimitsSchema.exactOptional(),
      route: z.array(z.string()).exactOptional(),
    })
    .exactOptional(),
  /** A tombstone: what was said and done is deleted, here and in Temporal. What it cost stays, and which run it was forked from. */
  erased: z.object({ at: z.number(), by: z.string(), reason: z.string().exactOptional() }).exactOptional(),
});
export type RunRecord = z.output<typeof runRecordSchema>;

/** The head of one execution, after its last stored call. */
export const headRecordSchema = z.object({ head: z.string().nullable(), length: z.number(), at: z.number() });
