// An agent under test: its own schemas, policies and tools, a scripted model, and no server.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import type { AgentInput, AgentOutput, AnyAgent } from '../../activities/define/agent';
import { createPrices, type ModelPrice, type Prices } from '../../activities/gateway/money/prices';
import { AS_PREFERRED, NO_QUOTA } from '../../activities/gateway/ports';
import type { McpToolbox } from '../../activities/define/mcp-toolbox';
import type { AnyTool, NeedsValue, ToolContext } from '../../activities/define/tool';
import { NO_METRICS } from '../../activities/no-metrics';
import type { ActivityDeps, LoadedAgent } from '../../activities/deps';
import { contextPlan } from '../../activities/context/context-plan';
import { describeAgent, jsonObject } from '../../activities/describe-agent';
import { issuesOf } from '../../activities/judge-answer';
import type { ModelRequest } from '../../activities/model/provider';
import { canonicalJson, objectHash } from '../../activities/store/canonical-json';
import { createConversation } from '../../activities/store/conversation';
import { filePart, filesIn } from '../../activities/store/file-parts';
import { createMemoryStore } from '../../activities/store/memory-store';
import { encodeMessage } from '../../activities/store/message-codec';
import type { ContentStore } from '../../activities/store/port';
import { previewOf } from '../../activities/store/preview';
import { directToolStore } from '../../activities/store/tool-store';
import type { FileRef, JsonValue, MessageHead, UserMessage } from '../../workflows/contract/message';
import type { AgentRunInput, AgentRunResult } from '../../workflows/contract/run';
import type { Script } from './script';
import { createScriptedProvider, SCRIPTED_PROVIDER, type ModelFunction } from './scripted-provider';
import { requireNoServer, withStandIns } from './mcp-stand-ins';
import { createTestPeople, type TestPeople } from './test-people';
import { startTestRun, type RunControls, type TestRun } from './test-run';
import { createVirtualClock } from './virtual-clock';
import { secretsFrom, watchTools, type WatchedToolCall } from './watched-tools';

type ToolsOf<A extends AnyAgent> = A['tools'][number];

/** What a tool override is handed beside its arguments: what its tool would get, without secrets, and the run it is part of. */
export interface TestToolContext<Needs> extends Omit<ToolContext<Needs, never>, 'secrets'> {
  test: RunControls;
}

/** Stands in for a tool's `run`: its arguments are parsed before, and its answer is checked after, by the tool's own schemas. */
export type ToolOverride<T extends AnyTool> = (
  args: z.output<T['input']>,
  context: TestToolContext<NeedsValue<NonNullable<T['needs']>>>,
) => z.input<T['output']> | Promise<z.input<T['output']>>;

/** Stands in for a tool of MCP, whose server no test starts: its arguments are those of the script, unchecked. */
export type McpToolOverride = (
  args: { [name: string]: JsonValue },
  context: TestToolContext<Record<never, never>>,
) => unknown;

type OfferedTo<A extends AnyAgent> = [A['toolboxes'][number]] extends [never]
  ? never
  : A['toolboxes'][number] extends McpToolbox<infer Offered>
    ? Offered
    : never;

export type ToolOverrides<A extends AnyAgent> = [ToolsOf<A> | OfferedTo<A>] extends [never]
  ? { [tool: string]: never }
  : { [T in ToolsOf<A> as T['name']]?: ToolOverride<T> } & {
      // Where the server says which tools there are, any name may be one of them.
      [Name in OfferedTo<A>]?: string extends Name ? unknown : McpToolOverride;
    };

export interface ModelCall extends Pick<ModelRequest, 'instructions' | 'messages' | 'tools' | 'output' | 'parameters'> {
  kind: 'model';
}
/** @see WatchedToolCall */
export type ToolCall<T extends AnyTool> = T extends AnyTool
  ? WatchedToolCall & { tool: T['name']; args: z.output<T['input']>; result?: z.input<T['output']> }
  : never;
export type TestCall<A extends AnyAgent> =
  ModelCall | ToolCall<ToolsOf<A>> | ([OfferedTo<A>] extends [never] ? never : WatchedToolCall);

