type Fields = Readonly<Record<string, unknown>>;

/**
 * What Temporal holds, as text, as anyone who dumps it could read it: JSON in which the bytes of payloads stand as text, whether they come as
 * bytes or, as a history, an event and the command line give them, in base64. Escapes are those of JSON, twice within a payload.
 */
export const payloadText = (value: unknown): string => JSON.stringify(value, (_, field: unknown) => readable(field));

function readable(field: unknown): unknown {
  if (typeof field === 'bigint') return String(field);
  // A text outside a payload may look like base64 by chance, so it is kept beside what it would mean.
  if (typeof field === 'string') return isBase64(field) ? `${field} ${utf8(Buffer.from(field, 'base64'))}` : field;
  const bytes = bytesOf(field);
  if (bytes) return utf8(bytes);
  return isPayload(field) ? { ...field, metadata: mapped(field.metadata), data: textOf(field.data) } : field;
}

const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

const isFields = (field: unknown): field is Fields => typeof field === 'object' && field !== null;

const isPayload = (field: unknown): field is { metadata: Fields; data?: unknown } =>
  isFields(field) && isFields(field.metadata) && 'encoding' in field.metadata;

const mapped = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, textOf(field)]));

const textOf = (field: unknown): unknown =>
  typeof field === 'string' && isBase64(field) ? utf8(Buffer.from(field, 'base64')) : field;

const isBase64 = (text: string): boolean =>
  text.length >= 4 && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);

/** A Buffer has turned itself into JSON before a replacer sees it. */
function bytesOf(field: unknown): Uint8Array | undefined {
  if (field instanceof Uint8Array) return field;
  const isBuffer = isFields(field) && field.type === 'Buffer' && Array.isArray(field.data);
  return isBuffer ? Uint8Array.from(field.data as number[]) : undefined;
}
