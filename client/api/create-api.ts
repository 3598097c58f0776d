// The API as a Hono application: its routes, its document, and what is said where there is no route.
import { Hono, type Context } from 'hono';
import { createDashboard } from '../dashboard/create-dashboard';
import { isLoopback } from './loopback';
import { openApiDocument } from './openapi';
import { PAGE_POLICY, openApiPage } from './openapi-page';
import { Problem, problemOf, problemResponse } from './problem';
import type { ApiDeps, NodeBindings } from './route';
import { isOpenAiPath, isResponsesPath, openAiErrorResponse } from './responses/openai-error';
import { ROUTES } from './routes';

const DOCUMENT = '/v1/openapi.json';
const PAGE = '/v1';

type Api = Hono<{ Bindings: NodeBindings }>;
type ApiCall = Context<{ Bindings: NodeBindings }>;

export function createApi(deps: ApiDeps): Api {
  const app: Api = new Hono<{ Bindings: NodeBindings }>();
  app.use(async (call, next) => {
    refuseOtherSites(deps, call);
    await next();
    if (!call.env.outgoing.headersSent) call.res.headers.set('x-content-type-options', 'nosniff');
  });
  for (const route of ROUTES)
    app.on(route.method, route.path.replace(/\{(\w+)\}/g, ':$1'), (call) =>
      route.answer({ request: call.req.raw, params: call.req.param(), deps, node: call.env }),
    );
  const document = openApiDocument(ROUTES, { takesKeys: deps.keys.length > 0 });
  const text = JSON.stringify(document);
  const page = openApiPage(document);
  app.route('/ui', createDashboard(deps));
  app.get('/', (call) => call.redirect('/ui', 303));
  // Both tell nothing of what runs here, so they ask for no key.
  app.get(DOCUMENT, () => new Response(text, { headers: { 'content-type': 'application/json' } }));
  app.get(PAGE, (call) => call.html(page, 200, { 'content-security-policy': PAGE_POLICY }));
  app.notFound((call) => {
    throw noRoute(call);
  });
  app.onError((error, call) => {
    const problem = problemOf(error);
    // Of a caller who has gone nothing is wrong here.
    if (problem.status >= 500 && !(error instanceof Problem) && !call.env.outgoing.destroyed) deps.report(error);
    return isOpenAiPath(call.req.path) ? openAiErrorResponse(problem) : problemResponse(problem, call.req.path);
  });
  return app;
}

/** Without keys whoever can reach this machine is trusted, and a page of another site can make its reader's browser reach it. */
function refuseOtherSites({ keys }: ApiDeps, { req }: ApiCall): void {
  if (keys.length > 0) return;
  const host = req.header('host') ?? '';
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  // Such a page may also point its own name at this machine, and would then ask in its own name.
  if (!isLoopback(name)) throw new Problem('Api.Forbidden', 'this server answers to the names of this machine alone.');
  const origin = req.header('origin');
  if (origin !== undefined && origin !== `http://${host}`)
    throw new Problem('Api.Forbidden', 'pages of other sites are not answered.');
}

function noRoute({ req }: ApiCall): Problem {
  const methods = [...ROUTES, { method: 'GET', path: DOCUMENT }, { method: 'GET', path: PAGE }]
    .filter(({ path }) => new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`).test(req.path))
    .flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  if (methods.length === 0 && isOpenAiPath(req.path))
    return new Problem(
      'Api.NotFound',
      isResponsesPath(req.path)
        ? 'of a response there is retrieve and cancel, and nothing else.'
        : 'of the API of OpenAI there is POST /v1/responses alone; GET /v1/agents lists what can be its model.',
    );
  if (methods.length === 0)
    return new Problem('Api.NotFound', `there is nothing here: ${DOCUMENT} says what there is.`);
  const allow = [...new Set(methods)].join(', ');
  return new Problem('Api.MethodNotAllowed', `here there is ${allow}.`, { headers: { allow } });
}
