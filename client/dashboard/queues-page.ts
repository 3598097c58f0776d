// Queues and quotas as they stand: what waits and what has a place, what is used of each limit.
import { MICRO_USD } from '../../workflows/contract/cost';
import { DAY_MS, MINUTE_MS, type Dimension, type QuotaView } from '../../workflows/contract/quota';
import { queuesShape, type ShownQueue } from '../api/queue-shapes';
import { seesTenant } from '../api/caller';
import { formatDuration } from '../format';
import { quotaLines } from '../quota-shown';
import { createTurnstile } from '../api/turnstile';
import { budgetViews, quotaViews, type ShownBudget, type ShownQuota } from '../quota-views';
import type { z } from 'zod';
import { ageOf, html, NOTHING, shownText, type Html } from './html';
import { unlessUnanswered, type PageRequest, type ShownPlace } from './place';

/** Each asks the workflow of every limit. */
const readers = createTurnstile(4);
/** Of so many limits a page asks seldom. */
const MANY = 50;

export const queuesPage: ShownPlace = {
  path: '/queues',
  show: async (request) => {
    const queues = await unlessUnanswered(() => request.ask.get(queuesShape, '/v1/queues'));
    const limits = await unlessUnanswered(() => limitsOf(request));
    return {
      title: 'Queues and quotas',
      body: html`<h1>Queues and quotas</h1>
        <div id="queues" data-live="${'told' in limits && limits.told.length > MANY ? '15' : '2'}">
          <h2>Queues</h2>
          ${'unanswered' in queues ? html`<p class="bad">${queues.unanswered}</p>` : queuesHtml(queues.told)}
          <h2>Quotas and budgets</h2>
          ${'unanswered' in limits ? html`<p class="bad">${limits.unanswered}</p>` : limitsHtml(limits.told)}
        </div>`,
    };
  },
};

const heads = (names: readonly string[], numbers: readonly string[]): Html =>
  html`<thead>
    <tr>
      ${names.map((name) => html`<th scope="col">${name}</th>`)}
      ${numbers.map((name) => html`<th scope="col" class="number">${name}</th>`)}
    </tr>
  </thead>`;

/** @param most 0 for what has no room at all */
const part = (used: number, most: number, label: string, text = `${Math.round(used)} of ${Math.round(most)}`): Html =>
  html`${text}
    <meter min="0" max="${Math.max(most, 1e-9)}" value="${Math.min(used, most)}" aria-label="${label}"></meter>`;

function queuesHtml({ queues }: z.output<typeof queuesShape>): Html {
  if (queues.length === 0) return html`<p>No queues: runs begin at once.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Queues">
    <table>
      ${heads(['Queue', 'Waiting', 'Running'], ['Oldest', 'A run takes', 'One that came now', 'Taken', 'Refused', 'Expired', 'Withdrawn'])}
      <tbody>
        ${queues.map(queueRow)}
      </tbody>
    </table>
  </div>`;
}

function queueRow({
  name,
  waiting,
  depth,
  running,
  concurrency,
  oldestAt,
  serviceMs,
  wait,
  counts,
  degraded,
  tenants,
}: ShownQueue): Html {
  const shares = tenants.map((one) => `${one.waiting} ${one.priority} of ${one.tenant}`).join(', ');
  return html`<tr>
    <th scope="row">
      ${name}${degraded ? html` <span class="asks">gives less above ${Math.round(100 * degraded.above)} %</span>` : NOTHING}
    </th>
    <td>${part(waiting, depth, `waiting in ${name}`)} <span class="quiet">${shownText(shares)}</span></td>
    <td>${part(running, concurrency, `running of ${name}`)}</td>
    <td class="number">${oldestAt === undefined ? '' : ageOf(oldestAt)}</td>
    <td class="number">${serviceMs === undefined ? '' : formatDuration(serviceMs)}</td>
    <td class="number">${wait ? `${formatDuration(wait.fromMs)} to ${formatDuration(wait.toMs)}` : 'not known yet'}</td>
    <td class="number">${counts.accepted}</td>
    <td class="number">${counts.refused}</td>
    <td class="number">${counts.expired}</td>
    <td class="number">${counts.withdrawn}</td>
  </tr>`;
}

interface Limit {
  of: string;
  /** Null where nobody has asked for anything of it yet. */
  view: QuotaView | null;
  /** What is no number of a limit. */
  lines: string[];
}

/** Read once for all who see the same tenants. */
async function limitsOf({ deps, caller, shared }: PageRequest): Promise<Limit[]> {
  const { quotas: configured } = deps;
  if (!configured) return [];
  const read = (): Promise<[ShownQuota[], ShownBudget[]]> =>
    readers.pass(caller, () =>
      Promise.all([
        quotaViews(deps, configured),
        budgetViews(deps, configured, (tenant) => seesTenant(caller, tenant)),
      ]),
    );
  const [models, tenants] = await shared({ key: JSON.stringify(['quotas', caller.tenants]) }, read);
  // Who waits for a model is of all tenants: a key that is for some is told the numbers alone.
  const lines = ({ route, view }: (typeof models)[number]): string[] =>
    view && !caller.tenants ? quotaLines(route, view, Date.now()) : [];
  return [
    ...models.map((one) => ({ of: `model ${one.route}`, view: one.view, lines: lines(one) })),
    ...tenants.map(({ tenant, view }) => ({ of: `tenant ${tenant}`, view, lines: [] })),
  ];
}

function limitsHtml(limits: readonly Limit[]): Html {
  if (limits.length === 0) return html`<p>No quotas: the configuration limits no model and no tenant.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Quotas and budgets">
      <table>
        ${heads(['Of', 'Limit', 'Used'], ['Held by workers'])}
        <tbody>
          ${limits.map(limitRows)}
        </tbody>
      </table>
    </div>
    ${limits.flatMap(({ lines }) => lines.map((line) => html`<p>${shownText(line)}</p>`))}`;
}

function limitRows({ of, view }: Limit): Html {
  if (!view)
    return html`<tr>
      <th scope="row">${shownText(of)}</th>
      <td colspan="3">not asked yet</td>
    </tr>`;
  const row = (limit: string, used: Html, held: string): Html =>
    html`<tr>
      <th scope="row">${shownText(of)}</th>
      <td>${limit}</td>
      <td>${used}</td>
      <td class="number">${held}</td>
    </tr>`;
  const { limits, concurrency } = view;
  return html`${limits.map((limit) => {
    const name = `${limit.of === 'input' || limit.of === 'output' ? `${limit.of} tokens` : limit.of} ${period(limit.perMs)}`;
    const text = `${amount(limit.of, limit.used)} of ${amount(limit.of, limit.most)}`;
    return row(name, part(limit.used, limit.most, `${name} of ${of}`, text), amount(limit.of, limit.leased));
  })}${concurrency ? row('at once', part(concurrency.busy, concurrency.most, `at once of ${of}`), '') : NOTHING}`;
}

const amount = (of: Dimension, value: number): string =>
  of === 'usd' ? `$${(value / MICRO_USD).toFixed(4)}` : String(Math.round(value));

const period = (perMs: number): string =>
  perMs === MINUTE_MS ? 'a minute' : perMs === DAY_MS ? 'a day' : `in ${formatDuration(perMs)}`;
