// Needs: nothing but Node; the model server over HTTP. What is counted of a model call that is stopped on its way.
import { tokenCounter } from '../../activities/context/count-tokens';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import type { ModelRequest } from '../../activities/model/provider';
import { StoppedCall, generate } from '../../activities/gateway/stopped-call';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { text } from './given';

const WORDS = Array.from({ length: 400 }, (_, at) => `word ${at}`).join(' ');
const counter = tokenCounter('openai/gpt-5-mini');

let model: ModelServer;
beforeAll(async () => {
  model = await startModelServer({ script: script().answer(WORDS) });
});
afterEach(() => model.reset());
afterAll(() => model.close());

const request = (question: string): ModelRequest => ({
  model: 'gpt-5-mini',
  instructions: 'Count.',
  messages: [text(question)],
  tools: [],
  parameters: {},
  rawItems: new Map(),
  loadFile: () => Promise.reject(new Error('no file')),
});

async function stoppedAfter(deltas: number, question: string): Promise<{ came: string; error: unknown }> {
  const provider = createOpenAiProvider({ name: 'openai', baseUrl: model.url, apiKey: 'sk-test', api: 'chat' });
  const stop = new AbortController();
  let came = '';
  let count = 0;
  const call = {
    signal: stop.signal,
    onDelta: (delta: { text?: string }) => {
      came += delta.text ?? '';
      count += 1;
      if (count === deltas) stop.abort();
    },
  };
  if (deltas === 0) stop.abort();
  const error: unknown = await generate(provider, request(question), {
    call,
    route: 'openai/gpt-5-mini',
    counter,
  }).catch((one: unknown) => one);
  return { came, error };
}

test('the whole request, and the text that had come', async () => {
  const short = await stoppedAfter(20, 'go');
  if (!(short.error instanceof StoppedCall)) throw new Error(String(short.error));
  expect(short.came).not.toBe('');
  expect(short.error.route).toBe('openai/gpt-5-mini');
  expect(short.error.usage.output).toBe(counter.countText(short.came));
  expect(short.error.usage.input).toBe(counter.countText('Count.') + counter.count(text('go')));
  const long = await stoppedAfter(60, WORDS);
  if (!(long.error instanceof StoppedCall)) throw new Error(String(long.error));
  expect(long.error.usage.output).toBeGreaterThan(short.error.usage.output);
  expect(long.error.usage.input - short.error.usage.input).toBeGreaterThan(600);
});

test('a call that is stopped before it is sent costs nothing', async () => {
  const { error } = await stoppedAfter(0, 'go');
  expect(error).toMatchObject({ name: 'AbortError' });
  expect(model.counts().requests).toBe(0);
});

test('a failure that is no cancel costs what the provider says, which is nothing here', async () => {
  model.addFaults({ do: { status: 500 } });
  const { error } = await stoppedAfter(1_000, 'go');
  expect(error).toMatchObject({ type: 'Model.Unavailable' });
});
