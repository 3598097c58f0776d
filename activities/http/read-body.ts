// The body of an answer, as far as its limit and no further.
import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createUnzip } from 'node:zlib';
import { ToolFailure } from '../define/tool-failure';
import { codeOf, type HttpAnswer } from './send-request';

/**
 * Reads no more than `max` bytes, counted as they are unpacked; beyond them the connection is closed.
 * @throws ToolFailure `Tool.InvalidOutput` when there are more; `Tool.Failed` when the connection breaks
 */
export async function readBody({ response, host }: HttpAnswer, max: number, signal: AbortSignal): Promise<Uint8Array> {
  const tooMuch = (): ToolFailure =>
    new ToolFailure('Tool.InvalidOutput', `${host} answered with more than ${max} bytes.`, { mayHaveActed: true });
  if (Number(response.headers['content-length']) > max) {
    response.destroy();
    throw tooMuch();
  }
  try {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of unpacked(response) as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      // Leaving the loop destroys the stream, and with it the socket.
      if (length > max) throw tooMuch();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    response.destroy();
    if (signal.aborted || error instanceof ToolFailure) throw error;
    const message = `the connection to ${host} broke in the middle of the answer (${codeOf(error)}).`;
    throw new ToolFailure('Tool.Failed', message, { mayHaveActed: true });
  }
}

/** Nothing packed is asked for; some servers have nothing else. */
export function unpacked(response: IncomingMessage): Readable {
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const unpack =
    encoding === 'br'
      ? createBrotliDecompress()
      : ['gzip', 'x-gzip', 'deflate'].includes(encoding)
        ? createUnzip()
        : undefined;
  // An error of either destroys both, and is met where the unpacked one is read.
  return unpack ? pipeline(response, unpack, () => undefined) : response;
}

/** The value that a body stands for, by its content type: JSON, text, or bytes. */
export function parseBody(bytes: Uint8Array, contentType: string | undefined, host: string): ParsedBody {
  const [type = '', ...parameters] = (contentType ?? '').split(';').map((part) => part.trim());
  const mediaType = type.toLowerCase();
  if (bytes.length === 0) return { kind: 'json', mediaType, value: null };
  if (/[/+]json$/.test(mediaType)) {
    try {
      return { kind: 'json', mediaType, value: JSON.parse(new TextDecoder().decode(bytes)) };
    } catch {
      const message = `${host} answered with JSON that cannot be parsed.`;
      throw new ToolFailure('Tool.InvalidOutput', message, { mayHaveActed: true });
    }
  }
  if (mediaType.startsWith('text/') || /[/+]xml$/.test(mediaType)) {
    const charset = parameters.find((parameter) => /^charset=/i.test(parameter))?.slice('charset='.length);
    return { kind: 'text', mediaType, value: decoded(bytes, charset?.replaceAll('"', '')) };
  }
  return { kind: 'bytes', mediaType: mediaType || 'application/octet-stream', value: bytes };
}

export type ParsedBody =
  | { kind: 'json'; mediaType: string; value: unknown }
  | { kind: 'text'; mediaType: string; value: string }
  | { kind: 'bytes'; mediaType: string; value: Uint8Array };

function decoded(bytes: Uint8Array, charset = 'utf-8'): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}
