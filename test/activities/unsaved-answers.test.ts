// Needs: nothing but Node. Answers that the store could not take: for how long they are kept, in how much room, and by whom found again.
import { callModel } from '../../activities/call-model';
import { defineAgent } from '../../activities/define';
import type { ActivityDeps } from '../../activities/deps';
import { depsOf } from '../../activities/deps-of-tenant';
import { openKeyRing } from '../../activities/keys';
import { createUnsavedAnswers } from '../../activities/unsaved-answers';
import type { Received } from '../../activities/store-answer';
import { attempt, given } from './given';

const plain = defineAgent({ name: 'plain', instructions: 'Answer.' });
const MB = 1024 * 1024;
const received = (record: string, objects: Uint8Array[] = []): Received<string> => ({
  record,
  objects,
  head: 'h',
  length: 1,
  chains: [],
});

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

test('what nobody asks for again goes after an hour, by itself; what is tried again stays', () => {
  // The cache's clock, which it took when it was loaded.
  jest.useFakeTimers({ doNotFake: ['performance'] });
  const began = Date.now() - 1;
  jest.spyOn(performance, 'now').mockImplementation(() => Date.now() - began);
  const unsaved = createUnsavedAnswers<string>().of({});
  unsaved.set('left', received('said'));
  unsaved.set('tried', received('said'));
  jest.advanceTimersByTime(50 * 60_000);
  unsaved.set('tried', received('said'));
  expect(unsaved.size).toBe(2);
  jest.advanceTimersByTime(11 * 60_000);
  expect(unsaved.size).toBe(1);
  expect(unsaved.get('tried')).toBeDefined();
  jest.advanceTimersByTime(50 * 60_000);
  expect(unsaved.size).toBe(0);
  expect(jest.getTimerCount()).toBe(0);
});

test.each([
  ['objects', () => received('', [new Uint8Array(MB)])],
  ['texts', () => received('x'.repeat(MB / 2))],
])('all that an answer holds counts: its %s', (_, make) => {
  const unsaved = createUnsavedAnswers<string>().of({});
  for (let at = 0; at < 100; at += 1) unsaved.set(String(at), make());
  expect(unsaved.size).toBeGreaterThan(50);
  expect(unsaved.size).toBeLessThan(64);
  expect(unsaved.get('99')).toBeDefined();
});

test('an answer is found again whatever has become of the view that its tenant had of the store', async () => {
  const keys = openKeyRing(`a:${Buffer.alloc(32, 7).toString('base64')}`);
  const { deps, input, store, requests } = await given(plain, undefined, { keys });
  const away = new Error('the store is away');
  const failing: ActivityDeps = {
    ...deps,
    store: { ...store, of: (tenant) => ({ ...store.of(tenant), commit: () => Promise.reject(away) }) },
  };
  await expect(callModel(depsOf(failing, input), input, attempt())).rejects.toBe(away);
  const other = { ...input, tenant: 'other', key: { ...input.key, run: 'another' } };
  await expect(callModel(depsOf(failing, other), other, attempt())).rejects.toBe(away);
  for (const asked of [input, other])
    expect(await callModel(depsOf(deps, asked), asked, attempt(2))).toMatchObject({ messages: [{ preview: 'yes' }] });
  expect(requests).toHaveLength(2);
});

test('an answer that another worker stored is dropped here, and not stored over it', async () => {
  const { deps, input, store, requests } = await given(plain);
  const elsewhere = { ...deps, providers: { ...deps.providers } };
  const failing = { ...deps, store: { ...store, commit: () => Promise.reject(new Error('away')) } };
  await expect(callModel(failing, input, attempt())).rejects.toThrow('away');
  const answer = await callModel(elsewhere, input, attempt(2));
  expect(await callModel(deps, input, attempt(3))).toEqual({ ...answer, reused: true });
  expect(requests).toHaveLength(2);
});
