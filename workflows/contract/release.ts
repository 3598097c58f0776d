// The release manifest: everything a run's behaviour depends on, as data. Its canonical JSON is stored as an object and its
// SHA-256 is the release hash. A caller starts runs from the manifest alone, so it needs no tool code.
import type { CachePlan } from './cache';
import type { ContextPlan } from './context';
import type { LoopPlan } from './loops';
import type { JsonValue } from './message';
import type { RunPlan } from './run';
import type { SessionPlan } from './session';

export interface ToolManifest {
  name: string;
  description: string;
  /** JSON Schema (draft 2020-12) of the arguments. */
  input: { [key: string]: JsonValue };
  toolbox?: string;
  /** Of a tool that a server of MCP offers. */
  mcp?: McpPin;
}

/** With description and arguments, all that the server said of the tool when the release was made: what says otherwise is another tool. */
export interface McpPin {
  /** Its name on the server. */
  tool: string;
  /** SHA-256 of what it said. */
  schemas: string;
  /** `$schema` of the arguments, which the model is not told. */
  dialect?: string;
  /** JSON Schema of its structured content. */
  output?: { [key: string]: JsonValue };
}

export interface ModelManifest {
  /** As `provider/model`, resolved from the alias when the release was made. Asked in this order, unless `plan` has weights. */
  route: string[];
  /** Absent where the route is a plain list, and in releases of before there was any. */
  plan?: RoutePlan;
  parameters: { [key: string]: JsonValue };
}

/** Failures that are an answer of the model's own: another is asked only where the route says so. */
export const DIVERTED_ANSWERS = ['Model.ContentFiltered', 'Model.Refused'] as const;
export type DivertedAnswer = (typeof DIVERTED_ANSWERS)[number];

/** How a route is taken, apart from its order. */
export interface RoutePlan {
  /** Of each entry of the route: the share of runs that ask it first. Absent: the order stands. */
  weights?: number[];
  /** A wait for quota above it goes to the next entry instead. */
  spillOverMs?: number;
  /** The first token of an answer that takes longer is not waited for, where another entry can be asked. @default learned */
  firstTokenWithinMs?: number;
  /** Also on these the next entry is asked. */
  divertOn?: DivertedAnswer[];
}

/** Of an agent whose short tasks share calls. */
export interface BatchPlan {
  /** Tasks of one call. */
  size: number;
  /** How long the first of them waits for others. */
  delayMs: number;
  /** Of one call, both ways. Absent where it follows from the model's window. */
  tokens?: number;
  /** Only those of one user. Absent where the tenant's may stand side by side. */
  within?: 'user';
}

/** Of an agent that answers calls: a run that takes longer has become a job. */
export interface SyncPlan {
  withinMs: number;
  /** Of the model, at most: a limit of the run, too. */
  calls: number;
}

export interface ReleaseManifest {
  schemaVersion: 1;
  agent: string;
  description?: string;
  instructions: string;
  model: ModelManifest;
  tools: ToolManifest[];
  /** JSON Schema of the run's input; absent when the input is plain text. */
  input?: { [key: string]: JsonValue };
  /** JSON Schema of the output; absent when the output is plain text. */
  output?: { [key: string]: JsonValue };
  plan: RunPlan;
  /** Absent in releases of before there was any: their conversations are never edited. */
  context?: ContextPlan;
  /** Absent where the agent wants none, and in releases of before there was any: no loop is looked for. */
  loops?: LoopPlan;
  /** Absent where every question is asked. */
  cache?: CachePlan;
  /** Absent where each task has a call of its own. */
  batch?: BatchPlan;
  /** Where its runs wait for a place. Absent where they begin at once. */
  queue?: string;
  /** The release that this one stands in for under load: the same but for its route. Its code is that one's. */
  degradedFrom?: string;
  /** Of an agent that answers calls. */
  sync?: SyncPlan;
  /** Of a persistent agent. */
  session?: SessionPlan;
  /**
   * Parameters and schemas that a model is sent, as JSON text with their keys as the author wrote them: everything else here is stored
   * sorted. Absent where they were written sorted, and from releases of before it was kept.
   */
  written?: string;
  /** SHA-256 of the bundled code of the agent and its tools. */
  code: string;
  /** Version of the orchestration code that made it. */
  orchestration: string;
}
