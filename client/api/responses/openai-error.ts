// A problem in the words of OpenAI's API: its clients branch on the status, and show the message.
import { z } from 'zod';
import type { Problem } from '../problem';

export const RESPONSES_PATH = '/v1/responses';

export const isResponsesPath = (path: string): boolean =>
  path === RESPONSES_PATH || path.startsWith(`${RESPONSES_PATH}/`);

/** Others of that API, which are not here: its clients understand no other form of a refusal. */
const OTHERS = ['models', 'chat', 'completions', 'embeddings', 'files', 'conversations'];
export const isOpenAiPath = (path: string): boolean =>
  isResponsesPath(path) || OTHERS.some((name) => path === `/v1/${name}` || path.startsWith(`/v1/${name}/`));

export const OPENAI_ERROR = z.object({
  error: z.object({
    message: z.string(),
    type: z.enum(['invalid_request_error', 'rate_limit_error', 'server_error']),
    param: z.string().nullable(),
    code: z.string().describe('The type of the problem.'),
  }),
});
type OpenAiError = z.output<typeof OPENAI_ERROR>;

export function openAiErrorResponse({ type, status, message, headers, errors }: Problem): Response {
  const [first] = errors ?? [];
  const at = first && ('pointer' in first ? first.pointer.slice(1).replaceAll('/', '.') : first.parameter);
  const said = first && at !== undefined ? `${at}: ${first.detail}` : message;
  const told: OpenAiError = { error: { message: said, type: kindOf(status), param: at || null, code: type } };
  return new Response(`${JSON.stringify(told)}\n`, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });
}

function kindOf(status: number): OpenAiError['error']['type'] {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
