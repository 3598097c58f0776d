// Everything a run's behaviour depends on, as data with one hash.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { AnyAgent, Toolbox } from '../activities/define';
import { contextPlan } from '../activities/context/context-plan';
import type { LoadedAgent } from '../activities/deps';
import type { McpServers } from '../activities/mcp/mcp-servers';
import type * as mcpTools from '../activities/mcp/mcp-tools';
import { describeAgent, jsonObject, type AgentDescription, type ReleaseOf } from '../activities/describe-agent';
import { DEFAULT_QUEUE } from '../activities/define/queue';
import { canonicalJson, objectHash } from '../activities/store';
import type { ReleaseManifest } from '../workflows/contract/release';
import { withOrder } from '../workflows/contract/schemas/release-order';
import type { OwnToolPlan, ToolPlan } from '../workflows/contract/run';
import { codeOf, messageOf } from '../infra/temporal/error-reason';
import { agentCode } from './agent-code';
import { modelPlan, modelRoute, type RouteSettings } from './model-settings';
import type { PeopleSettings } from './people-settings';
import { packageVersion } from './package-version';
import type { QueuesByName } from './queue-settings';
import { requirePrices, type PricedBy } from './require-prices';

export interface BuildReleaseOptions {
  /** The agent's own file, absolute: instructions from a file are beside it. */
  file: string;
  settings: RouteSettings & Pick<PeopleSettings, 'approvals'> & PricedBy & { queues?: QueuesByName };
  /** Hash of the code, where the caller has it already. */
  code?: string;
  /** Releases of the agents among its tools. @throws Error in one line */
  releaseOf?: ReleaseOf;
  /** Ask the servers of the agent's toolboxes; an agent that has some cannot be released without. */
  mcp?: McpServers;
}

/**
 * The same definition, files and settings give the same release, in any folder and on any machine.
 * @throws Error in one line, naming what of the agent is unusable; AgentCodeError when its code cannot be bundled
 */
export async function buildRelease(declared: AnyAgent, options: BuildReleaseOptions): Promise<LoadedAgent> {
  const agent = await withServersTools(declared, options.mcp);
  const code = options.code ?? (await agentCode(options.file)).hash;
  const route = modelRoute(options.settings, agent.model);
  const queued = queueOf(agent, options.settings);
  requirePrices(agent, options.settings, options.settings.queues?.[queued.queue ?? '']?.degrade);
  const plan = modelPlan(options.settings, agent.model);
  const context = contextPlan(agent.context, route[0] ?? '');
  const manifest: ReleaseManifest = withOrder({
    ...inToolboxes(describeAgent(agent, options.settings.approvals, options.releaseOf), agent),
    instructions: await instructionsOf(agent, options.file),
    model: { route, ...(plan ? { plan } : {}), parameters: jsonObject(agent.parameters, 'parameters') },
    ...(context ? { context } : {}),
    ...queued,
    code,
    orchestration: packageVersion(),
  });
  return { agent, manifest, release: objectHash(canonicalJson(manifest)) };
}

/** A caller knows the release, and no configuration: so it stands there. */
function queueOf(
  { queue }: AnyAgent,
  { queues = {} }: Pick<BuildReleaseOptions['settings'], 'queues'>,
): Pick<ReleaseManifest, 'queue'> {
  if (queue === false) return {};
  if (queue === undefined) return Object.hasOwn(queues, DEFAULT_QUEUE) ? { queue: DEFAULT_QUEUE } : {};
  if (Object.hasOwn(queues, queue)) return { queue };
  const known = Object.keys(queues).join(', ') || 'none';
  throw new Error(`queue: "${queue}" is none of the queues in longhaul.config.ts (${known}).`);
}

/** Where its worker runs releases, each toolbox has a process: the plan sends the calls there. */
function inToolboxes(description: AgentDescription, { tools }: AnyAgent): AgentDescription {
  const { plan } = description;
  const placed = tools.map((tool): [string, ToolPlan] => {
    const { fallback, ...own } = plan.tools[tool.name] ?? tool.plan;
    const others = fallback?.map(({ name, plan: other }) => ({
      name,
      plan: placedIn(other, tool.fallback.find((candidate) => candidate.name === name)?.toolbox),
    }));
    return [tool.name, { ...placedIn(own, tool.toolbox), ...(others ? { fallback: others } : {}) }];
  });
  return { ...description, plan: { ...plan, tools: { ...plan.tools, ...Object.fromEntries(placed) } } };
}

const placedIn = (plan: OwnToolPlan, toolbox: Toolbox | undefined): OwnToolPlan =>
  toolbox ? { ...plan, toolbox: toolbox.name } : plan;

async function withServersTools(agent: AnyAgent, servers: McpServers | undefined): Promise<AnyAgent> {
  if (agent.toolboxes.length === 0) return agent;
  if (!servers) throw new Error('toolboxes: their servers cannot be asked here.');
  const { withMcpTools } = require('../activities/mcp/mcp-tools') as typeof mcpTools;
  return await withMcpTools(agent, servers);
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
