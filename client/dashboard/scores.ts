// What is thought of runs and calls: as it was given, summed up, and the form by which somebody says what they think.
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import {
  SCORE_CATEGORY_CHARS,
  SCORE_NAME,
  SCORE_NAME_CHARS,
  SCORE_NOTE_CHARS,
  type Score,
} from '../../workflows/contract/schemas/score';
import { Problem } from '../api/problem';
import type { summaryShape } from '../api/routes/scores';
import { scoredValue, scoreText } from '../scores/score-text';
import { ageOf, html, linkTo, NOTHING, shownText, type Html } from './html';
import type { Reader } from './page';
import type { FormPlace } from './place';
import { releaseLink } from './run-facts';

/** @param id of the run; @param call only what is of this one, by its number */
export function scoresHtml(scores: readonly Score[], id: string, { caller, token }: Reader, call?: number): Html {
  const own = scores.filter((one) => call === undefined || one.call?.number === call);
  const mayScore = caller.may('intervene');
  if (own.length === 0 && !mayScore) return NOTHING;
  return html`<h2>Scores</h2>
    ${
      own.length === 0
        ? html`<p>None yet.</p>`
        : html`<ul>
            ${own.map(
              (score) =>
                html`<li data-row>
                  ${shownText(scoreText(score))} <span class="quiet">${ageOf(score.at)} ago</span>
                  ${score.call && call === undefined ? html`<a href="${linkTo(['runs', id, 'calls', score.call.number])}">call ${score.call.number}</a>` : NOTHING}
                </li>`,
            )}
          </ul>`
    }
    ${mayScore ? formHtml(id, token, call) : NOTHING}`;
}

const formHtml = (id: string, token: string, call: number | undefined): Html =>
  html`<details>
    <summary>Score ${call === undefined ? 'the run, or a call of it' : 'this call'}</summary>
    <form class="row" method="post" action="${linkTo(['runs', id, 'scores'])}">
      <input type="hidden" name="token" value="${token}" />
      <input type="hidden" name="once" value="${randomUUID()}" />
      <label
        >What is judged
        <input
          name="name"
          required
          maxlength="${SCORE_NAME_CHARS}"
          pattern="${SCORE_NAME.source.slice(1, -1).replaceAll('-_.', '\\-_.')}"
          title="Lower-case words, with - _ or . between them: helpful, cites.sources"
          placeholder="helpful"
          autocomplete="off"
          spellcheck="false"
        />
      </label>
      <label
        >Value: a number from 0 to 1, true or false, or a word
        <input name="value" required maxlength="${SCORE_CATEGORY_CHARS}" placeholder="0.8" autocomplete="off" />
      </label>
      ${
        call === undefined
          ? html`<label
              >Call, if not the whole run <input name="call" inputmode="numeric" size="5" autocomplete="off"
            /></label>`
          : html`<input type="hidden" name="call" value="${call}" /><input type="hidden" name="back" value="call" />`
      }
      <label>Why <input name="note" maxlength="${SCORE_NOTE_CHARS}" autocomplete="off" /></label>
      <button>Score</button>
    </form>
  </details>`;

export const scoreForm: FormPlace = {
  path: '/runs/:id/scores',
  act: async ({ ask, params: { id = '' } }, form) => {
    const [name, value, call, note] = ['name', 'value', 'call', 'note'].map((field) => form.get(field)?.trim() ?? '');
    const number = Number(call);
    if (call && !(Number.isInteger(number) && number > 0))
      throw new Problem('Api.Invalid', 'the call is named by its number.');
    await ask.post(
      '/v1/runs/{id}/scores',
      { id },
      {
        ...{ name, value: scoredValue(value ?? '') },
        ...(call ? { call: number } : {}),
        ...(note ? { note } : {}),
      },
      form.get('once') ?? undefined,
    );
    return linkTo(form.get('back') === 'call' ? ['runs', id, 'calls', number] : ['runs', id], { done: 'score' });
  },
};

const short = (value: number | undefined): string => (value === undefined ? '' : String(Number(value.toFixed(3))));

export function summaryHtml({ summary }: z.output<typeof summaryShape>): Html {
  if (summary.length === 0) return html`<p>Nobody has scored any in that time.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Scores by release">
    <table>
      <thead>
        <tr>
          <th scope="col">Release</th>
          <th scope="col">Score</th>
          ${['Scores', 'Runs', 'Mean', 'p10', 'p50'].map((name) => html`<th scope="col" class="number">${name}</th>`)}
          <th scope="col">Of</th>
        </tr>
      </thead>
      <tbody>
        ${summary.map(
          ({ of, name, kind, scores, runs, mean, p10, p50, range, categories = [] }) =>
            html`<tr data-row>
              <td>${releaseLink(of)}</td>
              <td>${shownText(name)}</td>
              <td class="number">${scores}</td>
              <td class="number">${runs}</td>
              <td class="number">${short(mean)}</td>
              <td class="number">${short(p10)}</td>
              <td class="number">${short(p50)}</td>
              <td>
                ${range ? `${range.least} to ${range.most}` : kind === 'boolean' ? 'yes is 1' : shownText(categories.map((one) => `${one.value} ${one.scores}`).join(', '))}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
