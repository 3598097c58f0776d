// The servers of MCP that agents name, for as long as a worker runs, or for one look at what there is.
import { createMcpServers, type McpServers } from '../activities/mcp/mcp-servers';
import type { ActivityDeps } from '../activities/deps';
import type { Settings } from './config';
import { loadAgents, type LoadedAgents } from './load-agents';
import { secretsFrom } from './secrets-from';

export const mcpServersFor = (secretsOf: ActivityDeps['secretsOf']): McpServers => createMcpServers({ secretsOf });

/** For commands that only look: the servers that are started for it are ended again. */
export async function loadAgentsOnce(settings: Settings): Promise<LoadedAgents> {
  const mcp = mcpServersFor(secretsFrom(settings.secret));
  try {
    return await loadAgents({ dir: settings.agentsDir, settings, mcp });
  } finally {
    await mcp.close();
  }
}
