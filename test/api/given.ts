// What tests of the API share: a server of it on the stack, and whoever asks it.
import { apiKeyHash, apiSigningKey, newApiKey } from '../../activities/keys/api-key';
import { publicKeyText } from '../../activities/keys/decision-signature';
import type { ApiKey, WebhookSettings } from '../../activities/define/api';
import { serveApi, type ApiServer } from '../../client/api/serve-api';
import type { ConfiguredQuotas } from '../../client/quota-views';
import { openTextReader } from '../../activities/stream/open-streams';
import type { TestStack } from '../stack/test-stack';
import type { UsedStack } from '../stack/use-stack';

export interface Told {
  status: number;
  headers: Headers;
  // Each test says which of its members it means.
  body: { [name: string]: unknown };
}

export interface UsedApi {
  readonly url: string;
  readonly reported: unknown[];
  /** A body that is no text is sent as JSON. */
  ask(method: string, at: string, options?: Asked): Promise<Told>;
  close(): Promise<void>;
}

export interface Asked {
  body?: unknown;
  key?: string;
  headers?: { [name: string]: string };
}

export async function startTestApi(
  stack: TestStack,
  keys: readonly ApiKey[] = [],
  webhooks?: WebhookSettings,
  quotas?: ConfiguredQuotas,
): Promise<UsedApi> {
  const reported: unknown[] = [];
  const texts = openTextReader({ store: '', stateDir: stack.stateDir });
  const server: ApiServer = await serveApi({
    ...{ temporal: stack.temporal, store: stack.store, taskQueue: 'agents', tenant: 'acme', texts, keys, port: 0 },
    ...(webhooks ? { webhooks } : {}),
    ...(quotas ? { quotas } : {}),
    report: (error) => reported.push(error),
  });
  return {
    url: server.url,
    reported,
    ask: async (method, at, { body, key, headers = {} } = {}) => {
      const response = await fetch(`${server.url}${at}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text.startsWith('{') ? (JSON.parse(text) as Told['body']) : { text },
      };
    },
    close: async () => {
      await server.close();
      await texts.close();
    },
  };
}

/** An API on the stack for all tests of a file, there while tests run. After each of them nothing may have been reported. */
export function useApi(on: UsedStack, webhooks?: WebhookSettings): Omit<UsedApi, 'close'> {
  let used: UsedApi | undefined;
  beforeAll(async () => {
    used = await startTestApi(on.stack, [], webhooks);
  });
  afterAll(() => used?.close());
  const there = (): UsedApi => {
    if (!used) throw new Error('the API is not up: use it in a test.');
    return used;
  };
  afterEach(() => expect(there().reported.splice(0)).toEqual([]));
  return {
    get url() {
      return there().url;
    },
    get reported() {
      return there().reported;
    },
    ask: (...asked) => there().ask(...asked),
  };
}

/** As `longhaul api-key` makes one. */
export function madeKey(name: string, about: Omit<ApiKey, 'name' | 'hash' | 'signs'>): { key: string; known: ApiKey } {
  const key = newApiKey();
  const signs = about.scopes.includes('approve') ? { signs: publicKeyText(apiSigningKey(key)) } : {};
  return { key, known: { name, hash: apiKeyHash(key), ...about, ...signs } };
}
