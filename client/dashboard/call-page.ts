// One call of a run: what it was given and what it answered, whole, and the bytes that its model was sent.
import { orWhy } from '../../activities/store/why-unreadable';
import type { Message } from '../../workflows/contract/message';
import type { CallRecord } from '../../workflows/contract/schemas/call-record';
import { scoresOfRunShape } from '../api/routes/scores';
import { Problem } from '../api/problem';
import { formatBytes, formatCost, formatDuration, formatTokens } from '../format';
import { readManifest } from '../releases';
import { askedCall, type AskedCall } from './asked-call';
import { gonePartsHtml } from './gone-parts';
import { html, linkTo, NOTHING, preText, shownText, timeOf, type Html } from './html';
import { messageHtml } from './message';
import type { PageRequest, ShownPlace } from './place';
import { releaseLink, runLink } from './run-facts';
import { scoresHtml } from './scores';
import { shellWord } from '../shell-word';

export const callPage: ShownPlace = {
  path: '/runs/:id/calls/:number',
  show: async (request) => {
    const { params, ask, deps } = request;
    const found = await askedCall(request, params['number'] ?? '');
    const { run: id, call, of, given, answered, record } = found;
    const step = (by: number, text: string, rel: string): Html =>
      call + by >= 1 && call + by <= of
        ? html`<a href="${linkTo(['runs', id, 'calls', call + by])}" rel="${rel}">${text}</a>`
        : NOTHING;
    const { scores } = await ask.get(scoresOfRunShape, '/v1/runs/{id}/scores', { id });
    return {
      title: `Call ${call} of ${id}`,
      body: html`<h1>Call ${call} of ${runLink(id)}: ${shownText(nameOf(record))}</h1>
        <nav class="pager" aria-label="Calls">
          ${step(-1, 'Call before', 'prev')} ${step(1, 'Call after', 'next')} ${diffForm(found)}
        </nav>
        ${factsHtml(found)} ${gonePartsHtml(found.gone)} ${scoresHtml(scores, id, request, call)}
        ${await instructionsHtml(request, record)}
        <h2>Given</h2>
        ${
          'messages' in given
            ? messagesHtml(given.messages, 1)
            : html`<pre tabindex="0" aria-label="Arguments">
${shownText(given.arguments === null ? 'nothing that can be read' : JSON.stringify(given.arguments, null, 2))}</pre>`
        }
        <h2>Answered</h2>
        ${answered.length === 0 ? html`<p>Nothing yet.</p>` : messagesHtml(answered, startOf(found))}
        ${exactHtml(found, deps.curlOf)}`,
    };
  },
};

const startOf = ({ given }: AskedCall): number => ('messages' in given ? given.messages.length + 1 : 1);

const messagesHtml = (messages: readonly Message[], from: number): Html =>
  html`${messages.map((message, at) => messageHtml(message, String(from + at)))}`;

const nameOf = (record: CallRecord): string => {
  switch (record.kind) {
    case 'model':
      return record.answer.model;
    case 'compaction':
      return `summary by ${record.result.model}`;
    case 'tool':
    case 'started-tool':
      return record.name;
  }
};

function factsHtml({ turn, fork, record }: AskedCall): Html {
  const row = (name: string, value: Html | string | undefined): Html =>
    value === undefined
      ? NOTHING
      : html`<dt>${name}</dt>
          <dd>${value}</dd>`;
  const { startedAt, endedAt, attempt, worker, release } = record;
  return html`<dl class="facts">
    ${row('place', `turn ${turn}${fork > 0 ? ` of fork ${fork}` : ''}, ${record.kind}`)}
    ${row('made', html`${timeOf(startedAt)}, took ${formatDuration(endedAt - startedAt)}, attempt ${attempt}`)}
    ${record.kind === 'model' ? modelFacts(record, row) : NOTHING}
    ${record.kind === 'tool' && record.result.failure ? row('failure', html`<code class="bad">${record.result.failure}</code>`) : NOTHING}
    ${record.kind === 'compaction' ? row('sums up', `messages ${record.range.first} to ${record.range.last}`) : NOTHING}
    ${row('worker', shownText(worker))} ${row('release', releaseLink(release))}
  </dl>`;
}

