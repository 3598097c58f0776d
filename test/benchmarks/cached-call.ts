// What a call costs whose answer is kept: `callModel` over a warm LMDB store, asked what was asked before, and the least that a durable write
// costs beside it.
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { callModel } from '../../activities/call-model';
import { defineAgent } from '../../activities/define';
import { createAnswerCache } from '../../activities/gateway/cache/answer-cache';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import { encodeMessage, type ContentStore } from '../../activities/store';
import { openStore } from '../../activities/store/open-store';
import { withEndedRuns } from '../../activities/store/run-index';
import type { CallModelInput, ModelAnswer } from '../../workflows/contract/activities';
import { script, startModelServerProcess } from '../kit/model-server';
import { ANSWER, benchAgent, benchDeps, MESSAGE_BYTES, timed, WARM_UP } from './gateway';
import { prose } from './prose';
import { spansOf, timedProvider, timedStore, type Spans } from './timed-ports';

/** Milliseconds of each sample, in the order in which they were taken. */
export interface CachedFigures {
  messages: number;
  call: number[];
  parts: Spans[];
  floor: number[];
  /** That have reached the provider: one for each turn of the conversation, and none for the samples. */
  requests: number;
}

const agent = defineAgent({ ...benchAgent, cache: true });

/** @param messages of the conversation that is asked about, the newest included */
export async function cachedFigures(messages: number, samples: number): Promise<CachedFigures> {
  const folder = await mkdtemp(path.join(tmpdir(), 'longhaul-bench-'));
  const turns = Math.ceil(messages / 2) + 1;
  const server = await startModelServerProcess({
    script: Array.from({ length: turns }).reduce<ReturnType<typeof script>>((said) => said.answer(ANSWER), script()),
  });
  const store = withEndedRuns(openStore(`lmdb:${folder}`));
  try {
    const made = await measure(store, server.url, { messages, samples });
    return { messages, ...made, requests: (await server.counts()).requests };
  } finally {
    await store.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  store: ContentStore,
  url: string,
  { messages, samples }: { messages: number; samples: number },
): Promise<Pick<CachedFigures, 'call' | 'parts' | 'floor'>> {
  const provider = createOpenAiProvider({ name: 'openai', apiKey: 'sk-bench', baseUrl: url, api: 'chat' });
  const spans = spansOf();
  const bench = benchDeps(timedStore(store, spans), timedProvider(provider, spans), agent);
  const { worker, now } = bench.deps;
  const deps = { ...bench.deps, cache: createAnswerCache({ store: bench.deps.store, worker, now }) };
  const put = async (nth: number): Promise<string> => {
    const bytes = encodeMessage({ role: 'user', parts: [{ type: 'text', text: prose(nth + 1, MESSAGE_BYTES) }] });
    return (await store.commit({ objects: [bytes] })).hashes[0] ?? '';
  };
  let turn = 0;
  const ask = async (base: string | null, append: string): Promise<ModelAnswer> => {
    turn += 1;
    const key = { run: 'first', fork: 0, turn, index: 0 };
    const input: CallModelInput = { ...bench.about, key, base, append: [append] };
    const { signal } = new AbortController();
    const answer = await callModel(deps, input, { number: 1, workflowId: 'bench', runId: 'first', signal });
    if (answer.kind !== 'answer') throw new Error(`the model was not asked: ${answer.kind}.`);
    return answer;
  };
  let base: string | null = null;
  for (let nth = 0; nth + 1 < messages; nth += 2) base = (await ask(base, await put(nth))).head;
  const append = await put(messages);
  await ask(base, append);
  const made = { call: [] as number[], parts: [] as Spans[], floor: [] as number[] };
  for (let nth = 0; nth < WARM_UP + samples; nth += 1) {
    spans.reset();
    const call = await timed(() => ask(base, append));
    const parts = spans.taken();
    const floor = await timed(() => store.commit({ refs: [{ op: 'put', name: 'bench/floor', value: nth }] }));
    if (nth < WARM_UP) continue;
    made.call.push(call);
    made.parts.push(parts);
    made.floor.push(floor);
  }
  return made;
}
