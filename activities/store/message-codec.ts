// Messages and chain nodes as objects: to the bytes that are hashed, and back.
import type { ChainNode, Message } from '../../workflows/contract/message';
import { chainNodeSchema, messageSchema } from '../../workflows/contract/schemas/message';
import { failure } from '../failure';
import { canonicalJson, isObjectHash, objectHash } from './canonical-json';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws TypeError for what JSON cannot say; see canonicalJson */
export const encodeMessage = (message: Message): Uint8Array => canonicalJson(message);

/**
 * Fields that this version does not know are kept, so that a newer writer's message survives an older reader.
 * @throws ApplicationFailure `Store.ObjectCorrupt`: not a message, or one with a role or part type of a newer version
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const value = parse(bytes, 'message');
  const { success, error } = messageSchema.safeParse(value);
  if (success && wasChecked(value)) return value;
  const issue = error?.issues[0];
  throw corrupt(bytes, 'message', issue ? `${issue.path.join('.')}: ${issue.message}` : '');
}

/** The value as it was read, not as zod rebuilt it: zod leaves out unknown fields and a property named `__proto__`. */
const wasChecked = (value: unknown): value is Message => typeof value === 'object' && value !== null && 'role' in value;

/** Spelled out because chains are long and both values are hex: the bytes of canonicalJson, several times faster. */
export function encodeNode({ parent, message }: ChainNode): Uint8Array {
  if (!isObjectHash(message) || (parent !== null && !isObjectHash(parent))) {
    throw new TypeError(`a chain node links two SHA-256 hashes, not "${message}" and "${parent}".`);
  }
  return encoder.encode(`{"message":"${message}","parent":${parent === null ? 'null' : `"${parent}"`}}`);
}

/** @throws ApplicationFailure `Store.ObjectCorrupt` */
export function decodeNode(bytes: Uint8Array): ChainNode {
  const { success, data } = chainNodeSchema.safeParse(parse(bytes, 'chain node'));
  if (success) return data;
  throw corrupt(bytes, 'chain node');
}

function parse(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    throw corrupt(bytes, what, 'not JSON in UTF-8');
  }
}

const corrupt = (bytes: Uint8Array, what: string, why = ''): Error =>
  failure(
    'Store.ObjectCorrupt',
    `object ${objectHash(bytes)} is no ${what} that this version can read${why === '' ? '' : ` (${why.slice(0, 200)})`}.`,
  );
