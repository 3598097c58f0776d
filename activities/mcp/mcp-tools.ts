// Tools of MCP as tools of an agent: made when its release is, from what the server says, and pinned to that.
import { z } from 'zod';
import type { JsonValue } from '../../workflows/contract/message';
import type { ToolManifest } from '../../workflows/contract/release';
import { withTools, type AnyAgent } from '../define/agent';
import type { McpToolbox, McpToolOptions } from '../define/mcp-toolbox';
import { defineTool, type AnyTool, type ToolContext } from '../define/tool';
import { argumentsBy, valueBy } from './json-schema';
import { pinOf, type ListedTool } from './listed-tool';
import { mcpOutput } from './mcp-result';
import type { McpServers } from './mcp-servers';

/**
 * The agent with the tools that its servers offer now.
 * @throws Error in one line, naming the toolbox, when a server does not start, lacks a tool, or describes one that cannot be used
 */
export async function withMcpTools(agent: AnyAgent, servers: McpServers): Promise<AnyAgent> {
  const tools: AnyTool[] = [];
  for (const box of agent.toolboxes) tools.push(...(await toolsOf(box, servers)));
  return withTools(agent, tools);
}

async function toolsOf(box: McpToolbox, servers: McpServers): Promise<AnyTool[]> {
  const listed = await servers.list(box);
  const names = box.tools === 'all' ? listed.map(({ name }) => name).sort() : Object.keys(box.tools);
  return names.map((name) => {
    const tool = listed.find((one) => one.name === name);
    if (tool) return mcpTool(box, tool, servers);
    const there = listed.map((one) => one.name).join(', ') || 'none';
    throw new Error(`toolbox ${box.name}: its server has no tool "${name}". Its tools: ${there}.`);
  });
}

function mcpTool(box: McpToolbox, listed: ListedTool, servers: McpServers): AnyTool {
  const { as = listed.name, ...policies }: McpToolOptions = box.tools === 'all' ? {} : (box.tools[listed.name] ?? {});
  const tool = explained(box, listed, () =>
    defineTool({
      effect: 'at-most-once',
      ...policies,
      name: as,
      description: listed.description,
      input: argumentsBy(listed.input),
      output: listed.output ? valueBy(listed.output) : z.json(),
      toolbox: { kind: 'toolbox', name: box.name, secrets: box.secrets, limits: box.limits },
      run: () => null,
    }),
  );
  const run = async (args: unknown, { secrets, signal, files }: ToolContext<unknown, string>): Promise<unknown> => {
    const result = await servers.call(box, listed, { args: jsonArguments.parse(args), secrets, signal });
    return await mcpOutput(result, { isStructured: listed.output !== undefined, files });
  };
  const { $schema, ...input } = listed.input;
  const dialect = typeof $schema === 'string' ? { dialect: $schema } : {};
  const output = listed.output ? { output: listed.output } : {};
  return {
    ...tool,
    run,
    mcp: {
      input,
      listed,
      pin: { tool: listed.name, schemas: pinOf(listed), ...dialect, ...output },
      asIn: (manifest) => mcpTool(box, pinnedIn(manifest, listed), servers),
    },
  };
}

const jsonArguments = z.record(z.string(), z.json());

/** As the release of a run has it, which may be older than the one that this worker has made. */
function pinnedIn({ description, input, mcp }: ToolManifest, listed: ListedTool): ListedTool {
  if (!mcp) return listed;
  const { tool, dialect, output } = mcp;
  const schema: { [key: string]: JsonValue } = dialect === undefined ? input : { $schema: dialect, ...input };
  return { name: tool, description, input: schema, ...(output ? { output } : {}) };
}

function explained<T>(box: McpToolbox, { name }: ListedTool, make: () => T): T {
  try {
    return make();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`toolbox ${box.name}: tool "${name.slice(0, 64)}" cannot be used: ${why}`, { cause: error });
  }
}