interface CommonOptions {
  /** What the model says; a function decides at each attempt, and may fail or ask for patience. */
  model: Script | ModelFunction<{ test: RunControls }>;
  /** Where the agent's file is, for `fromFile` instructions. Without it, and where there is no such file, its name stands for the text. */
  dir?: string;
  /** For tools that run for real. Nothing is read from the environment. */
  secrets?: { readonly [name: string]: string };
  /** Where tools keep state. Default: a new folder among the system's temporary ones, which exists once a tool makes it. */
  stateDir?: string;
  /** Default: one in memory. */
  store?: ContentStore;
  /** Default: the beginning of 2026. */
  startAt?: Date;
  /** What its model costs. Default: nothing. */
  price?: ModelPrice;
}
export interface TestAgentOptions<A extends AnyAgent> extends CommonOptions {
  /** Replaces the code of tools, by name; the others run for real. */
  tools?: ToolOverrides<A>;
}

export interface TestStartOptions {
  /** Default: `run_1`, `run_2` and so on. */
  id?: string;
  /** Default: `test`. */
  tenant?: string;
  user?: string;
  session?: string;
  tags?: readonly string[];
}

export interface TestAgent<A extends AnyAgent> {
  /**
   * Starts a run; resolves when it waits for something, or has ended.
   * @throws Error when the input does not fit the agent, the id is taken, or the script is at its end
   */
  start(input: AgentInput<A>, options?: TestStartOptions): Promise<TestRun<AgentOutput<A>, TestCall<A>>>;
  /** Stores a file, to be named in an input or answered by a tool. */
  file(bytes: Uint8Array, about: { mediaType: string; name?: string }): Promise<FileRef>;
}

const START = Date.UTC(2026, 0, 1);

/**
 * Runs an agent without a server, in milliseconds: the run's own logic, the activities, the schemas and the retry policies are those of
 * production; the model is a script, the store is in memory, and waits and retries take no real time.
 * @throws Error when the definition has no release, or an override names no tool
 */
export function testAgent<A extends AnyAgent>(agent: A, options: TestAgentOptions<A>): TestAgent<A>;
export function testAgent(
  declared: AnyAgent,
  options: CommonOptions & { tools?: { readonly [tool: string]: unknown } },
): {
  start(input: unknown, options?: TestStartOptions): Promise<TestRun<unknown, ModelCall | WatchedToolCall>>;
  file: TestAgent<AnyAgent>['file'];
} {
  const agent = withStandIns(declared, options.tools ?? {});
  const store = options.store ?? createMemoryStore();
  const route = `${SCRIPTED_PROVIDER}/${agent.model}`;
  const context = contextPlan(agent.context, route);
  // A test's runs come one by one: none waits for others to share a call with.
  const { batch: _, ...described } = describeAgent(agent);
  const manifest = {
    ...described,
    instructions: instructionsOf(agent, options.dir),
    model: { route: [route], parameters: jsonObject(agent.parameters, 'parameters') },
    ...(context ? { context } : {}),
    code: '',
    orchestration: '',
  };
  const loaded: LoadedAgent = { agent, manifest, release: objectHash(canonicalJson(manifest)) };
  watchTools(agent, { overrides: options.tools ?? {}, calls: [], controls: noControls });
  const people = createTestPeople(manifest.plan);
  const shared: RunOnce['shared'] = {
    store,
    conversation: createConversation(store),
    toolStore: directToolStore(store),
    secretsOf: (toolbox) => {
      requireNoServer(declared, toolbox);
      return secretsFrom(options.secrets ?? {})(toolbox);
    },
    approvers: people.approvers,
    stateDir: options.stateDir ?? path.join(tmpdir(), `longhaul-test-${randomUUID()}`),
    worker: 'test',
    metrics: NO_METRICS,
    failpoint: () => Promise.resolve(),
  };
  const ids = new Set<string>();
  return {
    file: async (bytes, about) => {
      const [sha256 = ''] = (await store.commit({ objects: [bytes] })).hashes;
      return { sha256, bytes: bytes.length, ...about };
    },
    start: async (input, start = {}) => {
      const id = start.id ?? `run_${ids.size + 1}`;
      if (ids.has(id)) throw new Error(`run ${id} exists already: the same id is the same run.`);
      const first = await storeInput(store, loaded, input);
      ids.add(id);
      return await runOnce({ ...options, people, loaded, shared, id, first, labels: start });
    },
  };
}

