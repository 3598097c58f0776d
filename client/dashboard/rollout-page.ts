// A rollout: its steps, what the looks came to, who changed the traffic, and what its reader may do to it; and a line of each on the page of releases.
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { harmPlots } from '../../activities/rollout/explain';
import { WHOLE_SHARE } from '../../workflows/contract/schemas/traffic';
import { rolloutLookedShape, rolloutsShape, type ShownRollout } from '../api/rollout-shapes';
import { trafficShape } from '../api/release-shapes';
import { stateText, stepsText } from '../rollouts';
import { html, linkTo, NOTHING, shownText, timeOf, type Html } from './html';
import type { Reader } from './page';
import type { FormPlace, PageRequest, ShownPlace } from './place';
import { harmPlotHtml } from './rollout-plots';
import { releaseLink } from './run-facts';

type Looked = z.output<typeof rolloutLookedShape>;
/** Of its page, while it goes on. */
const AGAIN_S = 5;
const CHANGES_SHOWN = '20';

export const rolloutPage: ShownPlace = {
  path: '/agents/:name/rollouts/:id',
  show: async ({ ask, params, caller, token }) => {
    const at = { name: params['name'], id: params['id'] };
    const looked = await ask.get(rolloutLookedShape, '/v1/agents/{name}/rollouts/{id}', at);
    const traffic = await ask.get(
      trafficShape,
      '/v1/agents/{name}/traffic',
      { name: at.name },
      { limit: CHANGES_SHOWN },
    );
    const { rollout } = looked;
    const { agent, ended } = rollout;
    return {
      title: `Rollout of ${agent}`,
      body: html`<h1>Rollout of <a href="${linkTo(['agents', agent])}">${agent}</a></h1>
        <div id="rollout" ${ended ? NOTHING : html`data-live="${AGAIN_S}"`}>
          ${factsHtml(looked)} ${looksHtml(looked)}
        </div>
        ${!ended && caller.may('administer') && !caller.tenants ? formsHtml(rollout, { caller, token }) : NOTHING}
        <h2>Who changed what new runs take</h2>
        ${trafficHtml(traffic)}`,
    };
  },
};

function factsHtml({ rollout, policy }: Looked): Html {
  const { id, release, from, by, why, at, sticky, paused, ended, told, steps } = rollout;
  return html`<dl class="facts">
    <dt>state</dt>
    <dd>${stateText(rollout)}</dd>
    <dt>steps</dt>
    <dd>${stepsText({ policy, steps })}</dd>
    <dt>candidate</dt>
    <dd>${releaseLink(release)}, beside ${releaseLink(from)}; a ${sticky} keeps its release</dd>
    <dt>begun</dt>
    <dd>${timeOf(at)} by ${shownText(by)}${why === undefined ? NOTHING : html`: ${shownText(why)}`}</dd>
    <dt>id</dt>
    <dd><code>${id}</code></dd>
    ${
      paused
        ? html`<dt>paused</dt>
            <dd>${timeOf(paused.at)} by ${shownText(paused.by)}: ${shownText(paused.why)}</dd>`
        : NOTHING
    }
    ${
      ended
        ? html`<dt>ended</dt>
            <dd>${timeOf(ended.at)}, ${ended.as} by ${shownText(ended.by)}: ${shownText(ended.why)}</dd>`
        : NOTHING
    }
    ${told.map(
      (one) =>
        html`<dt>${one.act}</dt>
          <dd>
            ${timeOf(one.at)} by ${shownText(one.by)}${one.why === undefined ? NOTHING : html`: ${shownText(one.why)}`}
            ${one.isLate ? html`(too late: it changed nothing)` : NOTHING}
          </dd>`,
    )}
  </dl>`;
}

function looksHtml({ looks, policy }: Looked): Html {
  const last = looks.at(-1);
  if (!last) return html`<p>Nobody has looked at it yet.</p>`;
  const { lines } = last;
  const told = new Set(last.verdicts.map(({ metric }) => metric));
  const judged = looks.map(({ verdicts, ...look }) => ({
    ...look,
    verdicts: verdicts.map(({ harm, bounds: { atLeast, atMost }, current, candidate, ...one }) => ({
      ...{ ...one, harm, bounds: { atLeast, atMost } },
      current: { units: current.units, mean: current.mean },
      candidate: { units: candidate.units, mean: candidate.mean },
    })),
  }));
  return html`<h2>Look ${last.number}</h2>
    <p>${timeOf(last.at)}: ${shownText(last.headline)}</p>
    <ul>
      ${lines.map((line) => html`<li>${shownText(line)}</li>`)}
    </ul>
    <p>
      ${last.runs.candidate} runs of the candidate and ${last.runs.current} of the current release count; ${last.open}
      are open. Each point is a look, the line through it what was possible then; a line above what is tolerated would
      be worse.
    </p>
    <div class="plots">
      ${harmPlots(judged, policy)
        .filter(({ metric }) => told.has(metric))
        .map((plot) => {
          const metric = policy.metrics.find(({ name }) => name === plot.metric);
          const asOf = lines.find((line) => line.startsWith(`${plot.metric}: `)) ?? plot.metric;
          return metric ? harmPlotHtml(plot, metric, asOf) : NOTHING;
        })}
    </div>`;
}

