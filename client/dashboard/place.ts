// One page, or one form, as a row: where it is, and what it shows or does. Who may is decided by the API, which both of them ask.
import type { z } from 'zod';
import type { ContentStore } from '../../activities/store';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ApiDeps } from '../api/route';
import type { AskApi } from './ask-api';
import type { Page, Reader } from './page';

export interface PageRequest extends Reader {
  ask: AskApi;
  deps: ApiDeps;
  /** Of the path. */
  params: { [name: string]: string };
  query: URLSearchParams;
  /** A run that the reader may see. @throws Problem `Api.Forbidden`, `Run.NotFound` */
  knownRun(id: string): Promise<{ record: RunRecord; store: ContentStore }>;
}

export interface ShownPlace {
  /** Behind `/ui`, with parameters as `:name`. */
  path: string;
  /** A response of its own where it is no page. */
  show(request: PageRequest): Promise<Page | Response>;
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
  return parsed.success ? parsed.data : shape.parse({});
}
