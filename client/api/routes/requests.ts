// What runs ask people, and the answers: signed in the name of the key that they come with.
import { z } from 'zod';
import type { ContentStore } from '../../../activities/store';
import { INBOX_PREFIX, inboxOf } from '../../../activities/store/ref-names';
import type { Verdict } from '../../../workflows/contract/approval';
import type { JsonValue } from '../../../workflows/contract/message';
import { waitingAt, type Waiting } from '../../inbox';
import type { RunHandle } from '../../run-handle';
import type { RunRequest } from '../../run-requests';
import type { Caller } from '../caller';
import { CURSOR_CHARS, openedCursor, sealedCursor } from '../cursor';
import { knownRun, maySee } from '../known-run';
import { Problem } from '../problem';
import { defineRoute, type Answer, type ApiRequest, type Route } from '../route';
import {
  approveShape,
  decidedShape,
  denyShape,
  numberShape,
  replaceShape,
  requestsShape,
  runIdShape,
  type ShownRequest,
} from '../shapes';

const PAGE_MAX = 100;
/** Entries that are looked at for one page. */
const LOOKED_AT_MAX = 1_000;
const LIST = 'requests';
const REQUESTS = { name: 'Requests', shape: requestsShape };

const shown = ({ id, agent, tenant, request, root }: Waiting): ShownRequest => {
  const { number, kind, tool, args, by, failure, askedAt, deadline, otherwise, again } = request;
  return {
    ...{ run: id, root: root ?? id, agent, tenant, number, kind, tool, arguments: request.arguments, args, by },
    ...{ askedAt, deadline, otherwise },
    ...(failure ? { failure } : {}),
    ...(again === undefined ? {} : { again }),
  };
};

interface Page {
  requests: ShownRequest[];
  next?: string;
}

async function pageOf(
  { store, caller }: { store: ContentStore; caller: Caller },
  prefix: string,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page> {
  const found: Waiting[] = [];
  const names = await store.listRefs(prefix, {
    limit: LOOKED_AT_MAX,
    ...(cursor === undefined ? {} : { after: prefix + (await openedCursor(store, LIST, cursor)) }),
  });
  for (const [at, { name, value }] of names.entries()) {
    const waiting = await waitingAt(store, value, (run) => run !== undefined && maySee(caller, store, run));
    if (waiting) found.push(waiting);
    const isMore = at + 1 < names.length || names.length === LOOKED_AT_MAX;
    if (found.length < limit && at + 1 < names.length) continue;
    const requests = found.sort((a, b) => a.request.askedAt - b.request.askedAt).map(shown);
    return { requests, ...(isMore ? { next: await sealedCursor(store, LIST, name.slice(prefix.length)) } : {}) };
  }
  return { requests: [] };
}

const inboxRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/requests',
    group: 'requests',
    summary: 'What waits for a person, over all runs',
    description: 'By run; of a page the oldest first.',
    scopes: ['read', 'approve'],
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(50),
      cursor: z.string().max(CURSOR_CHARS).optional().describe('`next` of the page before.'),
    }),
    answers: { 200: { description: 'A page.', schema: REQUESTS } },
  },
  async ({ query, caller, deps }) => ({
    status: 200,
    body: await pageOf({ store: deps.store, caller }, INBOX_PREFIX, query),
  }),
);

const ofRunRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/runs/{id}/requests',
    group: 'requests',
    summary: 'What one run asks people',
    description: 'What the runs of its sub-agents ask is under their own ids.',
    scopes: ['read', 'approve'],
    params: runIdShape,
    answers: { 200: { description: 'Oldest first.', schema: REQUESTS } },
  },
  async ({ params, caller, deps }) => {
    const { id } = await knownRun(caller, deps.store, params.id);
    return { status: 200, body: await pageOf({ store: deps.store, caller }, inboxOf(id), { limit: LOOKED_AT_MAX }) };
  },
);

type Deciding = ApiRequest<{ id: string; number: number }, unknown, { args: string; reason?: string | undefined }>;

async function decided(
  { params, body, caller, deps, client }: Pick<Deciding, 'params' | 'body' | 'caller' | 'deps' | 'client'>,
  verdict: Verdict,
  decide: (run: RunHandle<unknown>, asked: RunRequest, about: { reason?: string }) => Promise<void>,
): Promise<Answer> {
  const { id } = await knownRun(caller, deps.store, params.id);
  const signer = caller.signer();
  const run = client(signer).run(id);
  const asked = (await run.requests()).find(({ number, subRun }) => number === params.number && !subRun);
  if (!asked) throw new Problem('Run.Refused', `the run does not ask request ${params.number} now.`);
  if (asked.args !== body.args)
    throw new Problem('Run.Refused', `request ${params.number} is about other arguments: look at it again.`, {
      errors: [{ pointer: '/args', detail: 'not those of the request' }],
    });
  await decide(run, asked, body.reason === undefined ? {} : { reason: body.reason });
  return { status: 202, body: { run: id, number: params.number, verdict, ...(signer ? { by: signer.by } : {}) } };
}

const deciding = {
  method: 'POST',
  group: 'requests',
  scopes: ['approve'],
  params: numberShape,
  answers: {
    202: {
      description:
        'The run has taken it. Whoever makes the call checks it, and where it does not count the run asks again.',
      schema: { name: 'Decided', shape: decidedShape },
    },
  },
} as const;

const decisionRoutes: Route[] = [
  defineRoute(
    {
      ...deciding,
      path: '/v1/runs/{id}/requests/{number}/approve',
      summary: 'Let a call be made, or a failed one be tried again',
      body: { schema: approveShape },
    },
    (request) =>
      decided(request, 'approve', (run, asked, about) => {
        const { edited, remember } = request.body;
        return run.approve(asked, {
          ...about,
          ...(edited ? { args: edited as { [name: string]: JsonValue } } : {}),
          ...(remember ? { remember } : {}),
        });
      }),
  ),
  defineRoute(
    {
      ...deciding,
      path: '/v1/runs/{id}/requests/{number}/deny',
      summary: 'Refuse a call: the model is told, with the reason',
      body: { schema: denyShape },
    },
    (request) => decided(request, 'deny', (run, asked, about) => run.deny(asked, about)),
  ),
  defineRoute(
    {
      ...deciding,
      path: '/v1/runs/{id}/requests/{number}/replace',
      summary: 'Give the result of a call that has failed for good',
      body: { schema: replaceShape },
    },
    (request) =>
      decided(request, 'replace', (run, asked, about) => run.replace(asked, request.body.result as JsonValue, about)),
  ),
];

export const requestRoutes: Route[] = [inboxRoute, ofRunRoute, ...decisionRoutes];
