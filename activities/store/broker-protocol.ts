// What goes over the broker's socket: frames of [length of the rest: u32] [length of the header: u32] [header: JSON] [bytes of
// the objects, one after another]. Objects stay binary: as JSON they would be a third larger and copied three times.
import { z } from 'zod';
import { isFailureType, type FailureType } from '../../workflows/contract/failures';
import { ID_CHARS } from '../../workflows/contract/limits';
import type { RecordWrite } from './tool-store';

/** Of the frames and what is in them. A side that meets another says so instead of misreading it. */
const PROTOCOL = 4;
/** One object: several times the tens of megabytes that a large file has. */
export const OBJECT_BYTES_MAX = 128 * 1024 * 1024;
/** One frame: an object of that size, and a header as large as the largest record. */
const FRAME_BYTES_MAX = OBJECT_BYTES_MAX + 4 * 1024 * 1024;
/** Objects in one frame: more than any tool call writes. */
const OBJECTS_MAX = 10_000;
const PREFIX_BYTES = 8;

const sizes = z.array(z.number().int().nonnegative().max(OBJECT_BYTES_MAX)).max(OBJECTS_MAX);
const tenant = z.string().max(ID_CHARS).exactOptional();
const envelope = { protocol: z.literal(PROTOCOL), id: z.number().int().nonnegative() };

const recordWrite = z.object({
  name: z.string().max(500),
  value: z.unknown(),
  version: z.number().int().exactOptional(),
});

export const brokerRequestSchema = z.discriminatedUnion('op', [
  z.object({ ...envelope, op: z.literal('get'), hash: z.string().max(64) }),
  z.object({ ...envelope, op: z.literal('read'), name: z.string().max(500) }),
  z.object({ ...envelope, op: z.literal('names'), tenant, sizes }),
  z.object({
    ...envelope,
    op: z.literal('commit'),
    tenant,
    sizes,
    record: recordWrite.exactOptional(),
    effect: recordWrite.exactOptional(),
  }),
]);
export type BrokerRequest = z.output<typeof brokerRequestSchema>;
/** What a caller asks; id and protocol are the connection's. */
export type BrokerAsk =
  | { op: 'get'; hash: string }
  | { op: 'read'; name: string }
  | { op: 'names'; tenant?: string; sizes: number[] }
  | { op: 'commit'; tenant?: string; sizes: number[]; record?: RecordWrite; effect?: RecordWrite };

/** The value of the answer to `read`, where there is a record, and of the answers to `commit` and `names`. */
export const storedRecordSchema = z.object({ value: z.unknown(), version: z.number() });
export const writtenSchema = z.boolean();
export const namesSchema = z.array(z.string());

const failureType = z.custom<FailureType>(isFailureType);
export const brokerReplySchema = z.discriminatedUnion('ok', [
  z.object({ ...envelope, ok: z.literal(true), value: z.unknown().optional(), sizes }),
  z.object({ ...envelope, ok: z.literal(false), type: failureType, message: z.string() }),
]);
export type BrokerAnswer =
  { ok: true; value?: unknown; sizes: number[] } | { ok: false; type: FailureType; message: string };

/** @returns buffers to write one after another; the objects are not copied */
export function encodeFrame(
  id: number,
  header: BrokerAsk | BrokerAnswer,
  objects: readonly Uint8Array[] = [],
): Uint8Array[] {
  const json = Buffer.from(JSON.stringify({ protocol: PROTOCOL, id, ...header }));
  const length = 4 + json.length + objects.reduce((sum, { length: bytes }) => sum + bytes, 0);
  if (length > FRAME_BYTES_MAX || objects.length > OBJECTS_MAX) {
    throw new RangeError(
      `${objects.length} objects of ${length} bytes do not fit into one message to the store broker.`,
    );
  }
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(length, 0);
  prefix.writeUInt32BE(json.length, 4);
  return [prefix, json, ...objects];
}

export interface Frame {
  header: unknown;
  body: Buffer;
}

/** Cuts a stream of bytes into frames. @throws RangeError or SyntaxError for what is no frame: the connection is then of no use */
export function createFrameReader(): (chunk: Buffer) => Frame[] {
  let chunks: Buffer[] = [];
  let held = 0;
  let needed = PREFIX_BYTES;

  const joined = (): Buffer => {
    const [first, ...others] = chunks;
    if (first && others.length === 0) return first;
    const whole = Buffer.concat(chunks);
    chunks = [whole];
    return whole;
  };

  return (chunk) => {
    const frames: Frame[] = [];
    chunks.push(chunk);
    held += chunk.length;
    while (held >= needed) {
      const bytes = joined();
      const length = bytes.readUInt32BE(0);
      const headerLength = bytes.readUInt32BE(4);
      if (length > FRAME_BYTES_MAX || headerLength > length - 4)
        throw new RangeError('not a message of the store broker.');
      needed = 4 + length;
      if (held < needed) break;
      const header: unknown = JSON.parse(bytes.toString('utf8', PREFIX_BYTES, PREFIX_BYTES + headerLength));
      frames.push({ header, body: bytes.subarray(PREFIX_BYTES + headerLength, needed) });
      chunks = bytes.length === needed ? [] : [bytes.subarray(needed)];
      held -= needed;
      needed = PREFIX_BYTES;
    }
    return frames;
  };
}

/** The id of a message that could not be read otherwise, so that its sender can be told. */
export const frameId = (header: unknown): number | undefined =>
  typeof header === 'object' && header !== null && 'id' in header && Number.isSafeInteger(header.id)
    ? Number(header.id)
    : undefined;

/** @returns the objects of a frame; undefined when the sizes do not add up to its body */
export function splitBody(body: Buffer, lengths: readonly number[]): Buffer[] | undefined {
  if (lengths.reduce((sum, length) => sum + length, 0) !== body.length) return undefined;
  let at = 0;
  return lengths.map((length) => body.subarray(at, (at += length)));
}
