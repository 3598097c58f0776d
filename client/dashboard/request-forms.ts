// What a run asks people: the arguments in full, and the answers, which give back what names exactly those arguments.
import { z } from 'zod';
import { Problem } from '../api/problem';
import type { ShownRequest } from '../api/shapes';
import { formatDuration } from '../format';
import { ageOf, editedJson, html, linkTo, NOTHING, shownText, type Html } from './html';
import type { Reader } from './page';
import type { FormPlace } from './place';
import { runLink } from './run-facts';

const OTHERWISE = { deny: 'it is denied', approve: 'it is approved', escalate: 'the run ends as escalated' } as const;

/** @param back where the reader goes after an answer */
export function requestHtml(request: ShownRequest, { caller, token }: Reader, back: 'inbox' | 'run'): Html {
  const { run, root, agent, tenant, number, kind, tool, failure, by, askedAt, again } = request;
  const heading = `request-${run}-${number}`;
  return html`<section class="request" aria-labelledby="${heading}" data-row>
    <h2 id="${heading}">
      ${kind === 'approval' ? html`May it call ${shownText(tool)}?` : html`${shownText(tool)} has failed for good`}
      <span class="quiet">${shownText(run)}, request ${number}</span>
    </h2>
    <dl class="facts">
      <dt>run</dt>
      <dd>${runLink(run)}${root === run ? NOTHING : html`, of ${runLink(root)}`}, request ${number}</dd>
      <dt>agent</dt>
      <dd>${shownText(agent)}, for tenant ${shownText(tenant)}</dd>
      <dt>asked</dt>
      <dd>${ageOf(askedAt)} ago; ${untilText(request)}</dd>
      <dt>answered by</dt>
      <dd>${by.length === 0 ? 'anybody' : by.map((names) => names.join(' or ')).join(', and ')}</dd>
      ${
        failure
          ? html`<dt>failure</dt>
              <dd class="bad">${failure.type}: ${shownText(failure.message)}</dd>`
          : NOTHING
      }
      ${
        again === undefined
          ? NOTHING
          : html`<dt>asked again</dt>
              <dd class="bad">${shownText(again)}</dd>`
      }
    </dl>
    <h3>Arguments</h3>
    <pre tabindex="0" aria-label="Arguments of ${tool}, request ${number} of ${run}">
${shownText(JSON.stringify(request.arguments, null, 2))}</pre>
    ${caller.may('approve') ? formsHtml(request, token, back) : NOTHING}
  </section>`;
}

function untilText({ deadline, otherwise }: ShownRequest, now = Date.now()): string {
  const left = deadline - now;
  return left > 0
    ? `${formatDuration(left)} left, then ${OTHERWISE[otherwise]}`
    : `its time is over: ${OTHERWISE[otherwise]}`;
}

function formsHtml({ run, number, kind, args, arguments: given }: ShownRequest, token: string, back: string): Html {
  const form = (verdict: string, fields: Html, button: Html): Html =>
    html`<form class="row" method="post" action="${linkTo(['runs', run, 'requests', number, verdict])}">
      <input type="hidden" name="token" value="${token}" />
      <input type="hidden" name="args" value="${args}" />
      <input type="hidden" name="back" value="${back}" />
      <label>Reason <input name="reason" maxlength="500" autocomplete="off" /></label>
      ${fields} ${button}
    </form>`;
  const json = (name: string, label: string, value: string): Html =>
    html`<label
      >${label} <textarea name="${name}" rows="5" cols="60" spellcheck="false" required>${value}</textarea>
    </label>`;
  const remember = html`<label class="check">
    <input type="checkbox" name="remember" value="true" /> and all later calls of this tool in this run
  </label>`;
  return html`<div class="acts">
      ${form('approve', kind === 'approval' ? remember : NOTHING, html`<button class="yes">${kind === 'approval' ? 'Approve' : 'Try again'}</button>`)}
      ${form('deny', NOTHING, html`<button class="no">Deny</button>`)}
    </div>
    ${
      kind === 'approval'
        ? html`<details>
            <summary>Approve with other arguments</summary>
            ${form('approve', json('edited', 'All arguments, as JSON', editedJson(given)), html`<button class="yes">Approve these</button>`)}
          </details>`
        : html`<details>
            <summary>Give the result by hand</summary>
            ${form('replace', json('result', 'Result, as JSON', ''), html`<button class="yes">Give it</button>`)}
          </details>`
    }`;
}

const VERDICTS = z.enum(['approve', 'deny', 'replace']);

/** An answer is about the arguments that were shown: of others the API refuses it. */
export const answerForm: FormPlace = {
  path: '/runs/:id/requests/:number/:verdict',
  act: async ({ ask, params }, form) => {
    const { id = '', number } = params;
    const verdict = VERDICTS.safeParse(params['verdict']).data;
    if (!verdict) throw new Problem('Api.NotFound', 'there is no such answer.');
    const [reason, edited, result] = ['reason', 'edited', 'result'].map((name) => form.get(name) || undefined);
    await ask.post(
      `/v1/runs/{id}/requests/{number}/${verdict}`,
      { id, number },
      {
        args: form.get('args') ?? '',
        ...(reason === undefined ? {} : { reason }),
        ...(edited === undefined ? {} : { edited: jsonOf('arguments', edited) }),
        ...(result === undefined ? {} : { result: jsonOf('result', result) }),
        ...(form.get('remember') === 'true' ? { remember: true } : {}),
      },
    );
    return linkTo(form.get('back') === 'inbox' ? ['inbox'] : ['runs', id], { done: verdict });
  },
};

function jsonOf(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem('Api.Invalid', `the ${what} are not JSON.`, { cause: error });
  }
}
