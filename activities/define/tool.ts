import type { z } from 'zod';
import type { ApprovalRule } from '../../workflows/contract/approval';
import type { FileRef, JsonValue } from '../../workflows/contract/message';
import type { McpPin, ToolManifest } from '../../workflows/contract/release';
import type { Effect, RunLimits, ToolPlan } from '../../workflows/contract/run';
import type { AnyAgent } from './agent';
import { approvalRules, type ApprovalPolicy } from './approval';
import { definitionName } from './definition-name';
import type { Duration } from './duration';
import { onlyKnownKeys } from './known-keys';
import { toolPlan } from './tool-plan';
import type { Toolbox } from './toolbox';
import { rateOf, type CallRate, type QueueRate } from './toolbox-limits';

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
  /** Of the call's span, as W3C Trace Context writes it: to be passed on to what the tool calls. Absent where nothing is traced. */
  traceparent?: string;
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
  /** @default { attempts: 3 } */
  retry?: ToolRetry;
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
  /** Other tools for the same arguments, tried in this order once this one has failed for good: not after a rejection. Three at most. */
  fallback?: readonly FallbackTool<Input>[];
  /**
   * After the last attempt of the last fallback. `escalate` asks a person, by the people and deadlines of `approval`: try again, tell the
   * model, or give the result by hand. @default 'tell-model'
   */
  onFailure?: 'tell-model' | 'stop' | 'escalate';
  /**
   * Who must agree before it is called: policies of which all that hold must be satisfied, with those of the agent and the configuration;
   * false where nobody need. @default anybody must, for `keyed` and `at-most-once`; nobody for others
   */
  approval?: false | ApprovalPolicy<Argument<Input>> | readonly ApprovalPolicy<Argument<Input>>[];
  /** An effect that needs no order runs beside others of its turn; otherwise it has its turn alone, as the model asked. @default false */
  independent?: boolean;
  /** How many calls of the tool one run makes at once. @default no limit */
  atOnce?: number;
  /** How many calls of the tool are begun in a time, by all runs and workers together; its toolbox has the process. @default no limit */
  rate?: CallRate;
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

type Argument<Input extends z.ZodObject> = keyof z.input<Input> & string;

export interface ToolRetry {
  /** In all. Those of an `at-most-once` tool after the first ask what became of it, and run it only where nothing did. @default 3 */
  attempts?: number;
  /** Between attempts: from `first`, `factor` times as long each time, `most` at most; each is up to a quarter shorter or longer. */
  backoff?: {
    /** @default '500ms' */
    first?: Duration;
    /** @default 2 */
    factor?: number;
    /** @default '20s' */
    most?: Duration;
  };
  /** Names or codes of errors (`error.name`, `error.code`) that another attempt would not mend. */
  nonRetryable?: readonly string[];
}

/** Whatever a model may ask of the tool, this one must take. */
type FallbackTool<Input extends z.ZodObject> = Tool<string, z.ZodObject<Input['shape']>, z.core.$ZodType>;

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
  /** In the order in which they are tried. */
  readonly fallback: readonly AnyTool[];
  readonly nonRetryable: readonly string[];
  /** Undefined: as its toolbox. */
  readonly rate: QueueRate | undefined;
  /** False: nobody. Undefined: nothing was said. */
  readonly approval: readonly ApprovalRule[] | false | undefined;
  /** Of a tool that is an agent: a call of it is a run. */
  readonly agent?: { agent: AnyAgent; limits: Partial<RunLimits> };
  /** Of a tool that a server of MCP has described. */
  readonly mcp?: {
    /** JSON Schema of its arguments, as the model is told it. */
    input: { [key: string]: JsonValue };
    pin: McpPin;
    /** As the server describes it. */
    listed: {
      name: string;
      description: string;
      input: { [key: string]: JsonValue };
      output?: { [key: string]: JsonValue };
    };
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
  const { name, description, input, output, needs, toolbox, run, poll, reconcile, fallback = [], retry } = definition;
  definitionName('tool', name);
  onlyKnownKeys(definition, TOOL_KEYS, `tool ${name}`);
  const plan = toolPlan(definition);
  if (reconcile && plan.effect !== 'at-most-once') {
    const why = 'an attempt that was cut off is looked up only where the tool must not run again';
    throw new Error(`tool ${name}: reconcile is for at-most-once tools: ${why}.`);
  }
  if (definition.rate && !toolbox)
    throw new Error(`tool ${name}: a rate is kept for the process of a toolbox, and it has none: give it a toolbox.`);
  const rate = definition.rate && rateOf(definition.rate, `tool ${name}: rate`);
  const nonRetryable = retry?.nonRetryable ?? [];
  const approval = approvalRules(definition.approval, `tool ${name}: approval`);
  const given = { name, description, input, output, needs, toolbox, plan, run, poll, reconcile };
  return { kind: 'tool', ...given, fallback, nonRetryable, approval, rate };
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
  'fallback',
  'independent',
  'atOnce',
  'rate',
  'approval',
  'run',
];
export const isTool = (value: unknown): value is AnyTool =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tool' && 'run' in value;
