// The servers of MCP that agents name, for as long as it takes to ask them for their tools.
import { createMcpServers } from '../activities/mcp/mcp-servers';
import type { Settings } from './config';
import { loadAgents, type LoadedAgents } from './load-agents';
import { secretsFrom } from './secrets-from';

/**
 * The servers that are started for it are ended again: calls are made in the processes of toolboxes, and one that holds a file or a port
 * could not be started there beside itself.
 */
export async function loadAgentsOnce(settings: Settings): Promise<LoadedAgents> {
  const mcp = createMcpServers({ secretsOf: secretsFrom(settings.secret) });
  try {
    return await loadAgents({ dir: settings.agentsDir, settings, mcp });
  } finally {
    await mcp.close();
  }
}
