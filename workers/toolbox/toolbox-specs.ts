// Which toolboxes the loaded agents use, and what each needs.
import type { AnyTool } from '../../activities/define';
import type { ListedTool } from '../../activities/mcp/listed-tool';
import type { FoundAgent } from '../load-agents';
import type { SourceProblem } from '../source-loader';

export interface ToolboxSpec {
  name: string;
  /** Names of environment variables, in order. */
  secrets: string[];
  /** Of the agents that use it, absolute. */
  files: string[];
  /** What the servers of MCP of these agents offer, by toolbox: their releases are made from it in the toolbox's process too. */
  servers: { [toolbox: string]: ListedTool[] };
}

/** In order of their names. */
export function toolboxSpecs(agents: readonly FoundAgent[]): ToolboxSpec[] {
  const specs = new Map<string, ToolboxSpec>();
  for (const { agent, file } of agents)
    for (const { toolbox } of toolsOf(agent)) {
      if (!toolbox) continue;
      const spec = specs.get(toolbox.name) ?? newSpec(toolbox.name, inOrder(toolbox.secrets));
      specs.set(toolbox.name, spec);
      if (spec.files.includes(file)) continue;
      spec.files.push(file);
      Object.assign(spec.servers, serversOf(agent));
    }
  return [...specs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * One process cannot have the one set of secrets and the other. Neither agent is served: which secrets a tool got would depend on the order
 * of the files.
 */
export function toolboxConflicts(agents: readonly FoundAgent[]): SourceProblem[] {
  const seen = new Map<string, { secrets: string; file: string; agent: string }>();
  const problems = new Map<string, SourceProblem>();
  for (const { agent, file } of agents)
    for (const { toolbox } of toolsOf(agent)) {
      if (!toolbox) continue;
      const secrets = inOrder(toolbox.secrets).join(', ') || 'none';
      const first = seen.get(toolbox.name) ?? { secrets, file, agent: agent.name };
      seen.set(toolbox.name, first);
      if (first.secrets === secrets) continue;
      const named = `toolbox "${toolbox.name}" has other secrets in agent ${agent.name} (${secrets}) than in agent ${first.agent} (${first.secrets})`;
      const message = `${named}: define it once and import it, or rename one; neither is served.`;
      for (const at of [first.file, file]) problems.set(at, { file: at, message });
    }
  return [...problems.values()];
}

export const newSpec = (name: string, secrets: string[]): ToolboxSpec => ({ name, secrets, files: [], servers: {} });

export function serversOf({ tools }: FoundAgent['agent']): ToolboxSpec['servers'] {
  const servers: ToolboxSpec['servers'] = {};
  for (const { toolbox, mcp } of tools) if (toolbox && mcp) (servers[toolbox.name] ??= []).push(mcp.listed);
  return servers;
}

/** With those that stand in for others. */
const toolsOf = ({ tools }: FoundAgent['agent']): readonly AnyTool[] =>
  tools.flatMap((tool) => [tool, ...tool.fallback]);

const inOrder = (names: readonly string[]): string[] => [...new Set(names)].sort();
