// The agents and how their runs of the last week have ended; and the releases that new runs take.
import { AGE_SHOWN_MS, runCounts, type RunCounts } from './run-counts';
import { agentsShape, releaseShape, releasesShape } from '../api/shapes';
import { html, linkTo, NOTHING, shownText, timeOf, type Html } from './html';
import type { ShownPlace } from './place';
import { rolloutsHtml } from './rollout-page';
import { releaseLink } from './run-facts';

const DAYS = Math.round(AGE_SHOWN_MS / 86_400_000);

export const countsHtml = (counts: RunCounts | undefined, query: { [name: string]: string }): Html => {
  if (!counts) return html`none`;
  return html`${[...counts]
    .sort(([, a], [, b]) => b - a)
    .map(
      ([outcome, count], at) =>
        html`${at === 0 ? '' : ', '}<a href="${linkTo(['runs'], { ...query, status: outcome })}"
            >${count} ${outcome}</a
          >`,
    )}`;
};

export const agentsPage: ShownPlace = {
  path: '/agents',
  show: async (request) => {
    const { agents } = await request.ask.get(agentsShape, '/v1/agents');
    const counts = request.caller.may('read') ? await runCounts(request) : undefined;
    return {
      title: 'Agents',
      body: html`<h1>Agents</h1>
        ${agents.length === 0 ? html`<p>No worker has published any agent yet.</p>` : NOTHING}
        <div class="scroll" tabindex="0" role="region" aria-label="Agents">
          <table>
            <thead>
              <tr>
                <th scope="col">Agent</th>
                <th scope="col">What it does</th>
                <th scope="col">Model</th>
                <th scope="col">Release of new runs</th>
                ${counts ? html`<th scope="col">Runs of the last ${DAYS} days</th>` : NOTHING}
              </tr>
            </thead>
            <tbody>
              ${agents.map(
                ({ name, description = '', model, release }) =>
                  html`<tr data-row>
                    <th scope="row"><a href="${linkTo(['agents', name])}">${name}</a></th>
                    <td>${shownText(description)}</td>
                    <td>${model.join(', ')}</td>
                    <td>${releaseLink(release)}</td>
                    ${counts ? html`<td>${countsHtml(counts.byAgent.get(name), { agent: name })}</td>` : NOTHING}
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>`,
    };
  },
};

export const releasesPage: ShownPlace = {
  path: '/releases',
  show: async (request) => {
    const { releases } = await request.ask.get(releasesShape, '/v1/releases');
    const { byRelease } = await runCounts(request);
    const current = new Map(releases.map((one) => [one.release, one]));
    const rows = [
      ...releases.map(({ release, agent, since }) => ({ release, agent, since: timeOf(since) })),
      // Of runs that took another one before.
      ...[...byRelease].flatMap(([release, { agent }]) =>
        current.has(release) ? [] : [{ release, agent, since: html`not taken any more` }],
      ),
    ];
    return {
      title: 'Releases',
      body: html`<h1>Releases</h1>
        ${await rolloutsHtml(request)}
        <div class="scroll" tabindex="0" role="region" aria-label="Releases">
          <table>
            <thead>
              <tr>
                <th scope="col">Release</th>
                <th scope="col">Agent</th>
                <th scope="col">Taken by new runs since</th>
                <th scope="col">Runs of the last ${DAYS} days</th>
              </tr>
            </thead>
            <tbody>
              ${rows.map(
                ({ release, agent, since }) =>
                  html`<tr data-row>
                    <th scope="row">${releaseLink(release)}</th>
                    <td><a href="${linkTo(['agents', agent])}">${shownText(agent)}</a></td>
                    <td>${since}</td>
                    <td>${countsHtml(byRelease.get(release)?.counts, { agent, release })}</td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>`,
    };
  },
};

export const releasePage: ShownPlace = {
  path: '/releases/:release',
  show: async (request) => {
    const { ask, params, caller } = request;
    const { release = '' } = params;
    // What it is made of, its instructions too, is for those alone who may know them.
    const { manifest } = await ask.get(releaseShape, '/v1/releases/{release}', { release });
    return {
      title: `Release ${release.slice(0, 12)}`,
      body: html`<h1>Release <code>${release.slice(0, 12)}</code></h1>
        ${caller.may('read') ? html`<p><a href="${linkTo(['runs'], { release })}">Its runs</a></p>` : NOTHING}
        <pre tabindex="0" aria-label="What it is">${shownText(JSON.stringify(manifest, null, 2))}</pre>`,
    };
  },
};
