// The body of a request as JSON: no more of it is read than it may have, and what is deeper than anybody means is refused before it is walked.
import { Problem } from './problem';

/** An input is a question or an order; what is larger belongs into a file. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** Code that walks a value calls itself for each level. */
const DEPTH_MAX = 100;

/** @returns undefined where there is no body @throws Problem `Api.BodyTooLarge`, `Api.WrongMediaType`, `Api.InvalidRequest` */
export async function readBody(request: Request): Promise<unknown> {
  const { headers } = request;
  if (Number(headers.get('content-length') ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  const text = await textOf(request.body);
  if (text === '') return undefined;
  const [type = ''] = (headers.get('content-type') ?? '').split(';');
  // A page of another site can send other types without asking first.
  if (type.trim().toLowerCase() !== 'application/json')
    throw new Problem('Api.WrongMediaType', 'the body is sent as "content-type: application/json".', {
      headers: { 'accept-post': 'application/json' },
    });
  const value = parsed(text);
  if (isDeeper(value, DEPTH_MAX))
    throw new Problem('Api.InvalidRequest', `the body has more than ${DEPTH_MAX} levels.`);
  return value;
}

/** The body as a form sends it. @throws Problem as {@link readBody} */
export async function readForm(request: Request): Promise<URLSearchParams> {
  if (Number(request.headers.get('content-length') ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  const text = await textOf(request.body);
  const [type = ''] = (request.headers.get('content-type') ?? '').split(';');
  if (text !== '' && type.trim().toLowerCase() !== 'application/x-www-form-urlencoded')
    throw new Problem('Api.WrongMediaType', 'a form is sent as "content-type: application/x-www-form-urlencoded".');
  return new URLSearchParams(text);
}

const tooLarge = (): Problem =>
  // The rest of a body that was not read would be taken for the next request.
  new Problem('Api.BodyTooLarge', `a body has at most ${BODY_BYTES_MAX} bytes.`, { headers: { connection: 'close' } });

async function textOf(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (!body) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    bytes += read.value.length;
    if (bytes > BODY_BYTES_MAX) {
      await reader.cancel().catch(() => undefined);
      throw tooLarge();
    }
    chunks.push(read.value);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw new Problem('Api.InvalidRequest', 'the body is not UTF-8.', { cause: error });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // What the parser says quotes the text.
    throw new Problem('Api.InvalidRequest', 'the body is not JSON.', { cause: error });
  }
}

/** Level by level, without calling itself. */
function isDeeper(value: unknown, most: number): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > most) return true;
    level = level.flatMap(membersOf);
  }
  return false;
}

const membersOf = (value: unknown): unknown[] =>
  typeof value === 'object' && value !== null ? Object.values(value as { [name: string]: unknown }) : [];
