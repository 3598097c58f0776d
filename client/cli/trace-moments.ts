// What a printed trace shows beside calls: waits, acts of people, decisions, and calls that brought nothing.
import type { TraceSpan } from '../trace/trace-shapes';
import type { TracedCall } from '../trace/traced-call';
import { formatDuration } from '../format';
import type { Output } from './output';

/** Spans by their parents. */
export type Below = ReadonlyMap<string | null, readonly TraceSpan[]>;

/** Printed elsewhere: what is under way, and what people are asked. */
export const isElsewhere = ({ kind, status, request, call, run, id }: TraceSpan): boolean =>
  call !== undefined ||
  request !== undefined ||
  id === `${run}/` ||
  (status === 'open' && (kind === 'model' || kind === 'tool' || kind === 'compaction' || kind === 'work'));

/** What stands between turns, and turns of which nothing was recorded. */
export function looseSpans(below: Below, id: string, turns: readonly (readonly TracedCall[])[]): TraceSpan[] {
  const named = new Set(turns.map(([call]) => `${id}/turn/${call?.fork ?? 0}/${call?.turn ?? 0}`));
  return (below.get(`${id}/`) ?? []).flatMap((span) => {
    if (span.kind !== 'turn') return isElsewhere(span) ? [] : [span];
    return named.has(span.id) ? [] : (below.get(span.id) ?? []).filter((child) => !isElsewhere(child));
  });
}

/** What is no call with a record: a wait, what a person did, what the run decided, a call that brought nothing. */
export function momentText({ colors, safeLine }: Output, span: TraceSpan): string {
  const { kind, name, note, startMs, endMs, failure, attempt = 1, status, waitsFor } = span;
  const ms = (endMs ?? Date.now()) - startMs;
  const isMoment = kind === 'decision' || kind === 'human';
  const what = kind === 'waiting' && waitsFor !== 'other' ? `waits for ${waitsFor ?? ''}` : safeLine(name);
  const facts = [
    isMoment || kind === 'waiting' || kind === 'paused' ? what : `${kind} ${what}`,
    ...(isMoment ? [] : [formatDuration(ms)]),
    ...(status === 'open' ? ['still'] : []),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(failure ? [colors.red(`${failure.type}${failure.message ? `: ${safeLine(failure.message)}` : ''}`)] : []),
    ...(note === undefined || note === '' ? [] : [colors.dim(safeLine(note))]),
  ];
  return status === 'failed'
    ? facts.join('  ')
    : `${colors.yellow(facts[0] ?? '')}${facts
        .slice(1)
        .map((fact) => `  ${fact}`)
        .join('')}`;
}
