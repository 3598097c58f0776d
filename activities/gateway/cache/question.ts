// What makes two questions the same: all that the model would be sent, under one name. Pure.
import type { CacheNormaliser, CachePlan } from '../../../workflows/contract/cache';
import type { JsonValue, Message } from '../../../workflows/contract/message';
import type { ReleaseManifest } from '../../../workflows/contract/release';
import { canonicalJson } from '../../store';

export interface Question {
  /** Names the conversation as the model reads it. */
  head: string;
  messages: readonly Message[];
  manifest: Pick<ReleaseManifest, 'agent' | 'instructions' | 'model' | 'output'>;
  /** As they are offered with this conversation. */
  tools: readonly { name: string; description: string; input: { [key: string]: JsonValue } }[];
  user: string | undefined;
}

/** Grows when a change here must not meet what was kept before it. */
const QUESTION_VERSION = 2;

/** Raw items of earlier answers are not in it: what they say, the messages say. */
export function questionBytes({ head, messages, manifest, tools, user }: Question, plan: CachePlan): Uint8Array {
  const { agent, instructions, model, output } = manifest;
  return canonicalJson({
    version: QUESTION_VERSION,
    ...(plan.normalise
      ? { normalise: plan.normalise, messages: messages.map((message) => normalised(message, plan.normalise ?? [])) }
      : { head }),
    instructions,
    tools: tools.map(({ name, description, input }) => ({ name, description, input })),
    // The provider is told the agent's name with it.
    ...(output ? { output: { agent, schema: output } } : {}),
    route: model.route,
    parameters: model.parameters,
    ...(plan.scope === 'user' ? { user: user ?? null } : {}),
  });
}

function normalised(message: Message, normalisers: readonly CacheNormaliser[]): unknown {
  const parts = message.parts.map((part) =>
    part.type === 'text' ? { ...part, text: normaliseText(part.text, normalisers) } : part,
  );
  return { ...message, parts };
}

const DAY = String.raw`(?:0?[1-9]|[12]\d|3[01])`;
const DATE = String.raw`(?:[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])|${DAY}([./-])${DAY}\1(?:19|20)\d{2})`;
const TIME = String.raw`(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?`;
const HALF_OR_ZONE = String.raw`(?: ?[ap]m| ?(?:Z|UTC|GMT)| ?[+-]\d{2}:?\d{2})`;
/**
 * ISO 8601, and day, month and year in figures, with the time behind them. A time alone counts with its half of the day or its zone: 3:16
 * may be a verse, a score or a ratio. None of it within a longer number, version or path.
 */
const DATES = new RegExp(
  String.raw`(?<![\w./:-])(?:${DATE}(?:(?:T| |, ?)${TIME}${HALF_OR_ZONE}?)?|${TIME}${HALF_OR_ZONE})(?![\w:/-]|[.,]\d)`,
  'gi',
);

const UUIDS = /(?<![\p{L}\p{N}])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\p{L}\p{N}])/giu;
/** Without what joins them: of `ord_8f…` the kind stays in the question. */
const WORDS = /(?<![\p{L}\p{N}])[A-Za-z0-9]{12,}(?![\p{L}\p{N}])/gu;
/** From a letter to a figure, or from a figure to a letter. */
const CHANGES = /(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)/g;
const CHANGES_LEAST = 3;
/** 1920x1080p60fps, 100d12h30m15s. */
const QUANTITY =
  /^(?:\d+(?:x|p|fps|y|w|d|days?|h|hrs?|m|min|s|sec|ms|k|kg|g|mg|km|cm|mm|ft|in|lb|oz|hz|khz|mhz|ghz|kb|mb|gb|tb|v|a|ah|mah|usd|eur|gbp))+\d*$/i;
/** C63H88CoN14O14P. */
const FORMULA = /^(?:[A-Z][a-z]?\d*)+$/;
/** As programs make them. Figures alone are none: they may be an amount, and another amount is another question. */
const isId = (word: string): boolean =>
  (word.match(CHANGES)?.length ?? 0) >= CHANGES_LEAST && !QUANTITY.test(word) && !FORMULA.test(word);

/** No text has one of its own: the character is written otherwise there. */
const MARK = '\u0000';
const placeOf = (kind: string): string => `${MARK}${kind}${MARK}`;

/** For the name of a question alone. Where it could be either, a text stays as it is: that costs a request, and the other a wrong answer. */
export function normaliseText(text: string, normalisers: readonly CacheNormaliser[]): string {
  return normalisers.reduce(
    (now, one) => {
      if (one === 'whitespace') return now.replace(/\s+/g, ' ').trim();
      if (one === 'dates') return now.replace(DATES, placeOf('date'));
      if (one === 'ids')
        return now.replace(UUIDS, placeOf('id')).replace(WORDS, (word) => (isId(word) ? placeOf('id') : word));
      return now.replace(new RegExp(one.pattern, `${one.flags}g`), one.with);
    },
    text.replaceAll(MARK, placeOf('mark')),
  );
}
