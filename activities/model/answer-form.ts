// Whether what answered a request for a stream can be the API that was meant. A web page with status 200 is what a wrong base URL finds.
import type { ApplicationFailure } from '@temporalio/common';
import { failure } from '../failure';

/** `unknown`: some servers send events as plain text, without a type, or under one of their own. Then it is for the events to show. */
type AnswerForm = 'stream' | 'unknown' | 'page';

export function answerForm(contentType: string | null): AnswerForm {
  const type = typeText(contentType);
  // JSON where a stream was asked for is a server's own answer, if not the one that was wanted.
  if (type === 'text/event-stream' || /[/+]json$|ndjson$/.test(type)) return 'stream';
  return /^text\/html$|[/+]xml$/.test(type) ? 'page' : 'unknown';
}

/** Whatever is there will not become the API by being asked again; and what was not read is not paid for. */
export function notItsApi(provider: string, { headers }: Pick<Response, 'headers'>): ApplicationFailure {
  const type = typeText(headers.get('content-type')).slice(0, 60);
  const what = type === '' ? 'without a content type' : type;
  return failure('Model.NotFound', `${provider} answered ${what}, not a stream of events: look at its base URL.`);
}

const typeText = (contentType: string | null): string =>
  (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
