// What spans are named and what they say: by OpenTelemetry's conventions for generative AI, v0.1.0, and `longhaul.*` for the rest. The one
// place that names any of it.
import type { CallContext } from '../../workflows/contract/activities';
import type { Cost } from '../../workflows/contract/cost';
import type { Usage } from '../../workflows/contract/message';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { NANO_USD } from '../../workflows/contract/cost';
import type { Attempt } from '../deps';
import type { ModelProvider } from '../model/provider';
import type { SeenModelCall, SpanAttributes, SpanEvent } from './port';

const RELEASE_DIGITS = 12;
export const shortRelease = (release: string): string => release.slice(0, RELEASE_DIGITS);

/** As the conventions name them, where a configuration usually calls them otherwise. */
const PROVIDERS: { readonly [name: string]: string } = {
  azure: 'azure.ai.openai',
  bedrock: 'aws.bedrock',
  gemini: 'gcp.gemini',
  google: 'gcp.gemini',
  vertex: 'gcp.vertex_ai',
  mistral: 'mistral_ai',
  xai: 'x_ai',
};

/** @param route `provider/model` */
export function modelOf(route: string): { provider: string; model: string } {
  const at = route.indexOf('/');
  const name = route.slice(0, at);
  return { provider: PROVIDERS[name] ?? name, model: route.slice(at + 1) };
}

/** Of every span of a run. */
export const runAttributes = (
  run: string,
  { agent, release, tenant, session }: Pick<RunRecord, 'agent' | 'release' | 'tenant' | 'session'>,
): SpanAttributes => ({
  'gen_ai.agent.name': agent,
  'gen_ai.agent.version': shortRelease(release),
  'gen_ai.conversation.id': session ?? run,
  'longhaul.run.id': run,
  'longhaul.tenant': tenant,
});

/** Of every attempt of a call. */
export const callAttributes = (
  { key, ...about }: CallContext,
  attempt: Pick<Attempt, 'workflowId' | 'number'>,
  queuedMs: number | undefined,
): SpanAttributes => ({
  ...runAttributes(attempt.workflowId, about),
  'longhaul.turn': key.turn,
  'longhaul.call': key.index,
  'longhaul.attempt': attempt.number,
  // From when Temporal had it until a worker took it.
  'longhaul.queued_ms': queuedMs,
});

/** `input` holds what the cache gave, as the conventions want it. */
const usageAttributes = (usage: Usage): SpanAttributes => ({
  'gen_ai.usage.input_tokens': usage.input,
  'gen_ai.usage.output_tokens': usage.output,
  'gen_ai.usage.cache_read.input_tokens': usage.cachedInput,
  'gen_ai.usage.cache_write.input_tokens': usage.cacheWrite,
  'gen_ai.usage.reasoning.output_tokens': usage.reasoning > 0 ? usage.reasoning : undefined,
  'longhaul.usage.estimated': usage.estimated,
});

const costAttributes = (cost: Cost | undefined): SpanAttributes => ({
  'longhaul.cost_usd': cost && !(cost.nanoUsd === 0 && cost.unknown) ? cost.nanoUsd / NANO_USD : undefined,
  'longhaul.cost_unknown': cost?.unknown,
});

/** What was taken by requests that brought no answer. */
export const spentAttributes = (spent: { spent: Usage; cost?: Cost } | undefined): SpanAttributes =>
  spent ? { ...usageAttributes(spent.spent), ...costAttributes(spent.cost) } : {};

/** How a model was asked: nothing of it where another's answer was given. */
const requestAttributes = (
  { parameters = {}, isJson, response, record }: SeenModelCall,
  server: ModelProvider['server'],
): SpanAttributes => {
  const numberOf = (name: string): number | undefined => {
    const value = parameters[name];
    return typeof value === 'number' ? value : undefined;
  };
  return {
    'gen_ai.request.max_tokens': record?.request.maxOutputTokens ?? numberOf('maxOutputTokens'),
    'gen_ai.request.temperature': numberOf('temperature'),
    'gen_ai.request.stream': server ? true : undefined,
    'gen_ai.output.type': isJson ? 'json' : undefined,
    'gen_ai.response.id': response?.responseId,
    'server.address': server?.address,
    'server.port': server?.port,
  };
};

/** @param serverOf of the provider of a route */
export const chatAttributes = (
  seen: SeenModelCall,
  answered: { model: string; usage: Usage; cost?: Cost; cached?: true } | undefined,
  serverOf: (route: string) => ModelProvider['server'],
): SpanAttributes => {
  const { preferred, response, record } = seen;
  const route = answered?.model ?? preferred;
  const of = route === undefined ? undefined : modelOf(route);
  return {
    'gen_ai.operation.name': 'chat',
    // Required: of a call that found nobody to ask.
    'gen_ai.provider.name': of?.provider ?? 'unknown',
    'gen_ai.request.model': of?.model,
    'gen_ai.response.model': response?.model,
    ...(answered?.cached ? {} : requestAttributes(seen, route === undefined ? undefined : serverOf(route))),
    'gen_ai.response.finish_reasons': record ? [record.finish] : undefined,
    ...(answered ? { ...usageAttributes(answered.usage), ...costAttributes(answered.cost) } : {}),
    'longhaul.request.id': record?.requestId,
    'longhaul.cached': answered?.cached,
    'longhaul.batch.tasks': record?.batch?.of,
  };
};

/** Others of the route that were asked, or passed over, before the one that answered. */
export const failovers = (
  tried: readonly { route: string; failure: string; ms: number }[] = [],
  at: number,
): SpanEvent[] =>
  tried.map(({ route, failure, ms }) => ({
    name: 'longhaul.failover',
    at,
    attributes: { 'longhaul.route': route, 'error.type': failure, 'longhaul.ms': ms },
  }));

export const toolAttributes = (name: string, callId: string, isMcp: boolean): SpanAttributes => ({
  'gen_ai.operation.name': 'execute_tool',
  'gen_ai.tool.name': name,
  'gen_ai.tool.call.id': callId,
  'gen_ai.tool.type': isMcp ? 'extension' : 'function',
});

/** The totals are the spans' of its calls once more: whoever sums up takes the one or the other. */
export const endAttributes = ({ outcome, totals }: NonNullable<RunRecord['ended']>): SpanAttributes => ({
  'gen_ai.operation.name': 'invoke_agent',
  ...usageAttributes(totals.usage),
  ...costAttributes(totals.cost),
  'longhaul.outcome': outcome,
  'longhaul.turns': totals.turns,
  'longhaul.model_calls': totals.modelCalls,
  'longhaul.tool_calls': totals.toolCalls,
  'longhaul.reused_calls': totals.reusedCalls,
});
