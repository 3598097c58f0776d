// Needs: nothing but Node. Who of a route was asked in vain, as the records of a call and of a summary have it.
import { callModel } from '../../activities/call-model';
import { compactContext } from '../../activities/compact-context';
import { defineAgent } from '../../activities/define';
import type { ActivityDeps } from '../../activities/deps';
import { failure } from '../../activities/failure';
import type { ModelProvider } from '../../activities/model/provider';
import { encodeMessage } from '../../activities/store';
import { callsOf } from '../../activities/store/run-calls';
import type { ToldSpending } from '../../activities/gateway/money/spending';
import { COMPACTION_INDEX } from '../../workflows/contract/context';
import type { Message } from '../../workflows/contract/message';
import type { Tried } from '../../workflows/contract/schemas/call-record';
import { manifestFor } from '../stack/manifest-for';
import { attempt, given, key, text } from './given';

const ROUTE = ['a/x', 'b/y'];
const agent = defineAgent({
  name: 'keeper',
  instructions: 'Answer.',
  context: { compact: { when: { messages: 20 }, keepLast: 4 } },
});

/** @param answers of each provider, in the order in which it is asked: whether it answers */
async function routed(answers: { [provider: string]: boolean[] }) {
  const fixture = await given(agent, () => ({ text: 'What was said.' }));
  const loaded = manifestFor(agent, ROUTE);
  fixture.agents.replaceAll([loaded]);
  const { deps } = fixture;
  const { provider } = deps.providers.resolve('scripted/model');
  const providers: ActivityDeps['providers'] = {
    resolve: (route) => {
      const [name = '', model = ''] = route.split('/');
      const generate: ModelProvider['generate'] = async (request, call) => {
        if (answers[name]?.shift()) return await provider.generate(request, call);
        throw failure('Model.Unavailable', `${name} is away.`);
      };
      return { provider: { name, generate }, model };
    },
  };
  const release = { release: loaded.release };
  return { ...fixture, deps: { ...deps, providers }, release, input: { ...fixture.input, ...release } };
}

const away = (route: string, more: Partial<Tried> = {}) =>
  expect.objectContaining({ route, failure: 'Model.Unavailable', why: `${route[0]} is away`, ...more }) as unknown;

async function triedOf({ store }: ActivityDeps): Promise<readonly Tried[] | undefined> {
  const [call] = (await callsOf(store, key.run)).calls;
  return call && 'tried' in call.record ? call.record.tried : undefined;
}

test('where all fail, the next attempt has them in its record, before those that it asked itself', async () => {
  const { deps, input } = await routed({ a: [false, false], b: [false, true] });
  let told: ToldSpending | undefined;
  const first = { ...attempt(1), tell: (details: unknown) => void (told = details as ToldSpending) };
  await expect(callModel(deps, input, first)).rejects.toMatchObject({ type: 'Model.Unavailable' });
  expect(told?.tried).toEqual([away('a/x', { attempt: 1 }), away('b/y', { attempt: 1 })]);
  expect(await callModel(deps, input, { ...attempt(2), told })).toMatchObject({ kind: 'answer', model: 'b/y' });
  expect(await triedOf(deps)).toEqual([away('a/x', { attempt: 1 }), away('b/y', { attempt: 1 }), away('a/x')]);
});

test('what is told on stays small, however often all of a route fail', async () => {
  const { deps, input } = await routed({});
  let told: ToldSpending | undefined;
  for (let number = 1; number <= 30; number += 1) {
    const about = { ...attempt(number), told, tell: (details: unknown) => void (told = details as ToldSpending) };
    await expect(callModel(deps, input, about)).rejects.toMatchObject({ type: 'Model.Unavailable' });
  }
  expect(told?.tried).toHaveLength(20);
  expect(told?.tried?.at(-1)).toEqual(away('b/y', { attempt: 30 }));
});

test('a summary says who was asked for it in vain', async () => {
  const { deps, store, about, release } = await routed({ b: [true] });
  const messages = Array.from({ length: 30 }, (_, at): Message =>
    at % 2 === 0 ? text(`question ${at}`) : { role: 'assistant', parts: [{ type: 'text', text: `answer ${at}` }] },
  );
  const { hashes: append } = await store.commit({ objects: messages.map(encodeMessage) });
  const input = { ...about, ...release, key: { ...key, index: COMPACTION_INDEX }, base: null, append };
  expect(await compactContext(deps, input, attempt())).toMatchObject({ kind: 'compacted', model: 'b/y' });
  expect(await triedOf(deps)).toEqual([away('a/x')]);
});
