// What code each tool of an agent is made of: the file that defines it, with all that it imports. Tools of one file have the same.
import path from 'node:path';
import { isTool } from '../activities/define';
import { agentCode } from './agent-code';
import type { FoundAgent } from './load-agents';
import { compileCache, loadSource, SOURCE_EXTENSIONS } from './source-loader';

/**
 * By the tool's name. A server's tools are not in it: what the server said of them is pinned in the release.
 * @throws AgentCodeError
 */
export async function toolCode(
  { agent, file }: Pick<FoundAgent, 'agent' | 'file'>,
  { stateDir }: { stateDir: string },
): Promise<{ [tool: string]: string }> {
  const codes = new Map([[file, await agentCode(file)]]);
  const exporting = new Map<string, string[]>();
  for (const input of codes.get(file)?.inputs ?? []) {
    if (input === file || !SOURCE_EXTENSIONS.includes(path.extname(input))) continue;
    for (const name of await toolsOf(input, stateDir)) {
      exporting.set(name, [...(exporting.get(name) ?? []), input]);
      if (!codes.has(input)) codes.set(input, await agentCode(input));
    }
  }
  const found: { [tool: string]: string } = {};
  for (const { name, mcp } of agent.tools) {
    const files = exporting.get(name) ?? [];
    // One that passes on another's tool is not its home.
    const home = files.find((one) => files.every((other) => other === one || !codes.get(one)?.inputs.includes(other)));
    const code = codes.get(home ?? file);
    if (code && !mcp) found[name] = code.hash;
  }
  return found;
}

/** None of a file that does not load by itself: it is counted as part of the agent's own. */
async function toolsOf(file: string, stateDir: string): Promise<string[]> {
  const exported: { [name: string]: unknown } = await loadSource(file, { cacheDir: compileCache(stateDir) }).catch(
    () => ({}),
  );
  return Object.values(exported).flatMap((value) => (isTool(value) ? [value.name] : []));
}
