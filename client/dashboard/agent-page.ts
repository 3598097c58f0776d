// One agent: what it is made of, how its runs have gone and whether they go otherwise than they did, and what is thought of them.
import { z } from 'zod';
import { findingsShape } from '../api/routes/findings';
import { summaryShape } from '../api/routes/scores';
import { agentShape } from '../api/shapes';
import { agentProfileShape } from '../profile/profile-shape';
import { profileHtml } from './agent-profile';
import { countsHtml } from './agents-page';
import { driftHtml } from './drift-plots';
import { findingsHtml } from './findings';
import { html, linkTo, NOTHING, shownText, type Html } from './html';
import { queryOf, unlessUnanswered, type PageRequest, type ShownPlace } from './place';
import { AGE_SHOWN_MS, runCounts, type RunCounts } from './run-counts';
import { releaseLink } from './run-facts';
import { summaryHtml } from './scores';

const DAYS = Math.round(AGE_SHOWN_MS / 86_400_000);
const SINCE = { '24h': 'a day', '7d': '7 days', '30d': '30 days', '90d': '90 days' } as const;
const queryShape = z.object({
  since: z.enum(['24h', '7d', '30d', '90d']).default('30d'),
  release: z.string().exactOptional(),
});
type Asked = z.output<typeof queryShape>;

const FINDINGS_SHOWN = '20';

export const agentPage: ShownPlace = {
  path: '/agents/:name',
  show: async (request) => {
    const { ask, params, caller, query } = request;
    const { name, description, release, model, tools, input, output } = await ask.get(agentShape, '/v1/agents/{name}', {
      name: params['name'],
    });
    return {
      title: name,
      body: html`<h1>${name}</h1>
        <dl class="facts">
          ${
            description === undefined
              ? NOTHING
              : html`<dt>what it does</dt>
                  <dd>${shownText(description)}</dd>`
          }
          <dt>model</dt>
          <dd>${model.join(', ')}</dd>
          <dt>release of new runs</dt>
          <dd>${releaseLink(release)}</dd>
        </dl>
        ${caller.may('read') ? html`<p><a href="${linkTo(['runs'], { agent: name })}">Its runs</a></p>` : NOTHING}
        ${caller.may('read') ? await behaviourHtml(request, name, queryOf(queryShape, query)) : NOTHING}
        <h2>Tools</h2>
        ${tools.length === 0 ? html`<p>None.</p>` : NOTHING}
        <dl class="facts">
          ${tools.map(
            (tool) =>
              html`<dt>${tool.name}</dt>
                <dd>${shownText(tool.description)}</dd>`,
          )}
        </dl>
        ${input ? schemaHtml('Input', input) : NOTHING} ${output ? schemaHtml('Output', output) : NOTHING}`,
    };
  },
};

async function behaviourHtml(request: PageRequest, name: string, asked: Asked): Promise<Html> {
  const { ask } = request;
  const [found, told, scored, counts] = await Promise.all([
    ask.get(findingsShape, '/v1/findings', {}, { agent: name, limit: FINDINGS_SHOWN }),
    unlessUnanswered(() => ask.get(agentProfileShape, '/v1/agents/{name}/profile', { name }, asked)),
    unlessUnanswered(() => ask.get(summaryShape, '/v1/scores/summary', {}, { agent: name, ...asked, by: 'release' })),
    unlessUnanswered(() => runCounts(request)),
  ]);
  return html`<h2>Where it behaves otherwise than it did</h2>
    ${findingsHtml(found)}
    <h2>How it behaves</h2>
    ${filterForm(name, asked)}
    ${
      'unanswered' in told
        ? html`<p class="bad">${told.unanswered}</p>`
        : told.told.runs === 0
          ? html`<p>No run of it has ended in that time.</p>`
          : html`${profileHtml(told.told)}
              <h2>How that has changed</h2>
              ${driftHtml(told.told.drift)}`
    }
    <h2>What is thought of its runs</h2>
    ${'unanswered' in scored ? html`<p class="bad">${scored.unanswered}</p>` : summaryHtml(scored.told)}
    <h2>Releases in runs of the last ${DAYS} days</h2>
    ${
      'unanswered' in counts
        ? html`<p class="bad">${counts.unanswered}</p>`
        : releasesHtml(
            [...counts.told.byRelease].filter(([, { agent }]) => agent === name),
            name,
          )
    }`;
}

const filterForm = (name: string, { since, release }: Asked): Html =>
  html`<form class="filter" method="get" action="${linkTo(['agents', name])}">
    <label
      >Of runs that began within
      <select name="since" data-search>
        ${Object.entries(SINCE).map(
          ([value, text]) =>
            html`<option value="${value}" ${value === since ? html`selected` : NOTHING}>${text}</option>`,
        )}
      </select>
    </label>
    <label
      >Release
      <input
        name="release"
        value="${release ?? ''}"
        placeholder="all of them"
        pattern="[0-9a-f]{6,64}"
        title="A hash, or at least six digits of its beginning"
        autocomplete="off"
        spellcheck="false"
      />
    </label>
    <button>Show</button>
  </form>`;

const releasesHtml = (releases: readonly (readonly [string, { counts: RunCounts }])[], agent: string): Html =>
  releases.length === 0
    ? html`<p>No runs.</p>`
    : html`<ul>
        ${releases.map(
          ([release, { counts }]) =>
            html`<li data-row>${releaseLink(release)}: ${countsHtml(counts, { agent, release })}</li>`,
        )}
      </ul>`;

const schemaHtml = (title: string, schema: unknown): Html =>
  html`<h2>${title}</h2>
    <pre tabindex="0" aria-label="Schema of its ${title.toLowerCase()}">
${shownText(JSON.stringify(schema, null, 2))}</pre>`;
