import { z } from 'zod';
import { Script, type ScriptTurn } from '../script';
import type { ServerState } from './answer-request';
import { faultSchema, type Fault, type FaultCondition } from './faults';
import { respondFromScript } from './responder';
import { invalidRequest } from './wire-error';

const whole = z.number().int().min(0);

/** A turn of a script as JSON. */
export const turnSchema = z.strictObject({
  text: z.string().optional(),
  calls: z.array(z.strictObject({ name: z.string(), args: z.unknown(), id: z.string().optional() })).optional(),
  refusal: z.string().optional(),
  reasoning: z
    .strictObject({
      summary: z.string(),
      encrypted: z.string().optional(),
      redacted: z.literal(true).optional(),
      tokens: whole.optional(),
    })
    .optional(),
  cut: z.enum(['length', 'content_filter']).optional(),
  usage: z
    .strictObject({
      input: whole.optional(),
      cached: whole.optional(),
      cacheWrite: whole.optional(),
      cacheWriteHour: whole.optional(),
      output: whole.optional(),
      reasoning: whole.optional(),
    })
    .optional(),
  raw: z
    .strictObject({
      status: whole.optional(),
      headers: z.record(z.string(), z.string()).optional(),
      body: z.unknown(),
    })
    .optional(),
}) satisfies z.ZodType<ScriptTurn>;

/** Body of `POST /__control`. Its steps run in the order they stand here. */
export const controlSchema = z.strictObject({
  /** Forgets ended requests, so that counts start at zero. */
  reset: z.boolean().optional(),
  clearFaults: z.boolean().optional(),
  /** Added to the faults in force. */
  faults: z.array(faultSchema).optional(),
  /** Replaces whatever answered before. */
  script: z.array(turnSchema).optional(),
  /** For `script`. */
  order: z.enum(['conversation', 'arrival']).optional(),
  /** Base latency of every answer. */
  delayMs: z.number().min(0).optional(),
  /** Name of a hold, or true for all. */
  release: z.union([z.string(), z.literal(true)]).optional(),
});

/** A fault that can travel: without a function. */
export type JsonFault = Omit<Fault, 'when'> & { readonly when?: Omit<FaultCondition, 'match'> | undefined };

/** What `POST /__control` takes, as its sender writes it. */
export type Control = Omit<z.input<typeof controlSchema>, 'script' | 'faults'> & {
  readonly script?: Script | readonly ScriptTurn[] | undefined;
  readonly faults?: readonly JsonFault[] | undefined;
};

/** Drives a running server from another process. Throws a 400 that names the field. */
export function control(state: ServerState, bytes: Buffer): { released: number } {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw invalidRequest(`POST /__control takes JSON: ${String(error)}`, null, 'invalid_control');
  }
  const read = controlSchema.safeParse(json);
  if (!read.success) throw invalidRequest(z.prettifyError(read.error), null, 'invalid_control');
  const { reset, clearFaults, faults, script, order, delayMs, release } = read.data;
  if (reset) state.ledger.reset();
  if (clearFaults) state.faults.clear();
  if (faults) state.faults.add(faults);
  if (script) state.respond = respondFromScript(Script.of(script), order);
  if (delayMs !== undefined) state.delayMs = delayMs;
  return { released: release === undefined ? 0 : state.gates.release(release === true ? undefined : release) };
}
