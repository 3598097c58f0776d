import type { z } from 'zod';
import { DEFAULT_TOOL_ATTEMPTS, DEFAULT_TOOL_TIMEOUT_MS } from '../../workflows/contract/limits';
import type { FileRef, JsonValue } from '../../workflows/contract/message';
import type { McpPin, ToolManifest } from '../../workflows/contract/release';
import type { Effect, ToolPlan } from '../../workflows/contract/run';
import { definitionName } from './definition-name';
import { durationMs, type Duration } from './duration';
import { oneOf, onlyKnownKeys } from './known-keys';
import type { Toolbox } from './toolbox';

/** Files by reference: their bytes never enter a history or an argument. */
export interface ToolFiles {
  read(file: FileRef): Promise<Uint8Array>;
  /** Stores the bytes; durable once the call's record is. */
  write(bytes: Uint8Array, about: { mediaType: string; name?: string }): Promise<FileRef>;
}

/** What `needs` makes of the run's input: nothing where nothing was declared. */
export type NeedsValue<Needs extends z.ZodObject> = keyof Needs['shape'] extends never
  ? Record<never, never>
  : z.output<Needs>;

export interface ToolContext<Needs, Secret extends string> {
  /** The part of the run's input that the tool declared in `needs`. */
  input: Needs;
  /** Only those its toolbox declares. */
  secrets: { readonly [name in Secret]: string };
  /** The same for every attempt of this call, and for no other call. */
  effectKey: string;
  /** Aborted when the run is cancelled or the time is up. */
  signal: AbortSignal;
  files: ToolFiles;
  /** From 1. */
  attempt: number;
  run: { id: string; tenant: string; user?: string; session?: string };
  /** Where this project keeps its state (`.longhaul`), absolute. */
  stateDir: string;
}

/** Thrown by a tool to tell the model, in its own words, why it will not do this. Never retried. */
export class ToolRejection extends Error {
  override readonly name = 'ToolRejection';
}

/**
 * `Output` is bound by zod's core type, here and in an agent, because the compiler compares each schema with its bound member by member:
 * the full type has some seventy, the core type two, and in a project of 400 tools that is half of the time to check them.
 */
export interface ToolDefinition<
  Name extends string,
  Input extends z.ZodObject,
  Output extends z.core.$ZodType,
  Needs extends z.ZodObject,
  Secret extends string,
  Started extends z.core.$ZodType = Output,
> {
  name: Name;
  /** Written for the model. */
  description: string;
  input: Input;
  output: Output;
  /** How a repeat could matter to the world. */
  effect: Effect;
  /** One attempt. @default '30s' */
  timeout?: Duration;
  /** @default { attempts: 3 }; 1 for `at-most-once` */
  retry?: { attempts: number };
  /** After the last attempt. @default 'tell-model' */
  onFailure?: 'tell-model' | 'stop';
  toolbox?: Toolbox<Secret>;
  /** What the tool reads of the run's input, which the model cannot choose. */
  needs?: Needs;
  /** For work of minutes or hours: `run` begins it elsewhere and answers with what names it, and `check` asks for its outcome. */
  poll?: ToolPoll<Started, Output, Needs, Secret>;
  /** With `poll`, what it answers is not the output but what `poll.started` describes. */
  run(
    input: z.output<Input>,
    context: ToolContext<NeedsValue<Needs>, Secret>,
  ): Promise<z.input<Started>> | z.input<Started>;
}

/** Each question is a call of its own, and between two of them the run holds no worker: it survives restarts and outlasts deploys. */
export interface ToolPoll<
  Started extends z.core.$ZodType,
  Output extends z.core.$ZodType,
  Needs extends z.ZodObject,
  Secret extends string,
> {
  /** What `run` answers, an id for example. Kept with the call as JSON; the model does not see it. */
  started: Started;
  /** From one question to the next, at least a second. */
  every: Duration;
  /** From the beginning of the work; what has no outcome by then has timed out. */
  upTo: Duration;
  /** Undefined while there is no outcome. Changes nothing: it is asked as often as it takes, and again after a failure. */
  check(
    started: z.output<Started>,
    context: ToolContext<NeedsValue<Needs>, Secret>,
  ): Promise<z.input<Output> | undefined> | z.input<Output> | undefined;
}

export interface Tool<
  Name extends string = string,
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.core.$ZodType = z.core.$ZodType,
  Needs extends z.ZodObject = z.ZodObject,
