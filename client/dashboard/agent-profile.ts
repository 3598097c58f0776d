// How an agent has behaved, as its page shows it: the figures of `longhaul profile`, with how many values each is of.
import { counted } from '../format';
import {
  arrivalRows,
  callFacts,
  callRows,
  contextRows,
  p99Text,
  runRows,
  suggestedText,
  type ProfileRow,
} from '../profile/profile-rows';
import type { AgentProfile } from '../profile/profile-shape';
import { html, linkTo, NOTHING, shownText, type Html } from './html';

export function profileHtml(profile: AgentProfile): Html {
  const { runs, open, releases, readRuns, outcomes, failures, agent } = profile;
  const list = (rows: readonly { text: string; query: { [name: string]: string } }[]): Html =>
    html`${rows.map(({ text, query }, at) => html`${at === 0 ? '' : ', '}<a href="${linkTo(['runs'], { agent, subAgents: 'true', ...query })}">${text}</a>`)}`;
  const facts = callFacts(profile);
  return html`<dl class="facts">
      <dt>runs</dt>
      <dd>
        ${counted(runs, 'run')} ended${open > 0 ? `, ${open} open` : ''};
        ${counted(releases, 'release')}${readRuns < runs ? `; what is of calls, turns and waits is of the newest ${readRuns}` : ''}
      </dd>
      <dt>ended as</dt>
      <dd>
        ${list(outcomes.map(({ outcome, runs: of }) => ({ text: `${of} ${outcome}`, query: { status: outcome } })))}
      </dd>
      ${
        failures.length === 0
          ? NOTHING
          : html`<dt>failures</dt>
              <dd>
                ${list(failures.map(({ type, runs: of }) => ({ text: `${of} ${type}`, query: { failure: type } })))}
              </dd>`
      }
    </dl>
    <div class="figures">
      ${figuresHtml('A run', runRows(profile))} ${figuresHtml('Tokens that the model is given', contextRows(profile))}
      ${figuresHtml('A call', callRows(profile))} ${figuresHtml('In a minute with a request', arrivalRows(profile))}
    </div>
    ${facts === '' ? NOTHING : html`<p>${facts}.</p>`} ${unexpectedHtml(profile)} ${suggestsHtml(profile)}`;
}

const figuresHtml = (title: string, rows: readonly ProfileRow[]): Html =>
  rows.length === 0
    ? NOTHING
    : html`<div class="scroll" tabindex="0" role="region" aria-label="${title}, in percentiles">
        <table>
          <thead>
            <tr>
              <th scope="col">${title}</th>
              ${['p50', 'p90', 'p99', 'max', 'of'].map((name) => html`<th scope="col" class="number">${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              (row) =>
                html`<tr>
                  <th scope="row">${shownText(row.what)}</th>
                  <td class="number">${row.shown(row.of.p50)}</td>
                  <td class="number">${row.shown(row.of.p90)}</td>
                  <td class="number">${p99Text(row)}</td>
                  <td class="number">${row.shown(row.of.max)}</td>
                  <td class="number">${row.of.count}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`;

function unexpectedHtml({ unexpected, model }: AgentProfile): Html {
  if (unexpected.length === 0)
    return html`<p>Every one of ${counted(model.calls, 'answer')} could be used as it was.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Unexpected answers">
    <table>
      <thead>
        <tr>
          <th scope="col">Unexpected answer</th>
          <th scope="col" class="number">Times</th>
          <th scope="col" class="number">Runs</th>
          <th scope="col">And then</th>
        </tr>
      </thead>
      <tbody>
        ${unexpected.map(
          ({ type, times, runs, then }) =>
            html`<tr>
              <th scope="row"><code>${type}</code></th>
              <td class="number">${times} of ${model.calls}</td>
              <td class="number">${runs}</td>
              <td>${then.map(({ what, times: often }) => `${what} ${often}`).join('; ')}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const suggestsHtml = ({ suggests }: AgentProfile): Html =>
  suggests.length === 0
    ? NOTHING
    : html`<div class="scroll" tabindex="0" role="region" aria-label="What would fit it">
        <table>
          <thead>
            <tr>
              <th scope="col">Would fit</th>
              <th scope="col" class="number">Value</th>
              <th scope="col">For</th>
            </tr>
          </thead>
          <tbody>
            ${suggests.map(
              ({ setting, value, why }) =>
                html`<tr>
                  <th scope="row"><code>${setting}</code></th>
                  <td class="number">${suggestedText(value)}</td>
                  <td>${why}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`;
