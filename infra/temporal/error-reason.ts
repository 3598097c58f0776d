// Errors are recognised by shape, never by `instanceof Error`: those of Node's own modules and of gRPC, and what a user's module
// throws, may come from another realm (Jest runs each test file in one), where that test is false.

export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Whether an error carries a code, such as `ENOENT` of the file system or 5 of gRPC. */
export const hasCode = (error: unknown, code: string | number): boolean =>
  isObject(error) && 'code' in error && error.code === code;

/** As Node's own errors have it: `ENOENT`. */
export const codeOf = (error: unknown): string | undefined =>
  isObject(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** By name, not by class: two copies of a package, or two realms, have a class each. */
export const nameOf = (error: unknown): string => (isObject(error) && 'name' in error ? String(error.name) : '');

export const messageOf = (error: unknown): string =>
  isObject(error) && 'message' in error ? String(error.message) : `threw ${String(error)}`;

export const stackOf = (error: unknown): string => (isObject(error) && 'stack' in error ? String(error.stack) : '');

/** The first line of an error's message. `fetch` says only that it failed: what happened is in the cause. */
export function reasonOf(error: unknown): string {
  if (!isObject(error) || !('message' in error)) return String(error);
  if ('cause' in error && error.cause) return reasonOf(error.cause);
  return String(error.message).split('\n')[0] ?? '';
}
