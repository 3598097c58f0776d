// Pages ask the API itself, by its own rows: what a key may see and do is decided there, once, for programs and for pages.
import type { z } from 'zod';
import type { Caller } from '../api/caller';
import { Problem, pointerOf } from '../api/problem';
import type { ApiDeps, NodeBindings, Route } from '../api/route';
import { ROUTES } from '../api/routes';
import { sightOf } from './place';
import type { SharedReads } from './shared-reads';

type Values = { readonly [name: string]: string | undefined };

export interface AskApi {
  /** @param path as a row has it: `/v1/runs/{id}` @throws Problem as the API answers it */
  get<S extends z.ZodType>(shape: S, path: string, params?: Values, query?: Values): Promise<z.output<S>>;
  /** @param once the same is done once, where the row takes an `Idempotency-Key`: a form that is sent twice */
  post(path: string, params: Values, body?: unknown, once?: string): Promise<void>;
}

/** @param isAgain an open page looks again: what another one was told a moment ago does */
export function createAskApi(
  { deps, shared }: { deps: ApiDeps; shared: SharedReads },
  caller: Caller,
  { node, isAgain }: { node: NodeBindings; isAgain: boolean },
): AskApi {
  const ask = async (method: Route['method'], path: string, params: Values, request: Request): Promise<unknown> => {
    const route = ROUTES.find((one) => one.method === method && one.path === path);
    if (!route) throw new Error(`the API has no ${method} ${path}.`);
    try {
      const response = await route.answer({ request, params: defined(params), deps, node, caller });
      return await response.json();
    } catch (error) {
      throw error instanceof Problem && error.type === 'Api.Invalid' ? withPlaces(error) : error;
    }
  };
  return {
    get: async (shape, path, params = {}, query = {}) => {
      const search = new URLSearchParams(defined(query)).toString();
      const key = JSON.stringify([path, defined(params), search, sightOf(caller)]);
      return await shared.read({ key, isAgain }, async () =>
        shape.parse(await ask('GET', path, params, new Request(`http://api/?${search}`))),
      );
    },
    post: async (path, params, body, once) => {
      const headers = {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(once === undefined ? {} : { 'idempotency-key': `"${once}"` }),
      };
      const request = new Request('http://api/', {
        ...{ method: 'POST', headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      await ask('POST', path, params, request).finally(shared.forget);
    },
  };
}

/** A page has no list of places: they are said in one sentence. */
function withPlaces(problem: Problem): Problem {
  const { type, errors, headers } = problem;
  if (!errors) return problem;
  const places = errors.map((one) => {
    const where = 'pointer' in one ? one.pointer : one.parameter;
    return where === pointerOf([]) ? one.detail : `${where}: ${one.detail}`;
  });
  return new Problem(type, `what was sent does not fit: ${places.join('; ')}.`, {
    headers: { ...headers },
    errors: [...errors],
  });
}

/** What a form leaves empty is not said. */
const defined = (values: Values): { [name: string]: string } =>
  Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value ? [[name, value]] : [])));
