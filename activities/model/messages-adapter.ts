// Canonical messages as a body of Anthropic's Messages API, which compatible servers speak too.
import type { JsonValue } from '../../workflows/contract/message';
import { claudeModel } from './claude-model';
import { isJsonObject, listAt, type JsonObject } from './json';
import { createMessagesReader } from './messages-answer';
import { conversationOf } from './messages-content';
import { formatSchema } from './messages-schema';
import type { ModelRequest } from './provider';
import type { DataUrl, WireAdapter } from './wire-adapter';

export const messagesAdapter: WireAdapter = {
  path: '/messages',
  body: messagesBody,
  reader: createMessagesReader,
};

/**
 * The API wants a limit in every request. This one is below what every Claude since 3.7 can write, and below the fifth of the smallest
 * window that compaction leaves free: input and limit together must fit there.
 */
const MAX_TOKENS = 32_000;
/** For models that are not known by their names. */
const MAX_TOKENS_UNKNOWN = 8_192;

/** Tokens to think with, for models that take a number instead of an effort. */
const BUDGETS: { readonly [effort: string]: number } = {
  minimal: 1_024,
  low: 4_000,
  medium: 10_000,
  high: 20_000,
  xhigh: 28_000,
  max: 28_000,
};
/** The least that the API takes. */
const BUDGET_LEAST = 1_024;

/** Order of the fields: those that stay the same over a conversation first, as a prompt cache reads them. */
function messagesBody(request: ModelRequest, dataUrl: DataUrl): JsonObject {
  const {
    maxOutputTokens,
    reasoningEffort,
    thinking,
    output_config: outputConfig,
    cache_control: cache,
    ...others
  } = request.parameters;
  const { tools, output, instructions } = request;
  const maxTokens = maxOutputTokens ?? defaultMaxTokens(request.model);
  const thought = thinkingOf(request, reasoningEffort, maxTokens);
  const format = output && claudeModel(request.model)?.takesFormat ? formatSchema(output.schema) : undefined;
  const config = {
    ...(isJsonObject(outputConfig) ? outputConfig : {}),
    ...thought.config,
    ...(format ? { format: { type: 'json_schema', schema: format } } : {}),
  };
  // The parameter says how long, or with null that nothing is kept; the places are ours.
  const cacheControl = cache === null ? undefined : { type: 'ephemeral', ...(isJsonObject(cache) ? cache : {}) };
  const mark = cacheControl ? { cache_control: cacheControl } : {};
  const system = [instructions, ...(output && !format ? [schemaInWords(output.schema)] : [])].filter(Boolean);
  const listed = tools.map(({ name, description, input }) => ({ name, description, input_schema: input }));
  return {
    max_tokens: maxTokens,
    ...others,
    ...withThinking(isJsonObject(thinking) ? thinking : thought.thinking),
    ...(Object.keys(config).length === 0 ? {} : { output_config: config }),
    model: request.model,
    // What is marked is kept with all before it: the tools, then the instructions.
    ...(listed.length === 0 ? {} : { tools: system.length === 0 ? markLast(listed, mark) : listed }),
    ...(system.length === 0 ? {} : { system: [{ type: 'text', text: system.join('\n\n'), ...mark }] }),
    messages: conversationOf(request, dataUrl, cacheControl),
    stream: true,
  };
}

const withThinking = (thinking: JsonObject | undefined): JsonObject => (thinking ? { thinking } : {});

const markLast = (list: JsonObject[], mark: JsonObject): JsonObject[] =>
  list.map((one, at) => (at === list.length - 1 ? { ...one, ...mark } : one));

function defaultMaxTokens(model: string): number {
  const known = claudeModel(model);
  return known ? Math.min(known.maxOutput, MAX_TOKENS) : MAX_TOKENS_UNKNOWN;
}

interface Thought {
  thinking?: JsonObject;
  /** Part of `output_config`. */
  config?: JsonObject;
}

function thinkingOf(request: ModelRequest, effort: JsonValue | undefined, maxTokens: JsonValue): Thought {
  if (typeof effort !== 'string') return {};
  const kind = claudeModel(request.model)?.thinking ?? 'budget';
  if (kind === 'adaptive' || kind === 'always') {
    // Those that always think refuse to be told not to.
    if (effort === 'none')
      return kind === 'always' ? { config: { effort: 'low' } } : { thinking: { type: 'disabled' } };
    // Summarised, or the newest models would send nothing that can be read.
    const thinking = { type: 'adaptive', display: 'summarized' };
    return { thinking, config: { effort: effort === 'minimal' ? 'low' : effort } };
  }
  const most = typeof maxTokens === 'number' ? maxTokens - BUDGET_LEAST : 0;
  const budget = Math.min(BUDGETS[effort] ?? 0, most);
  if (budget < BUDGET_LEAST || lacksThinking(request)) return {};
  return { thinking: { type: 'enabled', budget_tokens: budget } };
}

/**
 * In the middle of tool calls these models want to find the thinking that led to them. Where another provider made the calls there is
 * none, and the rest of the turn goes without.
 */
function lacksThinking({ messages, rawItems }: ModelRequest): boolean {
  if (messages.at(-1)?.role !== 'tool') return false;
  const asked = messages.findLastIndex(({ role }) => role === 'assistant');
  const first = listAt({ raw: rawItems.get(asked) ?? null }, 'raw')[0];
  return !isJsonObject(first) || (first.type !== 'thinking' && first.type !== 'redacted_thinking');
}

/** For models and schemas that the API cannot hold to each other. */
const schemaInWords = (schema: JsonObject): string =>
  `Your final answer is one JSON value and nothing else: no other words, no code fence. It follows this JSON Schema:\n${JSON.stringify(schema)}`;
