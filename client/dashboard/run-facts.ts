// How a run is said in a table and on its own page.
import { OPEN_STATUSES } from '../api/run-status';
import type { ShownRun } from '../api/shapes';
import { formatCost, formatDuration, formatTokens } from '../format';
import { html, linkTo, shownText, type Html } from './html';

/** What it means to whoever looks: a colour, beside the word. */
const TONES: { readonly [status in ShownRun['status']]?: 'good' | 'bad' | 'busy' | 'asks' } = {
  completed: 'good',
  failed: 'bad',
  stuck: 'bad',
  escalated: 'bad',
  'budget-exhausted': 'bad',
  asking: 'asks',
  paused: 'asks',
  running: 'busy',
  open: 'busy',
};

export const statusHtml = (status: ShownRun['status']): Html =>
  html`<span class="status ${TONES[status] ?? ''}">${status}</span>`;

export const isOpen = ({ endedAt, erasedAt, status }: ShownRun): boolean =>
  endedAt === undefined && erasedAt === undefined && OPEN.has(status);
const OPEN: ReadonlySet<string> = new Set(OPEN_STATUSES);

export const tookOf = ({ startedAt, endedAt }: ShownRun): string =>
  endedAt === undefined ? '' : formatDuration(endedAt - startedAt);

export const tokensOf = ({ totals }: ShownRun): string =>
  totals ? formatTokens(totals.usage.input + totals.usage.output) : '';

export const costOf = ({ totals }: ShownRun): string => (totals ? formatCost(totals.cost) : '');

export const runLink = (id: string): Html => html`<a href="${linkTo(['runs', id])}">${shownText(id)}</a>`;

export const releaseLink = (release: string): Html =>
  html`<a href="${linkTo(['releases', release])}"><code>${release.slice(0, 12)}</code></a>`;
