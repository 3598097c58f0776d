// What happens to a run between its calls: it waits in a queue, for quota, for a provider; people act; it decides.
import { consequenceOf, isFailureType } from '../../workflows/contract/failures';
import type { DegradeStep } from '../../workflows/contract/queue';
import { SIGNAL_NAMES } from '../../workflows/contract/names';
import { z } from 'zod';
import { decisionText } from '../requests-of';
import { formatUsd, limitsText } from '../format';
import type { CallSpan } from './call-spans';
import type { HistoryAct, HistoryTimer, RunHistory } from './run-history';
import type { TraceSpan } from './trace-shapes';
import type { TracedRun } from './traced-run';

/** As the run names its waits for people, which stand there as questions of their own. */
const FOR_PEOPLE = 'a person (';

export function momentSpans(traced: TracedRun): CallSpan[] {
  const { history, record } = traced;
  const known = typeof history === 'string' ? undefined : history;
  return unique([
    ...queuedSpan(traced, known),
    ...degradedSpan(traced),
    ...traced.asked.map((asked): CallSpan => {
      const { decision, withdrawnAt, askedAt, number, question, turn } = asked;
      const endMs = decision?.decidedAt ?? withdrawnAt;
      const by = decision?.verified ? decision.signed?.by : undefined;
      return {
        ...{ id: `${record.id}/request/${number}`, run: record.id, kind: 'human', request: number, turn },
        name: question,
        status: endMs === null ? 'open' : 'done',
        startMs: askedAt,
        endMs,
        note: decisionText(asked),
        ...(by === undefined ? {} : { by }),
      };
    }),
    ...(known
      ? [
          ...waits(record.id, known),
          ...pauses(traced, known),
          ...acts(record.id, known),
          ...decisions(record.id, known),
        ]
      : []),
  ]);
}

/** Some are named by their time: two people may act within a millisecond. */
function unique(spans: readonly CallSpan[]): CallSpan[] {
  const seen = new Map<string, number>();
  return spans.map((span) => {
    const nth = seen.get(span.id) ?? 0;
    seen.set(span.id, nth + 1);
    return nth === 0 ? span : { ...span, id: `${span.id}.${nth}` };
  });
}

function queuedSpan({ record, live }: TracedRun, history: RunHistory | undefined): CallSpan[] {
  const { queue, startedAt, ended } = record;
  if (!queue) return [];
  const begun = history && !history.isPartial ? history.startedMs : undefined;
  if (begun === undefined && (live || ended)) return [];
  return [
    {
      ...{ id: `${record.id}/queued`, run: record.id, kind: 'queued', name: queue.name, startMs: startedAt },
      status: begun === undefined ? 'open' : 'done',
      endMs: begun === undefined ? null : Math.max(startedAt, begun),
      note: `waits for a place in the queue ${queue.name}${queue.priority ? `, with priority ${queue.priority}` : ''}`,
    },
  ];
}

export function degradedText(degraded: Omit<DegradeStep, 'sync'>): string {
  const { above, limits, route } = degraded;
  const parts = [
    ...(route ? [`it asks ${route.join(', ')}`] : []),
    ...(limits ? [`its limits are ${limitsText({ turns: Infinity, toolCalls: Infinity, ...limits })}`] : []),
  ];
  return `more than ${Math.round(above * 100)} % of its queue was taken when it began: ${parts.join('; ')}`;
}

function degradedSpan({ record }: TracedRun): CallSpan[] {
  const { degraded, startedAt, id } = record;
  return degraded ? [moment(id, 'degraded', startedAt, { name: 'degraded', note: degradedText(degraded) })] : [];
}

const moment = (
  run: string,
  name: string,
  atMs: number,
  about: Pick<CallSpan, 'name' | 'note'> & { kind?: 'decision' | 'human' },
): CallSpan => ({
  ...{ id: `${run}/${name}/${atMs}`, run, kind: about.kind ?? 'decision', status: 'done', startMs: atMs, endMs: atMs },
  name: about.name,
  ...(about.note === undefined ? {} : { note: about.note }),
});

function waits(run: string, { timers }: RunHistory): CallSpan[] {
  return timers
    .filter(({ label }) => label !== '' && !label.startsWith(FOR_PEOPLE))
    .map((timer, nth): CallSpan => ({
      ...{ id: `${run}/wait/${timer.startMs}.${nth}`, run, kind: 'waiting', name: 'waits', waitsFor: waitsFor(timer) },
      status: timer.endMs === undefined ? 'open' : timer.isCancelled ? 'cancelled' : 'done',
      startMs: timer.startMs,
      endMs: timer.endMs ?? null,
      note: timer.label,
    }));
}

/** By the words in which whoever sends it away says so. */
function waitsFor({ label }: HistoryTimer): NonNullable<TraceSpan['waitsFor']> {
  if (label.startsWith('Store.')) return 'store';
  if (label.startsWith('Tool.')) return 'tool';
  if (/budget|tenant/i.test(label)) return 'budget';
  if (/quota|limit of|per minute/i.test(label)) return 'quota';
  return /provider|Model\.|rate|overloaded|asks? for patience/i.test(label) ? 'provider' : 'other';
}