> {
  readonly kind: 'tool';
  readonly name: Name;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly needs: Needs | undefined;
  readonly toolbox: Toolbox | undefined;
  readonly plan: ToolPlan;
  /** Takes what the schemas have parsed. */
  readonly run: (input: never, context: never) => unknown;
  readonly poll: { started: z.core.$ZodType; check: (started: never, context: never) => unknown } | undefined;
  /** Of a tool that a server of MCP has described. */
  readonly mcp?: {
    /** JSON Schema of its arguments, as the model is told it. */
    input: { [key: string]: JsonValue };
    pin: McpPin;
    /** The same tool, held to what another release says of it. */
    asIn(manifest: ToolManifest): AnyTool;
  };
}
export type AnyTool = Tool<string, z.ZodObject, z.core.$ZodType, z.ZodObject>;

/**
 * Declares a tool: schemas in and out, its effect, and what happens when it fails.
 * @throws Error when the name, a duration or a number is not usable
 */
export function defineTool<
  const Name extends string,
  Input extends z.ZodObject,
  Output extends z.core.$ZodType,
  Needs extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Secret extends string = never,
  Started extends z.core.$ZodType = Output,
>(definition: ToolDefinition<Name, Input, Output, Needs, Secret, Started>): Tool<Name, Input, Output, Needs> {
  const { name, description, input, output, needs, toolbox, run, poll } = definition;
  definitionName('tool', name);
  onlyKnownKeys(definition, TOOL_KEYS, `tool ${name}`);
  onlyKnownKeys(definition.retry ?? {}, ['attempts'], `tool ${name}: retry`);
  onlyKnownKeys(poll ?? {}, ['started', 'every', 'upTo', 'check'], `tool ${name}: poll`);
  const plan = { ...toolPlan(definition), ...(poll ? { poll: pollPlan(name, poll) } : {}) };
  return { kind: 'tool', name, description, input, output, needs, toolbox, plan, run, poll };
}

const TOOL_KEYS = [
  'name',
  'description',
  'input',
  'output',
  'effect',
  'timeout',
  'retry',
  'onFailure',
  'toolbox',
  'needs',
  'poll',
  'run',
];
const EFFECTS: readonly Effect[] = ['read', 'idempotent', 'keyed', 'at-most-once'];
const ON_FAILURE: readonly ToolPlan['onFailure'][] = ['tell-model', 'stop'];

function toolPlan(definition: {
  name: string;
  effect: Effect;
  timeout?: Duration;
  retry?: { attempts: number };
  onFailure?: ToolPlan['onFailure'];
}): ToolPlan {
  const attempts = definition.retry?.attempts ?? (definition.effect === 'at-most-once' ? 1 : DEFAULT_TOOL_ATTEMPTS);
  if (!Number.isInteger(attempts) || attempts < 1)
    throw new Error(`tool ${definition.name}: retry.attempts must be a whole number from 1.`);
  if (definition.effect === 'at-most-once' && attempts !== 1) {
    throw new Error(`tool ${definition.name}: an at-most-once tool has one attempt; take out retry.attempts.`);
  }
  return {
    effect: oneOf(definition.effect, EFFECTS, `tool ${definition.name}: effect`),
    timeoutMs:
      definition.timeout === undefined
        ? DEFAULT_TOOL_TIMEOUT_MS
        : durationMs(definition.timeout, `tool ${definition.name}: timeout`),
    attempts,
    onFailure: oneOf(definition.onFailure ?? 'tell-model', ON_FAILURE, `tool ${definition.name}: onFailure`),
  };
}

/** A question costs the history a timer and a call, some 1.5 KB. */
const MIN_POLL_MS = 1_000;

function pollPlan(name: string, { every, upTo }: { every: Duration; upTo: Duration }): NonNullable<ToolPlan['poll']> {
  const [everyMs, upToMs] = [
    durationMs(every, `tool ${name}: poll.every`),
    durationMs(upTo, `tool ${name}: poll.upTo`),
  ];
  if (everyMs < MIN_POLL_MS) throw new Error(`tool ${name}: poll.every must be a second at least.`);
  if (upToMs < everyMs) throw new Error(`tool ${name}: poll.upTo must not be shorter than poll.every.`);
  return { everyMs, upToMs };
}

export const isTool = (value: unknown): value is AnyTool =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tool' && 'run' in value;
