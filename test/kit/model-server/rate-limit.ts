import { WireError } from './wire-error';

export interface RateLimitOptions {
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
  /** Also holds back what comes faster than a sixtieth of the requests in a second, as large providers do. Default false. */
  readonly bySecond?: boolean | undefined;
}

/** Announced where no limit is set, and far above what a test sends. */
const ANNOUNCED: RateLimitOptions = { requestsPerMinute: 10_000, tokensPerMinute: 10_000_000 };
const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;
const SECONDS = 60;

/** A bucket that holds the allowance of its time and refills steadily, as the documented limits behave. */
class Bucket {
  private level: number;
  private updatedAt = Date.now();

  constructor(
    readonly limit: number,
    private readonly perMs = MINUTE_MS,
  ) {
    this.level = limit;
  }

  get remaining(): number {
    this.refill();
    return Math.max(0, Math.floor(this.level));
  }

  /** Milliseconds until the bucket holds `amount`. */
  wait(amount: number): number {
    this.refill();
    return Math.max(0, Math.ceil(((Math.min(amount, this.limit) - this.level) * this.perMs) / this.limit));
  }

  take(amount: number): void {
    this.refill();
    this.level -= amount;
  }

  private refill(): void {
    const now = Date.now();
    this.level = Math.min(this.limit, this.level + ((now - this.updatedAt) * this.limit) / this.perMs);
    this.updatedAt = now;
  }
}

/** Limits of one server. They refuse only where options set them; the headers are always there. */
export class RateLimit {
  private readonly requests: Bucket;
  private readonly tokens: Bucket;
  private readonly second: Bucket;

  constructor(private readonly options: RateLimitOptions | undefined) {
    const { requestsPerMinute, tokensPerMinute } = options ?? ANNOUNCED;
    this.requests = new Bucket(requestsPerMinute);
    this.tokens = new Bucket(tokensPerMinute);
    this.second = new Bucket(Math.max(1, requestsPerMinute / SECONDS), SECOND_MS);
  }

  /** Charges one request of that many tokens. Throws the 429 of the limit it would pass, and then charges nothing. */
  charge(model: string, tokens: number): void {
    if (this.options) {
      if (this.options.bySecond) this.refuse('requests', 'requests per second', model, this.second, 1);
      this.refuse('requests', 'requests per min (RPM)', model, this.requests, 1);
      this.refuse('tokens', 'tokens per min (TPM)', model, this.tokens, tokens);
    }
    this.requests.take(1);
    this.second.take(1);
    this.tokens.take(tokens);
  }

  headers(): Record<string, string> {
    const { requests, tokens } = this;
    return {
      'x-ratelimit-limit-requests': String(requests.limit),
      'x-ratelimit-limit-tokens': String(tokens.limit),
      'x-ratelimit-remaining-requests': String(requests.remaining),
      'x-ratelimit-remaining-tokens': String(tokens.remaining),
      'x-ratelimit-reset-requests': duration(requests.wait(requests.limit)),
      'x-ratelimit-reset-tokens': duration(tokens.wait(tokens.limit)),
    };
  }

  private refuse(type: 'requests' | 'tokens', what: string, model: string, bucket: Bucket, amount: number): void {
    if (amount > bucket.limit) {
      throw new WireError(
        429,
        `Request too large for ${model} on ${what}: Limit ${bucket.limit}, Requested ${amount}. ` +
          `The input or output tokens must be reduced in order to run successfully.`,
        { type, code: 'rate_limit_exceeded', headers: this.headers() },
      );
    }
    const waitMs = bucket.wait(amount);
    if (waitMs === 0) return;
    const used = bucket.limit - bucket.remaining;
    throw new WireError(
      429,
      `Rate limit reached for ${model} on ${what}: Limit ${bucket.limit}, Used ${used}, Requested ${amount}. ` +
        `Please try again in ${duration(waitMs)}.`,
      {
        type,
        code: 'rate_limit_exceeded',
        headers: {
          ...this.headers(),
          'retry-after': String(Math.ceil(waitMs / 1000)),
          'retry-after-ms': String(waitMs),
        },
      },
    );
  }
}

/** As the real headers write durations: `120ms`, `2.5s`, `6m0s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / MINUTE_MS);
  const seconds = (ms % MINUTE_MS) / 1000;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
