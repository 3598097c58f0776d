// A column of bars: when each part of a run was, beside the others, and whether it ran, waited or was tried again.
import type { TraceSpan } from '../trace/trace-shapes';

/** Queued for a worker or a place; waiting for quota, a provider or a person; running; begun again after a failure. */
const MARKS = {
  unicode: { queued: '░', waiting: '┄', running: '█', retried: '▒', moment: '◆', edge: '│' },
  ascii: { queued: '.', waiting: '-', running: '#', retried: 'x', moment: '*', edge: '|' },
} as const;

export interface Waterfall {
  /** Of always the same width. */
  bar(span: TraceSpan | undefined): string;
  legend: string;
}

export interface WaterfallOptions {
  fromMs: number;
  toMs: number;
  /** Columns of a bar. */
  width: number;
  /** Whether the terminal shows more than ASCII. */
  isUnicode: boolean;
}

/** Of the locale, as terminals tell it. */
export const isUnicodeTerminal = (env: { readonly [name: string]: string | undefined }): boolean =>
  env['TERM'] !== 'linux' && /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');

export function createWaterfall({ fromMs, toMs, width, isUnicode }: WaterfallOptions): Waterfall {
  const marks = isUnicode ? MARKS.unicode : MARKS.ascii;
  const scale = width / Math.max(1, toMs - fromMs);
  const columnOf = (ms: number): number => Math.min(width - 1, Math.max(0, Math.floor((ms - fromMs) * scale)));
  const fill = (cells: string[], from: number, to: number, mark: string): void => {
    for (let at = columnOf(from); at <= columnOf(Math.max(from, to)); at += 1) cells[at] = mark;
  };
  return {
    bar: (span) => {
      const cells = Array.from({ length: width }, () => ' ');
      if (span) for (const part of partsOf(span, toMs)) fill(cells, part.from, part.to, marks[part.is]);
      return `${marks.edge}${cells.join('')}${marks.edge}`;
    },
    legend: `${marks.queued} queued  ${marks.waiting} waiting  ${marks.running} running  ${marks.retried} tried again  ${marks.moment} at once`,
  };
}

type Mark = Exclude<keyof (typeof MARKS)['unicode'], 'edge'>;
interface Part {
  from: number;
  to: number;
  is: Mark;
}

function partsOf(span: TraceSpan, nowMs: number): Part[] {
  const { kind, startMs, queuedMs = 0, attempt = 1, attempts = [] } = span;
  const to = span.endMs ?? nowMs;
  if (kind === 'decision' || (kind === 'human' && span.request === undefined))
    return [{ from: startMs, to: startMs, is: 'moment' }];
  if (kind === 'queued') return [{ from: startMs, to, is: 'queued' }];
  if (kind === 'waiting' || kind === 'paused' || kind === 'human') return [{ from: startMs, to, is: 'waiting' }];
  const begun = attempts.at(-1)?.startMs;
  return [
    ...(queuedMs > 0 ? [{ from: startMs - queuedMs, to: startMs, is: 'queued' as const }] : []),
    ...(attempt > 1 && begun !== undefined && begun > startMs
      ? [{ from: startMs, to: begun, is: 'retried' as const }]
      : []),
    {
      from: Math.max(startMs, attempt > 1 ? (begun ?? startMs) : startMs),
      to,
      is: attempt > 1 && begun === undefined ? 'retried' : 'running',
    },
  ];
}

/** Of the terminal, as much as leaves the words room; in columns. */
export const waterfallWidth = (columns: number): number => Math.max(12, Math.min(40, Math.floor(columns / 4)));
