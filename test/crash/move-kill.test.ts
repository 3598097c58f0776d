// Needs: a Temporal CLI, free ports. Kills worker processes that it has started, while a run is moved to another release: once it has said that it
// will go on with that one, and once its next execution has begun with it. It is moved once, and both are answered for.
import { defineAgent } from '../../activities/define';
import { canonicalJson } from '../../activities/store';
import { readPointer } from '../../activities/store/pick-release';
import { moveToRelease } from '../../client/move-releases';
import { script } from '../kit/model-server';
import { manifestFor } from '../stack/manifest-for';
import { startTellerStack } from '../stack/teller';
import { until } from '../stack/until';

test('a run whose workers are killed while it is moved goes on with the other release, once', async () => {
  const stack = await startTellerStack({
    model: {
      script: script().call('nothing', {}).answer('told'),
      faults: [
        { when: { nth: 1 }, do: { hold: 'first' } },
        // Of its next execution.
        { when: { nth: 1, bodyIncludes: 'Tell more.' }, do: { hold: 'second' } },
      ],
    },
  });
  try {
    const { store, client, temporal, model } = stack;
    const to = manifestFor(defineAgent({ name: 'teller', instructions: 'Tell more.' }), 'test/model');
    await store.commit({ objects: [canonicalJson(to.manifest)] });
    const from = (await readPointer(store, 'teller'))?.pointer.release ?? '';
    const first = await stack.startWorker();
    const run = await client.agent('teller').start('Go.', { id: 'moved' });
    await until(async () => (await model.counts()).requests === 1);
    expect(await moveToRelease({ store, temporal, client }, [from], to, { changedAt: 0 })).toEqual({
      moved: ['moved'],
      stayed: [],
    });
    await first.end('SIGKILL');
    expect(await run.record()).toMatchObject({ release: from });

    const second = await stack.startWorker();
    await model.control({ release: true });
    await until(async () => (await model.requests()).some(({ body = '' }) => body.includes('Tell more.')), 60_000);
    await second.end('SIGKILL');
    await stack.startWorker();
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'told' });
    expect(await run.record()).toMatchObject({
      release: to.release,
      moved: [{ from }],
      ended: { totals: { turns: 2, toolCalls: 1 } },
    });
    const asked = (await model.requests()).map(({ body = '' }) => body.includes('Tell more.'));
    // The first turn, asked for twice where its worker was gone, is of the release that it began with.
    expect([asked[0], asked.at(-1)]).toEqual([false, true]);
  } finally {
    await stack.close();
  }
}, 240_000);
