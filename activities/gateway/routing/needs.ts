// What a request asks of whoever answers it, and who of a route cannot.
import type { Tried } from '../../../workflows/contract/schemas/call-record';
import { limitOf } from '../../context/hold-window';
import { windowOf } from '../../context/model-window';
import { failure } from '../../failure';
import { missingFor, type Needs } from '../../model/capabilities';
import type { ModelProvider, ModelRequest } from '../../model/provider';

/** @param isExact whether `input` is counted: an estimate is allowed its slack, as where a window is held */
export function needsOf({ tools, output, messages }: ModelRequest, input: number, isExact: boolean): Needs {
  const has = (type: 'image' | 'file'): boolean =>
    messages.some(({ parts }) => parts.some((part) => part.type === type));
  return {
    tools: tools.length > 0,
    structuredOutput: output !== undefined,
    images: has('image'),
    files: has('file'),
    inputTokens: Math.floor((input / limitOf(1_000, isExact)) * 1_000),
  };
}

/** Whether it is known to read more. */
export const readsMore = (route: string, than: string): boolean =>
  (windowOf(route) ?? 0) > (windowOf(than) ?? Infinity);

export interface Choosing {
  /** Asked where there is a choice. */
  needs(): Needs;
  capabilitiesOf(route: string): ModelProvider['capabilities'];
  /** The one provider that can go on with a turn which it began. */
  tiedTo: string | undefined;
}

/**
 * Whoever cannot answer is not asked; alone on its route it is, as ever: its provider knows best.
 * @throws ApplicationFailure where nobody can, with what each lacks: `Model.ContextTooLong` where room is all that they lack
 */
export function capable(preferred: readonly string[], choosing: Choosing): { routes: string[]; passedOver: Tried[] } {
  if (preferred.length === 1) return { routes: [...preferred], passedOver: [] };
  const { capabilitiesOf, tiedTo } = choosing;
  const needs = choosing.needs();
  const isBound = tiedTo !== undefined && preferred.some((route) => route.startsWith(`${tiedTo}/`));
  const passedOver: Tried[] = [];
  const routes = preferred.filter((route) => {
    if (isBound && !route.startsWith(`${tiedTo}/`)) {
      const why = `${tiedTo} began this turn, and alone can read its own thoughts of it`;
      passedOver.push({ route, failure: 'other-provider', why, ms: 0 });
      return false;
    }
    const missing = missingFor(needs, capabilitiesOf(route), route);
    if (missing.length > 0) passedOver.push({ route, failure: 'incapable', why: missing.join(', '), ms: 0 });
    return missing.length === 0;
  });
  if (routes.length > 0) return { routes, passedOver };
  // An answer that no server holds to its schema is judged here all the same, and the model asked to mend it.
  if (needs.structuredOutput)
    return capable(preferred, { ...choosing, needs: () => ({ ...needs, structuredOutput: false }) });
  const isRoom = preferred.some(
    (route) => missingFor({ ...needs, inputTokens: 0 }, capabilitiesOf(route), route).length === 0,
  );
  const lacks = passedOver.map(({ route, why }) => `${route}: ${why}`).join('; ');
  throw failure(
    isRoom ? 'Model.ContextTooLong' : 'Model.BadRequest',
    `none of the route can answer this request. It needs what they have not: ${lacks}.`,
  );
}
