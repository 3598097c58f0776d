// Errors are recognised by shape, never by `instanceof Error`: those of Node's own modules and of gRPC may come from
// another realm (Jest runs each test file in one), where that test is false.

/** Whether an error carries a code, such as `ENOENT` of the file system or 5 of gRPC. */
export function hasCode(error: unknown, code: string | number): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

/** The first line of an error's message. `fetch` says only that it failed: what happened is in the cause. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error);
  if ('cause' in error && error.cause) return reasonOf(error.cause);
  return String(error.message).split('\n')[0] ?? '';
}
