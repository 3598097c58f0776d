// One run: what it is, what came of it, what it asks, what people may do to it, and its calls.
import { orWhy } from '../../activities/store/why-unreadable';
import type { Score } from '../../workflows/contract/schemas/score';
import { scoresOfRunShape } from '../api/routes/scores';
import { resultShape, requestsShape, runShape, type ShownRun } from '../api/shapes';
import { counted, formatCost, formatTokens, limitsText } from '../format';
import { subRunsUnder } from '../sub-runs';
import { runTraceShape } from '../trace/trace-shapes';
import { takenLimits } from '../api/run-status';
import { html, linkTo, NOTHING, preText, shownText, timeOf, type Html } from './html';
import { unchanged, unlessUnanswered, type PageRequest, type ShownPlace } from './place';
import { requestHtml } from './request-forms';
import { isOpen, releaseLink, runLink, statusHtml, tookOf } from './run-facts';
import { runFormsHtml } from './run-forms';
import { runVersion } from './run-version';
import { scoresHtml } from './scores';
import { waterfallHtml } from './waterfall';

const LONG_TURNS = 100;
/** For whoever looks at the same version of it. */
const SHARED_MS = 15_000;

export const runPage: ShownPlace = {
  path: '/runs/:id',
  show: async (request) => {
    const { ask, params, caller } = request;
    const { id = '' } = params;
    // Before anything else is read: what changes meanwhile is seen with the next look.
    const version = await runVersion(request, id);
    if (version !== undefined && request.seen === version) return unchanged();
    const run = await ask.get(runShape, '/v1/runs/{id}', { id });
    const isLive = isOpen(run);
    // Whenever something has changed, the whole of its history is read.
    const live = !isLive ? '' : (run.totals?.turns ?? 0) > LONG_TURNS ? '15' : '3';
    const [asked, result, below, scores, calls] = await Promise.all([
      isLive ? requestsHtml(request, run.id) : NOTHING,
      resultHtml(request, run),
      subRunsHtml(request, run),
      scoresOf(request, run),
      callsOf(request, run, version),
    ]);
    return {
      title: run.id,
      // A page that lacks a part looks for it with the next look, whether the run has changed or not.
      ...(version === undefined || 'unanswered' in calls ? {} : { version }),
      body: html`<h1>${shownText(run.id)}</h1>
        <div id="facts" data-live="${live}">${factsHtml(run)}</div>
        <div id="asked" data-live="${live}">${asked}</div>
        ${
          caller.may('intervene')
            ? html`<div id="forms" data-live="${live}" data-version="${formsOf(run)}">
                ${isLive ? runFormsHtml(run, request) : NOTHING}
              </div>`
            : NOTHING
        }
        <div id="result" data-live="${live}">${result}</div>
        <div id="below" data-live="${live}">${below}</div>
        <div id="scores" data-live="${live}" data-version="${scores.length}, ${scores.at(-1)?.at ?? 0}">
          ${run.erasedAt === undefined ? scoresHtml(scores, run.id, request) : NOTHING}
        </div>
        <div id="calls" data-live="${live}">${callsHtml(run, calls)}</div>`,
    };
  },
};

/** Also of a run that is over, which has none: a page that is open takes them away then. */
const formsOf = (run: ShownRun): string => (!isOpen(run) ? 'over' : run.status === 'paused' ? 'paused' : 'going');

async function scoresOf({ ask }: PageRequest, { id, erasedAt }: ShownRun): Promise<Score[]> {
  if (erasedAt !== undefined) return [];
  return (await ask.get(scoresOfRunShape, '/v1/runs/{id}/scores', { id })).scores;
}

const row = (name: string, value: Html | string | undefined): Html =>
  value === undefined || value === ''
    ? NOTHING
    : html`<dt>${name}</dt>
        <dd>${value}</dd>`;

