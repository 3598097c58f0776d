// The record of one call, as a ref's value. Written once the answer is stored, found again by the call's key.
import { z } from 'zod';
import { isFailureType, type FailureType } from '../failures';
import { approvalNeedSchema } from './approval';
import { costSchema, spentSchema } from './cost';
import { usageSchema } from './message';

const failureType = z.custom<FailureType>(isFailureType);
export const messageHead = z.object({
  hash: z.string(),
  role: z.enum(['user', 'assistant', 'tool']),
  preview: z.string(),
});
export const toolCallHead = z.object({
  name: z.string(),
  preview: z.string(),
  approval: approvalNeedSchema.exactOptional(),
});
/** Why a task that shared a call was asked again by itself: what was wrong with its part of the answer, or with the whole of it. */
export const ALONE_REASONS = ['missing', 'duplicated', 'invalid', 'no-answer'] as const;

const storedValue = z.object({ hash: z.string(), bytes: z.number(), preview: z.string() });

const made = {
  schemaVersion: z.literal(1),
  /** Milliseconds since the epoch. */
  startedAt: z.number(),
  endedAt: z.number(),
  attempt: z.number(),
  /** Identity of the worker. */
  worker: z.string(),
  /** The release that really answered: another than the run's only in development. */
  release: z.string(),
};

/** What was sent. `maxOutputTokens`: set where a budget let the answer have less than its release does. */
const requestSchema = z.object({ sha256: z.string(), bytes: z.number(), maxOutputTokens: z.number().exactOptional() });

/** One of a route that did not answer a call. */
export const triedSchema = z.object({
  route: z.string(),
  /** The failure's type; or, where it was not asked, what kept it from being asked. */
  failure: z.string(),
  /** One line, without secrets. */
  why: z.string().exactOptional(),
  /** 0 where it was not asked. */
  ms: z.number(),
  /** Estimated, of a request that may have been read and answered in part: its provider does not say it any more. */
  usage: usageSchema.exactOptional(),
  /** Of the call: one before that which was answered. */
  attempt: z.number().exactOptional(),
});
export type Tried = z.output<typeof triedSchema>;

export const modelRecordSchema = z.object({
  kind: z.literal('model'),
  ...made,
  /** What the call was asked: a record answers this question and no other. */
  from: z.object({ base: z.string().nullable(), append: z.array(z.string()) }),
  answer: z.object({
    kind: z.literal('answer'),
    head: z.string(),
    notices: z.array(messageHead).exactOptional(),
    messages: z.array(messageHead),
    toolCalls: z.array(toolCallHead),
    problem: z
      .object({
        type: z.enum([
          'Model.Refused',
          'Model.EmptyAnswer',
          'Model.Truncated',
          'Model.InvalidOutput',
          'Model.InvalidToolCall',
        ]),
        message: z.string(),
      })
      .exactOptional(),
    output: storedValue.exactOptional(),
    usage: usageSchema,
    cost: costSchema.exactOptional(),
    unanswered: spentSchema.exactOptional(),
    model: z.string(),
    pruned: z.object({ results: z.number(), tokens: z.number() }).exactOptional(),
    cached: z.literal(true).exactOptional(),
    saved: usageSchema.exactOptional(),
    savedCost: costSchema.exactOptional(),
    batched: z.object({ of: z.number(), alone: z.literal(true).exactOptional() }).exactOptional(),
    tenantLeft: z
      .array(z.object({ of: z.enum(['tokens', 'usd']), most: z.number(), left: z.number() }))
      .exactOptional(),
  }),
  /** Name of the ref by which the answer is given to whoever asks the same: of the call that was answered. */
  shared: z.string().exactOptional(),
  /** Of a call that was given another's answer: the ref, and whose it was. What is said of the request below is of that other call. */
  origin: z
    .object({ name: z.string(), run: z.string(), at: z.number(), near: z.literal(true).exactOptional() })
    .exactOptional(),
  /** Head of the conversation that was asked, where it was edited or added to first: otherwise it is `from` alone. */
  edited: z.string().exactOptional(),
  /** Position of the answer among the original messages of the conversation, from 0. */
  position: z.number(),
  /** Hash of the provider's own items, as JSON. */
  raw: z.string(),
  /** Which form they have; absent where the provider never wants them back. */
  rawForm: z.string().exactOptional(),
  /**
   * Who of the route did not answer, in the order in which they were asked or passed over, with all who were asked by attempts before.
   * Absent where the first did.
   */
  tried: z.array(triedSchema).exactOptional(),
  finish: z.string(),
  request: requestSchema,
  requestId: z.string().exactOptional(),
  /** The request that it shared with other tasks, and its number among them. `alone`: why it was asked again by itself. */
  batch: z
    .object({
      item: z.number(),
      of: z.number(),
      request: z.string().exactOptional(),
      alone: z.enum(ALONE_REASONS).exactOptional(),
    })
    .exactOptional(),
});
export type ModelRecord = z.output<typeof modelRecordSchema>;

