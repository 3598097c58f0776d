// One call of a run: what it was given and what it answered, whole; and what two of them were given that the other was not.
import { z } from 'zod';
import { callsOf, type RunCall } from '../../activities/store/run-calls';
import type { Message } from '../../workflows/contract/message';
import { Problem } from '../api/problem';
import { callContent, type CallContent } from '../call-content';
import { firstRunIdOf } from '../first-run';
import { formatBytes, formatCost, formatDuration, formatTokens } from '../format';
import { refuseErased } from '../recorded-result';
import { readManifest } from '../releases';
import { gonePartsHtml } from './gone-parts';
import { html, linkTo, NOTHING, preText, shownText, timeOf, type Html } from './html';
import { messageHtml } from './message';
import type { PageRequest, ShownPlace } from './place';
import { releaseLink, runLink } from './run-facts';

interface Called {
  id: string;
  call: RunCall;
  calls: readonly RunCall[];
  content: CallContent;
}

const numberShape = z.coerce.number().int().min(1);

/** @throws Problem `Api.NotFound` */
async function called({ knownRun, deps, params }: PageRequest, numbers: readonly string[]): Promise<Called[]> {
  const { record } = await knownRun(params['id'] ?? '');
  refuseErased(record);
  const first = await firstRunIdOf(deps.store, record);
  const { calls } = first === undefined ? { calls: [] } : await callsOf(deps.store, first);
  return await Promise.all(
    numbers.map(async (text) => {
      const call = calls.find(({ number }) => number === numberShape.safeParse(text).data);
      if (!call)
        throw new Problem('Api.NotFound', `the run has ${calls.length} recorded calls, and none of that number.`);
      return { id: record.id, call, calls, content: await callContent(deps.store, record, call) };
    }),
  );
}

