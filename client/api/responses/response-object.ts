// A run as OpenAI's Responses API tells it. Its id is the run's: every command takes it.
import type { Response, ResponseOutputMessage, ResponseUsage } from 'openai/resources/responses/responses';
import { z } from 'zod';
import type { RunTotals } from '../../../workflows/contract/run';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import type { RunResult } from '../../run-result';
import { metadataOf } from './request';

/** What their clients read of it; they know more members, which say nothing here. */
export const responseShape = z.looseObject({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.number().describe('Seconds since 1970.'),
  status: z.enum(['queued', 'in_progress', 'completed', 'failed', 'cancelled', 'incomplete']),
  model: z.string().describe('Name of the agent.'),
  output: z.array(z.looseObject({ type: z.string() })),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
  incomplete_details: z.looseObject({ reason: z.string() }).nullable(),
  previous_response_id: z.string().nullable(),
  usage: z.looseObject({ input_tokens: z.number(), output_tokens: z.number(), total_tokens: z.number() }).optional(),
});

/** As a client gets it: `output_text` is put together there. */
export type ToldResponse = Omit<Response, 'output_text'>;

const SECOND_MS = 1_000;

export const messageItem = (
  id: string,
  text: string,
  status: ResponseOutputMessage['status'] = 'completed',
): ResponseOutputMessage => ({
  ...{ id, type: 'message', role: 'assistant', status },
  content: [{ type: 'output_text', text, annotations: [] }],
});

/** A text as it is, anything else as JSON. */
export const outputText = (output: unknown): string => (typeof output === 'string' ? output : JSON.stringify(output));

export const answerId = (run: string): string => `msg_${run}`;

/** @param result of a run that has ended @param previous where the record does not say it */
export function responseOf(record: RunRecord, result?: RunResult<unknown>, previous?: string): ToldResponse {
  const { id, agent, startedAt, tags, forkedFrom, user } = record;
  return {
    ...{ id, object: 'response', created_at: Math.floor(startedAt / SECOND_MS), model: agent },
    ...(result ? endOf(id, result) : { status: 'in_progress', output: [], error: null, incomplete_details: null }),
    ...{ ...ALWAYS, previous_response_id: forkedFrom?.run ?? previous ?? null, metadata: metadataOf(tags) },
    ...(user === undefined ? {} : { user }),
  };
}

/** A message of a session that has no run yet. */
export const queuedResponse = (
  { id, agent, sentAt }: { id: string; agent: string; sentAt: number },
  previous?: string,
): ToldResponse => ({
  ...{ id, object: 'response', created_at: Math.floor(sentAt / SECOND_MS), model: agent },
  ...{ status: 'queued', output: [], error: null, incomplete_details: null },
  ...{ ...ALWAYS, previous_response_id: previous ?? null, metadata: {} },
});

/** The agent's own, which is not shown. */
const ALWAYS = {
  ...{ instructions: null, parallel_tool_calls: true, temperature: null, top_p: null },
  ...{
    tool_choice: 'auto' as const,
    tools: [],
    text: { format: { type: 'text' as const } },
    truncation: 'disabled' as const,
  },
};

type End = Pick<ToldResponse, 'status' | 'output' | 'error' | 'incomplete_details'> & { usage: ResponseUsage };

function endOf(id: string, result: RunResult<unknown>): End {
  const told = { output: [], error: null, incomplete_details: null, usage: usageOf(result.totals) };
  const said = (text: string) => [messageItem(answerId(id), text)];
  switch (result.outcome) {
    case 'completed':
      return { ...told, status: 'completed', output: said(outputText(result.output)) };
    case 'budget-exhausted':
      return {
        ...{ ...told, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
        output: result.achieved === undefined ? [] : said(result.achieved),
      };
    case 'cancelled':
      return { ...told, status: 'cancelled' };
    case 'failed':
    case 'escalated':
      return {
        ...{ ...told, status: 'failed' },
        error: { code: 'server_error', message: `${result.failure.type}: ${result.failure.message}` },
      };
  }
}

const usageOf = ({ usage: { input, cachedInput, cacheWrite = 0, output, reasoning } }: RunTotals): ResponseUsage => ({
  ...{ input_tokens: input, input_tokens_details: { cached_tokens: cachedInput, cache_write_tokens: cacheWrite } },
  ...{ output_tokens: output, output_tokens_details: { reasoning_tokens: reasoning } },
  total_tokens: input + output,
});
