// What is wrong in a configuration, each as one line that begins with its place.
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

export const issueLines = (issues: readonly Issue[], before: readonly PropertyKey[] = []): string[] =>
  issues.flatMap((issue) => {
    const path = [...before, ...issue.path];
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => `${placeOf([...path, key])}: there is no such setting`);
    // Of a key that is none the place is known; what is wrong with it is inside.
    if (issue.code === 'invalid_key') return issueLines(issue.issues, path);
    if (issue.code === 'invalid_union') {
      const meant = meantBy(issue.errors);
      if (meant) return issueLines(meant, path);
    }
    return [`${placeOf(path)}: ${issue.message}`];
  });

/** Of several forms a value may have, the one that it has: whose complaint is about something inside it. */
function meantBy(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const inside = branches.filter((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys' || code === 'too_small'),
  );
  return inside.length === 1 ? inside[0] : undefined;
}

/** As it is written in the file: `quotas["openai/x"].requestsPerMinute`. */
const placeOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((place, key) => {
    const name = String(key);
    if (typeof key === 'string' && /^[\w$]+$/.test(name)) return place === '' ? name : `${place}.${name}`;
    return typeof key === 'string' ? `${place}["${name}"]` : `${place}.${name}`;
  }, '') || 'default export';