export const nameOf = ({ record }: RunCall): string => {
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

export const callPage: ShownPlace = {
  path: '/runs/:id/calls/:number',
  show: async (request) => {
    const [found] = await called(request, [request.params['number'] ?? '']);
    if (!found) throw new Problem('Api.NotFound', 'there is no such call.');
    const { id, call, calls, content } = found;
    const step = (by: number, text: string, rel: string): Html =>
      calls.some(({ number }) => number === call.number + by)
        ? html`<a href="${linkTo(['runs', id, 'calls', call.number + by])}" rel="${rel}">${text}</a>`
        : NOTHING;
    return {
      title: `Call ${call.number} of ${id}`,
      body: html`<h1>Call ${call.number} of ${runLink(id)}: ${shownText(nameOf(call))}</h1>
        <nav class="pager" aria-label="Calls">
          ${step(-1, 'Call before', 'prev')} ${step(1, 'Call after', 'next')} ${diffForm(found)}
        </nav>
        ${factsHtml(call)} ${gonePartsHtml(content.gone)} ${await instructionsHtml(request, call)}
        <h2>Given</h2>
        ${givenHtml(content)}
        <h2>Answered</h2>
        ${content.answered.length === 0 ? html`<p>Nothing yet.</p>` : messagesHtml(content.answered, startOf(content))}`,
    };
  },
};

const startOf = ({ given }: CallContent): number => ('messages' in given ? given.messages.length + 1 : 1);

const messagesHtml = (messages: readonly Message[], from: number): Html =>
  html`${messages.map((message, at) => messageHtml(message, String(from + at)))}`;

const givenHtml = ({ given }: CallContent): Html =>
  'messages' in given
    ? messagesHtml(given.messages, 1)
    : html`<pre tabindex="0" aria-label="Arguments">
${shownText(JSON.stringify(given.arguments, null, 2) ?? 'nothing that can be read')}</pre>`;

function factsHtml(call: RunCall): Html {
  const { record } = call;
  const row = (name: string, value: Html | string | undefined): Html =>
    value === undefined
      ? NOTHING
      : html`<dt>${name}</dt>
          <dd>${value}</dd>`;
  const { startedAt, endedAt, attempt, worker, release } = record;
  return html`<dl class="facts">
    ${row('place', `turn ${call.turn}${call.fork > 0 ? ` of fork ${call.fork}` : ''}, ${record.kind}`)}
    ${row('made', html`${timeOf(startedAt)}, took ${formatDuration(endedAt - startedAt)}, attempt ${attempt}`)}
    ${record.kind === 'model' ? modelFacts(record, row) : NOTHING}
    ${record.kind === 'tool' && record.result.failure ? row('failure', html`<code class="bad">${record.result.failure}</code>`) : NOTHING}
    ${record.kind === 'compaction' ? row('sums up', `messages ${record.range.first} to ${record.range.last}`) : NOTHING}
    ${row('worker', shownText(worker))} ${row('release', releaseLink(release))}
  </dl>`;
}

function modelFacts(
  { answer, request, requestId, finish, tried, origin }: Extract<RunCall['record'], { kind: 'model' }>,
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
async function instructionsHtml({ caller, deps }: PageRequest, { record }: RunCall): Promise<Html> {
  if (record.kind !== 'model' || !caller.may('administer')) return NOTHING;
  const [isStored] = await deps.store.has([record.release]);
  if (!isStored) return NOTHING;
  const { instructions } = await readManifest(deps.store, record.release);
  return html`<h2>Instructions</h2>
    <pre tabindex="0" aria-label="Instructions">${preText(instructions)}</pre>`;
}

function diffForm({ id, call, calls }: Called): Html {
  const others = calls.filter(({ number, record }) => number !== call.number && record.kind === 'model');
  const [before] = others.filter(({ number }) => number < call.number).slice(-1);
  if (call.record.kind !== 'model' || others.length === 0) return NOTHING;
  return html`<form class="row" method="get" action="${linkTo(['runs', id, 'diff'])}">
    <input type="hidden" name="b" value="${call.number}" />
    <label
      >Compare with call
      <input name="a" inputmode="numeric" size="5" required value="${(before ?? others[0])?.number ?? ''}" />
    </label>
    <button>Compare</button>
  </form>`;
}

export const diffPage: ShownPlace = {
  path: '/runs/:id/diff',
  show: async (request) => {
    const { query } = request;
    const [a, b] = await called(request, [query.get('a') ?? '', query.get('b') ?? '']);
    if (!a || !b) throw new Problem('Api.NotFound', 'two calls are compared.');
    const other = [a, b].find(({ content }) => !('messages' in content.given));
    if (other)
      throw new Problem('Api.Invalid', `call ${other.call.number} asked no model: calls of models are compared.`);
    const { id } = a;
    const [left, right] = [messagesOf(a.content), messagesOf(b.content)];
    const { before, after } = sameEnds(left, right);
    const gone = left.slice(before, left.length - after);
    const added = right.slice(before, right.length - after);
    const callLink = ({ call }: Called): Html =>
      html`<a href="${linkTo(['runs', id, 'calls', call.number])}">call ${call.number}</a>`;
    const part = (title: Html, messages: readonly Message[], look: 'ins' | 'del', from: number): Html =>
      messages.length === 0
        ? NOTHING
        : html`<h2>${title}</h2>
            <div class="${look}">${messagesHtml(messages, from)}</div>`;
    return {
      title: `Calls ${a.call.number} and ${b.call.number} of ${id}`,
      body: html`<h1>What ${callLink(a)} and ${callLink(b)} of ${runLink(id)} were given</h1>
        <p>
          The first ${before} messages are the same${after > 0 ? `, and the last ${after}` : ''}.
          ${gone.length + added.length === 0 ? 'Nothing differs.' : ''}
        </p>
        ${part(html`Only ${callLink(a)} was given`, gone, 'del', before + 1)}
        ${part(html`Only ${callLink(b)} was given`, added, 'ins', before + 1)}`,
    };
  },
};

const messagesOf = ({ given }: CallContent): readonly Message[] => ('messages' in given ? given.messages : []);

/** How many messages both begin and end with. */
function sameEnds(a: readonly Message[], b: readonly Message[]): { before: number; after: number } {
  const isSame = (one: Message | undefined, other: Message | undefined): boolean =>
    one !== undefined && JSON.stringify(one) === JSON.stringify(other);
  let before = 0;
  while (isSame(a[before], b[before])) before += 1;
  let after = 0;
  const most = Math.min(a.length, b.length) - before;
  while (after < most && isSame(a[a.length - 1 - after], b[b.length - 1 - after])) after += 1;
  return { before, after };
}
