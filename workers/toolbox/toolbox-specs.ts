// Which toolboxes the loaded agents use, and what each needs.
import type { AnyTool, McpToolbox, QueueRate, ToolboxLimits } from '../../activities/define';
import type { ListedTool } from '../../activities/mcp/listed-tool';
import type { FoundAgent } from '../load-agents';
import type { SourceProblem } from '../source-loader';

export interface ToolboxSpec {
  name: string;
  /** Names of environment variables, in order. */
  secrets: string[];
  limits: ToolboxLimits;
  /** Of tools that have a queue of their own, by name; null where the rate is not known any more. */
  rates: { [tool: string]: QueueRate | null };
  /** Of the agents that use it, absolute. */
  files: string[];
  /**
   * What the servers of MCP of all agents offer, by `serverOf`: releases are made from it in the toolbox's process too. Of all, because a
   * file is loaded as a whole there, with agents that do not use this toolbox.
   */
  servers: { [server: string]: ListedTool[] };
}

/** In order of their names. */
export function toolboxSpecs(agents: readonly FoundAgent[]): ToolboxSpec[] {
  const specs = new Map<string, ToolboxSpec>();
  const servers = serversOf(agents);
  for (const { agent, file } of agents)
    for (const tool of toolsOf(agent)) {
      if (!tool.toolbox) continue;
      const { name, secrets, limits } = tool.toolbox;
      const spec = specs.get(name) ?? { name, secrets: inOrder(secrets), limits, rates: {}, files: [], servers };
      specs.set(name, spec);
      if (tool.rate) spec.rates[tool.name] = tool.rate;
      if (!spec.files.includes(file)) spec.files.push(file);
    }
  return [...specs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * One process cannot have the one set of secrets and the other, nor two limits. Neither agent is served: which secrets a tool got would
 * depend on the order of the files.
 */
export function toolboxConflicts(agents: readonly FoundAgent[]): SourceProblem[] {
  const seen = new Map<string, { value: string; file: string; agent: string }>();
  const problems = new Map<string, SourceProblem>();
  for (const { agent, file } of agents)
    for (const { what, value } of toolsOf(agent).flatMap(described)) {
      const first = seen.get(what) ?? { value, file, agent: agent.name };
      seen.set(what, first);
      if (value === first.value) continue;
      const named = `${what} in agent ${agent.name} (${value}) than in agent ${first.agent} (${first.value})`;
      const message = `${named}: define it once and import it, or rename one; neither is served.`;
      for (const at of [first.file, file]) if (!problems.has(at)) problems.set(at, { file: at, message });
    }
  return [...problems.values()];
}

/** What its process and its worker are started with: where that changes, they are started anew. */
export const startedWith = ({ secrets, limits, rates }: Pick<ToolboxSpec, 'secrets' | 'limits' | 'rates'>): string =>
  JSON.stringify([secrets, limits, Object.entries(rates).sort(([a], [b]) => (a < b ? -1 : 1))]);

/** What all who use a toolbox must say alike, and how it is told where they do not. */
function described({ name, toolbox, rate }: AnyTool): { what: string; value: string }[] {
  if (!toolbox) return [];
  const box = `toolbox "${toolbox.name}"`;
  return [
    { what: `${box} has other secrets`, value: inOrder(toolbox.secrets).join(', ') || 'none' },
    { what: `${box} has other limits`, value: JSON.stringify(toolbox.limits) },
    { what: `tool ${name} of ${box} has another rate`, value: rate ? JSON.stringify(rate) : 'none' },
  ];
}

/** Two agents may name one server's toolbox and take other tools of it, or give one name to two servers. */
export const serverOf = ({ name, server }: Pick<McpToolbox, 'name' | 'server'>): string =>
  JSON.stringify([name, server]);

/** Of a server, what any of the agents takes. */
export function serversOf(agents: readonly FoundAgent[]): ToolboxSpec['servers'] {
  const servers = new Map<string, Map<string, ListedTool>>();
  for (const { agent } of agents)
    for (const box of agent.toolboxes) {
      const listed = servers.get(serverOf(box)) ?? new Map<string, ListedTool>();
      servers.set(serverOf(box), listed);
      for (const { toolbox, mcp } of agent.tools)
        if (toolbox?.name === box.name && mcp) listed.set(mcp.listed.name, mcp.listed);
    }
  return Object.fromEntries([...servers].map(([server, listed]) => [server, [...listed.values()]]));
}

/** With those that stand in for others. */
const toolsOf = ({ tools }: FoundAgent['agent']): readonly AnyTool[] =>
  tools.flatMap((tool) => [tool, ...tool.fallback]);

const inOrder = (names: readonly string[]): string[] => [...new Set(names)].sort();
