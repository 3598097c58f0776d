// What a person types becomes an agent's input: a text, JSON, or the one text property that its schema asks for.
import { z } from 'zod';
import type { JsonValue } from '../../workflows/contract/message';
import type { ReleaseManifest } from '../../workflows/contract/release';
import { ClientError } from '../errors';

export interface TypedInput {
  text?: string;
  /** JSON text. */
  input?: string;
  /** Absolute; for agents whose input has a `dir`. */
  dir: string;
}

const objectSchema = z.looseObject({
  properties: z.record(z.string(), z.looseObject({ type: z.string().optional() })).default({}),
  required: z.array(z.string()).default([]),
});

/** @throws ClientError `invalid-input` */
export function runInput(manifest: ReleaseManifest, typed: TypedInput): string | { [key: string]: JsonValue } {
  const { agent } = manifest;
  if (!manifest.input) {
    const text = typed.text ?? (typed.input === undefined ? undefined : parseText(typed.input));
    if (text === undefined)
      throw new ClientError('invalid-input', `${agent} takes a text: longhaul run ${agent} "..."`);
    return text;
  }
  const { properties, required } = objectSchema.parse(manifest.input);
  const given = typed.input === undefined ? {} : parseObject(typed.input);
  if ('dir' in properties && given['dir'] === undefined) given['dir'] = typed.dir;
  if (typed.text !== undefined) given[textProperty(agent, properties, required, given)] = typed.text;
  return given;
}

function textProperty(
  agent: string,
  properties: { [name: string]: { type?: string | undefined } },
  required: readonly string[],
  given: object,
): string {
  const open = required.filter((name) => properties[name]?.type === 'string' && !(name in given));
  const [only, ...others] = open;
  if (only !== undefined && others.length === 0) return only;
  const names = Object.keys(properties).join(', ');
  throw new ClientError('invalid-input', `${agent} cannot take a bare text; pass --input '{...}' with: ${names}.`);
}

function parseObject(text: string): { [key: string]: JsonValue } {
  const parsed = z.record(z.string(), z.json()).safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new ClientError('invalid-input', '--input must be a JSON object, for example \'{"question":"..."}\'.');
}

function parseText(text: string): string {
  const value = parseJson(text);
  if (typeof value === 'string') return value;
  throw new ClientError(
    'invalid-input',
    'this agent takes a text: pass it as an argument, or as a JSON string to --input.',
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ClientError('invalid-input', `--input is not JSON: ${why.slice(0, 120)}`);
  }
}
