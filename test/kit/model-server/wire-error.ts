/** An error answer as the real API words it: `{ error: { message, type, param, code } }`. */
export class WireError extends Error {
  override readonly name = 'WireError';
  constructor(
    readonly status: number,
    message: string,
    readonly detail: {
      readonly type?: string;
      readonly code?: string | null;
      readonly param?: string | null;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
  }

  body(): string {
    const { type = typeOf(this.status), param = null, code = null } = this.detail;
    return JSON.stringify({ error: { message: this.message, type, param, code } }, null, 2);
  }
}

/** A client error in the request's body. */
export function invalidRequest(message: string, param: string | null = null, code: string | null = null): WireError {
  return new WireError(400, message, { param, code });
}

const PLAIN: Readonly<Record<number, readonly [message: string, code: string | null]>> = {
  400: ['The request was rejected.', null],
  401: ['Incorrect API key provided.', 'invalid_api_key'],
  403: ['You are not allowed to use this model.', null],
  404: ['The requested resource was not found.', null],
  408: ['The request timed out.', null],
  429: ['Rate limit reached. Please try again later.', 'rate_limit_exceeded'],
  500: ['The server had an error while processing your request. Sorry about that!', null],
  503: ['The server is overloaded or not ready yet.', null],
  529: ['Overloaded', null],
};

/** The error a status alone stands for: what a fault answers with when its plan gives no body. */
export function plainError(status: number, headers: Readonly<Record<string, string>> = {}): WireError {
  const [message, code] = PLAIN[status] ?? [`The server answered ${status}.`, null];
  return new WireError(status, message, { code, headers });
}

function typeOf(status: number): string {
  if (status === 429) return 'requests';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
