// Needs: nothing but Node. What the model is told of a call that failed for good, beside attempts of that call which go on all the same.
import { z } from 'zod';
import { callModel } from '../../activities/call-model';
import { callTool } from '../../activities/call-tool';
import { defineAgent, defineTool } from '../../activities/define';
import { callRecordName } from '../../activities/store/ref-names';
import { tellToolFailure } from '../../activities/tell-tool-failure';
import type { CallToolInput, TellToolFailureInput } from '../../workflows/contract/activities';
import { attempt, given, key, text } from './given';

const finish: ((found: string) => void)[] = [];
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => new Promise<string>((resolve) => finish.push(resolve)),
});
const render = defineTool({
  name: 'render',
  description: 'Renders elsewhere.',
  input: z.object({}),
  output: z.string(),
  effect: 'keyed',
  approval: false,
  run: () => ({ job: 'j1' }),
  poll: { started: z.object({ job: z.string() }), every: '1s', upTo: '1h', check: () => 'rendered' },
});
const looker = defineAgent({ name: 'looker', instructions: 'Look.', tools: [look, render] });

async function asked(name: 'look' | 'render') {
  const fixture = await given(looker, () => ({ calls: [{ name, args: {} }] }));
  const answer = await callModel(fixture.deps, fixture.input, attempt());
  if (answer.kind !== 'answer') throw new Error('no answer');
  const message = answer.messages[0]?.hash ?? '';
  const toolKey = { ...key, index: 1 };
  const input: CallToolInput = {
    ...{ ...fixture.about, key: toolKey, name, message, call: 0 },
    input: await fixture.put(text('go')),
  };
  const failed: TellToolFailureInput = {
    ...{ ...fixture.about, key: toolKey, name, message, call: 0 },
    failure: { type: 'Worker.Lost', message: 'its worker died.' },
  };
  const record = async () => (await fixture.store.readRef(callRecordName(toolKey)))?.value;
  return { ...fixture, input, failed, record };
}
const failure = { failure: 'Worker.Lost', message: { role: 'tool', preview: 'Worker.Lost: its worker died.' } };

test.each([true, false])(
  'it is the record of the call, found again by whoever asks (message given: %s)',
  async (isGiven) => {
    const { deps, input, failed, record } = await asked('look');
    const { message: _, ...older } = failed;
    const told = await tellToolFailure(deps, isGiven ? failed : older, attempt(3));
    expect(told).toMatchObject(failure);
    expect(await record()).toMatchObject({
      kind: 'tool',
      attempt: 3,
      from: { message: input.message, call: 0 },
      result: told,
    });
    // Another attempt of the same, and after a reset the call itself.
    expect(
      await tellToolFailure(deps, { ...failed, failure: { ...failed.failure, message: 'again' } }, attempt(4)),
    ).toEqual(told);
    expect(await callTool(deps, input, attempt())).toEqual({ ...told, reused: true });
  },
);

test('a result that was stored meanwhile is the answer; one that comes later leaves the failure', async () => {
  for (const isEarly of [true, false]) {
    const { deps, input, failed, record } = await asked('look');
    finish.length = 0;
    const late = callTool(deps, input, attempt(1));
    while (finish.length === 0) await new Promise(setImmediate);
    if (isEarly) {
      finish[0]?.('found');
      await late;
    }
    const told = await tellToolFailure(deps, failed, attempt());
    finish[0]?.('found');
    expect(await late).toEqual(told);
    expect(told).toMatchObject(isEarly ? { message: { preview: 'found' } } : failure);
    expect(await record()).toMatchObject({ result: told });
  }
});

test('it takes the place of what says that the call has begun, and the time of its beginning', async () => {
  const { deps, input, failed, record } = await asked('render');
  expect(await callTool(deps, input, attempt())).toMatchObject({ kind: 'wait' });
  const told = await tellToolFailure({ ...deps, now: () => 5_000 }, failed, attempt());
  expect(await record()).toMatchObject({ kind: 'tool', startedAt: 1_000, endedAt: 5_000, result: told });
  expect(await callTool(deps, { ...input, poll: true }, attempt())).toEqual({ ...told, reused: true });
});

test('a record of another message, from before a reset, gives way', async () => {
  const { deps, failed, put, record } = await asked('look');
  await tellToolFailure(deps, { ...failed, message: await put(text('another')) }, attempt());
  const told = await tellToolFailure(deps, failed, attempt());
  expect(await record()).toMatchObject({ from: { message: failed.message }, result: told });
});

test('where neither the input nor the turn says which message asks, it is told all the same', async () => {
  const { deps, failed, store, record } = await asked('look');
  const { message: _, ...older } = failed;
  const told = await tellToolFailure(deps, { ...older, name: 'another' }, attempt());
  expect(told).toMatchObject(failure);
  expect(await store.has([told.message.hash])).toEqual([true]);
  expect(await record()).toBeUndefined();
});
