// One place of the API: what it is called, who may use it, what it takes and answers, and what it does. All else follows from this row:
// the check of a request, the OpenAPI document, its page, and which methods a path has.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { ApiKey, ApiScope, WebhookSettings } from '../../activities/define/api';
import type { RebuiltRequest } from '../../activities/rebuild/rebuild-request';
import type { ContentStore } from '../../activities/store';
import type { TextReader } from '../../activities/stream/port';
import { createAgentClient, type AgentClient } from '../agent-client';
import type { ConfiguredQuotas } from '../quota-views';
import type { Signer } from '../run-requests';
import { callerOf, requireScope, type Caller } from './caller';
import { Problem, pointerOf, type Misfit } from './problem';
import { readBody } from './read-body';

export interface ApiDeps {
  temporal: Client;
  store: ContentStore;
  taskQueue: string;
  /** Of runs whose caller names none. */
  tenant: string;
  texts?: TextReader;
  /** None: anybody who reaches the server may do everything. */
  keys: readonly ApiKey[];
  /** Where callers may have told them. @default nobody is told */
  webhooks?: WebhookSettings;
  /** What is limited, for the dashboard. @default nothing */
  quotas?: ConfiguredQuotas;
  /** A request as a command for a shell, for the dashboard. Undefined where its provider is not known here. @default none is */
  curlOf?(request: RebuiltRequest): string | undefined;
  /** Aborted when the server closes. */
  over: AbortSignal;
  /** Told what nobody foresaw. */
  report(error: unknown): void;
}

/** What Node has of a request. */
export interface NodeBindings {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}

export interface ApiRequest<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  caller: Caller;
  deps: ApiDeps;
  /** Signs nothing unless it is given who does. */
  client(signer?: Signer): AgentClient;
  header(name: string): string | undefined;
  node: NodeBindings;
  /** Aborted when the caller has gone, or the server closes. */
  gone: AbortSignal;
}

export interface Answer {
  status: number;
  /** None with 204. */
  body?: unknown;
  headers?: { [name: string]: string };
}

/** `name` is that of its schema in the document. */
export interface AnswerShape {
  description: string;
  schema?: { name: string; shape: z.ZodType };
  /** @default application/json */
  mediaType?: string;
  /** Where it is asked for, it comes as server-sent events instead. */
  streams?: true;
  /** What each of them says. */
  headers?: { readonly [name: string]: string };
}

export interface RouteAbout {
  method: 'GET' | 'POST' | 'DELETE';
  /** With parameters in braces: `/v1/runs/{id}`. */
  path: string;
  group: string;
  summary: string;
  description?: string;
  /** Of which one is enough. */
  scopes: readonly ApiScope[];
  params?: z.ZodType;
  query?: z.ZodType;
  headers?: readonly { name: string; description: string; pattern?: string }[];
  body?: { schema: z.ZodType; /** @default true */ required?: boolean };
  answers: { readonly [status: number]: AnswerShape };
}

/** A response of its own where it has written one itself. */
type Handler<Params, Query, Body> = (request: ApiRequest<Params, Query, Body>) => Promise<Answer | Response>;

export interface Route extends RouteAbout {
  answer(request: RawRequest): Promise<Response>;
}

export interface RawRequest {
  request: Request;
  params: { [name: string]: string };
  deps: ApiDeps;
  node: NodeBindings;
  /** Who asks. @default whoever the request's own header names */
  caller?: Caller;
}

/** As many clients send where there is nothing to say. */
const NOTHING = z.strictObject({});

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

