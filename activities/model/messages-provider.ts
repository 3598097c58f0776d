// A provider for every server that speaks Anthropic's Messages API.
import { messagesAdapter } from './messages-adapter';
import type { ModelProvider } from './provider';
import { ANTHROPIC_BASE_URL } from './base-urls';
import { createWireProvider, type ProviderOptions } from './wire-provider';

/** The only one that there is. */
export const MESSAGES_VERSION = '2023-06-01';

export function createMessagesProvider(options: ProviderOptions): ModelProvider {
  const { apiKey, baseUrl, headers } = options;
  return createWireProvider(options, {
    api: 'messages',
    adapter: messagesAdapter,
    rawItemsForm: 'anthropic-messages',
    baseUrl: messagesUrl(baseUrl ?? ANTHROPIC_BASE_URL),
    client: {
      // Of another name and header here.
      apiKey: 'none',
      defaultHeaders: {
        ...headers,
        Authorization: null,
        'anthropic-version': MESSAGES_VERSION,
        ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
      },
    },
    requestIdHeader: 'request-id',
  });
}

/** Anthropic's own variable holds it without `/v1`, others write it with. */
export function messagesUrl(baseUrl: string): string {
  const trimmed = baseUrl.replace(/\/+$/, '');
  return /\/v\d+$/.test(trimmed) ? trimmed : `${trimmed}/v1`;
}
