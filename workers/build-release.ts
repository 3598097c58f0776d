// Everything a run's behaviour depends on, as data with one hash.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { AnyAgent } from '../activities/define';
import type { LoadedAgent } from '../activities/deps';
import { canonicalJson, objectHash } from '../activities/store';
import type { JsonValue } from '../workflows/contract/message';
import type { ReleaseManifest } from '../workflows/contract/release';
import { agentCode } from './agent-code';
import { modelRoute, type ModelSettings } from './model-settings';
import { packageVersion } from './package-version';
import { codeOf, messageOf } from './thrown';

type JsonObject = { [key: string]: JsonValue };

export interface BuildReleaseOptions {
  /** The agent's own file, absolute: instructions from a file are beside it. */
  file: string;
  settings: Pick<ModelSettings, 'models' | 'providers'>;
  /** Hash of the code, where the caller has it already. */
  code?: string;
}

/**
 * The same definition, files and settings give the same release, in any folder and on any machine.
 * @throws Error in one line, naming what of the agent is unusable; AgentCodeError when its code cannot be bundled
 */
export async function buildRelease(agent: AnyAgent, options: BuildReleaseOptions): Promise<LoadedAgent> {
  const code = options.code ?? (await agentCode(options.file)).hash;
  const input = valueSchema(agent.input, 'input');
  const output = valueSchema(agent.output, 'output');
  const manifest: ReleaseManifest = {
    schemaVersion: 1,
    agent: agent.name,
    ...(agent.description === undefined ? {} : { description: agent.description }),
    instructions: await instructionsOf(agent, options.file),
    model: { route: modelRoute(options.settings, agent.model), parameters: jsonObject(agent.parameters, 'parameters') },
    tools: agent.tools.map((tool) => ({
      name: tool.name,
      description: tool.description,
      input: jsonSchema(tool.input, `tool ${tool.name}: input`),
      ...(tool.toolbox ? { toolbox: tool.toolbox.name } : {}),
    })),
    ...(input ? { input } : {}),
    ...(output ? { output } : {}),
    plan: agent.plan,
    code,
    orchestration: packageVersion(),
  };
  return { agent, manifest, release: objectHash(canonicalJson(manifest)) };
}

/** @returns where the instructions are kept, absolute; undefined when they stand in the definition itself */
export const instructionsFile = ({ instructions }: AnyAgent, file: string): string | undefined =>
  typeof instructions === 'string' ? undefined : beside(file, instructions.fromFile);

const beside = (file: string, name: string): string => path.resolve(path.dirname(file), name);

async function instructionsOf({ instructions }: AnyAgent, file: string): Promise<string> {
  if (typeof instructions === 'string') return instructions;
  try {
    // A checkout on another system may have other line ends, and an editor may leave a byte order mark.
    return (await readFile(beside(file, instructions.fromFile), 'utf8'))
      .replace(/^\uFEFF/, '')
      .replaceAll('\r\n', '\n');
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'does not exist' : `cannot be read: ${messageOf(error)}`;
    throw new Error(`instructions: ${instructions.fromFile} ${why}.`, { cause: error });
  }
}

/** Plain text needs no schema: it is passed as it is, not as a JSON string. */
function valueSchema(schema: z.ZodType, what: string): JsonObject | undefined {
  const json = jsonSchema(schema, what);
  const rules = Object.keys(json).filter((key) => key !== 'description' && key !== 'title');
  return json['type'] === 'string' && rules.length === 1 ? undefined : json;
}

/** As the model and a caller write it, so before defaults and transforms. */
function jsonSchema(schema: z.ZodType, what: string): JsonObject {
  try {
    const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input' });
    return jsonObject(json, what);
  } catch (error) {
    throw new Error(`${[what, ...unusablePath(schema)].join('.')}: ${messageOf(error).split('\n', 1)[0] ?? ''}`, {
      cause: error,
    });
  }
}

/** Zod says what it cannot represent, not where. */
function unusablePath(schema: unknown): string[] {
  if (!(schema instanceof z.ZodObject)) return [];
  for (const [key, field] of Object.entries<z.core.$ZodType>(schema.shape)) {
    try {
      z.toJSONSchema(field, { io: 'input' });
    } catch {
      return [key, ...unusablePath(field)];
    }
  }
  return [];
}

function jsonObject(value: object, what: string): JsonObject {
  const parsed = z.record(z.string(), z.json()).safeParse(withoutUndefined(value));
  if (parsed.success) return parsed.data;
  const place = parsed.error.issues[0]?.path.join('.');
  throw new Error(`${what}${place ? `: ${place}` : ''}: it is not JSON.`);
}

const withoutUndefined = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined));
