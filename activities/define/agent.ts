import { z } from 'zod';
import {
  DEFAULT_MODEL_ATTEMPTS,
  DEFAULT_MODEL_TIMEOUT_MS,
  DEFAULT_REPAIRS,
  DEFAULT_TOOL_CALLS,
  DEFAULT_TURNS,
} from '../../workflows/contract/limits';
import type { CachePlan } from '../../workflows/contract/cache';
import type { LoopPlan } from '../../workflows/contract/loops';
import type { JsonValue } from '../../workflows/contract/message';
import type { BatchPlan } from '../../workflows/contract/release';
import type { RunPlan } from '../../workflows/contract/run';
import { checkedLimits, wholeNumber, type AgentLimits } from './agent-limits';
import { requireBounded } from './agent-tool';
import { rulesFor, type ApprovalPolicyFor, type RuleFor } from './approval';
import { cachePlan, type CacheOptions } from './cache';
import { batchPlan, type BatchOptions } from './batch';
import { checkedContext, type ContextOptions } from './context';
import { definitionName } from './definition-name';
import { durationMs, type Duration } from './duration';
import type { FromFile } from './from-file';
import { onlyKnownKeys } from './known-keys';
import { loopPlan, type LoopOptions } from './loops';
import { QUEUE_NAME } from './queue';
import type { McpToolbox } from './mcp-toolbox';
import { modePlan, withinSync, type AgentMode, type ModePlan, type SessionOptions, type SyncOptions } from './modes';
import type { AnyTool, Tool } from './tool';

type AnyInput = z.ZodObject | z.ZodString;

/**
 * Whether an agent's input has what a tool needs of it. Compared as a caller writes it, before defaults: that is what is stored, and
 * what the tool's `needs` then parses.
 */
type Serves<Input, Needs extends z.ZodObject> = keyof Needs['shape'] extends never
  ? true
  : Input extends string
    ? false
    : Pick<Input, keyof Input & keyof z.input<Needs>> extends z.input<Needs>
      ? true
      : false;

/** Tools whose `needs` the agent's input can serve; any other is an error where it is listed. */
type FittingTools<Input extends AnyInput, Tools extends readonly AnyTool[]> = {
  [K in keyof Tools]: Tools[K] extends Tool<string, z.ZodObject, z.core.$ZodType, infer Needs>
    ? Serves<z.input<Input>, Needs> extends true
      ? Tools[K]
      : { error: 'the agent input lacks what this tool needs'; needs: z.input<Needs> }
    : never;
};

export interface AgentDefinition<
  Name extends string,
  Input extends AnyInput,
  Output extends z.core.$ZodType,
  Tools extends readonly AnyTool[],
  Toolboxes extends readonly McpToolbox[],
> {
  name: Name;
  description?: string;
  /**
   * How callers use it. `async`: a run is started, and its result is fetched. `sync`: a call is answered within `sync.within`, or becomes a job.
   * `session`: a persistent agent, whose conversation goes on from message to message. @default 'async'
   */
  mode?: AgentMode;
  /** Of mode `sync`. */
  sync?: SyncOptions;
  /** Of mode `session`. */
  session?: SessionOptions;
  /** An alias of `longhaul.config.ts`, or `provider/model`. @default 'default' */
  model?: string;
  /** `temperature`, `maxOutputTokens`, `reasoningEffort`, and what else the provider's API takes, by its name. */
  parameters?: { [key: string]: JsonValue };
  instructions: string | FromFile;
  /** @default z.string() */
  input?: Input;
  /** @default z.string(): the model's text as it is */
  output?: Output;
  tools?: Tools & FittingTools<Input, Tools>;
  /** Servers of MCP: their tools join the others when a release is made. */
  toolboxes?: Toolboxes;
  limits?: AgentLimits;
  /** Of its tools, beside their own and the configuration's: all that hold must be satisfied. */
  approvals?: readonly ApprovalPolicyFor[];
  /** Unusable answers in a row that are sent back to the model before the run fails. @default 2 */
  repairs?: number;
  /** What keeps long conversations inside the model's window; false leaves them as they are. @default see its parts */
  context?: false | ContextOptions;
  /** When the model is told that it goes round in circles, and when the run is stopped; false for never. @default see its parts */
  loops?: false | LoopOptions;
  /** Answers are given again to who asks the same in the tenant, and asked once where many ask at a time. @default false */
  cache?: boolean | CacheOptions;
  /** Short tasks share calls: what waits at a worker at the same time is asked at once. @default each has its own */
  batch?: BatchOptions;
  /** One of the configuration's, where its runs wait for a place; false for none. @default 'default' where the configuration has that */
  queue?: string | false;
  /** One model call, streaming included. @default '10m' */
  timeout?: Duration;
}

export interface Agent<
  Name extends string = string,
  Input extends AnyInput = AnyInput,
  Output extends z.core.$ZodType = z.core.$ZodType,
  Tools extends readonly AnyTool[] = readonly AnyTool[],
  Toolboxes extends readonly McpToolbox[] = readonly McpToolbox[],
> {
  readonly kind: 'agent';
  readonly name: Name;
  readonly description: string | undefined;
  readonly model: string;
  readonly parameters: { [key: string]: JsonValue };
  readonly instructions: string | FromFile;
  readonly input: Input;
  readonly output: Output;
  readonly tools: Tools;
  readonly toolboxes: Toolboxes;
  readonly plan: RunPlan;
  readonly context: false | ContextOptions;
  readonly loops: LoopPlan | undefined;
  readonly cache: CachePlan | undefined;
  readonly batch: BatchPlan | undefined;
  readonly queue: string | false | undefined;
  readonly mode: ModePlan;
  readonly approvals: readonly RuleFor[];
}
export type AnyAgent = Agent;
/** What a caller passes to `start`. */
export type AgentInput<A> = A extends Agent<string, infer Input, z.core.$ZodType> ? z.input<Input> : never;
/** What a completed run answers. */
export type AgentOutput<A> = A extends Agent<string, AnyInput, infer Output> ? z.output<Output> : never;