const reasonSchema = z.tuple([z.object({ reason: z.string() }).partial()]).rest(z.unknown());
const reasonOf = ({ given }: HistoryAct): string | undefined =>
  reasonSchema.safeParse(Array.isArray(given) ? given : [given]).data?.[0].reason;

interface Pause {
  atMs: number;
  note: string;
}

/** From a person's pause, or a failure that only a person can mend, until it was resumed. */
function pauses({ record: { id, ended } }: TracedRun, history: RunHistory): CallSpan[] {
  const resumed = history.acts.filter(({ what }) => what === SIGNAL_NAMES.resume).map(({ atMs }) => atMs);
  const asked = history.acts
    .filter(({ what }) => what === SIGNAL_NAMES.pause)
    .map((act) => ({ atMs: act.atMs, note: reasonOf(act) ?? 'paused by a person' }));
  const failed = failures(history)
    .filter(({ then }) => then === 'pause')
    .map(({ atMs, note }) => ({ atMs, note }));
  const known = [...asked, ...failed];
  return [...known, ...earlierPauses(history, resumed, known)].map(({ atMs, note }): CallSpan => {
    const until = resumed.find((at) => at >= atMs) ?? ended?.at ?? null;
    return {
      ...{ id: `${id}/paused/${atMs}`, run: id, kind: 'paused', name: 'paused', startMs: atMs, endMs: until, note },
      status: until === null ? 'open' : 'done',
    };
  });
}

const failures = ({ calls }: RunHistory): (Pause & { then: string })[] =>
  calls.flatMap(({ status, attempts, endMs }) => {
    const failure = status === 'failed' ? attempts.at(-1)?.failure : undefined;
    return failure && endMs !== undefined && isFailureType(failure.type)
      ? [{ atMs: endMs, note: `${failure.type}: ${failure.message}`, then: consequenceOf(failure.type) }]
      : [];
  });

/** Versions of before paused for a person where today's waits by itself: for nothing it waited then, and somebody resumed it. */
function earlierPauses(history: RunHistory, resumed: readonly number[], known: readonly Pause[]): Pause[] {
  return resumed.flatMap((until, nth) => {
    const since = resumed[nth - 1] ?? 0;
    if (known.some(({ atMs }) => atMs >= since && atMs <= until)) return [];
    const last = failures(history).findLast(({ atMs, then }) => then === 'wait' && atMs >= since && atMs <= until);
    const hasWaited = last && history.timers.some(({ startMs }) => startMs >= last.atMs && startMs <= until);
    return last && !hasWaited ? [{ atMs: last.atMs, note: last.note }] : [];
  });
}

const textSchema = z.object({ text: z.string() }).partial();
const limitsSchema = z
  .object({
    turns: z.number(),
    toolCalls: z.number(),
    tokens: z.number(),
    modelCalls: z.number(),
    nanoUsd: z.number(),
    wallMs: z.number(),
  })
  .partial();
const DONE: { readonly [what: string]: string } = {
  resume: 'resumed',
  steer: 'said something to it',
  extend: 'extended its limits',
  cancel: 'cancelled it',
  parentCancelled: 'the run that called it was cancelled',
};

/** What people did that is no answer to a question: those stand with the question. */
function acts(run: string, { acts: all }: RunHistory): CallSpan[] {
  // Temporal is asked to cancel by whoever was told to: that is the same act.
  const cancel = all.find(({ what }) => what === 'cancel');
  return all.flatMap((act) => {
    const name = act.what === 'cancel' && act !== cancel ? undefined : DONE[act.what];
    const note = detailOf(act);
    return name === undefined
      ? []
      : [moment(run, act.what, act.atMs, { kind: 'human', name, ...(note === undefined ? {} : { note }) })];
  });
}

function detailOf(act: HistoryAct): string | undefined {
  const given: unknown = Array.isArray(act.given) ? act.given[0] : act.given;
  if (act.what === 'steer') return textSchema.safeParse(given).data?.text;
  if (act.what !== 'extend') return reasonOf(act);
  const { nanoUsd, ...counts } = limitsSchema.safeParse(given).data ?? {};
  const parts = Object.entries(counts).map(([name, more]) => `${name} +${more}`);
  return [...parts, ...(nanoUsd === undefined ? [] : [`+${formatUsd(nanoUsd)}`])].join(', ');
}

/** That the conversation had to become shorter: what came of it is a call. */
function decisions(run: string, { calls }: RunHistory): CallSpan[] {
  return calls.flatMap(({ instead, endMs, scheduledMs, key }) =>
    instead?.kind === 'compact'
      ? [
          {
            ...moment(run, 'compact', endMs ?? scheduledMs, {
              name: 'sums up first',
              note: `the conversation is too long to ask the model: ${instead.reason}`,
            }),
            ...(key ? { turn: key.turn, fork: key.fork } : {}),
          },
        ]
      : [],
  );
}
