// One page, or one form, as a row: where it is, and what it shows or does. Who may is decided by the API, which both of them ask.
import type { z } from 'zod';
import type { ContentStore } from '../../activities/store';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { API_SCOPES } from '../../activities/define/api';
import type { Caller } from '../api/caller';
import { Problem } from '../api/problem';
import type { ApiDeps } from '../api/route';
import { ClientError } from '../errors';
import type { AskApi } from './ask-api';
import type { Page, Reader } from './page';
import type { ReadAsked } from './shared-reads';

export interface PageRequest extends Reader {
  ask: AskApi;
  deps: ApiDeps;
  /** Of the path. */
  params: { [name: string]: string };
  query: URLSearchParams;
  /** Which version of it an open page has, that looks again; empty of one without versions. Absent of one that is being opened. */
  seen?: string;
  /** What a page reads by itself, shared with whoever looks at the same. */
  shared<T>(asked: Omit<ReadAsked, 'isAgain'>, read: () => Promise<T>): Promise<T>;
  /** A run that the reader may see. @throws Problem `Api.Forbidden`, `Run.NotFound` */
  knownRun(id: string): Promise<{ record: RunRecord; store: ContentStore }>;
}

export interface ShownPlace {
  /** Behind `/ui`, with parameters as `:name`. */
  path: string;
  /** A response of its own where it is no page; the version that an open page has where nothing has changed since. */
  show(request: PageRequest): Promise<Page | Response>;
}

/** To a page that looks again, and has everything. */
export const unchanged = (): Response => new Response(null, { status: 304 });

/** By whatever it depends on what a caller is shown: two of the same sight are shown the same. */
export const sightOf = (caller: Caller): unknown => [
  caller.tenants ?? null,
  caller.agents ?? null,
  API_SCOPES.filter((scope) => caller.may(scope)),
];

/** A part of a page that nobody answers for now, or for which too many wait: the rest of the page is there all the same. */
export async function unlessUnanswered<T>(ask: () => Promise<T>): Promise<{ told: T } | { unanswered: string }> {
  try {
    return { told: await ask() };
  } catch (error) {
    const isAbsent = ClientError.isInstance(error) && error.code === 'no-worker';
    const isBusy = error instanceof Problem && error.type === 'Api.Busy';
    if (isAbsent || isBusy) return { unanswered: error.message };
    throw error;
  }
}

export interface FormPlace {
  path: string;
  /** @returns where the reader goes then */
  act(request: PageRequest, form: URLSearchParams): Promise<string>;
}

/** What a page is asked for, as far as it fits: of a link that somebody has typed the rest is left out. */
export function queryOf<S extends z.ZodType>(shape: S, query: URLSearchParams): z.output<S> {
  const given = Object.fromEntries([...query].filter(([, value]) => value !== ''));
  const parsed = shape.safeParse(given);
  if (parsed.success) return parsed.data;
  const misfits = new Set(parsed.error.issues.map(({ path }) => path[0]));
  return shape.parse(Object.fromEntries(Object.entries(given).filter(([name]) => !misfits.has(name))));
}
