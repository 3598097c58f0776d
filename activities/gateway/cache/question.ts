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
const QUESTION_VERSION = 1;

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

/** ISO 8601 with or without time, and day, month and year in figures. */
const DATES =
  /\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?Z|[+-]\d{2}:?\d{2})?)?|\b\d{1,2}[./-]\d{1,2}[./-]\d{4}\b|\b\d{1,2}:\d{2}(?::\d{2})?\b/g;
/** UUIDs, and words of at least eight characters that hold both letters and digits, or hexadecimal figures alone. */
const IDS =
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{8,}\b|\b\d{6,}\b/gi;

export function normaliseText(text: string, normalisers: readonly CacheNormaliser[]): string {
  return normalisers.reduce((now, one) => {
    if (one === 'whitespace') return now.replace(/\s+/g, ' ').trim();
    if (one === 'dates') return now.replace(DATES, '<date>');
    if (one === 'ids') return now.replace(IDS, '<id>');
    return now.replace(new RegExp(one.pattern, `${one.flags}g`), one.with);
  }, text);
}
