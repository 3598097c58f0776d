// Needs: nothing but Node. What one call leaves in the store, whichever of its attempts ends first and whatever code is loaded by then.
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { callModel } from '../../activities/call-model';
import { callTool } from '../../activities/call-tool';
import { defineAgent, defineTool } from '../../activities/define';
import type { ActivityDeps, LoadedAgent } from '../../activities/deps';
import { endRun } from '../../activities/end-run';
import { canonicalJson, encodeMessage, objectHash } from '../../activities/store';
import { callRecordName, headName, runRecordName } from '../../activities/store/ref-names';
import type { CallToolInput } from '../../workflows/contract/activities';
import type { Message } from '../../workflows/contract/message';
import { manifestFor } from '../stack/manifest-for';
import { attempt, given, key, text, type Answer } from './given';

/** Answers that a test gives when it likes, in the order they were asked for. */
function held<T>(): { wait(): Promise<T>; give(at: number, value: T): void; asked(count: number): Promise<void> } {
  const gives: ((value: T) => void)[] = [];
  const waiting: (() => void)[] = [];
  return {
    wait: () =>
      new Promise((resolve) => {
        gives.push(resolve);
        waiting.splice(0).forEach((wake) => wake());
      }),
    give: (at, value) => gives[at]?.(value),
    asked: async (count) => {
      while (gives.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

const plain = defineAgent({ name: 'plain', instructions: 'Answer.' });

describe('an attempt that was given up and wakes late', () => {
  test('leaves the record and the head to the one that was faster, and answers with its answer', async () => {
    const answers = held<Answer>();
    const { store, deps, input } = await given(plain, answers.wait);
    const first = callModel(deps, input, attempt(1));
    await answers.asked(1);
    const second = callModel(deps, input, attempt(2));
    await answers.asked(2);
    answers.give(1, { text: 'B' });
    const told = await second;
    answers.give(0, { text: 'A, late' });

    expect(await first).toEqual(told);
    expect(told).toMatchObject({ kind: 'answer', messages: [{ preview: 'B' }] });
    const record = await store.readRef(callRecordName(key));
    expect(record?.value).toMatchObject({ attempt: 2, answer: { messages: [{ preview: 'B' }] } });
    const { head } = told as { head: string };
    expect((await store.readRef(headName('w', 'r')))?.value).toMatchObject({ head });
  });

  test('of a tool: the model reads the result that was stored first', async () => {
    const results = held<string>();
    const look = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({}),
      output: z.string(),
      effect: 'read',
      run: () => results.wait(),
    });
    const looker = defineAgent({ name: 'looker', instructions: 'Look.', tools: [look] });
    const { store, deps, put, about } = await given(looker);
    const input = await toolInput(put, about, 'look');
    const first = callTool(deps, input, attempt(1));
    await results.asked(1);
    const second = callTool(deps, input, attempt(2));
    await results.asked(2);
    results.give(1, 'B');
    const told = await second;
    results.give(0, 'A, late');

    expect(await first).toEqual(told);
    expect(told).toMatchObject({ message: { preview: 'B' } });
    expect((await store.readRef(callRecordName(input.key)))?.value).toMatchObject({ attempt: 2, result: told });
  });
});

test('the record of a tool that stands in for another names those that had failed', async () => {
  const define = (name: string) =>
    defineTool({ name, description: name, input: z.object({}), output: z.string(), effect: 'read', run: () => name });
  const near = defineTool({
    ...{ name: 'near', description: 'Near.', input: z.object({}), output: z.string(), effect: 'read' },
    ...{ run: () => 'near', fallback: [define('far')] },
  });
  const { store, deps, put, about } = await given(defineAgent({ name: 'n', instructions: 'Look.', tools: [near] }));
  const failedBefore = [{ name: 'near', type: 'Tool.Failed' as const }];
  const input = { ...(await toolInput(put, about, 'near')), name: 'far', insteadOf: 'near', failedBefore };
  expect(await callTool(deps, input, attempt())).toMatchObject({ message: { preview: 'far' } });
  expect((await store.readRef(callRecordName(input.key)))?.value).toMatchObject({ name: 'far', failedBefore });
});

test('a record of another conversation, from before a reset, gives way to the new one', async () => {
  const { store, deps, input, put } = await given(plain);
  await callModel(deps, input, attempt());
  const other = { ...input, append: [await put(text('go elsewhere'))] };
  const answer = await callModel(deps, other, attempt());
  expect((await store.readRef(callRecordName(key)))?.value).toMatchObject({ from: { append: other.append }, answer });
  expect(await callModel(deps, other, attempt(2))).toEqual({ ...answer, reused: true });
});

async function toolInput(
  put: (message: Message) => Promise<string>,
  about: Pick<CallToolInput, 'agent' | 'release' | 'tenant'>,
  name: string,
): Promise<CallToolInput> {
  const message = await put({ role: 'assistant', parts: [{ type: 'tool-call', call: 0, name, arguments: {} }] });
  return { ...about, key: { ...key, index: 1 }, name, message, call: 0, input: await put(text('go')) };
}

describe('a worker that was started with changed code', () => {
  const tool = (name: string, description: string) =>
    defineTool({
      name,
      description,
      input: z.object({}),
      output: z.string(),
      effect: 'read',
      run: () => `${description} ran`,
    });
  const before = defineAgent({
    name: 'changing',
    model: 'old/model',
    instructions: 'As it was.',
    parameters: { temperature: 0 },
    output: z.object({ answer: z.string() }),
    tools: [tool('kept', 'old'), tool('removed', 'old')],
  });
  const after = defineAgent({
    name: 'changing',
    instructions: 'As it is.',
    parameters: { temperature: 1 },
    tools: [tool('kept', 'new'), tool('added', 'new')],
  });

  async function restarted() {
    const fixture = await given(after, () => ({ text: '{"answer":"yes"}' }));
    const old: LoadedAgent = manifestFor(before, 'scripted/model');
    await fixture.store.commit({ objects: [canonicalJson(old.manifest)] });
    return { ...fixture, old, about: { ...fixture.about, release: old.release } };
  }

  test('asks the model as the run was pinned: instructions, tools, parameters and output', async () => {
    const { deps, input, about, old, requests, store } = await restarted();
    const answer = await callModel(deps, { ...input, ...about }, attempt());
    expect(requests).toMatchObject([
      {
        instructions: 'As it was.',
        parameters: { temperature: 0 },
        tools: [
          { name: 'kept', description: 'old' },
          { name: 'removed', description: 'old' },
        ],
        output: { name: 'changing_output', schema: old.manifest.output },
      },
    ]);
    expect(answer).toMatchObject({ kind: 'answer' });
    expect((await store.readRef(callRecordName(key)))?.value).toMatchObject({ release: old.release });
  });

  test('runs the code that it has, of the tools that the run knows; the record names that code', async () => {
    const { deps, put, about, loaded, store } = await restarted();
    const call = async (name: string, index: number) => {
      const input = await toolInput(put, about, name);
      return await callTool(deps, { ...input, key: { ...key, index } }, attempt());
    };
    expect(await call('kept', 1)).toMatchObject({ message: { preview: 'new ran' } });
    expect(await call('removed', 2)).toMatchObject({ failure: 'Tool.Unknown' });
    expect(await call('added', 3)).toMatchObject({ failure: 'Tool.Unknown' });
    const record = await store.readRef(callRecordName({ ...key, index: 1 }));
    expect(record?.value).toMatchObject({ release: loaded.release });
  });

  test('waits for a person where the release cannot be read, instead of taking another', async () => {
    const { deps, input, about, requests, store } = await restarted();
    const lost = { ...input, ...about, release: 'e'.repeat(64) };
    await expect(callModel(deps, lost, attempt())).rejects.toMatchObject({ type: 'Store.ObjectMissing' });
    const other = (await store.commit({ objects: [canonicalJson({ ...manifestFor(plain, 'x/y').manifest })] })).hashes;
    const wrong = { ...input, ...about, release: other[0] ?? '' };
    await expect(callModel(deps, wrong, attempt())).rejects.toMatchObject({ type: 'Store.ObjectCorrupt' });
    expect(requests).toEqual([]);
  });
});

test('an output schema may refine asynchronously: an answer that does not fit is one call, which the model hears of', async () => {
  const output = z.object({ city: z.string() }).refine(
    async ({ city }) => {
      await Promise.resolve();
      return city === 'Paris';
    },
    { message: 'no such city' },
  );
  const agent = defineAgent({ name: 'async_output', instructions: 'Name a city.', output });
  const { deps, input, requests } = await given(agent, () => ({ text: '{"city":"Atlantis"}' }));
  expect(await callModel(deps, input, attempt())).toMatchObject({
    problem: { type: 'Model.InvalidOutput', message: expect.stringContaining('no such city') as string },
  });
  expect(requests).toHaveLength(1);
});

describe('a tool whose time is up', () => {
  const slow = (effect: 'at-most-once' | 'read') =>
    defineTool({
      name: 'slow',
      description: 'Never ends.',
      input: z.object({}),
      output: z.string(),
      effect,
      approval: false,
      retry: { attempts: 1 },
      run: () => new Promise<string>(() => undefined),
    });
  const ask = async (effect: 'at-most-once' | 'read', isOld = false) => {
    const agent = defineAgent({ name: 'waiter', instructions: 'Wait.', tools: [slow(effect)] });
    const { deps, put, about, store, loaded } = await given(agent);
    if (isOld) delete loaded.manifest.plan.tools['slow']?.repeats;
    const input = { ...(await toolInput(put, about, 'slow')), timeoutMs: 1 };
    return { result: callTool(deps, input, attempt()), record: () => store.readRef(callRecordName(input.key)) };
  };

  test('is told to the model as a time-out where it may be repeated', async () => {
    const { result } = await ask('read');
    expect(await result).toMatchObject({ failure: 'Tool.Timeout' });
  });

  test('is an unknown outcome where it must never run twice, and is said to be', async () => {
    const { result, record } = await ask('at-most-once');
    expect(await result).toMatchObject({
      failure: 'Tool.OutcomeUnknown',
      message: { preview: expect.stringContaining('no answer within 1 ms') as string },
    });
    expect(await record()).toBeDefined();
  });

  test('is thrown where it must never run twice, in releases of before effects were kept: the run tells that it is unknown', async () => {
    const { result, record } = await ask('at-most-once', true);
    await expect(result).rejects.toMatchObject({ type: 'Tool.Timeout' });
    await expect(result).rejects.toBeInstanceOf(ApplicationFailure);
    expect(await record()).toBeUndefined();
  });
});

test('a tool is not begun once its run was cancelled, and knows for whom it runs before', async () => {
  const began: unknown[] = [];
  const cancelling = new AbortController();
  const pay = defineTool({
    name: 'pay',
    description: 'Pays.',
    input: z.object({}),
    output: z.string(),
    needs: z.object({ order: z.string() }),
    effect: 'at-most-once',
    approval: false,
    run: (_, { run }) => {
      began.push(run);
      return 'paid';
    },
  });
  const agent = defineAgent({
    name: 'payer',
    instructions: 'Pay.',
    input: z.object({ order: z.string() }),
    tools: [pay],
  });
  const { deps, put, about } = await given(agent);
  const message = await put(text('{"order":"A-88"}'));
  const input = { ...(await toolInput(put, about, 'pay')), input: message, user: 'u7', session: 's1' };
  // As the tool's input is read from the store.
  const cancelledMeanwhile: ActivityDeps = {
    ...deps,
    toolStore: {
      ...deps.toolStore,
      getObject: async (hash) => {
        if (hash === message) cancelling.abort(new Error('the run was cancelled'));
        return await deps.toolStore.getObject(hash);
      },
    },
  };
  await expect(callTool(cancelledMeanwhile, input, attempt(1, cancelling.signal))).rejects.toThrow(
    'the run was cancelled',
  );
  expect(began).toEqual([]);
  expect(await callTool(deps, input, attempt())).toMatchObject({ message: { preview: 'paid' } });
  expect(began).toEqual([{ id: 'w', tenant: 't', user: 'u7', session: 's1' }]);
});

test('a run that no client has recorded gets its first message and its start from the run itself', async () => {
  const { deps, store, about, input } = await given(plain);
  const first = objectHash(encodeMessage(text('go')));
  const late = objectHash(encodeMessage(text('late')));
  await endRun(
    deps,
    {
      ...about,
      key,
      user: 'u7',
      session: 's1',
      base: null,
      append: [late, ...input.append],
      input: first,
      startedAt: 400,
      result: {
        schemaVersion: 1,
        outcome: 'cancelled',
        failure: { type: 'Run.Cancelled', message: 'enough' },
        length: 2,
        totals: {
          turns: 0,
          modelCalls: 0,
          toolCalls: 0,
          reusedCalls: 0,
          usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
        },
      },
    },
    attempt(),
  );
  expect((await store.readRef(runRecordName('w')))?.value).toMatchObject({
    input: first,
    startedAt: 400,
    user: 'u7',
    session: 's1',
    ended: { at: 1_000 },
  });
});