type AnyDefinition = AgentDefinition<string, AnyInput, z.core.$ZodType, readonly AnyTool[], readonly McpToolbox[]>;

/**
 * Declares an agent. Types of input, output and tools are inferred; policies are data.
 * @throws Error when a name is unusable or used twice, or a limit is not a positive number
 */
export function defineAgent<
  const Name extends string,
  Input extends AnyInput = z.ZodString,
  Output extends z.core.$ZodType = z.ZodString,
  const Tools extends readonly AnyTool[] = readonly [],
  const Toolboxes extends readonly McpToolbox[] = readonly [],
>(definition: AgentDefinition<Name, Input, Output, Tools, Toolboxes>): Agent<Name, Input, Output, Tools, Toolboxes>;
export function defineAgent(definition: AnyDefinition): AnyAgent {
  const tools: readonly AnyTool[] = definition.tools ?? [];
  // Not `??`: null is no way to leave it out.
  const { context = {}, loops = {}, cache = false } = definition;
  definitionName('agent', definition.name);
  onlyKnownKeys(definition, AGENT_KEYS, `agent ${definition.name}`);
  const mode = modePlan(definition);
  requireOneEach(definition.name, tools);
  requireBounded(definition.name, tools);
  const plan = withinSync(runPlan(definition.name, definition, tools), definition, mode);
  return {
    kind: 'agent',
    name: definition.name,
    description: definition.description,
    model: definition.model ?? 'default',
    parameters: definition.parameters ?? {},
    instructions: definition.instructions,
    input: definition.input ?? z.string(),
    output: definition.output ?? z.string(),
    tools,
    toolboxes: definition.toolboxes ?? [],
    plan,
    context: checkedContext(definition.name, context, offeredTools(tools, definition.toolboxes ?? [])),
    loops: loopPlan(definition.name, loops),
    cache: cachePlan(definition.name, cache, tools.length + (definition.toolboxes ?? []).length > 0),
    batch: batchOf(definition, plan),
    queue: checkedQueue(definition.name, definition.queue),
    mode,
    approvals: rulesFor(definition.approvals ?? [], `agent ${definition.name}: approvals`),
  };
}

function requireOneEach(agent: string, tools: readonly AnyTool[]): void {
  const twice = tools.find((tool, at) => tools.findIndex((other) => other.name === tool.name) !== at);
  if (twice) throw new Error(`agent ${agent}: two tools are named "${twice.name}"; rename one.`);
}

/** @throws Error when a name is taken */
export function withTools(agent: AnyAgent, more: readonly AnyTool[]): AnyAgent {
  const tools = [...agent.tools, ...more];
  requireOneEach(agent.name, tools);
  return { ...agent, tools, plan: { ...agent.plan, tools: toolPlans(tools) } };
}

/** Undefined where a server says which there are. */
function offeredTools(tools: readonly AnyTool[], toolboxes: readonly McpToolbox[]): string[] | undefined {
  const offered = toolboxes.map((box) => box.offered);
  const all = offered.flatMap((names) => names ?? []);
  return offered.includes(undefined) ? undefined : [...tools.map(({ name }) => name), ...all];
}

const toolPlans = (tools: readonly AnyTool[]): RunPlan['tools'] =>
  Object.fromEntries(tools.map((tool) => [tool.name, tool.plan]));

const AGENT_KEYS = [
  'name',
  'description',
  'mode',
  'sync',
  'session',
  'model',
  'parameters',
  'instructions',
  'input',
  'output',
  'tools',
  'toolboxes',
  'limits',
  'repairs',
  'timeout',
  'context',
  'loops',
  'cache',
  'approvals',
  'batch',
  'queue',
];

/** Without types a definition may say anything. */
function checkedQueue(agent: string, queue: unknown): string | false | undefined {
  if (queue === undefined || queue === false || (typeof queue === 'string' && QUEUE_NAME.test(queue))) return queue;
  throw new Error(
    `agent ${agent}: queue: ${JSON.stringify(queue) ?? 'that'} is neither the name of a queue nor false.`,
  );
}

function batchOf(
  { name, batch, tools = [], toolboxes = [], parameters = {} }: AnyDefinition,
  { model: { timeoutMs } }: RunPlan,
): BatchPlan | undefined {
  if (batch === undefined) return undefined;
  return batchPlan(batch, { name, tools: [...tools, ...toolboxes].map((one) => one.name), timeoutMs, parameters });
}

interface PlanOptions {
  limits?: AgentLimits;
  repairs?: number;
  timeout?: Duration;
}

function runPlan(
  name: string,
  { limits = {}, repairs = DEFAULT_REPAIRS, timeout }: PlanOptions,
  tools: readonly AnyTool[],
): RunPlan {
  return {
    limits: { turns: DEFAULT_TURNS, toolCalls: DEFAULT_TOOL_CALLS, ...checkedLimits(limits, `agent ${name}`) },
    model: {
      timeoutMs: timeout === undefined ? DEFAULT_MODEL_TIMEOUT_MS : durationMs(timeout, `agent ${name}: timeout`),
      attempts: DEFAULT_MODEL_ATTEMPTS,
    },
    tools: toolPlans(tools),
    repairs: wholeNumber(repairs, `agent ${name}: repairs`, 0),
  };
}

export const isAgent = (value: unknown): value is AnyAgent =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  value.kind === 'agent' &&
  'plan' in value &&
  'instructions' in value;
