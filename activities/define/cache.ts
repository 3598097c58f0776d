// What a definition says about answers that are given again, checked and resolved.
import type { CacheNormaliser, CachePlan } from '../../workflows/contract/cache';
import { objectWith, shown } from './checked-parts';
import { durationMs, type Duration } from './duration';
import { oneOf } from './known-keys';

export interface CacheOptions {
  /** How long an answer is given again. @default '1h' */
  ttl?: Duration;
  /** Whose question counts as the same: anybody's of the tenant, or the same user's. @default 'tenant' */
  scope?: 'tenant' | 'user';
  /** Answers that call tools: none, those whose tools only read, or all, whatever their tools do. @default 'read' */
  toolCalls?: 'none' | 'read' | 'all';
  /**
   * Differences that make no other question: runs of white space; dates in figures, with the time behind them; ids as programs make them (UUIDs,
   * words of 12 characters or more that mix letters and figures); or what an expression matches. Figures alone are no id: they may be an
   * amount. For agents without tools. Applied in the order dates, ids, expressions, white space. @default none: a question is the same to
   * the byte
   */
  normalise?: readonly ('whitespace' | 'dates' | 'ids' | { replace: RegExp; with: string })[];
}

const DEFAULT_TTL: Duration = '1h';
const KEYS = ['ttl', 'scope', 'toolCalls', 'normalise'];

/**
 * @param hasTools an answer to nearly the same question must not decide what a tool is called with
 * @returns undefined where every question is asked
 * @throws Error in one line, naming what is wrong
 */
export function cachePlan(agent: string, options: boolean | CacheOptions, hasTools: boolean): CachePlan | undefined {
  if (options === false) return undefined;
  const where = `agent ${agent}: cache`;
  const given = options === true ? {} : options;
  objectWith(given, where, KEYS, 'true or false');
  const scope = oneOf(given.scope ?? 'tenant', ['tenant', 'user'], `${where}.scope`);
  const normalise = normalisers(given.normalise ?? [], `${where}.normalise`);
  if (hasTools && normalise.length > 0)
    throw new Error(`${where}.normalise is for agents without tools: nearly the same question may want another call.`);
  return {
    ttlMs: durationMs(given.ttl ?? DEFAULT_TTL, `${where}.ttl`),
    ...(scope === 'user' ? { scope } : {}),
    toolCalls: oneOf(given.toolCalls ?? 'read', ['none', 'read', 'all'], `${where}.toolCalls`),
    ...(normalise.length > 0 ? { normalise } : {}),
  };
}

function normalisers(given: NonNullable<CacheOptions['normalise']>, where: string): CacheNormaliser[] {
  if (!isList(given)) throw new Error(`${where} is a list, not ${shown(given)}.`);
  const all = given.map((one, at): CacheNormaliser => {
    const place = `${where}[${at}]`;
    if (typeof one === 'string') return oneOf(one, ['whitespace', 'dates', 'ids'] as const, place);
    objectWith(one, place, ['replace', 'with'], 'whitespace, dates or ids');
    if (!(one.replace instanceof RegExp) || typeof one.with !== 'string')
      throw new Error(`${place} has an expression "replace" and a text "with".`);
    return { pattern: one.replace.source, flags: one.replace.flags.replace(/[gy]/g, ''), with: one.with };
  });
  return all.sort((a, b) => ORDER.indexOf(kindOf(a)) - ORDER.indexOf(kindOf(b)));
}

/** What is narrowed to an array is one of anything. */
const isList = (value: unknown): boolean => Array.isArray(value);

/** A date is none any more once its parts were taken for ids; what is left of white space is known last. */
const ORDER = ['dates', 'ids', 'own', 'whitespace'];
const kindOf = (one: CacheNormaliser): string => (typeof one === 'string' ? one : 'own');
