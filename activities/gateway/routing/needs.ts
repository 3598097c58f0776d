// What a request asks of whoever answers it, and who of a route cannot.
import type { Tried } from '../../../workflows/contract/schemas/call-record';
import { limitOf } from '../../context/hold-window';
import { windowOf } from '../../context/model-window';
import { failure } from '../../failure';

export interface Needs {
  /** Tokens, and whether they are counted or estimated. */
  input: number;
  isExact: boolean;
}

/** @returns what it lacks, in words; undefined where it can, or where nothing is known of it */
export function lackOf(route: string, { input, isExact }: Needs): string | undefined {
  const window = windowOf(route);
  if (window === undefined || input <= limitOf(window, isExact)) return undefined;
  return `it reads ${window} tokens, and the request has ${input}`;
}

/** Whether it is known to read more. */
export const readsMore = (route: string, than: string): boolean =>
  (windowOf(route) ?? 0) > (windowOf(than) ?? Infinity);

/**
 * @param tiedTo the one provider that can go on with a turn which it began
 * @throws ApplicationFailure `Model.ContextTooLong` where no one can
 */
export function capable(
  preferred: readonly string[],
  needs: Needs,
  tiedTo: string | undefined,
): { routes: string[]; passedOver: Tried[] } {
  const passedOver: Tried[] = [];
  const bound = tiedTo === undefined ? [] : preferred.filter((route) => route.startsWith(`${tiedTo}/`));
  const routes = preferred.filter((route) => {
    // Where the provider is not of the route any more, somebody has to go on.
    const isOther = bound.length > 0 && !bound.includes(route);
    const lack = isOther
      ? `${tiedTo} began this turn, and alone can read its own thoughts of it`
      : lackOf(route, needs);
    if (lack === undefined) return true;
    passedOver.push({ route, failure: isOther ? 'other-provider' : 'incapable', why: lack, ms: 0 });
    return false;
  });
  // A window that is not what the table says is the provider's to name; alone it is asked as ever.
  if (preferred.length === 1) return { routes: [...preferred], passedOver: [] };
  if (routes.length > 0) return { routes, passedOver };
  const lacks = passedOver.map(({ route, why }) => `${route}: ${why}`).join('; ');
  throw failure('Model.ContextTooLong', `none of the route can answer this request. ${lacks}.`);
}
