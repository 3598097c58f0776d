// What Temporal is given to keep, sealed: inputs, results, memos, summaries, details, and with failure-converter.ts the texts of failures.
// In the clear stay what Temporal itself reads: search attributes, ids, the names of workflows, activities and queues, the types of
// failures, times and sizes.
import { createHash } from 'node:crypto';
import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common';
import { failure } from '../failure';
import { sealedWith, type KeyRing } from './key-ring';
import { PACKING_FLAGS, packPayload, unpackPayload } from './pack-payload';

export const SEALED_ENCODING = 'binary/encrypted';

/** Bound to every payload: bytes that were sealed for the store open in no history, and the other way round. */
const CONTEXT = 'a Temporal payload';
/** Of SHA-256: a run whose id has the same 128 bits cannot be found. */
const BINDING_BYTES = 16;

// Sealed: [flags: 1] [binding: 16, where bound] and then, perhaps packed, [length of metadata: 4] [metadata, JSON] [data].
const BOUND = 1;
/** The metadata is what nearly all payloads have, and is left out with its length: some 24 bytes, many times a run. */
const PLAIN_JSON = 4;
const KNOWN_FLAGS = BOUND | PLAIN_JSON | PACKING_FLAGS;

export interface PayloadCodecOptions {
  /**
   * Opens payloads of any run: for histories that are replayed under another name, where the SDK knows neither namespace nor id.
   * @default false
   */
  anyRun?: boolean;
}

/**
 * Seals each payload with the ring's current key, and opens those of all its keys. A payload is bound to the namespace and workflow id
 * that the SDK names: a worker or client that reads it as another run's refuses it. Not bound: to the execution, event or argument
 * it stands in (a reset and a continue-as-new carry payloads on), and to any run where the SDK names none (an activity completed by its
 * token, a command line that encodes through the codec server). Runs of one schedule count as one. Payloads that are not sealed pass as they are, so that
 * runs from before the first key stay readable.
 *
 * `decode` throws ApplicationFailure `Store.KeyMissing` naming the key id; `Store.ObjectCorrupt` for altered or moved bytes.
 */
export function createPayloadCodec(keys: KeyRing, { anyRun = false }: PayloadCodecOptions = {}): PayloadCodec {
  return {
    encode: (payloads, context) => settled(() => payloads.map((payload) => sealPayload(keys, payload, context))),
    decode: (payloads, context) =>
      settled(() => payloads.map((payload) => openPayload(keys, payload, anyRun ? undefined : context))),
  };
}

/** Where no keys are given: seals nothing, and says which key is missing instead of handing on what nobody can read. */
export function createKeylessCodec(): PayloadCodec {
  return {
    encode: (payloads) => Promise.resolve(payloads),
    decode: (payloads) =>
      settled(() => {
        for (const payload of payloads) if (isSealed(payload)) throw noKeys(payload);
        return payloads;
      }),
  };
}

/** What throws inside rejects: callers of a codec await it. */
const settled = <T>(work: () => T): Promise<T> => new Promise((resolve) => resolve(work()));

const isSealed = ({ metadata }: Payload): boolean => textOf(metadata?.['encoding']) === SEALED_ENCODING;
const textOf = (bytes: Uint8Array | undefined): string => (bytes ? Buffer.from(bytes).toString() : '');

function noKeys({ data }: Payload): Error {
  const id = sealedWith(data ?? new Uint8Array()) ?? 'unknown';
  return failure(
    'Store.KeyMissing',
    `${CONTEXT} is sealed with key "${id}", and there are no keys: set LONGHAUL_KEYS.`,
  );
}

function sealPayload(keys: KeyRing, payload: Payload, context: SerializationContext | undefined): Payload {
  const { metadata, data, ...rest } = payload;
  const binding = bindingOf(context);
  // What came as no bytes over the wire is an empty array here, whatever its type says.
  const body = Buffer.concat([encodeMetadata(metadata ?? {}), Buffer.from(data ?? [])]);
  const { packed, how } = packPayload(body, isPlainJson(metadata ?? {}));
  const flags = (binding ? BOUND : 0) | how | (isPlainJson(metadata ?? {}) ? PLAIN_JSON : 0);
  const clear = Buffer.concat([Buffer.of(flags), binding ?? Buffer.alloc(0), packed]);
  return {
    ...rest,
    metadata: { encoding: Buffer.from(SEALED_ENCODING) },
    data: keys.seal(clear, CONTEXT),
  };
}

function openPayload(keys: KeyRing, payload: Payload, context: SerializationContext | undefined): Payload {
  if (!isSealed(payload)) return payload;
  const { metadata: _, data, ...rest } = payload;
  const clear = Buffer.from(keys.open(data ?? new Uint8Array(), CONTEXT));
  const flags = clear[0] ?? 0;
  if ((flags & ~KNOWN_FLAGS) !== 0)
    throw failure('Store.ObjectCorrupt', `${CONTEXT} was sealed by a newer version than this one.`);
  const bodyAt = 1 + (flags & BOUND ? BINDING_BYTES : 0);
  const wanted = bindingOf(context);
  if (flags & BOUND && wanted && !clear.subarray(1, bodyAt).equals(wanted)) {
    const reader = context?.workflowId ?? '';
    throw failure('Store.ObjectCorrupt', `${CONTEXT} that run ${reader} holds was sealed for another run.`);
  }
  const body = unpackPayload(clear.subarray(bodyAt), flags);
  if (flags & PLAIN_JSON) return { ...rest, metadata: { encoding: Buffer.from('json/plain') }, data: body };
  const dataAt = 4 + body.readUInt32BE(0);
  return { ...rest, metadata: decodeMetadata(body.subarray(4, dataAt)), data: body.subarray(dataAt) };
}

type Metadata = NonNullable<Payload['metadata']>;

const isPlainJson = (metadata: Metadata): boolean =>
  Object.keys(metadata).length === 1 && textOf(metadata['encoding']) === 'json/plain';

function encodeMetadata(metadata: Metadata): Buffer {
  if (isPlainJson(metadata)) return Buffer.alloc(0);
  const entries = Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  const json = Buffer.from(JSON.stringify(entries));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

const decodeMetadata = (json: Buffer): Metadata =>
  Object.fromEntries(
    (JSON.parse(json.toString()) as [string, string][]).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
  );

/** What Temporal appends to the workflow id of a schedule for each run: the schedule is encoded once, before any of them. */
const SCHEDULED_AT = /-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** An activity's payloads are its run's: what one activity returned, the next may be given. */
function bindingOf(context: SerializationContext | undefined): Buffer | undefined {
  if (!context?.workflowId) return undefined;
  const run = `${context.namespace}\0${context.workflowId.replace(SCHEDULED_AT, '')}`;
  return createHash('sha256').update(run).digest().subarray(0, BINDING_BYTES);
}
