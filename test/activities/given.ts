// What an activity's test begins with: a store in memory, a model that says what the test says, one loaded agent.
import { NO_METRICS } from '../../activities/no-metrics';
import type { AnyAgent } from '../../activities/define';
import type { Spending } from '../../activities/gateway/money/spending';
import { UNKNOWN_PRICES } from '../../activities/gateway/money/prices';
import { AS_PREFERRED, NO_QUOTA } from '../../activities/gateway/ports';
import type { ActivityDeps, AgentRegistry, Attempt, LoadedAgent } from '../../activities/deps';
import type { ModelRequest } from '../../activities/model/provider';
import type { KeyRing } from '../../activities/keys';
import {
  createConversation,
  createMemoryStore,
  directToolStore,
  encodeMessage,
  type ContentStore,
} from '../../activities/store';
import { createAgentRegistry } from '../../workers/agent-registry';
import type { CallModelInput } from '../../workflows/contract/activities';
import type { Message } from '../../workflows/contract/message';
import { createScriptedProvider, type ModelFunction } from '../kit/scripted-provider';
import { manifestFor } from '../stack/manifest-for';

export type Answer = Awaited<ReturnType<ModelFunction<undefined>>>;

export const key = { run: 'first', fork: 0, turn: 1, index: 0 };
export const text = (content: string): Message => ({ role: 'user', parts: [{ type: 'text', text: content }] });

interface Given {
  store: ContentStore;
  deps: ActivityDeps;
  agents: AgentRegistry & { replaceAll(agents: readonly LoadedAgent[]): void };
  loaded: LoadedAgent;
  requests: ModelRequest[];
  put(message: Message): Promise<string>;
  about: Pick<CallModelInput, 'agent' | 'release' | 'tenant'>;
  input: CallModelInput;
}

/** @param options.now of the store: its puts are dated by it */
export async function given(
  agent: AnyAgent,
  model: () => Answer | Promise<Answer> = () => ({ text: 'yes' }),
  { now = Date.now, keys, route = 'scripted/model' }: { now?: () => number; keys?: KeyRing; route?: string } = {},
): Promise<Given> {
  const store = createMemoryStore(now, keys);
  const requests: ModelRequest[] = [];
  const provider = createScriptedProvider({
    model: () => model(),
    context: () => undefined,
    now: () => 1_000,
    onRequest: (request) => requests.push(request),
  });
  const loaded = manifestFor(agent, route);
  const agents = createAgentRegistry({ strict: false });
  agents.replaceAll([loaded]);
  const deps: ActivityDeps = {
    store,
    conversation: createConversation(store),
    toolStore: directToolStore(store),
    agents,
    providers: { resolve: () => ({ provider, model: 'model' }) },
    quota: NO_QUOTA,
    routing: AS_PREFERRED,
    prices: UNKNOWN_PRICES,
    secretsOf: () => ({}),
    approvers: { people: {}, allowUnsigned: true },
    stateDir: '/nonexistent',
    worker: 'test',
    now: () => 1_000,
    metrics: { ...NO_METRICS },
    failpoint: () => Promise.resolve(),
  };
  const put = async (message: Message): Promise<string> =>
    (await store.commit({ objects: [encodeMessage(message)] })).hashes[0] ?? '';
  const about = { agent: agent.name, release: loaded.release, tenant: 't' };
  const input: CallModelInput = { ...about, key, base: null, append: [await put(text('go'))] };
  return { store, deps, agents, loaded, requests, put, about, input };
}

/** For what sends a request and is not asked what it cost. */
export const UNCOUNTED: Spending = {
  begins: () => undefined,
  allows: () => undefined,
  lost: () => undefined,
  wasted: () => undefined,
  answered: () => ({ nanoUsd: 0 }),
  keeps: () => undefined,
  failed: () => undefined,
  failedBefore: () => [],
  unanswered: () => ({}),
  keptInVain: () => undefined,
  inVain: () => ({}),
};

export const attempt = (number = 1, signal: Attempt['signal'] = new AbortController().signal): Attempt => ({
  number,
  workflowId: 'w',
  runId: 'r',
  signal,
});
