// Needs: nothing. One table per question the classifier answers.
import type { ApplicationFailure } from '@temporalio/common';
import { APIConnectionError, APIConnectionTimeoutError, APIError, OpenAIError } from 'openai';
import { classifyModelError, type ErrorContext } from '../../../activities/model/classify-error';
import { withReadableError } from '../../../activities/model/error-body';
import { ModelWaitError } from '../../../activities/model/model-wait-error';
import { failure } from '../../../activities/failure';

const NOW = Date.UTC(2030, 0, 1, 12, 0, 0);

const http = (status: number, error: object | undefined, headers: Record<string, string> = {}, text?: string) =>
  APIError.generate(status, error && { error }, text, new Headers(headers));
const streamed = (error: object) => new APIError(undefined, error, undefined, new Headers());
const caused = (name: string, message: string, code: string) => Object.assign(new Error(message), { name, code });

function failureOf(error: unknown, context: ErrorContext = {}): ApplicationFailure {
  const found = classifyModelError(error, { now: NOW, ...context });
  if (found instanceof ModelWaitError) throw new Error(`Expected a failure, got a wait until ${found.waitUntil}`);
  return found;
}

test.each([
  [http(401, { message: 'Incorrect API key provided', code: 'invalid_api_key' }), 'Model.Authentication'],
  [
    http(403, { message: 'Country not supported', code: 'unsupported_country_region_territory' }),
    'Model.Authentication',
  ],
  [http(403, { message: 'Project has no access to model', code: 'model_not_found' }), 'Model.NotFound'],
  [http(404, undefined, {}, 'Not Found'), 'Model.NotFound'],
  [http(400, { message: 'Unknown parameter: foo', type: 'invalid_request_error' }), 'Model.BadRequest'],
  [http(422, { message: 'tools: field required' }), 'Model.BadRequest'],
  [http(405, undefined, {}, 'Method Not Allowed'), 'Model.BadRequest'],
  [http(408, undefined), 'Model.Unavailable'],
  [http(409, undefined), 'Model.Unavailable'],
  [http(429, { message: 'Rate limit reached for requests', code: 'rate_limit_exceeded' }), 'Model.RateLimited'],
  [http(429, { message: 'You exceeded your current quota', code: 'insufficient_quota' }), 'Model.QuotaExhausted'],
  // Gemini says the same words for a limit of the minute.
  [http(429, { message: 'You exceeded your current quota, please retry in 20 s', code: 429 }), 'Model.RateLimited'],
  [http(402, { message: 'Insufficient Balance' }), 'Model.QuotaExhausted'],
  [http(400, { message: 'Your credit balance is too low to access the API' }), 'Model.QuotaExhausted'],
  [http(500, { message: 'The server had an error' }), 'Model.Unavailable'],
  [http(502, undefined, {}, '<html>Bad Gateway</html>'), 'Model.Unavailable'],
  [http(504, undefined), 'Model.Unavailable'],
  [http(503, undefined), 'Model.Overloaded'],
  [http(529, { type: 'overloaded_error', message: 'Overloaded' }), 'Model.Overloaded'],
  [http(500, { message: 'The model is overloaded. Please try again later.' }), 'Model.Overloaded'],
  [http(413, undefined, {}, 'Payload Too Large'), 'Model.ContextTooLong'],
])('status: %s', (error, type) => {
  expect(failureOf(error).type).toBe(type);
});

