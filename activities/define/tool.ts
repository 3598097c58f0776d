import type { z } from 'zod';
import { DEFAULT_TOOL_ATTEMPTS, DEFAULT_TOOL_TIMEOUT_MS } from '../../workflows/contract/limits';
import type { FileRef } from '../../workflows/contract/message';
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
  /**
   * Names the action, for whoever must not do it twice: the same for every attempt, and with `repeats: 'same-action'` for every call of
   * the run with the same arguments. 32 hex digits.
   */
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

/** What has become of an action whose attempt was cut off. */
export type Reconciled<Output> =
  /** It was done: this is what `run` would have answered. */
  | { outcome: 'done'; output: Output }
  /** It was not, and nothing of it is under way any more: the tool may run. */
  | { outcome: 'not-done' }
  /** It cannot be told. */
  | { outcome: 'unknown' };

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
  /** Attempts of an `at-most-once` tool after the first ask what became of it, and run it only where nothing did. @default { attempts: 3 } */
  retry?: { attempts: number };
  /**
   * What it means when the model asks for the same arguments again in one run. `same-action` answers with what came of it the first time
   * and does nothing; `new-action` acts again, under a new key. For `keyed` and `at-most-once`. @default 'same-action'
   */
  repeats?: 'same-action' | 'new-action';
  /**
   * For `at-most-once`: looks up, by `effectKey` or by the arguments, what became of an attempt that was cut off. Changes nothing.
   * Without it such an outcome is unknown, and is said to be. With `poll`, its output is what `run` answers.
   */
  reconcile?(
    input: z.output<Input>,
    context: ToolContext<NeedsValue<Needs>, Secret>,
  ): Promise<Reconciled<z.input<Started>>> | Reconciled<z.input<Started>>;
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
  readonly reconcile: ((input: never, context: never) => unknown) | undefined;
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
  const { name, description, input, output, needs, toolbox, run, poll, reconcile } = definition;
  definitionName('tool', name);
  onlyKnownKeys(definition, TOOL_KEYS, `tool ${name}`);
  onlyKnownKeys(definition.retry ?? {}, ['attempts'], `tool ${name}: retry`);
  onlyKnownKeys(poll ?? {}, ['started', 'every', 'upTo', 'check'], `tool ${name}: poll`);
  const plan = { ...toolPlan(definition), ...(poll ? { poll: pollPlan(name, poll) } : {}) };
  if (reconcile && plan.effect !== 'at-most-once') {
    const why = 'an attempt that was cut off is looked up only where the tool must not run again';
    throw new Error(`tool ${name}: reconcile is for at-most-once tools: ${why}.`);
  }
  return { kind: 'tool', name, description, input, output, needs, toolbox, plan, run, poll, reconcile };
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
  'repeats',
  'reconcile',
  'run',
];
const EFFECTS: readonly Effect[] = ['read', 'idempotent', 'keyed', 'at-most-once'];
const REPEATS: readonly NonNullable<ToolPlan['repeats']>[] = ['same-action', 'new-action'];
const ON_FAILURE: readonly ToolPlan['onFailure'][] = ['tell-model', 'stop'];

function toolPlan(definition: {
  name: string;
  effect: Effect;
  timeout?: Duration;
  retry?: { attempts: number };
  repeats?: ToolPlan['repeats'];
  onFailure?: ToolPlan['onFailure'];
}): ToolPlan {
  const attempts = definition.retry?.attempts ?? DEFAULT_TOOL_ATTEMPTS;
  if (!Number.isInteger(attempts) || attempts < 1)
    throw new Error(`tool ${definition.name}: retry.attempts must be a whole number from 1.`);
  const acts = definition.effect === 'keyed' || definition.effect === 'at-most-once';
  if (definition.repeats !== undefined && !acts)
    throw new Error(`tool ${definition.name}: repeats is for keyed and at-most-once tools.`);
  const repeats = oneOf(definition.repeats ?? 'same-action', REPEATS, `tool ${definition.name}: repeats`);
  return {
    ...(acts ? { repeats } : {}),
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
