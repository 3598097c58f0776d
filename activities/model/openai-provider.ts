// A provider for every server that speaks one of OpenAI's APIs.
import { chatAdapter } from './chat-adapter';
import type { ModelProvider } from './provider';
import { responsesAdapter } from './responses-adapter';
import { OPENAI_BASE_URL } from './base-urls';
import { createWireProvider, type ProviderOptions } from './wire-provider';

export interface OpenAiProviderOptions extends ProviderOptions {
  /** `responses` for OpenAI itself, whose reasoning models lose their thoughts between tool calls otherwise; `chat` for most others. */
  api: 'responses' | 'chat';
  organization?: string;
  project?: string;
}

export function createOpenAiProvider(options: OpenAiProviderOptions): ModelProvider {
  const { api, apiKey, baseUrl, headers, organization, project } = options;
  return createWireProvider(options, {
    api,
    adapter: api === 'responses' ? responsesAdapter : chatAdapter,
    rawItemsForm: `openai-${api}`,
    baseUrl: baseUrl ?? OPENAI_BASE_URL,
    client: {
      apiKey: apiKey ?? 'none',
      organization: organization ?? null,
      project: project ?? null,
      defaultHeaders: { ...headers, ...(apiKey === undefined ? { Authorization: null } : {}) },
    },
    requestIdHeader: 'x-request-id',
  });
}
