// The runs, newest first: filtered, searched, page by page, and looked at again every few seconds.
import { z } from 'zod';
import { OUTCOMES } from '../../workflows/contract/run';
import { waitingOf } from '../inbox';
import { runsShape, type ShownRun } from '../api/shapes';
import { ageOf, html, linkTo, NOTHING, shownText, type Html } from './html';
import { queryOf, type PageRequest, type ShownPlace } from './place';
import { costOf, releaseLink, runLink, statusHtml, tokensOf, tookOf } from './run-facts';

const PAGE = 50;

const filterShape = z.object({
  q: z.string().max(200).exactOptional(),
  agent: z.string().exactOptional(),
  status: z.enum(['open', ...OUTCOMES]).exactOptional(),
  failure: z.string().exactOptional(),
  release: z.string().exactOptional(),
  tenant: z.string().exactOptional(),
  user: z.string().exactOptional(),
  tag: z.string().exactOptional(),
  subAgents: z.enum(['true', 'false']).exactOptional(),
  cursor: z.string().exactOptional(),
});
type Filter = z.output<typeof filterShape>;

export const runsPage: ShownPlace = {
  path: '/runs',
  show: async (request) => {
    const filter = queryOf(filterShape, request.query);
    const { runs, next } = await found(request, filter);
    const shown = await Promise.all(runs.map((run) => withAsked(request, run)));
    const { cursor, ...rest } = filter;
    return {
      title: 'Runs',
      body: html`<h1>Runs</h1>
        ${filterForm(filter)}
        <div
          id="rows"
          class="scroll"
          tabindex="0"
          role="region"
          aria-label="Runs"
          data-live="${cursor === undefined ? '4' : ''}"
        >
          ${shown.length === 0 ? emptyText(filter, next) : tableHtml(shown)}
        </div>
        <nav class="pager" aria-label="Pages of runs">
          ${cursor === undefined ? NOTHING : html`<a href="${linkTo(['runs'], rest)}" rel="first">Newest</a>`}
          ${
            next === undefined
              ? NOTHING
              : html`<a href="${linkTo(['runs'], { ...rest, cursor: next })}" rel="next">Older</a>`
          }
        </nav>`,
    };
  },
};

/** What is searched for is the beginning of an id, or else a session. */
async function found({ ask }: PageRequest, { q, ...filter }: Filter): Promise<z.output<typeof runsShape>> {
  const asked = { ...filter, limit: String(PAGE) };
  const get = (more: { [name: string]: string }): Promise<z.output<typeof runsShape>> =>
    ask.get(runsShape, '/v1/runs', {}, { ...asked, ...more });
  if (q === undefined) return await get({});
  // Behind a cursor it is a session: ids come in one page.
  const named = filter.cursor === undefined ? await get({ id: q, subAgents: 'true' }) : { runs: [] };
  return named.runs.length > 0 ? named : await get({ session: q });
}

/** A list says of open runs only that they are; the inbox says which of them ask. */
async function withAsked({ deps }: PageRequest, run: ShownRun): Promise<ShownRun> {
  if (run.status !== 'open') return run;
  const asked = await waitingOf(deps.store, run.id);
  return asked.length === 0 ? run : { ...run, status: 'asking' };
}

const emptyText = (filter: Filter, next: string | undefined): Html => {
  if (next !== undefined) return html`<p>None of those that were looked at fits. There are older ones.</p>`;
  return Object.keys(filter).length === 0
    ? html`<p>No runs yet. Start one: <code>longhaul run AGENT "..."</code></p>`
    : html`<p>No run fits.</p>`;
};

const field = (name: string, label: string, value: string | undefined): Html =>
  html`<label>${label} <input name="${name}" value="${value ?? ''}" autocomplete="off" spellcheck="false" /></label>`;

function filterForm({ q, agent, status, failure, release, tenant, user, tag, subAgents }: Filter): Html {
  const statuses = ['open', ...OUTCOMES].map(
    (one) => html`<option ${one === status ? html`selected` : NOTHING}>${one}</option>`,
  );
  return html`<form class="filter" role="search" method="get" action="/ui/runs">
    <label class="wide">
      Search
      <input
        type="search"
        name="q"
        value="${q ?? ''}"
        placeholder="beginning of an id, or a session"
        autocomplete="off"
        spellcheck="false"
        data-search
      />
    </label>
    ${field('agent', 'Agent', agent)}
    <label>
      Status
      <select name="status">
        <option value="">all</option>
        ${statuses}
      </select>
    </label>
    ${field('failure', 'Failure type', failure)} ${field('release', 'Release', release)}
    ${field('tenant', 'Tenant', tenant)} ${field('user', 'User', user)} ${field('tag', 'Tag', tag)}
    <label class="check">
      <input type="checkbox" name="subAgents" value="true" ${subAgents === 'true' ? html`checked` : NOTHING} />
      sub-agents too
    </label>
    <button>Show</button>
    <a href="/ui/runs">Clear</a>
  </form>`;
}

const tableHtml = (runs: readonly ShownRun[]): Html =>
  html`<table>
    <thead>
      <tr>
        <th scope="col">Run</th>
        <th scope="col">Agent</th>
        <th scope="col">Status</th>
        <th scope="col">Asked</th>
        <th scope="col" class="number">Age</th>
        <th scope="col" class="number">Took</th>
        <th scope="col" class="number">Turns</th>
        <th scope="col" class="number">Tokens</th>
        <th scope="col" class="number">Cost</th>
        <th scope="col">Tenant</th>
        <th scope="col">Release</th>
      </tr>
    </thead>
    <tbody>
      ${runs.map(rowHtml)}
    </tbody>
  </table>`;

const rowHtml = (run: ShownRun): Html =>
  html`<tr data-row>
    <th scope="row">${runLink(run.id)}</th>
    <td>${shownText(run.agent)}</td>
    <td>${statusHtml(run.status)}${run.failure ? html` <code>${run.failure.type}</code>` : NOTHING}</td>
    <td><span class="clamp">${shownText(run.question)}</span></td>
    <td class="number">${ageOf(run.startedAt)}</td>
    <td class="number">${tookOf(run)}</td>
    <td class="number">${run.totals?.turns ?? ''}</td>
    <td class="number">${tokensOf(run)}</td>
    <td class="number">${costOf(run)}</td>
    <td>${shownText(run.tenant)}</td>
    <td>${releaseLink(run.release)}</td>
  </tr>`;