function modelFacts(
  { answer, request, requestId, finish, tried, origin }: Extract<CallRecord, { kind: 'model' }>,
  row: (name: string, value: Html | string | undefined) => Html,
): Html {
  const { usage, cost, problem, cached } = answer;
  return html`${row('request', html`${formatBytes(request.bytes)}, sha256 <code>${request.sha256}</code>`)}
  ${row('provider id', requestId === undefined ? undefined : shownText(requestId))} ${row('finish', shownText(finish))}
  ${row('tokens', `${formatTokens(usage.input)} in (${formatTokens(usage.cachedInput)} cached), ${formatTokens(usage.output)} out (${formatTokens(usage.reasoning)} reasoning)`)}
  ${row('cost', cost && formatCost(cost))}
  ${row('cached', cached && origin ? html`asked by ${runLink(origin.run)}, ${timeOf(origin.at)}` : undefined)}
  ${row('instead of', tried && shownText(tried.map(({ route, failure, why }) => `${route} (${failure}${why ? `: ${why}` : ''})`).join('; ')))}
  ${row('problem', problem && html`<span class="bad"><code>${problem.type}</code> ${shownText(problem.message)}</span>`)}`;
}

/** A release's instructions are for those who may see the release. */
async function instructionsHtml({ caller, deps }: PageRequest, record: CallRecord): Promise<Html> {
  if (record.kind !== 'model' || !caller.may('administer')) return NOTHING;
  const { got: manifest, why } = await orWhy(readManifest(deps.store, record.release));
  return html`<h2>Instructions</h2>
    ${
      manifest
        ? html`<pre tabindex="0" aria-label="Instructions">${preText(manifest.instructions)}</pre>`
        : html`<p class="bad">The release of the call cannot be read: ${shownText(why)}</p>`
    }`;
}

function diffForm({ run, call, before, record }: AskedCall): Html {
  if (record.kind !== 'model') return NOTHING;
  return html`<form class="row" method="get" action="${linkTo(['runs', run, 'diff'])}">
    <input type="hidden" name="b" value="${call}" />
    <label
      >Compare with call
      <input name="a" inputmode="numeric" size="5" required value="${before ?? ''}" />
    </label>
    <button>Compare</button>
  </form>`;
}

/** What the model was sent, as `longhaul show RUN --call N` rebuilds it. */
function exactHtml({ run, call, record, request, withheld }: AskedCall, curlOf: PageRequest['deps']['curlOf']): Html {
  if (record.kind !== 'model' && record.kind !== 'compaction') return NOTHING;
  const title = html`<h2>Exactly what was sent</h2>`;
  if (!request)
    return html`${title}
      <p>None of it is shown: ${shownText(withheld ?? '')}</p>`;
  const { path, bytes, sha256, isSame, note, body } = request;
  const curl = curlOf?.(request);
  const file = (name: string): string => linkTo(['runs', run, 'calls', call, name]);
  return html`${title}
    <p>
      <code>POST ${path}</code>, ${formatBytes(bytes)}, sha256 <code>${sha256}</code>:
      ${isSame === true ? 'the same bytes as were sent.' : isSame === null ? 'no hash of what was sent is kept.' : ''}
      ${note === undefined ? NOTHING : html`${shownText(note)}`}
      <a href="${file('request.json')}">Its bytes as a file</a>
    </p>
    <pre class="exact" tabindex="0" aria-label="Body of the request">${preText(body)}</pre>
    ${
      curl === undefined
        ? html`<p class="quiet">As a command: <code>longhaul show ${shellWord(run)} --call ${call} --curl</code></p>`
        : html`<details>
            <summary>As a command for a shell</summary>
            <p>
              <button type="button" data-copy="${file('request.sh')}" hidden>Copy</button>
              <a href="${file('request.sh')}">As a file</a>
              <span role="status"></span>
            </p>
            <pre class="exact" tabindex="0" aria-label="The request as a command">${preText(curl)}</pre>
          </details>`
    }`;
}

const sentFile = (
  name: string,
  type: string,
  textOf: (call: AskedCall, request: PageRequest) => string | undefined,
): ShownPlace => ({
  path: `/runs/:id/calls/:number/${name}`,
  show: async (request) => {
    const found = await askedCall(request, request.params['number'] ?? '');
    const text = textOf(found, request);
    if (text === undefined)
      throw request.caller.may('administer')
        ? new Problem('Api.NotFound', found.withheld ?? 'no provider of that name is configured here.')
        : new Problem('Api.Forbidden', 'the exact request is for keys that may administer.');
    return new Response(text, {
      headers: {
        'content-type': type,
        'content-disposition': `attachment; filename="call-${found.call}-${name}"`,
        'x-content-type-options': 'nosniff',
      },
    });
  },
});

/** For a program, and for what is pasted: of a page's text some characters are shown by their number. */
export const sentFiles: readonly ShownPlace[] = [
  sentFile('request.json', 'application/json', ({ request }) => request?.body),
  sentFile('request.sh', 'text/plain; charset=utf-8', ({ request }, { deps }) =>
    request ? deps.curlOf?.(request) : undefined,
  ),
];
