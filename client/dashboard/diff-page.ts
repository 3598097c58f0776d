// Two model calls of a run beside each other: all that changed from one request to the other.
import type { JsonValue } from '../../workflows/contract/message';
import { Problem } from '../api/problem';
import type { MessageChange } from '../call-changes';
import { counted } from '../format';
import { askedCall, type AskedCall } from './asked-call';
import { html, linkTo, NOTHING, preText, shownText, type Html } from './html';
import { messageHtml } from './message';
import type { ShownPlace } from './place';
import { runLink } from './run-facts';

type Changes = NonNullable<AskedCall['changes']>;

export const diffPage: ShownPlace = {
  path: '/runs/:id/diff',
  show: async (request) => {
    const [a, b] = [request.query.get('a'), request.query.get('b')];
    if (!a || !b) throw new Problem('Api.NotFound', 'two calls are compared.');
    const { run, call, changes } = await askedCall(request, b, a);
    if (!changes) throw new Problem('Api.NotFound', 'two calls are compared.');
    const callLink = (number: number): Html =>
      html`<a href="${linkTo(['runs', run, 'calls', number])}">call ${number}</a>`;
    return {
      title: `Calls ${changes.from} and ${call} of ${run}`,
      body: html`<h1>What changed from ${callLink(changes.from)} to ${callLink(call)} of ${runLink(run)}</h1>
        <p>The same: ${counted(changes.same, 'message')}. ${isSame(changes) ? 'Nothing differs.' : ''}</p>
        ${frameHtml(changes)} ${changes.messages.map(messageChangeHtml)}`,
    };
  },
};

const isSame = ({ model, instructions, parameters, tools, output, messages }: Changes): boolean =>
  !model && !instructions && !output && [parameters, tools, messages].every(({ length }) => length === 0);

/** What stands around the conversation. */
function frameHtml({ model, instructions, parameters, tools, output }: Changes): Html {
  const value = (one: JsonValue | undefined): string => (one === undefined ? 'none' : JSON.stringify(one));
  const row = (name: string, text: string): Html =>
    html`<dt>${name}</dt>
      <dd>${shownText(text)}</dd>`;
  return html`<dl class="facts">
      ${model ? row('model', `${model.was} → ${model.is}`) : NOTHING}
      ${parameters.map(({ name, was, is }) => row('parameter', `${name}: ${value(was)} → ${value(is)}`))}
      ${tools.map(({ name, change }) => row('tool', `${name} ${change}`))}
      ${output ? row('answer', `its schema is ${output}`) : NOTHING}
    </dl>
    ${instructions ? instructionsHtml(instructions) : NOTHING}`;
}

/** Both are empty for whoever may not see the release. */
const instructionsHtml = ({ was, is }: NonNullable<Changes['instructions']>): Html =>
  was === '' && is === ''
    ? html`<p>The instructions changed: they are for keys that may administer.</p>`
    : html`<h2>Instructions edited</h2>
        <div class="del"><pre tabindex="0" aria-label="Instructions before">${preText(was)}</pre></div>
        <div class="ins"><pre tabindex="0" aria-label="Instructions after">${preText(is)}</pre></div>`;

const TITLES: { readonly [change in MessageChange['change']]: string } = {
  added: 'Added',
  removed: 'Removed',
  edited: 'Edited',
};

const messageChangeHtml = ({ change, before, after, was, is }: Changes['messages'][number]): Html =>
  html`<h2>${TITLES[change]}</h2>
    ${was ? html`<div class="del">${messageHtml(was, `${before ?? ''}`)}</div>` : NOTHING}
    ${is ? html`<div class="ins">${messageHtml(is, `${after ?? ''}`)}</div>` : NOTHING}`;