test.each([
  [400, "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."],
  [400, 'Your input exceeds the context window of this model. Please adjust your input and try again.'],
  [400, 'prompt is too long: 213462 tokens > 200000 maximum'],
  [400, 'The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).'],
  [400, 'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length'],
  [400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens."],
  [400, 'too many tokens: total number of tokens in the prompt cannot exceed 4081'],
  [400, 'Input is too long for requested model.'],
  [422, '`inputs` tokens + `max_new_tokens` must be <= 4097'],
  [400, 'Please reduce the length of the messages or completion.'],
  [400, 'the request exceeds the available context size. try increasing the context size'],
  [400, 'input length exceeds the context length'],
  [400, 'Invalid request: Your request exceeded model token limit: 131072'],
  [429, 'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40211.'],
])('context too long: %d %s', (status, message) => {
  expect(failureOf(http(status, { message })).type).toBe('Model.ContextTooLong');
});

test('a context code outranks its status and its words', () => {
  expect(failureOf(http(500, { message: 'Sorry', code: 'context_length_exceeded' })).type).toBe('Model.ContextTooLong');
});

test.each([
  [http(400, { message: 'x', code: 'content_filter' })],
  [http(400, { message: 'x', code: 'invalid_prompt' })],
  [http(400, { message: "The response was filtered due to Azure OpenAI's content management policy." })],
  [http(400, { message: 'Content Exists Risk' })],
  [streamed({ message: 'x', code: 'image_content_policy_violation' })],
])('content filtered: %s', (error) => {
  expect(failureOf(error).type).toBe('Model.ContentFiltered');
});

test.each([
  [{ code: 'server_error', message: 'x' }, 'Model.Unavailable'],
  [{ code: 'rate_limit_exceeded', message: 'x' }, 'Model.RateLimited'],
  [{ type: 'overloaded_error', message: 'Overloaded' }, 'Model.Overloaded'],
  [{ code: 'insufficient_quota', message: 'x' }, 'Model.QuotaExhausted'],
  [{ code: 502, message: 'Provider returned error' }, 'Model.Unavailable'],
  [{ code: 'vector_store_timeout', message: 'x' }, 'Model.Timeout'],
  [{ code: 'invalid_image_format', message: 'x' }, 'Model.BadRequest'],
  [{ message: 'Something' }, 'Model.Unavailable'],
])('in the middle of a stream: %j', (error, type) => {
  expect(failureOf(streamed(error)).type).toBe(type);
});

test.each([
  [
    new APIConnectionError({
      message: 'Connection error.',
      cause: caused('Error', 'connect ECONNREFUSED', 'ECONNREFUSED'),
    }),
    'Model.Unavailable',
  ],
  [
    new APIConnectionError({
      message: 'Connection error.',
      cause: caused('Error', 'getaddrinfo ENOTFOUND', 'ENOTFOUND'),
    }),
    'Model.Unavailable',
  ],
  [new APIConnectionTimeoutError(), 'Model.Timeout'],
  [
    new TypeError('terminated', { cause: caused('BodyTimeoutError', 'Body Timeout Error', 'UND_ERR_BODY_TIMEOUT') }),
    'Model.Timeout',
  ],
  [
    new TypeError('terminated', { cause: caused('SocketError', 'other side closed', 'UND_ERR_SOCKET') }),
    'Model.InvalidResponse',
  ],
  [new SyntaxError('Unexpected token < in JSON'), 'Model.InvalidResponse'],
  [new OpenAIError('The client refuses'), 'Model.BadRequest'],
  ['not even an error', 'Model.InvalidResponse'],
])('broken: %s', (error, type) => {
  expect(failureOf(error).type).toBe(type);
});

test.each([
  [{ 'retry-after-ms': '1500', 'retry-after': '60' }, 1500],
  [{ 'retry-after': '3' }, 3000],
  [{ 'retry-after': '0.25' }, 250],
  [{ 'retry-after': '5' }, 5000],
  [{ 'retry-after': new Date(NOW + 4000).toUTCString() }, 4000],
  // Temporal would take a delay of zero for no further attempt.
  [{ 'retry-after': new Date(NOW - 60_000).toUTCString() }, undefined],
  [{ 'retry-after': '0' }, undefined],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': '-3' }, undefined],
  [{}, undefined],
])('short retry-after %j', (headers: Record<string, string>, delay) => {
  expect(failureOf(http(429, { message: 'x' }, headers)).nextRetryDelay ?? undefined).toBe(delay);
});

test.each([
  [{ 'retry-after-ms': '5001' }, NOW + 5001],
  [{ 'retry-after': '90' }, NOW + 90_000],
  [{ 'retry-after': new Date(NOW + 3_600_000).toUTCString() }, NOW + 3_600_000],
])('long retry-after %j', (headers: Record<string, string>, waitUntil) => {
  const found = classifyModelError(http(503, { message: 'x' }, headers), { now: NOW });
  expect(found).toBeInstanceOf(ModelWaitError);
  expect(found).toMatchObject({ waitUntil, reason: expect.stringContaining('overloaded') as unknown });
});

test('what no retry can mend is not waited for', () => {
  expect(failureOf(http(401, { message: 'x' }, { 'retry-after': '90' })).nonRetryable).toBe(true);
});

test.each([
  [500, 'false', 'Model.BadRequest'],
  [429, 'false', 'Model.QuotaExhausted'],
  [400, 'true', 'Model.Unavailable'],
  [500, 'true', 'Model.Unavailable'],
  [401, 'true', 'Model.Authentication'],
])('status %d with x-should-retry %s', (status, value, type) => {
  expect(failureOf(http(status, { message: 'x' }, { 'x-should-retry': value })).type).toBe(type);
});

test('the reason of an abort is thrown as it is', () => {
  const reason = new Error('cancelled');
  expect(() => classifyModelError(http(500, {}), { signal: AbortSignal.abort(reason) })).toThrow(reason);
});

test('what is already classified stays as it is', () => {
  const said = failure('Store.ObjectMissing', 'gone');
  const wait = new ModelWaitError(NOW, 'later');
  expect(classifyModelError(said)).toBe(said);
  expect(classifyModelError(wait)).toBe(wait);
});

describe('the message', () => {
  const context = { provider: 'openai', model: 'gpt-5', keyFrom: 'OPENAI_API_KEY', secrets: ['hunter2hunter2'] };

  test('says what and what to do', () => {
    expect(failureOf(http(401, { message: 'Incorrect API key provided: sk-pr*******wxyz.' }), context).message).toBe(
      'openai refused the key (401): Incorrect API key provided: [redacted]. Check OPENAI_API_KEY.',
    );
    expect(failureOf(http(404, { message: 'No such model' }), context).message).toBe(
      'openai does not have the model (404): No such model. Check the name "gpt-5" and the base URL.',
    );
    const refused = new APIConnectionError({
      cause: caused('Error', 'connect ECONNREFUSED 127.0.0.1:9', 'ECONNREFUSED'),
    });
    expect(failureOf(refused, context).message).toBe('openai is not available: connect ECONNREFUSED 127.0.0.1:9.');
  });

  test.each([
    ['sk-proj-abcdefghijklmnop'],
    ['Bearer abc.def-ghi_jkl'],
    ['gsk_abcdefghijklmnop'],
    ['AIzaSyA1234567890abcdef'],
    ['api_key=abcdefgh12345678'],
    ['"token": "abcdefgh12345678"'],
    ['hunter2hunter2'],
    ['https://user:secretsecret@host/v1'],
    ['0123456789abcdef0123456789abcdef'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'],
  ])('never shows %s', (secret) => {
    const { message } = failureOf(http(401, { message: `refused ${secret} here` }), context);
    expect(message).toContain('[redacted]');
    for (const piece of secret.match(/[\w.-]{12,}/g) ?? []) expect(message).not.toContain(piece);
    expect(message).toContain('here');
  });

  test('is one line of at most 300 characters, and keeps its advice', () => {
    const { message } = failureOf(http(401, { message: `line\n\u001b[31m${'word '.repeat(200)}` }), context);
    expect(message.length).toBeLessThanOrEqual(300);
    expect(message).not.toMatch(/[\n\u001b]/);
    expect(message.endsWith('… Check OPENAI_API_KEY.') || message.endsWith('…. Check OPENAI_API_KEY.')).toBe(true);
  });

  test('carries no cause, whose text and stack a history would keep', () => {
    expect(failureOf(http(500, { message: 'x' })).cause).toBeUndefined();
  });
});

test.each([
  ['[{"error":{"code":400,"message":"The input is bad","status":"INVALID_ARGUMENT"}}]', 'The input is bad'],
  ['{"object":"error","message":"The input is bad","code":400}', 'The input is bad'],
  ['{"detail":"The input is bad"}', 'The input is bad'],
  ['{"detail":[{"msg":"The input is bad"}]}', '{"detail":[{"msg":"The input is bad"}]}'],
  ['{"error":"The input is bad"}', 'The input is bad'],
  ['The input is bad', undefined],
])('the words of the error body %s', async (body, words) => {
  const response = await withReadableError(new Response(body, { status: 400, headers: { 'x-request-id': 'r1' } }));
  expect(response.status).toBe(400);
  expect(response.headers.get('x-request-id')).toBe('r1');
  const text = await response.text();
  if (words === undefined) expect(text).toBe(body);
  else expect(JSON.parse(text)).toMatchObject({ error: { message: words } });
});