export const toolRecordSchema = z.object({
  kind: z.literal('tool'),
  ...made,
  from: z.object({ message: z.string(), call: z.number() }),
  name: z.string(),
  result: z.object({ message: messageHead, failure: failureType.exactOptional() }),
  /** Tools that had failed before this one stood in for them, the one that the model asked for first. */
  failedBefore: z.array(z.object({ name: z.string(), type: failureType })).exactOptional(),
  /** The call of the same run whose action this one asked for again: its tool did not run. */
  repeats: z.object({ turn: z.number(), index: z.number() }).exactOptional(),
  /**
   * Of a shadow: whether it was answered as the run that it shadows was, was not executed, or really ran; and its hash, with the tool's name
   * and its arguments, by which the same call is found again.
   */
  shadow: z.object({ how: z.enum(['recorded', 'not-executed', 'ran']), same: z.string() }).exactOptional(),
  /** Who agreed to it, or gave its result by hand: the number of the request. `edited` names the arguments that it was made with. */
  person: z
    .object({ request: z.number(), by: z.string().exactOptional(), edited: z.string().exactOptional() })
    .exactOptional(),
});
export type ToolRecord = z.output<typeof toolRecordSchema>;

/** Of a tool that has begun work elsewhere, until its outcome takes the place. */
export const startedToolRecordSchema = z.object({
  kind: z.literal('started-tool'),
  ...made,
  from: z.object({ message: z.string(), call: z.number() }),
  name: z.string(),
  /** What names the work, in the tool's own terms. */
  started: z.json(),
});
export type StartedToolRecord = z.output<typeof startedToolRecordSchema>;

export const compactionRecordSchema = z.object({
  kind: z.literal('compaction'),
  ...made,
  from: z.object({ base: z.string().nullable(), append: z.array(z.string()) }),
  result: z.object({
    kind: z.literal('compacted'),
    head: z.string(),
    message: messageHead,
    covered: z.number(),
    usage: usageSchema,
    cost: costSchema.exactOptional(),
    unanswered: spentSchema.exactOptional(),
    model: z.string(),
  }),
  /** Which prompt asked for the summary. */
  prompt: z.string(),
  /** Positions of the covered messages among the originals, both included. */
  range: z.object({ first: z.number(), last: z.number() }),
  /** Hashes of the provider's own items, one of each call, as JSON. */
  raw: z.array(z.string()),
  /** As of a model call: absent from records of before they were kept. */
  rawForm: z.string().exactOptional(),
  request: requestSchema.exactOptional(),
  requestId: z.string().exactOptional(),
  /** Tokens that what is summed up could take; absent where all of it was sent. */
  transcriptTokens: z.number().exactOptional(),
  /** As of a model call. */
  tried: z.array(triedSchema).exactOptional(),
});
export type CompactionRecord = z.output<typeof compactionRecordSchema>;

export const callRecordSchema = z.discriminatedUnion('kind', [
  modelRecordSchema,
  toolRecordSchema,
  startedToolRecordSchema,
  compactionRecordSchema,
]);
export type CallRecord = z.output<typeof callRecordSchema>;
