// What runs have cost: the numbers of `longhaul cost`, and the same as CSV.
import { z } from 'zod';
import { costsShape } from '../api/routes/cost';
import { costCsv } from '../cost/cost-csv';
import { COST_BY } from '../cost/run-costs';
import { formatCost, formatTokens, savedText } from '../format';
import { html, NOTHING, shownText, type Html } from './html';
import { queryOf, type ShownPlace } from './place';

const SINCE = { '24h': 'a day', '7d': '7 days', '30d': '30 days', '90d': '90 days', all: 'all time' } as const;
const queryShape = z.object({
  by: z.string().default('agent'),
  since: z.enum(['24h', '7d', '30d', '90d', 'all']).default('7d'),
});

/** What is offered; by hand any list of them does. */
const OFFERED = [...COST_BY, 'agent,release', 'agent,model', 'tenant,agent'];

export const costPage: ShownPlace = {
  path: '/cost',
  show: async ({ ask, query }) => {
    const { by, since } = queryOf(queryShape, query);
    const found = await ask.get(costsShape, '/v1/cost', {}, { by, since: since === 'all' ? undefined : since });
    const { costs, total } = found;
    const names = found.by.split(',');
    return {
      title: 'Cost',
      body: html`<h1>Cost</h1>
        ${filterForm(by, since)}
        <p>${total.runs} runs, ${formatCost(total.cost)} in all.</p>
        <div class="scroll" tabindex="0" role="region" aria-label="Cost by ${found.by}">
          <table>
            <thead>
              <tr>
                ${names.map((name) => html`<th scope="col">${name}</th>`)}
                <th scope="col" class="number">Runs</th>
                <th scope="col" class="number">Tokens in</th>
                <th scope="col" class="number">of them cached</th>
                <th scope="col" class="number">Tokens out</th>
                <th scope="col" class="number">Cost</th>
                <th scope="col" class="number">Saved by the cache</th>
              </tr>
            </thead>
            <tbody>
              ${costs.map(
                ({ key, runs, usage, cost, saved, savedCost }) =>
                  html`<tr>
                    ${names.map((name) => html`<td>${shownText(String(key[name] ?? ''))}</td>`)}
                    <td class="number">${runs}</td>
                    <td class="number">${formatTokens(usage.input)}</td>
                    <td class="number">${formatTokens(usage.cachedInput)}</td>
                    <td class="number">${formatTokens(usage.output)}</td>
                    <td class="number">${formatCost(cost)}</td>
                    <td class="number">${saved ? savedText(saved, savedCost) : ''}</td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>`,
    };
  },
};

/** For a spreadsheet. */
export const costCsvFile: ShownPlace = {
  path: '/cost.csv',
  show: async ({ ask, query }) => {
    // A file says nothing of what it holds: what does not fit is refused, and not left out.
    const [by, since] = [query.get('by') ?? 'agent', query.get('since') ?? '7d'];
    const found = await ask.get(costsShape, '/v1/cost', {}, { by, since: since === 'all' ? undefined : since });
    return new Response(
      costCsv(
        COST_BY.filter((one) => found.by.split(',').includes(one)),
        found,
      ),
      {
        headers: {
          'content-type': 'text/csv; charset=utf-8',
          'content-disposition': 'attachment; filename="cost.csv"',
        },
      },
    );
  },
};

const filterForm = (by: string, since: string): Html =>
  html`<form class="filter" method="get" action="/ui/cost">
    <label
      >By
      <select name="by" data-search>
        ${[...new Set([by, ...OFFERED])].map(
          (one) => html`<option ${one === by ? html`selected` : NOTHING}>${one}</option>`,
        )}
      </select>
    </label>
    <label
      >Of runs that began within
      <select name="since">
        ${Object.entries(SINCE).map(
          ([value, text]) =>
            html`<option value="${value}" ${value === since ? html`selected` : NOTHING}>${text}</option>`,
        )}
      </select>
    </label>
    <button>Show</button>
    <a href="/ui/cost.csv?by=${encodeURIComponent(by)}&since=${since}">CSV</a>
  </form>`;
