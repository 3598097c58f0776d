// A tool call as it goes from one process to another, and what comes back. Loose: a field that only one side knows travels along.
import { z } from 'zod';
import type { CallToolInput } from '../activities';
import { isFailureType, type FailureType } from '../failures';
import { madeDecisionSchema } from './approval';
import type { CallToolResult, ToolWait } from '../tool-call';

const count = z.number().int().nonnegative();
const failureType = z.custom<FailureType>(isFailureType);

export const callToolInputSchema: z.ZodType<CallToolInput> = z.looseObject({
  key: z.object({ run: z.string(), fork: count, turn: count, index: count }),
  agent: z.string(),
  release: z.string(),
  tenant: z.string(),
  user: z.string().exactOptional(),
  session: z.string().exactOptional(),
  name: z.string(),
  message: z.string(),
  call: count,
  input: z.string(),
  head: z.string().exactOptional(),
  timeoutMs: z.number().exactOptional(),
  poll: z.literal(true).exactOptional(),
  insteadOf: z.string().exactOptional(),
  failedBefore: z.array(z.object({ name: z.string(), type: failureType })).exactOptional(),
  approval: madeDecisionSchema.exactOptional(),
  notDone: madeDecisionSchema.exactOptional(),
  afresh: z.number().exactOptional(),
  hasFallback: z.literal(true).exactOptional(),
});

const messageHead = z.object({ hash: z.string(), role: z.enum(['user', 'assistant', 'tool']), preview: z.string() });

const toolWait: z.ZodType<ToolWait> = z.looseObject({
  kind: z.literal('wait'),
  waitUntil: z.number(),
  reason: z.string(),
});
const callToolResult: z.ZodType<CallToolResult> = z.looseObject({
  message: messageHead,
  failure: failureType.exactOptional(),
  reused: z.literal(true).exactOptional(),
});

export const callToolAnswerSchema: z.ZodType<CallToolResult | ToolWait> = z.union([toolWait, callToolResult]);
