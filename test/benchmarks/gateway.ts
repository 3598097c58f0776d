// What a model call costs beside the provider's own time: `callModel` over a warm LMDB store, and the `openai` package alone with the same
// body on the same model server, in pairs, so that both meet the same machine.
import { NO_METRICS } from '../../activities/no-metrics';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import { z } from 'zod';
import { callModel } from '../../activities/call-model';
import { defineAgent, defineTool, type AnyAgent } from '../../activities/define';
import type { ActivityDeps } from '../../activities/deps';
import { createPrices } from '../../activities/gateway/money/prices';
import { AS_PREFERRED, NO_QUOTA } from '../../activities/gateway/ports';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import { patientFetch } from '../../activities/model/patient-fetch';
import { createProviderRegistry } from '../../activities/model/provider-registry';
import { createConversation, directToolStore, encodeMessage, type ContentStore } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';
import { createAgentRegistry } from '../../workers/agent-registry';
import { withEndedRuns } from '../../activities/store/run-index';
import type { CallModelInput } from '../../workflows/contract/activities';
import { script, startModelServerProcess } from '../kit/model-server';
import { manifestFor } from '../stack/manifest-for';
import { prose } from './prose';
import { spansOf, timedProvider, timedStore, type Spans } from './timed-ports';

export type GatewayApi = 'chat' | 'responses';

export interface GatewayOptions {
  api: GatewayApi;
  /** In the conversation that is asked about, the newest included. */
  messages: number;
  samples: number;
}

/** Milliseconds of each sample, in the order in which they were taken. */
export interface GatewayFigures extends GatewayOptions {
  requestBytes: number;
  /** The `openai` package alone. */
  bare: number[];
  call: number[];
  /** Of the calls, where their time went. */
  parts: Spans[];
  /** One small record, made durable: the least that a call can cost. */
  floor: number[];
}

/** As long as answers of agents are: some 200 tokens, in 34 pieces. */
export const ANSWER = prose(7, 800);
/** As tool results are. */
export const MESSAGE_BYTES = 600;
export const WARM_UP = 30;
const RUN = 'first';

const look = defineTool({
  name: 'look',
  description: 'Looks something up.',
  input: z.object({ what: z.string(), most: z.number().optional() }),
  output: z.string(),
  effect: 'read',
  run: () => 'found',
});
export const benchAgent = { name: 'bench', instructions: prose(3, 1_500), tools: [look] };
const agent = defineAgent(benchAgent);

export async function gatewayFigures(options: GatewayOptions): Promise<GatewayFigures> {
  const folder = await mkdtemp(path.join(tmpdir(), 'longhaul-bench-'));
  const turns = Math.ceil(options.messages / 2) + 1;
  const server = await startModelServerProcess({
    script: Array.from({ length: turns }).reduce<ReturnType<typeof script>>((said) => said.answer(ANSWER), script()),
  });
  const store = withEndedRuns(openStore(`lmdb:${folder}`));
  try {
    return await measure(options, server.url, store);
  } finally {
    await store.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  { api, messages, samples }: GatewayOptions,
  url: string,
  store: ContentStore,
): Promise<GatewayFigures> {
  let body = '';
  const provider = createOpenAiProvider({
    name: 'openai',
    apiKey: 'sk-bench',
    baseUrl: url,
    api,
    fetch: (input, init) => {
      if (typeof init?.body === 'string') body = init.body;
      return patientFetch(input, init);
    },
  });
  const spans = spansOf();
  const { deps, about } = benchDeps(timedStore(store, spans), timedProvider(provider, spans));
  const put = async (nth: number): Promise<string> => {
    const bytes = encodeMessage({ role: 'user', parts: [{ type: 'text', text: prose(nth + 1, MESSAGE_BYTES) }] });
    return (await store.commit({ objects: [bytes] })).hashes[0] ?? '';
  };
  let turn = 0;
  const ask = async (base: string | null, append: string): Promise<string> => {
    turn += 1;
    const input: CallModelInput = { ...about, key: { run: RUN, fork: 0, turn, index: 0 }, base, append: [append] };
    const answer = await callModel(deps, input, {
      number: 1,
      workflowId: 'bench',
      runId: RUN,
      signal: new AbortController().signal,
    });
    if (answer.kind !== 'answer') throw new Error(`the model was not asked: ${answer.kind}.`);
    return answer.head;
  };
  let base: string | null = null;
  for (let nth = 0; nth + 1 < messages; nth += 2) base = await ask(base, await put(nth));
  const client = new OpenAI({ apiKey: 'sk-bench', baseURL: url, maxRetries: 0 });
  const made: GatewayFigures = { api, messages, samples, requestBytes: 0, bare: [], call: [], parts: [], floor: [] };
  for (let nth = 0; nth < WARM_UP + samples; nth += 1) {
    const append = await put(messages + nth);
    spans.reset();
    const call = await timed(() => ask(base, append));
    const parts = spans.taken();
    const alone = await timed(() => askBare(client, api, body));
    const floor = await timed(() => store.commit({ refs: [{ op: 'put', name: 'bench/floor', value: nth }] }));
    if (nth < WARM_UP) continue;
    made.call.push(call);
    made.parts.push(parts);
    made.bare.push(alone);
    made.floor.push(floor);
  }
  return { ...made, requestBytes: Buffer.byteLength(body) };
}

export function benchDeps(
  store: ContentStore,
  provider: ReturnType<typeof createOpenAiProvider>,
  definition: AnyAgent = agent,
): { deps: ActivityDeps; about: Pick<CallModelInput, 'agent' | 'release' | 'tenant'> } {
  const loaded = manifestFor(definition, 'openai/gpt-5-mini');
  const agents = createAgentRegistry({ strict: true });
  agents.replaceAll([loaded]);
  return {
    deps: {
      store,
      conversation: createConversation(store),
      toolStore: directToolStore(store),
      agents,
      providers: createProviderRegistry([provider]),
      quota: NO_QUOTA,
      routing: AS_PREFERRED,
      prices: createPrices({ prices: {}, providers: [{ name: 'openai', url: 'https://api.openai.com/v1' }] }),
      secretsOf: () => ({}),
      approvers: { people: {}, allowUnsigned: false },
      stateDir: tmpdir(),
      worker: `bench@${randomUUID()}`,
      now: Date.now,
      metrics: NO_METRICS,
      failpoint: () => Promise.resolve(),
    },
    about: { agent: definition.name, release: loaded.release, tenant: 'bench' },
  };
}

/** As anyone would write it: a client for all calls, the body as an object, the text put together. */
async function askBare(client: OpenAI, api: GatewayApi, body: string): Promise<string> {
  let text = '';
  if (api === 'chat') {
    const asked = JSON.parse(body) as OpenAI.Chat.ChatCompletionCreateParamsStreaming;
    for await (const { choices } of await client.chat.completions.create(asked))
      text += choices[0]?.delta.content ?? '';
  } else {
    const asked = JSON.parse(body) as OpenAI.Responses.ResponseCreateParamsStreaming;
    for await (const event of await client.responses.create(asked))
      if (event.type === 'response.output_text.delta') text += event.delta;
  }
  if (text !== ANSWER) throw new Error('the answer is another than was asked for.');
  return text;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
