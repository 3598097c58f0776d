// The servers of MCP that this process has started or reached: one connection each, shared by all calls, ended when nobody needs it.
import type { CallToolResult } from '@modelcontextprotocol/client';
import type { JsonValue } from '../../workflows/contract/message';
import type { McpToolbox } from '../define/mcp-toolbox';
import { ToolFailure } from '../define/tool-failure';
import type * as connection from './connection';
import type { McpConnection } from './connection';
import { differenceOf, pinOf, type ListedTool } from './listed-tool';

type Secrets = { readonly [name: string]: string };

export interface McpServers {
  /** @throws Error in one line */
  list(box: McpToolbox): Promise<ListedTool[]>;
  /**
   * Calls a tool if it is still what it was.
   * @throws ToolFailure `Tool.Changed` when it is not
   */
  call(box: McpToolbox, tool: ListedTool, call: McpCall): Promise<CallToolResult>;
  /** Ends all of them. */
  close(): Promise<void>;
}
export interface McpCall {
  args: { [name: string]: JsonValue };
  secrets: Secrets;
  signal: AbortSignal;
}

/** Between two calls of a conversation pass minutes; a server that nobody has called for so long costs memory alone. */
const IDLE_MS = 300_000;

interface Entry {
  connecting: Promise<McpConnection>;
  connected: McpConnection | undefined;
  stop: AbortController;
  idle: NodeJS.Timeout | undefined;
  callers: number;
}

/** @param options.secretsOf for listing; a call brings its own */
export function createMcpServers(options: { secretsOf(box: McpToolbox): Secrets }): McpServers {
  const entries = new Map<string, Entry>();

  const drop = async (key: string, entry: Entry): Promise<void> => {
    if (entries.get(key) === entry) entries.delete(key);
    clearTimeout(entry.idle);
    entry.stop.abort();
    await entry.connecting.then((one) => one.close()).catch(() => undefined);
  };

  const open = (key: string, box: McpToolbox, secrets: Secrets): Entry => {
    const found = entries.get(key);
    if (found && (found.connected?.isOpen ?? true)) return found;
    if (found) void drop(key, found);
    const { connectMcp } = require('./connection') as typeof connection;
    const stop = new AbortController();
    const connecting = connectMcp(box, secrets, stop.signal);
    const entry: Entry = { connecting, connected: undefined, stop, idle: undefined, callers: 0 };
    entries.set(key, entry);
    connecting.then(
      (one) => (entry.connected = one),
      // Whoever waits for it is told; the next one tries again.
      () => void drop(key, entry),
    );
    return entry;
  };

  const using = async <T>(
    box: McpToolbox,
    secrets: Secrets,
    use: (one: McpConnection, isNew: boolean) => Promise<T>,
  ): Promise<T> => {
    const key = JSON.stringify([box.name, box.server, secrets]);
    const entry = open(key, box, secrets);
    const isNew = entry.connected === undefined;
    clearTimeout(entry.idle);
    entry.callers += 1;
    try {
      return await use(await entry.connecting, isNew);
    } finally {
      entry.callers -= 1;
      if (entry.callers === 0) entry.idle = setTimeout(() => void drop(key, entry), IDLE_MS).unref();
    }
  };

  return {
    list: async (box) => {
      const signal = AbortSignal.timeout(box.startTimeoutMs);
      return await using(box, options.secretsOf(box), (one) => one.list(signal));
    },
    call: async (box, tool, { args, secrets, signal }) => {
      const ask = (): Promise<CallToolResult | undefined> =>
        using(box, secrets, async (one, isNew) => {
          const listed = await one.list(signal).catch((error: unknown) => {
            // Its session may have ended meanwhile, and nothing has been asked of the tool yet.
            if (isNew || signal.aborted) throw error;
            return undefined;
          });
          if (!listed) return void (await one.close());
          requireUnchanged(box, tool, listed);
          return await one.call(tool.name, args, signal);
        });
      const answered = (await within(signal, ask())) ?? (await within(signal, ask()));
      if (answered) return answered;
      const message = `the server of toolbox ${box.name} did not list its tools.`;
      throw new ToolFailure('Tool.Failed', message, { mayHaveActed: false });
    },
    close: async () => {
      await Promise.all([...entries].map(([key, entry]) => drop(key, entry)));
    },
  };
}

function requireUnchanged(box: McpToolbox, pinned: ListedTool, listed: readonly ListedTool[]): void {
  const today = listed.find(({ name }) => name === pinned.name);
  if (today && pinOf(today) === pinOf(pinned)) return;
  const what = today ? `: ${differenceOf(pinned, today)}` : ': it is gone';
  const message = `${pinned.name} of toolbox ${box.name} is not what the release was made with${what}.`;
  throw new ToolFailure('Tool.Changed', message, { mayHaveActed: false });
}

/** A server that starts for one call starts for others too: that one is not waited for, but it goes on. */
async function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const stopped = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(new Error('stopped'));
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
  });
  stopped.catch(() => undefined);
  return await Promise.race([work, stopped]);
}