interface RunOnce extends CommonOptions {
  loaded: LoadedAgent;
  people: TestPeople;
  shared: Omit<ActivityDeps, 'agents' | 'providers' | 'quota' | 'routing' | 'prices' | 'now'>;
  tools?: { readonly [tool: string]: unknown };
  id: string;
  first: MessageHead;
  labels: TestStartOptions;
}

async function runOnce(options: RunOnce): Promise<TestRun<unknown, ModelCall | WatchedToolCall>> {
  const { loaded, shared, labels, id } = options;
  const clock = createVirtualClock((options.startAt ?? new Date(START)).getTime());
  const calls: (ModelCall | WatchedToolCall)[] = [];
  let controls: RunControls | undefined;
  const theControls = (): RunControls => controls ?? noControls();
  const tools = watchTools(loaded.agent, { overrides: options.tools ?? {}, calls, controls: theControls });
  const provider = createScriptedProvider({
    model: options.model,
    context: () => ({ test: theControls() }),
    now: () => clock.now(),
    onRequest: ({ instructions, messages, tools, output, parameters }) =>
      calls.push({ kind: 'model', instructions, messages, tools, parameters, ...(output ? { output } : {}) }),
  });
  const mine = { ...loaded, agent: { ...loaded.agent, tools } };
  const input: AgentRunInput = {
    schemaVersion: 1,
    agent: loaded.manifest.agent,
    release: loaded.release,
    tenant: labels.tenant ?? 'test',
    ...(labels.user === undefined ? {} : { user: labels.user }),
    ...(labels.session === undefined ? {} : { session: labels.session }),
    tags: [...(labels.tags ?? [])],
    input: options.first,
    plan: loaded.manifest.plan,
  };
  return await startTestRun({
    id,
    input,
    clock,
    people: options.people,
    calls,
    deps: {
      ...shared,
      now: () => clock.now(),
      agents: { resolve: () => mine },
      providers: { resolve: (route) => ({ provider, model: route.slice(SCRIPTED_PROVIDER.length + 1) }) },
      quota: NO_QUOTA,
      routing: AS_PREFERRED,
      prices: pricesOf(loaded, options.price),
    },
    onControls: (given) => (controls = given),
    readOutput: (result) => readOutput(shared.store, loaded, result),
  });
}

function noControls(): RunControls {
  throw new Error('the run has not begun.');
}

function instructionsOf({ instructions }: AnyAgent, dir: string | undefined): string {
  if (typeof instructions === 'string') return instructions;
  const file = dir === undefined ? undefined : path.resolve(dir, instructions.fromFile);
  return file !== undefined && existsSync(file) ? readFileSync(file, 'utf8') : instructions.fromFile;
}

async function storeInput(store: ContentStore, { agent, manifest }: LoadedAgent, input: unknown): Promise<MessageHead> {
  const checked = agent.input.safeParse(input);
  if (!checked.success)
    throw new Error(`the input does not fit agent ${agent.name}: ${issuesOf(checked.error)}`, { cause: checked.error });
  // As a client stores it, which has only the manifest: with defaults, without the schema's transforms.
  const stored = manifest.input ? z.fromJSONSchema(manifest.input).parse(input) : input;
  const message: UserMessage = { role: 'user', parts: partsOf(stored) };
  const bytes = encodeMessage(message);
  await store.commit({ objects: [bytes] });
  return { hash: objectHash(bytes), role: 'user', preview: previewOf(message) };
}

/** As the model reads it. */
function partsOf(input: unknown): UserMessage['parts'] {
  if (typeof input === 'string') return [{ type: 'text', text: input }];
  const bytes = canonicalJson(input);
  const json = z.json().parse(JSON.parse(new TextDecoder().decode(bytes)));
  return [{ type: 'text', text: new TextDecoder().decode(bytes) }, ...filesIn(json).map(filePart)];
}

/** What it is was checked by the agent's schema before it was stored. */
async function readOutput(store: ContentStore, { manifest }: LoadedAgent, result: AgentRunResult): Promise<unknown> {
  const [bytes] = result.output ? await store.get([result.output.hash]) : [];
  const text = new TextDecoder().decode(bytes);
  return manifest.output ? JSON.parse(text) : text;
}

/** There is nobody to pay. */
function pricesOf({ manifest }: LoadedAgent, price: ModelPrice | undefined): Prices {
  const [route = ''] = manifest.model.route;
  return price ? createPrices({ prices: { [route]: price }, providers: [] }) : FREE;
}

const FREE: Prices = { nanoUsd: () => 0 };
