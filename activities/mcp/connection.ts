// One connection to a server of MCP: a process of ours that ends with it, or a place on the web. Loaded where there is such a server.
import {
  Client,
  ProtocolError,
  StreamableHTTPClientTransport,
  type CallToolResult,
} from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { z } from 'zod';
import type { JsonValue } from '../../workflows/contract/message';
import type { McpToolbox } from '../define/mcp-toolbox';
import { ToolRejection } from '../define/tool';
import { isToolFailure, ToolFailure } from '../define/tool-failure';
import { fillSecrets } from '../http/secret-template';
import { createWalls } from '../http/walls';
import { cutText, redacted } from '../redact';
import { checkedFetch } from './checked-fetch';
import { listedToolSchema, type ListedTool } from './listed-tool';

/** One message of a server, or one answer: far more than a model reads, far less than a worker has. */
const MESSAGE_BYTES_MOST = 4_194_304;
/** How long a call may take is the tool's to say, through its signal: Node's longest timer stands for none. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;
/** What did not answer this in time answers nothing. */
const PING_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 1_000;
const STDERR_CHARS = 2_000;
const REASON_CHARS = 120;

export interface McpConnection {
  /** @throws ToolFailure, ToolRejection */
  list(signal: AbortSignal): Promise<ListedTool[]>;
  /** @throws ToolFailure, ToolRejection */
  call(tool: string, args: { [name: string]: JsonValue }, signal: AbortSignal): Promise<CallToolResult>;
  readonly isOpen: boolean;
  /** Ends the process, by force after some seconds. */
  close(): Promise<void>;
}

type Secrets = { readonly [name: string]: string };
type Transport = StdioClientTransport | StreamableHTTPClientTransport;

/** @throws ToolFailure, ToolRejection when the server cannot be started or reached */
export async function connectMcp(box: McpToolbox, secrets: Secrets, signal: AbortSignal): Promise<McpConnection> {
  const state: State = { isOpen: true, reason: undefined, stderr: '' };
  const version = { name: 'longhaul', version: '1' };
  const isRemote = 'url' in box.server;
  // Where it starts a process, the question which revision it speaks would start a second one.
  const client = new Client(version, isRemote ? { versionNegotiation: { mode: 'auto' } } : {});
  const transport = transportOf(box, secrets, (reason) => {
    state.reason ??= reason;
    void client.close().catch(() => undefined);
  });
  if (transport instanceof StdioClientTransport)
    transport.stderr?.on('data', (chunk: Buffer) => {
      state.stderr = `${state.stderr}${chunk.toString()}`.slice(-STDERR_CHARS);
    });
  client.onclose = () => (state.isOpen = false);
  client.onerror = (error) => {
    if (/exceeded maximum size/.test(error.message)) state.reason ??= FLOOD;
  };
  const fail = failureIn(box, secrets, state);
  const close = closing(client, transport);
  try {
    await client.connect(transport, { timeout: box.startTimeoutMs, signal });
  } catch (error) {
    await close();
    throw fail('did not start', error, false);
  }
  return {
    get isOpen() {
      return state.isOpen;
    },
    close,
    list: async (signal) => {
      try {
        // Never the client's own copy of it: whether the server still says the same is the question.
        const { tools } = await client.listTools(undefined, { signal, timeout: NO_TIMEOUT_MS, cacheMode: 'bypass' });
        return z.array(listedToolSchema).parse(tools);
      } catch (error) {
        if (signal.aborted) throw error;
        throw fail('did not list its tools', error, false);
      }
    },
    call: async (name, args, signal) => {
      try {
        return await client.callTool({ name, arguments: args }, { signal, timeout: NO_TIMEOUT_MS });
      } catch (error) {
        if (signal.aborted) {
          // A process may be busy with this call alone, or hang as a whole: then the next call starts another. Elsewhere that is not ours to end.
          if (!isRemote) client.ping({ timeout: PING_TIMEOUT_MS }).catch(() => close());
          throw error;
        }
        throw fail('did not answer', error, true);
      }
    },
  };
}

interface State {
  isOpen: boolean;
  /** Why it was closed from here. */
  reason: string | undefined;
  /** The end of what it said there. */
  stderr: string;
}

const FLOOD = `sent more than ${MESSAGE_BYTES_MOST} bytes at once`;

function transportOf({ server }: McpToolbox, secrets: Secrets, onBroken: (reason: string) => void): Transport {
  const filled = (texts: { readonly [name: string]: string } = {}): { [name: string]: string } =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, fillSecrets(text, secrets)]));
  if ('url' in server) {
    const url = new URL(server.url);
    const walls = createWalls({ hosts: [url.origin], allowPrivate: server.allowPrivate });
    const fetch = checkedFetch(walls, { maxBytes: MESSAGE_BYTES_MOST, onFlood: () => onBroken(FLOOD) });
    return new StreamableHTTPClientTransport(url, { fetch, requestInit: { headers: filled(server.headers) } });
  }
  return new StdioClientTransport({
    command: server.command,
    args: [...(server.args ?? [])],
    // To what the package passes on by itself: PATH, HOME and the like.
    env: { ...secrets, ...filled(server.env) },
    ...(server.cwd === undefined ? {} : { cwd: server.cwd }),
    stderr: 'pipe',
    maxBufferSize: MESSAGE_BYTES_MOST,
  });
}

const closing = (client: Client, transport: Transport) => async (): Promise<void> => {
  if (transport instanceof StreamableHTTPClientTransport) {
    // A courtesy to the server, which forgets sessions by itself too.
    const late = new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
    await Promise.race([transport.terminateSession().catch(() => undefined), late]);
  }
  await client.close().catch(() => undefined);
};

/** What the model, or an author, is told when it did not go well. */
function failureIn(box: McpToolbox, secrets: Secrets, state: State) {
  return (what: string, error: unknown, mayHaveActed: boolean): Error => {
    // Of the walls, through whatever the package has wrapped around it.
    for (let inner = error; inner instanceof Error; inner = inner.cause)
      if (inner instanceof ToolRejection || isToolFailure(inner)) return inner;
    const clean = (text: string): string => cutText(redacted(text, Object.values(secrets)), REASON_CHARS);
    const server = `the server of toolbox ${box.name}`;
    if (state.reason === FLOOD) return new ToolFailure('Tool.InvalidOutput', `${server} ${FLOOD}.`, { mayHaveActed });
    if (error instanceof z.ZodError) {
      const message = `${server} ${what} in the shape that the protocol wants.`;
      return new ToolFailure('Tool.InvalidOutput', message, { mayHaveActed });
    }
    // It was asked something that it will not do; what it could not do by its own fault may go better next time.
    if (error instanceof ProtocolError && error.code !== INTERNAL_ERROR)
      return new ToolRejection(`${server} refused: ${clean(error.message)}`);
    const lines = state.stderr.split('\n').filter((line) => line.trim() !== '');
    const said = state.isOpen || lines.length === 0 ? '' : ` It said: ${clean(lines.at(-1) ?? '')}`;
    const why = clean(messageOf(error));
    return new ToolFailure('Tool.Failed', `${server} ${what}: ${why}.${said}`, { mayHaveActed });
  };
}

const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string'
    ? error.message
    : 'no reason given';

/** Of JSON-RPC. */
const INTERNAL_ERROR = -32_603;
