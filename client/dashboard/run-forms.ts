// What people do to a run that goes: pause, resume, steer, cancel, extend.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { STEER_CHARS } from '../../workflows/contract/limits';
import { Problem } from '../api/problem';
import type { ShownRun } from '../api/shapes';
import { html, linkTo, NOTHING, type Html } from './html';
import type { Reader } from './page';
import type { FormPlace } from './place';

/** Those that the run can take now. */
export function runFormsHtml({ id, status, limits }: ShownRun, { token }: Reader): Html {
  const form = (what: string, label: string, fields: Html): Html =>
    html`<form class="row" method="post" action="${linkTo(['runs', id, what])}">
      <input type="hidden" name="token" value="${token}" />
      <input type="hidden" name="once" value="${randomUUID()}" />
      ${fields}<button ${what === 'cancel' ? html`class="no"` : NOTHING}>${label}</button>
    </form>`;
  const folded = (title: string, body: Html): Html =>
    html`<details>
      <summary>${title}</summary>
      ${body}
    </details>`;
  const reason = html`<label>Reason <input name="reason" maxlength="500" autocomplete="off" /></label>`;
  return html`<section aria-labelledby="acts">
    <h2 id="acts">Intervene</h2>
    <div class="acts">
      ${status === 'paused' ? form('resume', 'Resume', NOTHING) : folded('Pause', form('pause', 'Pause it', reason))}
      ${folded(
        'Steer',
        form(
          'steer',
          'Say it',
          html`<label
            >What the model hears when its next turn begins
            <textarea name="text" rows="3" cols="60" maxlength="${STEER_CHARS}" required></textarea>
          </label>`,
        ),
      )}
      ${folded(
        'Extend',
        form(
          'extend',
          'Give it',
          html`${amount('turns', 'turns')} ${amount('toolCalls', 'tool calls')}
          ${limits?.tokens === undefined ? NOTHING : amount('tokens', 'tokens')}
          ${limits?.modelCalls === undefined ? NOTHING : amount('modelCalls', 'model calls')}
          ${limits?.usd === undefined ? NOTHING : amount('usd', 'dollars')}
          ${limits?.wallMs === undefined ? NOTHING : amount('wallMinutes', 'minutes')}`,
        ),
      )}
      ${folded('Cancel', form('cancel', 'End it', reason))}
    </div>
  </section>`;
}

const amount = (name: string, label: string): Html =>
  html`<label>more ${label} <input name="${name}" inputmode="decimal" size="8" autocomplete="off" /></label>`;

const act = (what: string, path: string, bodyOf: (form: URLSearchParams) => unknown): FormPlace => ({
  path: `/runs/:id/${what}`,
  act: async ({ ask, params: { id = '' } }, form) => {
    await ask.post(path, { id }, bodyOf(form), form.get('once') ?? undefined);
    return linkTo(['runs', id], { done: what });
  },
});

const reasonOf = (form: URLSearchParams): unknown => {
  const reason = form.get('reason');
  return reason ? { reason } : {};
};

const number = z.coerce.number().positive();
const MINUTE_MS = 60_000;

function limitsOf(form: URLSearchParams): unknown {
  const given = [...form].filter(([name, value]) => name !== 'token' && name !== 'once' && value !== '');
  const amounts = given.map(([name, value]): [string, number] => {
    const parsed = number.safeParse(value).data;
    if (parsed === undefined) throw new Problem('Api.Invalid', 'what is given is a number above 0.');
    return name === 'wallMinutes' ? ['wallMs', Math.round(parsed * MINUTE_MS)] : [name, parsed];
  });
  return Object.fromEntries(amounts);
}

export const RUN_FORMS: readonly FormPlace[] = [
  act('pause', '/v1/runs/{id}/pause', reasonOf),
  act('resume', '/v1/runs/{id}/resume', () => undefined),
  act('cancel', '/v1/runs/{id}/cancel', reasonOf),
  act('steer', '/v1/runs/{id}/steer', (form) => ({ text: form.get('text') ?? '' })),
  act('extend', '/v1/runs/{id}/extend', limitsOf),
];
