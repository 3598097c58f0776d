// Whether a conversation that began under one release can go on under another: what its model called must still be there and take what it was
// called with, and whoever reads the answers must find their form. Pure: of manifests and messages.
import { z } from 'zod';
import type { JsonValue, Message, UserMessage } from '../../workflows/contract/message';
import type { ReleaseManifest, ToolManifest } from '../../workflows/contract/release';
import { canonicalJson } from './canonical-json';

export interface Fit {
  from: ReleaseManifest;
  to: ReleaseManifest;
  /** In their order. */
  messages: readonly Message[];
  /** `owed`: somebody waits for an answer in the form that `from` promises. `given`: it has answered, and goes on. */
  answers: 'owed' | 'given';
}

/** Of the newest calls: to check each of ten thousand would keep a message waiting, and the model reads the newest as its example. */
const CALLS_CHECKED = 200;

/** @returns what keeps it from going on, a clause each; empty where nothing does */
export function releaseMisfits(fit: Fit): string[] {
  return [...toolMisfits(fit), ...answerMisfits(fit), ...inputMisfits(fit)];
}

function toolMisfits({ from, to, messages }: Fit): string[] {
  const misfits = new Set<string>();
  const calls = messages.flatMap((message) =>
    message.role === 'assistant' ? message.parts.flatMap((part) => (part.type === 'tool-call' ? [part] : [])) : [],
  );
  for (const { name, arguments: args, malformed } of calls.slice(-CALLS_CHECKED)) {
    const before = toolOf(from, name);
    // What its model made up was no tool before either.
    if (!before || malformed) continue;
    const now = toolOf(to, name);
    if (!now) misfits.add(`it has called the tool ${name}, which is not there any more`);
    else if (takes(before, args) && !takes(now, args))
      misfits.add(`the tool ${name} does not take any more what it was called with`);
  }
  return [...misfits];
}

const toolOf = ({ tools }: ReleaseManifest, name: string): ToolManifest | undefined =>
  tools.find((tool) => tool.name === name);

const takes = ({ input }: ToolManifest, args: unknown): boolean => fitsSchema(input, args);

function answerMisfits({ from, to, messages, answers }: Fit): string[] {
  if (isSame(from.output, to.output)) return [];
  const text = 'its answers have another form';
  if (answers === 'owed' || !from.output || !to.output) return [text];
  const last = messages.findLast(
    (message) => message.role === 'assistant' && message.parts.every(({ type }) => type !== 'tool-call'),
  );
  const said = last?.role === 'assistant' ? textOf(last.parts) : undefined;
  return said === undefined || fitsSchema(to.output, jsonOf(said)) ? [] : [text];
}

/** The first message is what the run was given. */
function inputMisfits({ from, to, messages, answers }: Fit): string[] {
  if (answers === 'given' || isSame(from.input, to.input)) return [];
  const [first] = messages;
  const said = first?.role === 'user' ? textOf(first.parts) : undefined;
  const fits = to.input !== undefined && said !== undefined && fitsSchema(to.input, jsonOf(said));
  return fits ? [] : ['it does not take the input that the run was given'];
}

/** Whether a release takes what is said to one of its sessions. */
export const takesMessage = ({ input }: ReleaseManifest, { parts }: UserMessage): boolean =>
  input === undefined || fitsSchema(input, jsonOf(textOf(parts) ?? ''));

type Schema = { [key: string]: JsonValue };

const isSame = (one: Schema | undefined, other: Schema | undefined): boolean =>
  Buffer.from(canonicalJson(one ?? null)).equals(Buffer.from(canonicalJson(other ?? null)));

/** A schema that cannot be read here says nothing against anything: whoever calls the tool checks it again. */
function fitsSchema(schema: Schema, value: unknown): boolean {
  let parsed: z.ZodType;
  try {
    parsed = z.fromJSONSchema(schema);
  } catch {
    return true;
  }
  return parsed.safeParse(value).success;
}

const textOf = (parts: readonly { type: string; text?: string }[]): string | undefined =>
  parts.findLast(({ type }) => type === 'text')?.text;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
