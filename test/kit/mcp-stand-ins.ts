// Tools of MCP, and agents as tools, in a test: no server and no other run is started, so what they answer is the test's to say.
import { z } from 'zod';
import { withTools, type AnyAgent } from '../../activities/define/agent';
import type { McpToolbox } from '../../activities/define/mcp-toolbox';
import { defineTool, type AnyTool } from '../../activities/define/tool';
import { defineToolbox } from '../../activities/define/toolbox';
import { TestSetupError } from './test-setup-error';

/** @param overrides by name; they also say which tools a server has whose toolbox takes all */
export function withStandIns(agent: AnyAgent, overrides: { readonly [tool: string]: unknown }): AnyAgent {
  const own = agent.tools.map(({ name }) => name);
  const rest = Object.keys(overrides).filter((name) => !own.includes(name));
  const named = agent.toolboxes.flatMap((box) => box.offered ?? []);
  // Of several that take all, the first stands for each: which server has the tool, nobody can know here.
  const open = agent.toolboxes.find(({ tools }) => tools === 'all');
  const unnamed = open ? rest.filter((name) => !named.includes(name)).map((name) => standIn(open, name, {})) : [];
  const alone = { ...agent, tools: agent.tools.map(withoutRuns) };
  return withTools(alone, [...agent.toolboxes.flatMap(namedTools), ...unnamed]);
}

/** As for a server: one that is replaced has no toolbox in a test. */
const withoutRuns = ({ agent, ...tool }: AnyTool): AnyTool =>
  agent ? { ...tool, toolbox: defineToolbox({ name: tool.name }) } : tool;

/** @throws TestSetupError for a toolbox whose tools are those of a server, and for an agent among the tools */
export function requireNoServer({ toolboxes, tools }: AnyAgent, { name }: { name: string }): void {
  if (tools.some((tool) => tool.name === name && tool.agent))
    throw new TestSetupError(`agent ${name} is a tool here, and no test starts its runs: replace it in \`tools\`.`);
  if (toolboxes.some((box) => box.name === name))
    throw new TestSetupError(
      `a tool of toolbox ${name} is its server's, which no test starts: replace it in \`tools\`.`,
    );
}

const namedTools = (box: McpToolbox): AnyTool[] =>
  box.tools === 'all'
    ? []
    : Object.entries(box.tools).map(([tool, { as = tool, ...policies }]) => standIn(box, as, policies));

function standIn(box: McpToolbox, name: string, policies: object): AnyTool {
  return defineTool({
    effect: 'at-most-once',
    ...policies,
    name,
    description: `${name} of toolbox ${box.name}`,
    input: z.looseObject({}),
    output: z.json(),
    // A tool that is replaced has no toolbox in a test; what is left asks for the secrets of its own, and is told below.
    toolbox: defineToolbox({ name: box.name }),
    run: () => null,
  });
}
