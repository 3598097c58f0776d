/** What Temporal holds, with the bytes of payloads as text: as anyone who dumps it could read it. */
export const payloadText = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) => {
    const bytes = bytesOf(field);
    if (bytes) return Buffer.from(bytes).toString('utf8');
    return typeof field === 'bigint' ? String(field) : field;
  });

/** A Buffer has turned itself into JSON before a replacer sees it. */
function bytesOf(field: unknown): Uint8Array | undefined {
  if (field instanceof Uint8Array) return field;
  const isBuffer =
    typeof field === 'object' &&
    field !== null &&
    'type' in field &&
    field.type === 'Buffer' &&
    'data' in field &&
    Array.isArray(field.data);
  return isBuffer ? Uint8Array.from(field.data as number[]) : undefined;
}
