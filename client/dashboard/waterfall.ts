// The trace of a run as rows with bars: when each part began, how long it waited and took, what it used, and what it led to.
import type { RunTrace, TraceSpan } from '../trace/trace-shapes';
import { formatCost, formatDuration, formatTokens } from '../format';
import { html, linkTo, NOTHING, shownText, type Html } from './html';
import { runLink } from './run-facts';

/** What is drawn of a trace. */
interface DrawnTrace extends Pick<RunTrace, 'spans' | 'problems' | 'history'> {
  run: Pick<RunTrace['run'], 'id'>;
}

/** Of the drawing: it is stretched to its column. */
const WIDTH = 1_000;
const NARROWEST = 3;
const DEEPEST = 5;

/**
 * A browser lays out what is seen of a long trace, and the rest when somebody scrolls there: that it does for boxes, and for no rows of one
 * table.
 */
const ROWS_TOGETHER = 150;

/** How a bar is drawn: by its colour, beside its name. */
const LOOKS: { readonly [kind in TraceSpan['kind']]?: string } = {
  run: 'run',
  turn: 'run',
  tool: 'tool',
  queued: 'wait',
  waiting: 'wait',
  paused: 'wait',
  human: 'wait',
};

/** @param now milliseconds since 1970: what is open lasts until then */
export function waterfallHtml({ run, spans, problems, history }: DrawnTrace, now = Date.now()): Html {
  const from = Math.min(...spans.map(({ startMs }) => startMs));
  const to = Math.max(from + 1, ...spans.map(({ endMs }) => endMs ?? now));
  const scale = (ms: number): number => ((ms - from) / (to - from)) * WIDTH;
  const parts = partsOf(spans);
  return html`${problems.map((problem) => html`<p class="bad">${shownText(problem)}</p>`)}
    ${history === 'unreachable' ? html`<p class="quiet">Temporal does not answer: waits, attempts and what people did are not in it.</p>` : NOTHING}
    <div class="scroll" tabindex="0" role="region" aria-label="Calls of ${run.id}">
      ${parts.map(
        (part) =>
          html`<div class="${parts.length > 1 ? 'part' : ''}">
            <table class="waterfall">
              ${headHtml(to - from)}
              <tbody>
                ${part.map((span) => rowHtml(span, run.id, { scale, from, now }))}
              </tbody>
            </table>
          </div>`,
      )}
    </div>`;
}

const headHtml = (ms: number): Html =>
  html`<thead>
    <tr>
      <th scope="col" class="what">What</th>
      <th scope="col" class="when">When, of ${formatDuration(ms)}</th>
      <th scope="col" class="number">Took</th>
      <th scope="col" class="number">Waited</th>
      <th scope="col" class="number">Tokens in</th>
      <th scope="col" class="number">out</th>
      <th scope="col" class="number">Cost</th>
      <th scope="col" class="result">Result</th>
    </tr>
  </thead>`;

/** Each begins with a turn, or what stands between two. */
function partsOf(spans: readonly TraceSpan[]): TraceSpan[][] {
  const parts: TraceSpan[][] = [];
  for (const span of spans) {
    const last = parts.at(-1);
    if (last && (last.length < ROWS_TOGETHER || span.depth > 1)) last.push(span);
    else parts.push([span]);
  }
  return parts;
}

interface Drawn {
  scale(ms: number): number;
  from: number;
  now: number;
}

function rowHtml(span: TraceSpan, shown: string, drawn: Drawn): Html {
  const { kind, depth, usage, cost, startMs, endMs, queuedMs, status } = span;
  const took = (endMs ?? drawn.now) - startMs;
  return html`<tr data-row>
    <th scope="row" class="d${Math.min(depth, DEEPEST)}">${nameHtml(span, shown)}</th>
    <td>${barHtml(span, drawn)}</td>
    <td class="number">
      ${kind === 'decision' ? NOTHING : html`${formatDuration(took)}${status === 'open' ? ' so far' : NOTHING}`}
    </td>
    <td class="number">${queuedMs === undefined || queuedMs < 1 ? NOTHING : formatDuration(queuedMs)}</td>
    <td class="number">${usage ? formatTokens(usage.input) : NOTHING}</td>
    <td class="number">${usage ? formatTokens(usage.output) : NOTHING}</td>
    <td class="number">${cost ? formatCost(cost) : NOTHING}</td>
    <td class="note">${noteHtml(span)}</td>
  </tr>`;
}

/** Of which the name says what they are. */
const SAY_ENOUGH: ReadonlySet<TraceSpan['kind']> = new Set(['tool', 'model', 'turn']);

function nameHtml({ kind, name, run, call }: TraceSpan, shown: string): Html {
  const text = SAY_ENOUGH.has(kind) ? shownText(name) : html`${kind} ${shownText(name)}`;
  if (call !== undefined) return html`<a href="${linkTo(['runs', run, 'calls', call])}">${text}</a>`;
  return kind === 'run' && run !== shown ? html`${text} ${runLink(run)}` : html`<span class="clamp">${text}</span>`;
}

function barHtml({ kind, name, startMs, endMs, queuedMs = 0, status }: TraceSpan, { scale, from, now }: Drawn): Html {
  const [x, end] = [scale(startMs), scale(endMs ?? now)];
  // It waited for a worker before it began.
  const queued = Math.max(0, scale(startMs - queuedMs));
  const before = x - queued;
  const width = Math.max(NARROWEST, end - x);
  const at = Math.min(x, WIDTH - NARROWEST);
  const look = status === 'failed' ? 'failed' : (LOOKS[kind] ?? '');
  return html`<svg
    viewBox="0 0 ${WIDTH} 16"
    preserveAspectRatio="none"
    role="img"
    aria-label="${kind} ${name}, after ${formatDuration(startMs - from)}"
  >
    ${before > 0.5 ? html`<rect class="before" x="${queued.toFixed(1)}" y="5" width="${before.toFixed(1)}" height="6" />` : NOTHING}
    <rect class="${look}" x="${at.toFixed(1)}" y="2" width="${width.toFixed(1)}" height="12" />
  </svg>`;
}

/** In the order of what a reader wants to know first: what went wrong, why, and what came of it. */
function noteHtml(span: TraceSpan): Html {
  const { failure, note, preview, asked, attempts, attempt, tried, cached, reused, by, shared } = span;
  const failed = attempts?.filter((one) => one.failure) ?? [];
  const facts: (Html | string)[] = [
    ...(failure
      ? [html`<span class="bad">${failure.type}${failure.message ? html`: ${shownText(failure.message)}` : ''}</span>`]
      : []),
    ...(note === undefined ? [] : [shownText(note)]),
    ...(by === undefined ? [] : [html`by ${shownText(by)}`]),
    ...(failed.length > 0
      ? [html`<span class="bad">failed before: ${shownText(failed.map((one) => one.failure?.type).join(', '))}</span>`]
      : []),
    ...(attempt !== undefined && attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(tried ? [`instead of ${tried.map(({ route, failure: why }) => `${route} (${why})`).join('; ')}`] : []),
    ...(cached ? [html`from the cache, asked by ${runLink(cached.run)}`] : []),
    ...(shared ? [`item ${shared.item} of ${shared.of} in one request`] : []),
    ...(reused ? ['taken from its record'] : []),
    ...(asked === undefined ? [] : [html`<q>${shownText(asked)}</q>`]),
    ...(preview === undefined ? [] : [html`→ ${shownText(preview)}`]),
  ];
  return html`${facts.map((fact, at) => html`${at === 0 ? '' : '; '}${fact}`)}`;
}
