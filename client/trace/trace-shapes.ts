// A run as a trace: one structure that the command line prints, the HTTP API answers, and a page draws. Schemas alone, without I/O.
import { z } from 'zod';
import { costSchema } from '../../workflows/contract/schemas/cost';
import { usageSchema } from '../../workflows/contract/schemas/message';

const count = z.number().int().nonnegative();
const ms = z.number().describe('Milliseconds since 1970.');

export const SPAN_KINDS = [
  /** The whole of one run: the first span, and one for each run of a sub-agent, under the call that began it. */
  'run',
  /** In the queue that the run was started through. */
  'queued',
  /** One answer of the model, with what it led to. */
  'turn',
  'model',
  'tool',
  'compaction',
  /** A timer of the run: `waitsFor` and `note` say for what. */
  'waiting',
  /** Nothing is begun until a person resumes it. */
  'paused',
  /** What a person was asked, until the answer; or what a person did: steer, extend, resume, cancel. */
  'human',
  /** What the run has decided by itself, without a duration: `note` says what and why. */
  'decision',
  /** Other work of the run, as what keeps its end. */
  'work',
] as const;

export const SPAN_STATUSES = ['open', 'done', 'failed', 'cancelled'] as const;

const attemptShape = z.object({
  number: count.describe('From 1.'),
  scheduledMs: ms.exactOptional(),
  startMs: ms.exactOptional(),
  endMs: ms.exactOptional(),
  /** Absent of the one that succeeded, and of one under way. */
  failure: z.object({ type: z.string(), message: z.string() }).exactOptional(),
});
export type TraceAttempt = z.output<typeof attemptShape>;

/** Of a route, one that was asked or passed over before another answered. */
const triedShape = z.object({
  route: z.string(),
  failure: z.string(),
  why: z.string().exactOptional(),
  ms: z.number(),
  attempt: count.exactOptional(),
});

export const traceSpanShape = z.object({
  id: z.string().describe('Unique in this trace, and the same each time it is read.'),
  parent: z.string().nullable().describe('Id of the span that it stands under; null of the first.'),
  depth: count.describe('0 is the run.'),
  run: z.string().describe('Id of the run that it belongs to: of a sub-agent’s run its own.'),
  kind: z.enum(SPAN_KINDS),
  name: z.string().describe('The tool, the model as provider/model, the agent, or what a person did.'),
  status: z.enum(SPAN_STATUSES),
  startMs: ms,
  endMs: ms.nullable().describe('Null while it is open.'),
  note: z.string().exactOptional().describe('Why, in one plain sentence.'),
  preview: z.string().exactOptional().describe('The beginning of what it answered.'),
  asked: z.string().exactOptional().describe('The beginning of what it was given.'),
  failure: z.object({ type: z.string(), message: z.string().exactOptional() }).exactOptional(),
  call: count
    .exactOptional()
    .describe('As GET /v1/runs/{id}/calls/{n} takes it, of the run `run`. Absent of what has no record.'),
  turn: count.exactOptional(),
  fork: count.exactOptional(),
  index: count.exactOptional().describe('In its turn: 0 is the model, tool calls follow from 1.'),
  queuedMs: z
    .number()
    .exactOptional()
    .describe('How long it waited for a worker before `startMs`. Absent where no history tells.'),
  attempts: z.array(attemptShape).exactOptional().describe('Those that there is a history of, oldest first.'),
  attempt: count.exactOptional().describe('The one that succeeded, or is under way, from 1.'),
  usage: usageSchema.exactOptional(),
  cost: costSchema.exactOptional(),
  cached: z
    .object({ run: z.string(), at: ms, near: z.boolean(), saved: usageSchema.exactOptional() })
    .exactOptional()
    .describe('It was given the answer of another run’s call.'),
  shared: z.object({ item: count, of: count, alone: z.string().exactOptional() }).exactOptional(),
  reused: z.boolean().exactOptional().describe('Answered from its record, not made again.'),
  tried: z.array(triedShape).exactOptional(),
  waitsFor: z.enum(['quota', 'provider', 'tool', 'budget', 'store', 'other']).exactOptional(),
  request: count.exactOptional().describe('Number of the request to a person.'),
  by: z.string().exactOptional().describe('Who did it, where that is signed.'),
  worker: z.string().exactOptional(),
  release: z.string().exactOptional(),
  taskQueue: z.string().exactOptional(),
});
export type TraceSpan = z.output<typeof traceSpanShape>;

export const runFactsShape = z.object({
  id: z.string(),
  agent: z.string(),
  release: z.string(),
  tenant: z.string(),
  question: z.string(),
  status: z.string().describe('The outcome of a run that has ended.'),
  reason: z.string().exactOptional().describe('Why it waits or is paused.'),
  outcome: z.string().nullable(),
  failure: z.object({ type: z.string(), message: z.string() }).nullable(),
  startedMs: ms,
  endedMs: ms.nullable(),
  firstRunId: z.string().nullable().describe('Temporal’s id of its first execution.'),
  totals: z.object({
    turns: count,
    modelCalls: count,
    toolCalls: count,
    reusedCalls: count.exactOptional(),
    usage: usageSchema,
    cost: costSchema.exactOptional(),
    subAgentsCost: costSchema.exactOptional(),
    cachedCalls: count.exactOptional(),
    saved: usageSchema.exactOptional(),
    savedCost: costSchema.exactOptional(),
    estimated: z.literal(true).exactOptional(),
  }),
  limits: z
    .object({
      turns: count,
      toolCalls: count,
      tokens: count.exactOptional(),
      modelCalls: count.exactOptional(),
      nanoUsd: count.exactOptional(),
      wallMs: count.exactOptional(),
    })
    .nullable(),
  degraded: z.string().nullable().describe('What the load of its queue took from it.'),
  forkedFrom: z.object({ run: z.string(), step: count }).nullable(),
  calledBy: z.object({ run: z.string(), root: z.string(), turn: count, index: count }).nullable(),
  erased: z.object({ at: ms, by: z.string(), reason: z.string().exactOptional() }).nullable(),
});
export type TraceRun = z.output<typeof runFactsShape>;

export const runTraceShape = z.object({
  run: runFactsShape,
  spans: z
    .array(traceSpanShape)
    .describe('As a tree is read: each behind its parent, siblings in the order of their time.'),
  turns: z
    .object({ from: count, to: count, of: count })
    .describe('Which turns of the run these are: all of them unless fewer were asked for.'),
  history: z
    .enum(['read', 'gone', 'unreachable'])
    .describe(
      'Whether Temporal’s history is in it. Without one there are no attempts, waits and human acts, and no times in queues.',
    ),
  problems: z
    .array(z.string())
    .describe('Why it, or a run of its sub-agents, makes no headway, and what of them is not told here.'),
  unreadable: count.describe(
    'Records of calls that this version cannot read: of the run, and of those of its sub-agents.',
  ),
});
export type RunTrace = z.output<typeof runTraceShape>;
