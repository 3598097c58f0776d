// What a person types becomes an agent's input: a text, JSON, or the one text property that its schema asks for.
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { JsonValue } from '../../workflows/contract/message';
import type { ReleaseManifest } from '../../workflows/contract/release';
import { reasonOf } from '../../infra/temporal/error-reason';
import { ClientError } from '../errors';

export interface TypedInput {
  text?: string;
  /** JSON text. */
  input?: string;
  /** Absolute; for agents whose input has a `dir`. @default `cwd` */
  dir?: string;
  /** Absolute. */
  cwd: string;
}

/**
 * What can be seen to be wrong before anything is started.
 * @throws ClientError `invalid-input`
 */
export function checkTyped({ input, dir }: Pick<TypedInput, 'input' | 'dir'>): void {
  if (input !== undefined) parseJson(input);
  const found = dir === undefined ? undefined : statSync(dir, { throwIfNoEntry: false });
  if (dir === undefined || found?.isDirectory()) return;
  throw new ClientError('invalid-input', `--dir: ${found ? `${dir} is not a folder` : `there is no folder ${dir}`}.`);
}

const STDIN = 0;

/**
 * `--input` as JSON text: what was typed, or for `@file` and `-` (standard input) what stands there, which may be longer than a
 * command line.
 * @throws ClientError `invalid-input`
 */
export function inputText(typed: string, cwd: string): string {
  const file = typed.startsWith('@') ? path.resolve(cwd, typed.slice(1)) : typed === '-' ? STDIN : undefined;
  if (file === undefined) return typed;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ClientError('invalid-input', `--input ${typed} cannot be read: ${reasonOf(error)}`);
  }
}

const objectSchema = z.looseObject({
  properties: z.record(z.string(), z.looseObject({ type: z.string().optional() })).default({}),
  required: z.array(z.string()).default([]),
});

/** @throws ClientError `invalid-input` */
export function runInput(manifest: ReleaseManifest, typed: TypedInput): string | { [key: string]: JsonValue } {
  const { agent } = manifest;
  if (!manifest.input) {
    if (typed.dir !== undefined) throw takesNoFolder(agent);
    if (typed.text !== undefined && typed.input !== undefined)
      throw new ClientError('invalid-input', `give ${agent} a text or --input, not both.`);
    const text = typed.text ?? (typed.input === undefined ? undefined : parseText(typed.input));
    if (text === undefined) throw takesText(agent);
    return text;
  }
  const { properties, required } = objectSchema.parse(manifest.input);
  const given = typed.input === undefined ? {} : parseObject(typed.input);
  if (typed.dir !== undefined && !('dir' in properties)) throw takesNoFolder(agent);
  if ('dir' in properties && given['dir'] === undefined) given['dir'] = typed.dir ?? typed.cwd;
  if (typed.text !== undefined) given[textProperty(agent, properties, required, given)] = typed.text;
  else if (typed.input === undefined && openTexts(properties, required, given).length === 1) throw takesText(agent);
  return given;
}

const takesText = (agent: string): ClientError =>
  new ClientError('invalid-input', `${agent} takes a text: longhaul run ${agent} "..."`);
const takesNoFolder = (agent: string): ClientError =>
  new ClientError('invalid-input', `${agent} takes no folder: leave --dir out.`);

type Properties = { [name: string]: { type?: string | undefined } };
const openTexts = (properties: Properties, required: readonly string[], given: object): string[] =>
  required.filter((name) => properties[name]?.type === 'string' && !(name in given));

function textProperty(agent: string, properties: Properties, required: readonly string[], given: object): string {
  const asked = openTexts(properties, required, given);
  // One that has a default is not asked for, and still the obvious place where it is the only one.
  const [only, ...others] = asked.length > 0 ? asked : openTexts(properties, Object.keys(properties), given);
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
