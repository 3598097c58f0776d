// One delivery of a webhook: JSON by POST, within walls, and to the address that was given: it is not sent on to another.
import { sendOnce } from './send-request';
import type { HttpWalls } from './walls';

/** Who takes longer has it told again. */
const TIMEOUT_MS = 5_000;

export interface WebhookPost {
  url: URL;
  body: string;
  /** Names in lower case. */
  headers: { readonly [name: string]: string };
}

export interface WebhookAnswer {
  status: number;
  /** As the receiver wrote it. */
  retryAfter?: string;
}

/** @throws ToolRejection where a wall stands; whatever keeps the receiver from answering, without its address */
export async function postWebhook({ url, body, headers }: WebhookPost, walls: HttpWalls): Promise<WebhookAnswer> {
  const response = await sendOnce(
    {
      ...{ url, method: 'POST', body, signal: AbortSignal.timeout(TIMEOUT_MS) },
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        'user-agent': 'longhaul',
      },
    },
    walls,
    false,
  );
  // Nothing of what it says beside that is read.
  response.destroy();
  const retryAfter = response.headers['retry-after'];
  return { status: response.statusCode ?? 0, ...(retryAfter === undefined ? {} : { retryAfter }) };
}
