/**
 * A misspelt limit would be no limit: what a definition does not know is refused, also where no compiler has looked at it.
 * @throws Error naming the key and those that are known
 */
export function onlyKnownKeys(value: object, known: readonly string[], what: string): void {
  const given: unknown = value;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new Error(`${what}: ${JSON.stringify(given) ?? 'nothing'} is no object. Known: ${known.join(', ')}.`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Error(`${what}: "${unknown}" is not known. Known: ${known.join(', ')}.`);
}

/** @throws Error naming what is allowed */
export function oneOf<T extends string>(value: unknown, allowed: readonly T[], what: string): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw new Error(`${what}: ${JSON.stringify(value) ?? 'nothing'} is none of ${allowed.join(', ')}.`);
}
