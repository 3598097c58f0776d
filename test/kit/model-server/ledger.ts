import { createHash } from 'node:crypto';
import type { TokenUsage } from './token-usage';

/**
 * How a request ended: `answered` in full, `refused` with an error status, `cut` by the server (a fault, or its close),
 * `closed-by-client` before the answer's end. `open` while under way.
 */
export type RequestOutcome = 'open' | 'answered' | 'refused' | 'cut' | 'closed-by-client';

/** One request as the server saw it. Times are milliseconds since 1970. */
export interface RequestRecord {
  /** From 1, in order of arrival. */
  readonly nth: number;
  /** The answer's `x-request-id`. */
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  /** Lower-case names; those that hold keys are redacted. */
  readonly headers: Readonly<Record<string, string>>;
  readonly arrivedAt: number;
  /** The exact bytes; undefined once {@link KEPT_BODY_BYTES} of newer bodies are kept. */
  body: Buffer | undefined;
  /** SHA-256 of the bytes, in hex. */
  sha256: string;
  model: string | undefined;
  stream: boolean;
  /** How many faults struck it. */
  faults: number;
  outcome: RequestOutcome;
  status: number | undefined;
  endedAt: number | undefined;
  /** When the client's socket closed before the answer ended. */
  closedByClientAt: number | undefined;
  /** What the answer cost; set when its first byte is sent, as a provider charges for what it began. */
  usage: TokenUsage | undefined;
}

/** Sums over all requests. */
export interface Counts {
  readonly requests: number;
  /** By path without query, for example `/v1/responses`. */
  readonly byPath: Readonly<Record<string, number>>;
  readonly open: number;
  readonly answered: number;
  readonly refused: number;
  readonly cut: number;
  readonly closedByClient: number;
  /** Requests that at least one fault struck. */
  readonly faulted: number;
  /** Answers to a body that had been answered before, byte for byte: what a client paid twice. */
  readonly repeated: number;
  readonly tokens: TokenUsage;
}

/** Enough for thousands of long conversations, and small beside a test machine's memory. */
export const KEPT_BODY_BYTES = 256 * 1024 * 1024;

type Listener = (record: RequestRecord) => void;

/** Keeps every request and its fate. */
export class Ledger {
  private records: RequestRecord[] = [];
  private received = 0;
  private keptBytes = 0;
  private oldestKept = 0;
  private readonly listeners = { arrived: new Set<Listener>(), ended: new Set<Listener>() };

  arrive(about: Pick<RequestRecord, 'requestId' | 'method' | 'path' | 'headers'>): RequestRecord {
    const record: RequestRecord = {
      nth: (this.received += 1),
      ...about,
      headers: redacted(about.headers),
      arrivedAt: Date.now(),
      body: undefined,
      sha256: sha256(Buffer.alloc(0)),
      model: undefined,
      stream: false,
      faults: 0,
      outcome: 'open',
      status: undefined,
      endedAt: undefined,
      closedByClientAt: undefined,
      usage: undefined,
    };
    this.records.push(record);
    return record;
  }

  /** The body is complete: from here on listeners know the request. */
  read(record: RequestRecord, body: Buffer): void {
    record.body = body;
    record.sha256 = sha256(body);
    this.keptBytes += body.length;
    for (; this.keptBytes > KEPT_BODY_BYTES && this.oldestKept < this.records.length; this.oldestKept += 1) {
      const oldest = this.records[this.oldestKept];
      if (!oldest || oldest === record) break;
      this.keptBytes -= oldest.body?.length ?? 0;
      oldest.body = undefined;
    }
    for (const listener of this.listeners.arrived) listener(record);
  }

  end(record: RequestRecord, outcome: Exclude<RequestOutcome, 'open'>): void {
    if (record.outcome !== 'open') return;
    record.outcome = outcome;
    record.endedAt = Date.now();
    if (outcome === 'closed-by-client') record.closedByClientAt = record.endedAt;
    for (const listener of this.listeners.ended) listener(record);
  }

  on(event: 'arrived' | 'ended', listener: Listener): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  all(): readonly RequestRecord[] {
    return this.records;
  }

  /** Forgets what has ended; open requests stay. Numbers go on. */
  reset(): void {
    this.records = this.records.filter((record) => record.outcome === 'open');
    this.oldestKept = 0;
    this.keptBytes = this.records.reduce((sum, record) => sum + (record.body?.length ?? 0), 0);
  }

  counts(): Counts {
    const byPath: Record<string, number> = {};
    const byOutcome = { open: 0, answered: 0, refused: 0, cut: 0, 'closed-by-client': 0 };
    const tokens = { input: 0, cached: 0, cacheWrite: 0, cacheWriteHour: 0, output: 0, reasoning: 0 };
    const bodies = new Set<string>();
    let repeated = 0;
    for (const { path, outcome, usage, sha256: hash, method } of this.records) {
      byPath[path] = (byPath[path] ?? 0) + 1;
      byOutcome[outcome] += 1;
      for (const kind of ['input', 'cached', 'cacheWrite', 'cacheWriteHour', 'output', 'reasoning'] as const)
        tokens[kind] += usage?.[kind] ?? 0;
      if (outcome !== 'answered' || method !== 'POST') continue;
      if (bodies.has(hash)) repeated += 1;
      bodies.add(hash);
    }
    const { 'closed-by-client': closedByClient, ...others } = byOutcome;
    const faulted = this.records.filter((record) => record.faults > 0).length;
    return { requests: this.records.length, byPath, ...others, closedByClient, faulted, repeated, tokens };
  }
}

/** OpenAI's and Anthropic's, and those of others: `api-key` of Azure, `x-goog-api-key` of Google. */
const SECRET_HEADER = /authorization|api-key|cookie/;

function redacted(headers: Readonly<Record<string, string>>): Record<string, string> {
  const secret = Object.keys(headers).filter((name) => SECRET_HEADER.test(name));
  return { ...headers, ...Object.fromEntries(secret.map((name) => [name, '[redacted]'])) };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
