// The one classifier of what goes wrong with a model provider: status, code and words of an error become a failure type.
import { APIConnectionTimeoutError, APIError, OpenAIError } from 'openai';
import { ApplicationFailure } from '@temporalio/common';
import { isRetryable, type FailureType } from '../../workflows/contract/failures';
import { SHORT_RETRY_AFTER_MS } from '../../workflows/contract/limits';
import { failure } from '../failure';
import { cutText } from '../redact';
import { ModelWaitError } from './model-wait-error';
import { ERROR_MESSAGE_CHARS, redactErrorText } from './redact-error-text';
import { retryAfterMs } from './retry-after';

type ModelFailureType = Extract<FailureType, `Model.${string}`>;

export interface ErrorContext {
  /** The provider's name. Default: "the model provider". */
  provider?: string;
  /** The model that was asked for. */
  model?: string;
  /** Where its key comes from, as a person would look for it: an environment variable's name, a configuration entry. */
  keyFrom?: string;
  /** Secrets to hide, whatever they look like. */
  secrets?: readonly string[];
  /** The cancellation of the call. Once aborted, what it was aborted with is thrown instead of a classification. */
  signal?: AbortSignal;
  /** Milliseconds since the epoch, for a retry-after that is a date. Default: now. */
  now?: number;
}

/** An error as far as it can be known: HTTP status or the code that a stream reported, and the provider's words. */
interface Reported {
  status: number | undefined;
  code: string;
  words: string;
}

/**
 * @returns a `Model.*` failure; or, where the provider wants a longer wait than SHORT_RETRY_AFTER_MS, a {@link ModelWaitError} to throw
 * @throws the reason of an aborted `signal`
 */
export function classifyModelError(error: unknown, context: ErrorContext = {}): ApplicationFailure | ModelWaitError {
  context.signal?.throwIfAborted();
  // Already said, by an adapter or by the store that a file was loaded from.
  if (error instanceof ApplicationFailure || error instanceof ModelWaitError) return error;
  const reported = reportedBy(error);
  const headers = isApiError(error) ? error.headers : undefined;
  const type = heeding(headers, reported ? typeOf(reported) : typeOfBroken(error));
  const wait = isRetryable(type) ? retryAfterMs(headers, context.now ?? Date.now()) : undefined;
  const message = messageOf(type, reported, error, context);
  if (wait !== undefined && wait > SHORT_RETRY_AFTER_MS) {
    return new ModelWaitError((context.now ?? Date.now()) + wait, message);
  }
  return failure(type, message, wait === undefined ? {} : { retryAfterMs: wait });
}

/** A plain `instanceof` would leave the fields of the package's generic class untyped. */
const isApiError = (error: unknown): error is APIError => error instanceof APIError;

function reportedBy(error: unknown): Reported | undefined {
  if (!isApiError(error)) return undefined;
  const detail: unknown = error.error;
  // A connection error of the package is an APIError too, without anything reported.
  if (error.status === undefined && detail === undefined) return undefined;
  const codes = [error.code, error.type].map((code) => (code === null || code === undefined ? '' : String(code)));
  // OpenRouter puts the status of the provider behind it into the code.
  const numeric = codes.map(Number).find((code) => code >= 400 && code < 600);
  return {
    status: error.status ?? numeric,
    code: codes.join(' ').toLowerCase(),
    words: error.message.replace(/^\d{3} /, ''),
  };
}