export function defineRoute<
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  about: Omit<RouteAbout, 'params' | 'query' | 'body'> & {
    params?: P;
    query?: Q;
    body?: { schema: B & z.ZodType; required?: boolean };
  },
  handle: Handler<Parsed<P>, Parsed<Q>, Parsed<B>>,
): Route {
  const { params: ofPath, query: ofQuery, body: ofBody, ...said } = about;
  const described: RouteAbout = {
    ...said,
    ...(ofPath ? { params: ofPath } : {}),
    ...(ofQuery ? { query: ofQuery } : {}),
    ...(ofBody ? { body: ofBody } : {}),
  };
  return {
    ...described,
    answer: async ({ request, params, deps, node, caller: known }) => {
      const caller = known ?? callerOf(deps.keys, request.headers.get('authorization') ?? undefined);
      requireScope(caller, about.scopes);
      // Of a place that takes none it is read too: what nobody heeds is what somebody meant.
      const body = about.method === 'GET' ? undefined : await readBody(request);
      if (ofBody && body === undefined && ofBody.required !== false)
        throw new Problem('Api.Invalid', 'the request has no body.', { errors: [{ pointer: '', detail: 'missing' }] });
      // In this order: of a place that is not there nothing else need be right.
      const taken = {
        params: checked(ofPath, params, 'parameter') as Parsed<P>,
        query: checked(ofQuery, queryOf(request), 'parameter') as Parsed<Q>,
        body: checked(ofBody?.schema ?? NOTHING, body ?? {}, 'pointer') as Parsed<B>,
      };
      const gone = goneSignal(node, deps.over);
      const answered = await handle({
        ...{ ...taken, caller, deps, node, gone },
        client: (signer) => clientOf(deps, signer),
        header: (name) => request.headers.get(name) ?? undefined,
      });
      return answered instanceof Response ? answered : json(answered);
    },
  };
}

function clientOf({ temporal, store, taskQueue, tenant, texts }: ApiDeps, signer: Signer | undefined): AgentClient {
  return createAgentClient({
    ...{ temporal, store, taskQueue, tenant },
    ...(texts ? { texts } : {}),
    ...(signer ? { signer } : {}),
  });
}

const json = ({ status, body, headers = {} }: Answer): Response =>
  body === undefined
    ? new Response(null, { status, headers: { 'cache-control': 'no-store', ...headers } })
    : new Response(`${JSON.stringify(body)}\n`, {
        status,
        headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
      });

/** One that is given twice is a list, which no parameter takes. */
function queryOf({ url }: Request): { [name: string]: string | string[] } {
  const { searchParams } = new URL(url);
  return Object.fromEntries(
    [...new Set(searchParams.keys())].map((name) => {
      const [first = '', ...more] = searchParams.getAll(name);
      return [name, more.length === 0 ? first : [first, ...more]];
    }),
  );
}

/** @throws Problem `Api.Invalid` */
function checked(schema: z.ZodType | undefined, value: unknown, place: 'parameter' | 'pointer'): unknown {
  if (!schema) {
    if (place === 'parameter') requireNone(value);
    return undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Problem('Api.Invalid', 'the request does not fit: see `errors`.', {
    errors: parsed.error.issues.flatMap((issue) => misfits(issue, place)),
  });
}

function requireNone(value: unknown): void {
  const [name] = Object.keys(value ?? {});
  if (name === undefined) return;
  throw new Problem('Api.Invalid', 'the request does not fit: see `errors`.', {
    errors: [{ parameter: name, detail: 'there is no such parameter' }],
  });
}

function misfits(issue: z.core.$ZodIssue, place: 'parameter' | 'pointer'): Misfit[] {
  const at = (path: readonly PropertyKey[], detail: string): Misfit =>
    place === 'parameter' ? { parameter: path.map(String).join('.'), detail } : { pointer: pointerOf(path), detail };
  if (issue.code === 'invalid_union') {
    // The one form that the value has, though not all of it fits, says more than a list of all forms.
    const [meant, ...others] = issue.errors.filter((form) => form.every(({ path }) => path.length > 0));
    if (meant && others.length === 0)
      return meant.flatMap((inner) => misfits({ ...inner, path: [...issue.path, ...inner.path] }, place));
  }
  if (issue.code !== 'unrecognized_keys') return [at(issue.path, issue.message)];
  const what = place === 'parameter' ? 'parameter' : 'member';
  return issue.keys.map((key) => at([...issue.path, key], `there is no such ${what}`));
}

/**
 * A response that has been written in full closes too: then nobody listens any more. Not by `AbortSignal.any`: in Node 20 a signal that lives
 * as long as the server keeps something of each that was made of it, for ever.
 */
function goneSignal({ outgoing }: NodeBindings, over: AbortSignal): AbortSignal {
  const left = new AbortController();
  const leave = (): void => left.abort();
  if (over.aborted) leave();
  over.addEventListener('abort', leave, { once: true });
  outgoing.once('close', () => {
    over.removeEventListener('abort', leave);
    leave();
  });
  return left.signal;
}
