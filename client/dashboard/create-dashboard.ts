// The dashboard as a Hono application, under `/ui` of the API's own: its pages, its forms, signing in, and what is said where it cannot.
import { Hono, type Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { requireScope, type Caller } from '../api/caller';
import { knownRun } from '../api/known-run';
import { Problem, problemOf } from '../api/problem';
import { readForm } from '../api/read-body';
import type { ApiDeps, NodeBindings } from '../api/route';
import { createAskApi } from './ask-api';
import { ASSETS } from './assets';
import { linkTo } from './html';
import { requireOwnPage, requireToken } from './own-forms';
import { firstPlace, PAGE_HEADERS, pageHtml, problemPage, type Page, type Reader } from './page';
import type { PageRequest } from './place';
import { FORMS, PAGES } from './places';
import { arrivedPage, safePlace, signInPage } from './sign-in';
import { beginSession, COOKIE, SESSION_SECONDS, signedIn } from './session';
import { createSharedReads, type SharedReads } from './shared-reads';

type Env = { Bindings: NodeBindings };
type Call = Context<Env>;

interface Served {
  deps: ApiDeps;
  shared: SharedReads;
}

export function createDashboard(deps: ApiDeps): Hono<Env> {
  const app = new Hono<Env>();
  const served = { deps, shared: createSharedReads() };
  app.use(async (call, next) => {
    await next();
    for (const [name, value] of Object.entries(PAGE_HEADERS))
      if (!call.res.headers.has(name)) call.res.headers.set(name, value);
  });
  for (const { name, type, text } of ASSETS)
    app.get(`/assets/${name}`, (call) => call.body(text, 200, { 'content-type': type, 'cache-control': 'no-cache' }));
  app.get('/', async (call) => {
    const reader = await signedIn(deps, getCookie(call, COOKIE));
    return call.redirect(reader ? firstPlace(reader.caller) : '/ui/sign-in', 303);
  });
  addSignIn(app, deps);
  for (const { path, show } of PAGES)
    app.get(path, async (call) => {
      const reader = await signedIn(deps, getCookie(call, COOKIE));
      if (!reader) return await withoutReader(call);
      const page = await show(pageRequest(served, call, reader));
      return page instanceof Response ? page : await sent(call, page, reader);
    });
  for (const { path, act } of FORMS)
    app.post(path, async (call) => {
      requireOwnPage(call.req.raw.headers);
      const reader = await signedIn(deps, getCookie(call, COOKIE));
      if (!reader) return call.redirect(signInAgain(call), 303);
      const form = await readForm(call.req.raw);
      requireToken(reader.token, form);
      return call.redirect(await act(pageRequest(served, call, reader), form), 303);
    });
  app.all('*', (call) => {
    const { path } = call.req;
    if (path.endsWith('/')) return call.redirect(path.replace(/\/+$/, ''), 308);
    throw new Problem('Api.NotFound', `there is no page ${call.req.path.slice(0, 80)}.`);
  });
  app.onError(async (error, call) => {
    const problem = problemOf(error);
    if (problem.status >= 500 && !(error instanceof Problem) && !call.env.outgoing.destroyed) deps.report(error);
    const reader = await signedIn(deps, getCookie(call, COOKIE)).catch(() => undefined);
    return await sent(call, problemPage(problem), reader);
  });
  return app;
}

function addSignIn(app: Hono<Env>, deps: ApiDeps): void {
  app.get('/sign-in', (call) => {
    const lost = call.req.query('lost') === undefined ? undefined : 'lost';
    return sent(call, signInPage(safePlace(call.req.query('to') ?? null), lost));
  });
  app.post('/sign-in', async (call) => {
    requireOwnPage(call.req.raw.headers);
    const form = await readForm(call.req.raw);
    const to = safePlace(form.get('to'));
    const session = await beginSession(deps, (form.get('key') ?? '').trim());
    if (session === undefined) return await sent(call, signInPage(to, 'wrong'));
    setCookie(call, COOKIE, session, {
      ...{ path: '/ui', httpOnly: true, sameSite: 'Strict', maxAge: SESSION_SECONDS },
      // Who ends TLS before us says so; without it a browser would not send the cookie back.
      secure: call.req.header('x-forwarded-proto') === 'https',
    });
    return call.redirect(to, 303);
  });
  app.post('/sign-out', async (call) => {
    requireOwnPage(call.req.raw.headers);
    const reader = await signedIn(deps, getCookie(call, COOKIE));
    if (reader) requireToken(reader.token, await readForm(call.req.raw));
    deleteCookie(call, COOKIE, { path: '/ui' });
    return call.redirect('/ui/sign-in', 303);
  });
}

async function withoutReader(call: Call): Promise<Response> {
  const { pathname, search } = new URL(call.req.url);
  const to = pathname + search;
  if (call.req.header('sec-fetch-site') === 'cross-site') return call.html(arrivedPage(to));
  return call.redirect(`/ui/sign-in?to=${encodeURIComponent(to)}`, 303);
}

/** A form that came after the session had ended: all of them are of a run. */
const signInAgain = (call: Call): string => {
  const id = call.req.param('id') ?? '';
  return `/ui/sign-in?lost=1&to=${encodeURIComponent(linkTo(['runs', id]))}`;
};

function pageRequest(served: Served, call: Call, reader: Reader): PageRequest {
  const { caller } = reader;
  const { deps, shared } = served;
  // Only an open page names a version: a browser has none, for no page is kept.
  const seen = call.req.header('if-none-match')?.replaceAll('"', '');
  const isAgain = seen !== undefined;
  return {
    ...{ ...reader, deps, params: call.req.param(), query: new URL(call.req.url).searchParams },
    ...(seen === undefined ? {} : { seen }),
    ask: createAskApi(served, caller, { node: call.env, isAgain }),
    shared: (asked, read) => shared.read({ ...asked, isAgain }, read),
    knownRun: (id) => knownRunOf(deps, caller, id),
  };
}

async function knownRunOf({ store }: ApiDeps, caller: Caller, id: string): ReturnType<PageRequest['knownRun']> {
  requireScope(caller, ['read']);
  const record = await knownRun(caller, store, id);
  return { record, store: store.of(record.tenant) };
}

const sent = async (call: Call, page: Page, reader?: Reader): Promise<Response> =>
  new Response(String(await pageHtml(page, call.req.path, reader, call.req.query('done'))), {
    status: page.status ?? 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      ...(page.version === undefined ? {} : { etag: `"${page.version}"` }),
    },
  });
