// `longhaul mcp`: runs as other agents read them, over the Model Context Protocol on standard input and output. It changes nothing.
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { packageVersion } from '../../../workers/package-version';
import { createContext, type CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { MCP_INSTRUCTIONS, offerTools, type AskCommand } from '../mcp-tools';
import { createOutput } from '../output';

export interface McpCommandOptions {
  /** Only its runs are told. @default those of all */
  tenant?: string;
}

export async function mcpCommand(context: CliContext, { tenant }: McpCommandOptions): Promise<number> {
  const ask = createAsk(context);
  const served = serveStdio(() => {
    const about = { name: 'longhaul', version: packageVersion() };
    const server = new McpServer(about, { instructions: MCP_INSTRUCTIONS });
    offerTools(server, { ask, ...(tenant === undefined ? {} : { tenant }) });
    return server;
  });
  // Standard output is the protocol's.
  context.output.note(
    `serves MCP on standard input and output${tenant === undefined ? '' : `, of tenant ${context.output.safeLine(tenant)}`}.`,
  );
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    process.stdin.once('end', resolve).once('close', resolve);
  });
  await served.close();
  return EXIT.completed;
}

/** A context for each: a `dev` that was started since is found, and no connection outlives its question. */
function createAsk({ settings, env, cwd }: CliContext): AskCommand {
  return async (command) => {
    const written: string[] = [];
    const stdout = { write: (text: string) => written.push(text) };
    const output = createOutput({ stdout, stderr: { write: () => undefined }, json: true });
    const context = createContext({ settings, output, env, cwd });
    try {
      await command(context);
      return written.join('');
    } finally {
      await context.close();
    }
  };
}