function formsHtml({ agent, paused }: ShownRollout, { token }: Reader): Html {
  const form = (act: string, label: string, isRequired = false): Html =>
    html`<form class="row" method="post" action="${linkTo(['agents', agent, 'rollout', act])}">
      <input type="hidden" name="token" value="${token}" />
      <input type="hidden" name="once" value="${randomUUID()}" />
      <label
        >Why <input name="why" maxlength="500" autocomplete="off" ${isRequired ? html`required` : NOTHING}
      /></label>
      <button ${act === 'abort' ? html`class="no"` : NOTHING}>${label}</button>
    </form>`;
  const folded = (title: string, body: Html): Html =>
    html`<details>
      <summary>${title}</summary>
      ${body}
    </details>`;
  return html`<section aria-labelledby="acts">
    <h2 id="acts">Intervene</h2>
    <div class="acts">
      ${paused ? folded('Resume', form('resume', 'Let it go on')) : folded('Pause', form('pause', 'Pause it'))}
      ${folded('Promote', form('promote', 'The candidate takes over', true))}
      ${folded('Abort', form('abort', 'Take it back'))}
    </div>
  </section>`;
}

const act = (what: string): FormPlace => ({
  path: `/agents/:name/rollout/${what}`,
  act: async ({ ask, params: { name = '' } }, form) => {
    const why = form.get('why');
    await ask.post(`/v1/agents/{name}/rollout/${what}`, { name }, why ? { why } : {});
    return linkTo(['agents', name, 'rollouts', 'newest'], { done: `rollout-${what}` });
  },
});

export const ROLLOUT_FORMS: readonly FormPlace[] = ['pause', 'resume', 'promote', 'abort'].map(act);

const shareText = ({ release, candidate }: z.output<typeof trafficShape>['now']): Html =>
  candidate
    ? html`${releaseLink(release)}, ${Number(((100 * candidate.share) / WHOLE_SHARE).toFixed(2))} %
      ${releaseLink(candidate.release)}`
    : releaseLink(release);

const trafficHtml = ({ changes, more }: z.output<typeof trafficShape>): Html =>
  html`<div class="scroll" tabindex="0" role="region" aria-label="Changes of traffic">
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">Change</th>
            <th scope="col">At</th>
            <th scope="col">By</th>
            <th scope="col">What</th>
            <th scope="col">New runs take</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          ${changes.map(
            ({ epoch, at, by, change, after, why = '' }) =>
              html`<tr data-row>
                <th scope="row" class="number">${epoch}</th>
                <td>${timeOf(at)}</td>
                <td>${shownText(by)}</td>
                <td>${change}</td>
                <td>${shareText(after)}</td>
                <td>${shownText(why)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${more ? html`<p>There are older ones.</p>` : NOTHING}`;

/** On the page of releases: those under way first. */
export async function rolloutsHtml({ ask, caller }: PageRequest): Promise<Html> {
  // They tell of runs of all tenants.
  if (caller.tenants) return NOTHING;
  const { rollouts } = await ask.get(rolloutsShape, '/v1/rollouts', {}, { limit: '20' });
  if (rollouts.length === 0) return NOTHING;
  const inOrder = [...rollouts].sort(
    (one, other) => Number(one.ended !== undefined) - Number(other.ended !== undefined),
  );
  return html`<h2>Rollouts</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Rollouts">
      <table>
        <thead>
          <tr>
            <th scope="col">Agent</th>
            <th scope="col">Candidate</th>
            <th scope="col">State</th>
            <th scope="col">Begun</th>
            <th scope="col">By</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          ${inOrder.map(
            (rollout) =>
              html`<tr data-row>
                <th scope="row">
                  <a href="${linkTo(['agents', rollout.agent, 'rollouts', rollout.id])}">${rollout.agent}</a>
                </th>
                <td>${releaseLink(rollout.release)}</td>
                <td>${stateText(rollout)}</td>
                <td>${timeOf(rollout.at)}</td>
                <td>${shownText(rollout.by)}</td>
                <td>${shownText(rollout.ended?.why ?? rollout.paused?.why ?? rollout.why ?? '')}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}