function factsHtml(run: ShownRun): Html {
  const { totals, limits, failure } = run;
  const used = totals?.usage;
  const whose = [
    ['user', run.user],
    ['session', run.session],
  ] as const;
  return html`<dl class="facts">
      ${row('status', html`${statusHtml(run.status)}${run.reason === undefined ? NOTHING : html`: ${shownText(run.reason)}`}`)}
      ${failure ? row('failure', html`<span class="bad"><code>${failure.type}</code> ${shownText(failure.message)}</span>`) : NOTHING}
      ${row('asked', shownText(run.question))}
      ${row('agent', html`${shownText(run.agent)}, release ${releaseLink(run.release)}`)}
      ${row('tenant', shownText(run.tenant))}
      ${whose.map(([name, value]) => (value === undefined ? NOTHING : row(name, html`<a href="${linkTo(['runs'], { [name === 'session' ? 'q' : name]: value })}">${shownText(value)}</a>`)))}
      ${row('tags', shownText(run.tags.join(', ')))} ${row('started', timeOf(run.startedAt))}
      ${run.endedAt === undefined ? NOTHING : row('ended', html`${timeOf(run.endedAt)}, after ${tookOf(run)}`)}
      ${run.queued ? row('waits in', `${run.queued.queue}${run.queued.position === undefined ? '' : `, at place ${run.queued.position}`}`) : NOTHING}
      ${totals ? row('totals', [counted(totals.turns, 'turn'), counted(totals.modelCalls, 'model call'), counted(totals.toolCalls, 'tool call')].join(', ')) : NOTHING}
      ${used ? row('tokens', `${formatTokens(used.input)} in (${formatTokens(used.cachedInput)} cached), ${formatTokens(used.output)} out (${formatTokens(used.reasoning)} reasoning)`) : NOTHING}
      ${totals ? row('cost', `${formatCost(totals.cost)}${totals.estimated ? ', in part estimated' : ''}`) : NOTHING}
      ${limits ? row('limits', limitsText({ turns: 0, toolCalls: 0, ...takenLimits(limits) })) : NOTHING}
      ${run.parent === undefined ? NOTHING : row('called by', runLink(run.parent))}
      ${run.forkedFrom ? row('forked from', html`${runLink(run.forkedFrom.run)} at step ${run.forkedFrom.step}`) : NOTHING}
    </dl>
    ${run.erasedAt === undefined ? html`<p><a href="${linkTo(['runs', run.id, 'conversation'])}">The whole conversation</a></p>` : NOTHING}`;
}

async function requestsHtml(request: PageRequest, id: string): Promise<Html> {
  const { requests } = await request.ask.get(requestsShape, '/v1/runs/{id}/requests', { id });
  return html`${requests.map((one) => requestHtml(one, request, 'run'))}`;
}

async function resultHtml({ ask }: PageRequest, run: ShownRun): Promise<Html> {
  if (isOpen(run) || run.erasedAt !== undefined) return NOTHING;
  const { got: result, why } = await orWhy(ask.get(resultShape, '/v1/runs/{id}/result', { id: run.id }));
  if (!result) return html`<p class="bad">Its answer cannot be read: ${shownText(why)}</p>`;
  const said =
    result.outcome === 'completed'
      ? result.output
      : result.outcome === 'budget-exhausted'
        ? result.achieved
        : undefined;
  if (said === undefined) return NOTHING;
  const text = typeof said === 'string' ? said : JSON.stringify(said, null, 2);
  return html`<h2>${result.outcome === 'completed' ? 'Answer' : 'What it had said by then'}</h2>
    <pre tabindex="0" aria-label="Answer">${preText(text)}</pre>`;
}

type Calls = Awaited<ReturnType<typeof callsOf>>;

async function callsOf({ ask, shared }: PageRequest, { id, erasedAt }: ShownRun, version: string | undefined) {
  if (erasedAt !== undefined) return { told: NOTHING };
  const draw = async (): Promise<Html> => waterfallHtml(await ask.get(runTraceShape, '/v1/runs/{id}/trace', { id }));
  const asked = { key: JSON.stringify(['calls', id, version]), ageMs: SHARED_MS };
  return await unlessUnanswered(() => (version === undefined ? draw() : shared(asked, draw)));
}

const callsHtml = ({ erasedAt }: ShownRun, calls: Calls): Html =>
  erasedAt !== undefined
    ? NOTHING
    : html`<h2>Calls</h2>
        ${'unanswered' in calls ? html`<p class="bad">${calls.unanswered}</p>` : calls.told}`;

async function subRunsHtml({ knownRun, deps }: PageRequest, run: ShownRun): Promise<Html> {
  const { record } = await knownRun(run.id);
  const below = await subRunsUnder(deps.store, record);
  if (below.length === 0) return NOTHING;
  return html`<h2>Runs of its sub-agents</h2>
    <ul>
      ${below.map(
        (one) =>
          html`<li data-row>
            ${runLink(one.id)} ${shownText(one.agent)}, ${one.ended?.outcome ?? 'not ended'}: ${shownText(one.question)}
          </li>`,
      )}
    </ul>`;
}
