// What was thrown, read by shape: a module that was loaded in another realm throws errors of its own Error class.

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

export const messageOf = (error: unknown): string =>
  isObject(error) && 'message' in error ? String(error.message) : `threw ${String(error)}`;

export const stackOf = (error: unknown): string => (isObject(error) && 'stack' in error ? String(error.stack) : '');

/** As Node's own errors have it: `ENOENT`. */
export const codeOf = (error: unknown): string | undefined =>
  isObject(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
