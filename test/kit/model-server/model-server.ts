import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Script, ScriptTurn } from '../script';
import type { ServerState } from './answer-request';
import { FaultPlan, type Fault } from './faults';
import { Gates } from './gates';
import { Ledger, type Counts, type RequestRecord } from './ledger';
import { RateLimit, type RateLimitOptions } from './rate-limit';
import { respondFromScript, type Respond, type ScriptOrder } from './responder';
import { answerRoute, type Access } from './routes';

export interface ModelServerOptions extends Partial<Access> {
  /** What the model says. Give this or `respond`. */
  readonly script?: Script | readonly ScriptTurn[] | undefined;
  /** Default `conversation`. */
  readonly order?: ScriptOrder | undefined;
  /** Decides each answer from its request; `playback(...)` makes such a function from recorded conversations. */
  readonly respond?: Respond | undefined;
  readonly faults?: readonly Fault[] | undefined;
  /** Latency of every answer before its first byte. Default 0. */
  readonly delayMs?: number | undefined;
  /** Refuses with 429 beyond these. Default: headers announce high limits, and nothing is refused. */
  readonly rateLimit?: RateLimitOptions | undefined;
  /** Characters in one delta of a stream. Default 24. */
  readonly deltaChars?: number | undefined;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
}

export interface ModelServer {
  /** Base URL for a client; ends with `/v1`. */
  readonly url: string;
  /** Base of `/__control`, `/__counts` and `/__requests`. */
  readonly controlUrl: string;
  readonly port: number;
  /** Every request so far, in order of arrival. The records go on changing until they have ended. */
  requests(): readonly RequestRecord[];
  counts(): Counts;
  addFaults(...faults: readonly Fault[]): void;
  clearFaults(): void;
  /** Lets held requests go on (all holds by default) and tells how many they were. */
  release(hold?: string): number;
  /** Replaces what the model says. */
  setScript(script: Script | readonly ScriptTurn[], order?: ScriptOrder): void;
  setRespond(respond: Respond): void;
  /** Forgets ended requests, so that counts start at zero. */
  reset(): void;
  /** `arrived`: the body is read. `ended`: the outcome is known. Returns what takes the listener off. */
  on(event: 'arrived' | 'ended', listener: (record: RequestRecord) => void): () => void;
  /**
   * Resolves when the counts satisfy the condition, which is looked at after every arrival and end.
   * Rejects after `timeoutMs` (default 30,000) with the counts it had.
   */
  until(condition: (counts: Counts) => boolean, timeoutMs?: number): Promise<Counts>;
  /** Breaks what is open and frees the port. */
  close(): Promise<void>;
}

/** Beyond the pause between two calls of a run, so that a reused connection is not closed under its client. */
const KEEP_ALIVE_MS = 65_000;
const DEFAULT_DELTA_CHARS = 24;
const DEFAULT_UNTIL_MS = 30_000;

/**
 * Starts an HTTP server that speaks the OpenAI wire protocol: Responses, Chat Completions (both streamed and not) and
 * the model list. Rejects when the port is taken, or when both `script` and `respond` are given.
 */
export async function startModelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const { script, respond, order, host = '127.0.0.1', apiKey, models } = options;
  if (script && respond) throw new Error('startModelServer takes script or respond, not both.');
  const state: ServerState = {
    ledger: new Ledger(),
    faults: new FaultPlan(),
    gates: new Gates(),
    rateLimit: new RateLimit(options.rateLimit),
    deltaChars: Math.max(1, options.deltaChars ?? DEFAULT_DELTA_CHARS),
    stored: new Map(),
    respond: script ? respondFromScript(script, order) : respond,
    delayMs: options.delayMs ?? 0,
  };
  state.faults.add(options.faults ?? []);
  const server = createServer((req, res) => void serve(state, { apiKey, models }, req, res));
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const controlUrl = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const { ledger, faults, gates } = state;
  return {
    url: `${controlUrl}/v1`,
    controlUrl,
    port,
    requests: () => ledger.all(),
    counts: () => ledger.counts(),
    addFaults: (...added) => faults.add(added),
    clearFaults: () => faults.clear(),
    release: (hold) => gates.release(hold),
    setScript: (turns, turnOrder) => void (state.respond = respondFromScript(turns, turnOrder)),
    setRespond: (next) => void (state.respond = next),
    reset: () => ledger.reset(),
    on: (event, listener) => ledger.on(event, listener),
    until: (condition, timeoutMs = DEFAULT_UNTIL_MS) => until(ledger, condition, timeoutMs),
    close: () =>
      new Promise((resolve) => {
        for (const record of ledger.all()) ledger.end(record, 'cut');
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(state: ServerState, access: Access, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const path = (req.url ?? '/').replace(/\?.*$/s, '');
  const headers = Object.fromEntries(Object.entries(req.headers).map(([name, value]) => [name, String(value)]));
  const requestId = `req_${randomBytes(16).toString('hex')}`;
  // The control endpoints are the observer's, so they are not among what is observed.
  const observer = path.startsWith('/__');
  const ledger = observer ? new Ledger() : state.ledger;
  const record = ledger.arrive({ requestId, method: req.method ?? 'GET', path, headers });
  const gone = new AbortController();
  res.on('finish', () => ledger.end(record, (record.status = res.statusCode) < 400 ? 'answered' : 'refused'));
  res.on('close', () => {
    if (res.headersSent) record.status = res.statusCode;
    ledger.end(record, 'closed-by-client');
    gone.abort(new Error('The client is gone.'));
  });
  try {
    const bytes = await readBody(req);
    ledger.read(record, bytes);
    await answerRoute(state, access, { record, res, bytes, signal: gone.signal }, headers);
  } catch {
    // Only a connection that broke gets here: a client that left while sending, or while it was kept waiting.
    res.destroy();
  }
}

async function readBody(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

function until(ledger: Ledger, condition: (counts: Counts) => boolean, timeoutMs: number): Promise<Counts> {
  return new Promise((resolve, reject) => {
    const over = () => {
      clearTimeout(timer);
      off.forEach((remove) => remove());
    };
    const look = () => {
      try {
        const counts = ledger.counts();
        if (!condition(counts)) return;
        over();
        resolve(counts);
      } catch (error) {
        over();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const timer = setTimeout(() => {
      over();
      reject(new Error(`The model server waited ${timeoutMs} ms in vain; it had ${JSON.stringify(ledger.counts())}`));
    }, timeoutMs);
    const off = [ledger.on('arrived', look), ledger.on('ended', look)];
    look();
  });
}
