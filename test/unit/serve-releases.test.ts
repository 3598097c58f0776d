// Needs nothing: releases in a registry and in a store in memory.
import { defineAgent } from '../../activities/define';
import type { LoadedAgent } from '../../activities/deps';
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { agentPointerName, releaseName } from '../../activities/store/ref-names';
import { registerRelease } from '../../client/register-release';
import { registeredReleases } from '../../client/releases';
import { agentPointerSchema } from '../../workflows/contract/schemas/traffic';
import { createAgentRegistry } from '../../workers/agent-registry';
import { buildRelease } from '../../workers/build-release';
import { publishReleases } from '../../workers/publish-releases';
import { settingsFor } from './temp-project';

const release = (name: string, instructions: string): Promise<LoadedAgent> =>
  buildRelease(defineAgent({ name, instructions }), { file: '/a.ts', settings: settingsFor('/'), code: 'c0de' });

const releasedAs = (store: ContentStore, made: LoadedAgent, name: string) =>
  registerRelease(store, { ...made, below: [], toolCode: {} }, { by: 'ana', name });

describe('the registry', () => {
  test.each([true, false])(
    'keeps a release that was replaced, for the runs pinned to it (strict: %p)',
    async (strict) => {
      const [old, now, other] = await Promise.all([release('a', 'old'), release('a', 'new'), release('b', 'x')]);
      const registry = createAgentRegistry({ strict });
      registry.replaceAll([old, other]);
      registry.replaceAll([now]);
      expect(registry.resolve('a', old.release)).toBe(old);
      expect(registry.resolve('a', now.release)).toBe(now);
      expect(registry.resolve('b', other.release)).toBe(other);
      expect(registry.current('a')).toBe(now);
      expect(registry.current('b')).toBeUndefined();
      expect(registry.list()).toEqual([now]);
    },
  );

  test('answers a release that it never had with nothing, where runs are pinned to workers', async () => {
    const [a, b] = await Promise.all([release('a', 'x'), release('b', 'x')]);
    const registry = createAgentRegistry({ strict: true });
    registry.replaceAll([a, b]);
    expect(registry.resolve('a', 'f'.repeat(64))).toBeUndefined();
    expect(registry.resolve('a', b.release)).toBeUndefined();
  });

  test("goes on with the agent's newest code in development, even while its file is broken", async () => {
    const [a, newer, b] = await Promise.all([release('a', 'x'), release('a', 'y'), release('b', 'x')]);
    const registry = createAgentRegistry({ strict: false });
    registry.replaceAll([a, b]);
    registry.replaceAll([newer, b]);
    expect(registry.resolve('a', 'f'.repeat(64))).toBe(newer);
    expect(registry.resolve('a', b.release)).toBe(newer);
    registry.replaceAll([b]);
    expect(registry.resolve('a', 'f'.repeat(64))).toBe(newer);
    expect(registry.resolve('nobody', b.release)).toBeUndefined();
  });

  test('of many saves the last twenty stay, and those that are served again among them', async () => {
    const saves = await Promise.all(Array.from({ length: 30 }, (_, nth) => release('a', `save ${nth}`)));
    const registry = createAgentRegistry({ strict: true });
    for (const save of saves) registry.replaceAll([save]);
    const loaded = (): number => saves.filter((save) => registry.resolve('a', save.release)).length;
    expect(loaded()).toBe(20);
    expect(registry.resolve('a', saves[9]?.release ?? '')).toBeUndefined();
    expect(registry.resolve('a', saves[10]?.release ?? '')).toBe(saves[10]);
    registry.replaceAll(saves.slice(10, 11));
    registry.replaceAll(await Promise.all([release('a', 'one more')]));
    expect(registry.resolve('a', saves[10]?.release ?? '')).toBe(saves[10]);
    expect(registry.resolve('a', saves[11]?.release ?? '')).toBeUndefined();
  });

  test('lists agents by name', async () => {
    const registry = createAgentRegistry({ strict: true });
    registry.replaceAll(await Promise.all(['c', 'a', 'b'].map((name) => release(name, 'x'))));
    expect(registry.list().map(({ manifest }) => manifest.agent)).toEqual(['a', 'b', 'c']);
  });
});