const CONTEXT_CODES = /context_length|context_window|exceed_context_size|string_above_max_length/;
/** OpenAI, Anthropic, Gemini, Mistral, xAI, Cohere, Bedrock, Together, Groq, Moonshot, vLLM, llama.cpp, Ollama; in their words. */
const CONTEXT_WORDS =
  /(maximum|exceed\w*|available|beyond|too (large|long) for)[^.]{0,60}context|context (length|window|size)[^.]{0,40}exceed|(prompt|input) is too long|input token count|maximum prompt length|prompt token count|too many (input |prompt )?tokens|reduce the length of the (messages|prompt|input)|request too large|exceeded model token limit|tokens \+ `?max_new_tokens/i;
const FILTER_CODES =
  /content_filter|content_policy|responsibleai|invalid_prompt|bio_policy|cyber_policy|data_inspection_failed/;
const FILTER_WORDS =
  /content (management |moderation )?(policy|filter)|violat\w+ our (usage )?polic|flagged as potentially|content exists risk/i;
const QUOTA_CODES = /insufficient_quota|billing|insufficient_balance|credits_exhausted/;
const QUOTA_WORDS =
  /insufficient (balance|credits?|funds|quota)|credit balance is too low|check your plan and billing/i;
const OVERLOAD = /overloaded|server is busy|at capacity|no available (server|capacity)/i;

/** Most telling first: a code or wording outranks the status it came with. */
function typeOf({ status, code, words }: Reported): ModelFailureType {
  const isOfRequest = status === undefined || [400, 413, 422].includes(status);
  if (CONTEXT_CODES.test(code)) return 'Model.ContextTooLong';
  // A request above the tokens of a whole minute comes as 429, and would at every retry.
  if ((isOfRequest || status === 429 || status === 500) && CONTEXT_WORDS.test(words)) return 'Model.ContextTooLong';
  if (status === 413) return 'Model.ContextTooLong';
  if (FILTER_CODES.test(code) || ((isOfRequest || status === 403) && FILTER_WORDS.test(words)))
    return 'Model.ContentFiltered';
  if (status === 402 || QUOTA_CODES.test(code)) return 'Model.QuotaExhausted';
  if ((isOfRequest || status === 403) && QUOTA_WORDS.test(words)) return 'Model.QuotaExhausted';
  if (/model_not_found/.test(code)) return 'Model.NotFound';
  if (OVERLOAD.test(code) || ((status ?? 500) >= 500 && OVERLOAD.test(words))) return 'Model.Overloaded';
  return status === undefined ? typeOfCode(code) : typeOfStatus(status);
}

function typeOfStatus(status: number): ModelFailureType {
  switch (status) {
    case 401:
    case 403:
      return 'Model.Authentication';
    case 404:
      return 'Model.NotFound';
    case 408:
    case 409:
      return 'Model.Unavailable';
    case 429:
      return 'Model.RateLimited';
    case 503:
    case 529:
      return 'Model.Overloaded';
    default:
      return status >= 500 ? 'Model.Unavailable' : 'Model.BadRequest';
  }
}

/** Of an error in the middle of a stream, which has no status any more. */
function typeOfCode(code: string): ModelFailureType {
  if (/rate_limit|too_many_requests|resource_exhausted/.test(code)) return 'Model.RateLimited';
  if (/invalid_api_key|authentication|permission/.test(code)) return 'Model.Authentication';
  if (/timeout/.test(code)) return 'Model.Timeout';
  if (/server_error|api_error|internal|unavailable/.test(code)) return 'Model.Unavailable';
  if (/invalid|unsupported|bad_request|image_|not_found/.test(code)) return 'Model.BadRequest';
  return 'Model.Unavailable';
}

/** Of an error that the provider did not report: the connection, the stream's framing, or the client itself. */
function typeOfBroken(error: unknown): ModelFailureType {
  const chain = causes(error);
  const text = chain.map((one) => `${one.name} ${codeOf(one)} ${one.message}`).join(' ');
  if (error instanceof APIConnectionTimeoutError || /TIMEOUT|ETIMEDOUT|timed? ?out/i.test(text)) return 'Model.Timeout';
  if (error instanceof APIError) return 'Model.Unavailable';
  if (error instanceof OpenAIError) return 'Model.BadRequest';
  // What broke while the answer was read: JSON or compression that does not parse, a body that breaks off (fetch says `terminated`).
  return 'Model.InvalidResponse';
}

function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  // Four deep: the package wraps fetch, fetch wraps the socket, the socket may list attempts.
  for (let one = error; one instanceof Error && chain.length < 4; one = one.cause) chain.push(one);
  return chain;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** `x-should-retry` outranks the status. Whether Temporal retries follows from the type alone, so the type gives way. */
function heeding(headers: Headers | undefined, type: ModelFailureType): ModelFailureType {
  const shouldRetry = headers?.get('x-should-retry');
  if (shouldRetry === 'true' && type === 'Model.BadRequest') return 'Model.Unavailable';
  if (shouldRetry === 'false' && isRetryable(type)) {
    return type === 'Model.RateLimited' ? 'Model.QuotaExhausted' : 'Model.BadRequest';
  }
  return type;
}

const WHAT: { [Type in ModelFailureType]?: string } = {
  'Model.Authentication': 'refused the key',
  'Model.NotFound': 'does not have the model',
  'Model.BadRequest': 'refused the request',
  'Model.ContextTooLong': 'found the conversation too long',
  'Model.ContentFiltered': 'blocked the content',
  'Model.RateLimited': 'limits the rate',
  'Model.QuotaExhausted': 'has no quota left for this key',
  'Model.Overloaded': 'is overloaded',
  'Model.Unavailable': 'is not available',
  'Model.Timeout': 'did not answer in time',
  'Model.InvalidResponse': 'sent something that is not its own protocol',
};

function messageOf(
  type: ModelFailureType,
  reported: Reported | undefined,
  error: unknown,
  context: ErrorContext,
): string {
  const status = reported?.status === undefined ? '' : ` (${reported.status})`;
  const what = `${context.provider ?? 'The model provider'} ${WHAT[type] ?? 'failed'}${status}`;
  const advice = adviceFor(type, context);
  const room = ERROR_MESSAGE_CHARS - what.length - advice.length - 2;
  const words = redactErrorText(reported?.words ?? brokenText(error), context.secrets);
  const detail = cutText(words, room).replace(/[.\s]+$/, '');
  return cutText(`${what}${detail === '' ? '' : `: ${detail}`}${advice}`, ERROR_MESSAGE_CHARS);
}

/** The deepest cause says it best: `ECONNREFUSED 127.0.0.1:1234`, not `fetch failed`. */
function brokenText(error: unknown): string {
  const last = causes(error).at(-1);
  if (!last) return '';
  const code = codeOf(last);
  return code === '' || last.message.includes(code) ? last.message : `${code} ${last.message}`;
}

function adviceFor(type: ModelFailureType, { keyFrom, model }: ErrorContext): string {
  switch (type) {
    case 'Model.Authentication':
      return `. Check ${keyFrom ?? 'the key of this provider in the configuration'}.`;
    case 'Model.NotFound':
      return `. Check the name${model === undefined ? '' : ` "${cutText(model, 60)}"`} and the base URL.`;
    case 'Model.QuotaExhausted':
      return '. Raise the limit or pay the bill of its account.';
    default:
      return '.';
  }
}
