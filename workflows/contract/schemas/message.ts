// zod at the edges: what the store and providers hand back is checked here before it is trusted.
import { z } from 'zod';
import type { ChainNode, JsonValue, Message } from '../message';

/** Marks a file reference inside a JSON Schema. */
export const FILE_REF_FORMAT = 'file-ref';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

export const fileRefSchema = z.object({
  sha256: hash,
  mediaType: z.string().min(1).max(200),
  bytes: z.number().int().nonnegative(),
  name: z.string().max(255).exactOptional(),
});

const jsonValue: z.ZodType<JsonValue> = z.json();
const text = z.object({ type: z.literal('text'), text: z.string() });
const image = z.object({ type: z.literal('image'), file: fileRefSchema });
const file = z.object({ type: z.literal('file'), file: fileRefSchema });
const reasoning = z.object({ type: z.literal('reasoning'), text: z.string() });
const toolCall = z.object({
  type: z.literal('tool-call'),
  call: z.number().int().nonnegative(),
  name: z.string(),
  arguments: z.record(z.string(), jsonValue),
  malformed: z.literal(true).exactOptional(),
});
const coveredRange = z
  .object({
    head: hash,
    from: z.number().int().nonnegative(),
    to: z.number().int().positive(),
    messages: z.number().int().positive(),
  })
  .refine(({ from, to }) => from < to, 'an empty range');
const inputPart = z.discriminatedUnion('type', [text, image, file]);

/** The types are written twice on purpose (the contract imports nothing): the annotations fail to compile when the two part. */
export const messageSchema: z.ZodType<Message> = z.discriminatedUnion('role', [
  z.object({
    role: z.literal('user'),
    parts: z.array(inputPart),
    from: z.literal('runtime').exactOptional(),
    pinned: z.literal(true).exactOptional(),
    covers: coveredRange.exactOptional(),
  }),
  z.object({
    role: z.literal('assistant'),
    parts: z.array(z.discriminatedUnion('type', [text, reasoning, toolCall])),
    refused: z.literal(true).exactOptional(),
  }),
  z.object({
    role: z.literal('tool'),
    call: z.number().int().nonnegative(),
    name: z.string(),
    outcome: z.enum(['ok', 'error']),
    parts: z.array(inputPart),
    original: hash.exactOptional(),
  }),
]);

export const chainNodeSchema: z.ZodType<ChainNode> = z.object({ parent: hash.nullable(), message: hash });

export const usageSchema = z.object({
  input: z.number(),
  cachedInput: z.number(),
  cacheWrite: z.number().exactOptional(),
  output: z.number(),
  reasoning: z.number(),
  cacheWriteHour: z.number().exactOptional(),
  estimated: z.literal(true).exactOptional(),
});
