// What is different between two releases, as data: all of it, since a reviewer decides by it what new runs are given.
import { structuredPatch } from 'diff';
import type { JsonValue } from '../workflows/contract/message';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { RegisteredRelease } from '../workflows/contract/schemas/traffic';

export interface ComparedRelease {
  release: string;
  manifest: ReleaseManifest;
  /** By tool, where the release was made by command. */
  toolCode?: RegisteredRelease['tools'];
}

export interface FieldChange {
  /** As `plan.limits.turns`. */
  path: string;
  /** Absent where it is added. */
  was?: JsonValue;
  /** Absent where it is removed. */
  is?: JsonValue;
}

export interface ToolChange {
  name: string;
  change: 'added' | 'removed' | 'changed';
  /** Of one that has changed: description, plan, toolbox, pins of its server, and its code's hash where both are known. */
  fields: FieldChange[];
  /** Lines of a unified diff of the schema of its arguments; empty where it is the same. */
  input: string[];
}

export interface ReleaseDiff {
  /** Lines of a unified diff; empty where they are the same. */
  instructions: string[];
  tools: ToolChange[];
  /** All the rest: model, parameters, limits, policies, schemas, code, orchestration. */
  fields: FieldChange[];
}

export function releaseDiff(one: ComparedRelease, other: ComparedRelease): ReleaseDiff {
  return {
    instructions: unified(one.manifest.instructions, other.manifest.instructions),
    tools: toolChanges(one, other),
    fields: changes(restOf(one.manifest), restOf(other.manifest)),
  };
}

export const isSame = ({ instructions, tools, fields }: ReleaseDiff): boolean =>
  instructions.length + tools.length + fields.length === 0;

/** `written` repeats what stands elsewhere, in another order. */
function restOf({ instructions: _i, tools: _t, written: _w, plan, ...rest }: ReleaseManifest): unknown {
  const { tools: _, ...others } = plan;
  return { ...rest, plan: others };
}

function toolChanges(one: ComparedRelease, other: ComparedRelease): ToolChange[] {
  const names = new Set([one, other].flatMap(({ manifest }) => manifest.tools.map(({ name }) => name)));
  return [...names].sort().flatMap((name): ToolChange[] => {
    const [was, is] = [toolOf(one, name), toolOf(other, name)];
    if (!was || !is) return [{ name, change: was ? 'removed' : 'added', fields: [], input: [] }];
    const fields = changes(was.about, is.about);
    const input = unified(was.input, is.input);
    return fields.length + input.length === 0 ? [] : [{ name, change: 'changed', fields, input }];
  });
}

function toolOf({ manifest, toolCode }: ComparedRelease, name: string): { about: unknown; input: string } | undefined {
  const tool = manifest.tools.find((candidate) => candidate.name === name);
  if (!tool) return undefined;
  const { input, name: _, ...about } = tool;
  const code = toolCode?.[name];
  return {
    about: { ...about, plan: manifest.plan.tools[name], ...(code === undefined ? {} : { code }) },
    input: JSON.stringify(input, null, 2),
  };
}

const CONTEXT = 3;

/** Lines of a unified diff, without its head. */
export function unified(was: string, is: string): string[] {
  if (was === is) return [];
  return structuredPatch('', '', was, is, '', '', { context: CONTEXT }).hunks.flatMap(
    ({ oldStart, oldLines, newStart, newLines, lines }) => [
      `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
      ...lines,
    ],
  );
}

function changes(was: unknown, is: unknown): FieldChange[] {
  const [before, after] = [leavesOf(was), leavesOf(is)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .filter((path) => JSON.stringify(before.get(path)) !== JSON.stringify(after.get(path)))
    .map((path) => ({ path, ...valueOf('was', before.get(path)), ...valueOf('is', after.get(path)) }));
}

const valueOf = <Name extends 'was' | 'is'>(name: Name, value: JsonValue | undefined): { [key in Name]?: JsonValue } =>
  (value === undefined ? {} : { [name]: value }) as { [key in Name]?: JsonValue };

/** By path; a list is one value, as people read it. */
function leavesOf(value: unknown, path = ''): Map<string, JsonValue> {
  if (value === undefined) return new Map();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map([[path, value as JsonValue]]);
  return new Map(
    Object.entries(value).flatMap(([key, part]) => [...leavesOf(part, path === '' ? key : `${path}.${key}`)]),
  );
}