describe('publishing', () => {
  const pointer = async (store: ContentStore, agent: string): Promise<{ release: string; version: number }> => {
    const ref = await store.readRef(agentPointerName(agent));
    return { release: agentPointerSchema.parse(ref?.value).release, version: ref?.version ?? 0 };
  };

  test('stores the manifest under the release and points the agent to it, once', async () => {
    const store = createMemoryStore();
    const a = await release('a', 'x');
    expect(await publishReleases(store, [a])).toEqual([{ agent: 'a', release: a.release, changed: true }]);
    const [bytes] = await store.get([a.release]);
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(a.manifest);
    const first = await pointer(store, 'a');
    expect(first.release).toBe(a.release);
    expect(await publishReleases(store, [a])).toEqual([{ agent: 'a', release: a.release, changed: false }]);
    expect(await pointer(store, 'a')).toEqual(first);
  });

  test('moves the pointer to a new release and back, and leaves other agents alone', async () => {
    const store = createMemoryStore();
    const [old, now, other] = await Promise.all([release('a', 'old'), release('a', 'new'), release('b', 'x')]);
    await publishReleases(store, [old, other]);
    const kept = await pointer(store, 'b');
    await publishReleases(store, [now]);
    expect((await pointer(store, 'a')).release).toBe(now.release);
    const [back] = await publishReleases(store, [old]);
    expect(back?.changed).toBe(true);
    expect((await pointer(store, 'a')).release).toBe(old.release);
    expect(await pointer(store, 'b')).toEqual(kept);
  });

  test('two workers that publish at once both find theirs published', async () => {
    const store = createMemoryStore();
    const agents = await Promise.all(['a', 'b', 'c'].map((name) => release(name, 'x')));
    await Promise.all([publishReleases(store, agents), publishReleases(store, agents)]);
    for (const { manifest, release: hash } of agents)
      expect(await pointer(store, manifest.agent)).toMatchObject({ release: hash });
  });

  test('a pointer written between reading and writing is read again, not overwritten blindly', async () => {
    const store = createMemoryStore();
    const [mine, theirs] = await Promise.all([release('a', 'mine'), release('a', 'theirs')]);
    let raced = false;
    const racing: ContentStore = {
      ...store,
      commit: async (request) => {
        if (!raced) {
          raced = true;
          await publishReleases(store, [theirs]);
        }
        return await store.commit(request);
      },
    };
    expect(await publishReleases(racing, [mine])).toEqual([{ agent: 'a', release: mine.release, changed: true }]);
    expect(await pointer(store, 'a')).toMatchObject({ release: mine.release });
  });

  test('where only people say it nothing is taken; what the workers have is there to be released', async () => {
    const store = createMemoryStore();
    const [a, newer] = await Promise.all([release('a', 'x'), release('a', 'y')]);
    expect(await publishReleases(store, [a], { explicit: true })).toEqual([
      { agent: 'a', release: a.release, changed: false, unreleased: true },
    ]);
    expect(await store.readRef(agentPointerName('a'))).toBeUndefined();
    expect(await store.has([a.release])).toEqual([true]);
    await publishReleases(store, [a]);
    expect(await publishReleases(store, [newer], { explicit: true })).toEqual([
      { agent: 'a', release: newer.release, changed: false, managed: { release: a.release } },
    ]);
    expect((await pointer(store, 'a')).release).toBe(a.release);
  });

  test('under what people say each save is kept for a week, without a name, until somebody releases it', async () => {
    const store = createMemoryStore();
    const [a, saved] = await Promise.all([release('a', 'x'), release('a', 'y')]);
    await releasedAs(store, a, 'v1');
    const options = { keepsSaves: true };
    const known = { agent: 'a', changed: false, managed: { release: a.release } };
    expect(await publishReleases(store, [saved], options)).toEqual([{ ...known, release: saved.release }]);
    expect(await registeredReleases(store, 'a')).toMatchObject([
      { name: 'v1' },
      { release: saved.release, by: 'dev', saved: true },
    ]);
    const week = (await store.readRef(releaseName('a', saved.release)))?.expiresAt ?? 0;
    expect(Math.abs(week - Date.now() - 7 * 86_400_000)).toBeLessThan(60_000);
    // What new runs take needs no such record, and what has a name keeps it.
    await publishReleases(store, [a], options);
    expect(await registeredReleases(store, 'a')).toHaveLength(2);
    expect(await releasedAs(store, saved, 'v2')).toMatchObject({
      isKnown: false,
      registered: { name: 'v2', by: 'ana' },
    });
    await publishReleases(store, [saved], options);
    expect(await store.readRef(releaseName('a', saved.release))).toMatchObject({ value: { name: 'v2' } });
    expect((await store.readRef(releaseName('a', saved.release)))?.expiresAt).toBeUndefined();
  });

  test('a save that somebody releases in this moment keeps their name', async () => {
    const store = createMemoryStore();
    const [a, saved] = await Promise.all([release('a', 'x'), release('a', 'y')]);
    await releasedAs(store, a, 'v1');
    const name = releaseName('a', saved.release);
    // Whether it was saved before or not: it is released between the reading and the writing.
    for (const called of ['v2', 'v3']) {
      let raced = false;
      const racing: ContentStore = {
        ...store,
        commit: async (request) => {
          if (!raced && request.refs?.some((write) => write.name === name)) {
            raced = true;
            await releasedAs(store, saved, called);
          }
          return await store.commit(request);
        },
      };
      await publishReleases(racing, [saved], { keepsSaves: true });
      expect(raced).toBe(true);
      expect(await registeredReleases(store, 'a')).toMatchObject([{ name: 'v1' }, { name: called, by: 'ana' }]);
      expect((await store.readRef(name))?.expiresAt).toBeUndefined();
      await store.deleteRef(name);
      await publishReleases(store, [saved], { keepsSaves: true });
      expect(await registeredReleases(store, 'a')).toMatchObject([{ name: 'v1' }, { saved: true }]);
    }
  });

  test('what is no pointer is replaced by one', async () => {
    const store = createMemoryStore();
    const a = await release('a', 'x');
    await store.commit({ refs: [{ op: 'create', name: agentPointerName('a'), value: { odd: true } }] });
    await publishReleases(store, [a]);
    expect((await pointer(store, 'a')).release).toBe(a.release);
  });
});
