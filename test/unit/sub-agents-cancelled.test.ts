// Needs: nothing but Node. A run that is cancelled while it has to do with a sub-agent: none works on, and what it had used counts.
import { agentTool } from '../../activities/define';
import type { ContentStore } from '../../activities/store/port';
import { openRunName, runRecordName, subRunsOf } from '../../activities/store/ref-names';
import { createMemoryStore } from '../../activities/store';
import { script } from '../kit/script';
import { type RunControls } from '../kit/test-run';
import { agent, asks, reader, startWith, type Ending, type Given, type Started } from '../stack/sub-agent-run';

const lead = agent('lead', { tools: [agentTool(reader)] });

/** Its run, cancelled at the nth reading of its sub-agent's record, which comes to nothing. */
async function cancelledAt(nth: number, store: ContentStore, ends: Ending): Promise<Started> {
  let controls: RunControls | undefined;
  let read = 0;
  return await startWith(lead, {
    ...{ model: script([asks('a')]), ends: () => ends, onControls: (given) => (controls = given) },
    store: {
      ...store,
      readRef: async (name) => {
        if (name.startsWith(runRecordName('sub_')) && (read += 1) === nth) {
          controls?.cancel();
          throw new Error('stopped');
        }
        return await store.readRef(name);
      },
    },
  });
}

describe('a run', () => {
  test.each(['is found to be elsewhere', 'is asked for'])(
    'that is cancelled while a sub-agent %s leaves none working',
    async (when) => {
      const memory = createMemoryStore();
      let controls: RunControls | undefined;
      let isElsewhere = false;
      const { run, started, cancelled } = await startWith(lead, {
        model: script([asks('a')]).answer('done'),
        onControls: (given) => (controls = given),
        ends: () => {
          isElsewhere = true;
          if (when === 'is found to be elsewhere') controls?.cancel();
          return 'elsewhere';
        },
        store: {
          ...memory,
          readRef: async (name) => {
            if (!isElsewhere || name !== runRecordName(started[0]?.id ?? '')) return await memory.readRef(name);
            controls?.cancel();
            throw new Error('stopped');
          },
        },
      });
      expect(await run.result()).toMatchObject({ outcome: 'cancelled' });
      expect(cancelled).toEqual(started.map(({ id }) => id));
    },
  );

  test('that is cancelled while it takes the end of a sub-agent that was terminated has it recorded', async () => {
    const store = createMemoryStore();
    const { run, started } = await cancelledAt(1, store, 'terminated');
    expect(await run.result()).toMatchObject({ outcome: 'cancelled' });
    expect((await store.readRef(runRecordName(started[0]?.id ?? '')))?.value).toMatchObject({
      ended: { outcome: 'cancelled', failure: { message: 'it was terminated.' } },
    });
  });

  test('that is cancelled while it takes what a sub-agent has answered before a reset counts what that had used', async () => {
    const store = createMemoryStore();
    const before = await startWith(lead, { store, model: script([asks('a')]), ends: () => 'elsewhere' });
    await before.end(before.started[0]?.id ?? '', { tokens: 1_000 });
    // The first is where it begins it.
    const { run, started } = await cancelledAt(2, store, 'elsewhere');
    const { outcome, totals } = await run.result();
    expect({ outcome, modelCalls: totals.modelCalls, started }).toEqual({
      ...{ outcome: 'cancelled', modelCalls: 2, started: [] },
    });
    expect(totals.usage.input).toBeGreaterThanOrEqual(1_000);
  });

  test('that is cancelled counts what a sub-agent elsewhere had used, where that is over by then', async () => {
    const model = script([asks('a')]);
    const { run, started, end } = await startWith(lead, { model, ends: () => 'elsewhere' });
    await end(started[0]?.id ?? '', { tokens: 1_000 });
    await run.cancel('enough');
    const { outcome, totals } = await run.result();
    expect({ outcome, modelCalls: totals.modelCalls }).toEqual({ outcome: 'cancelled', modelCalls: 2 });
    expect(totals.usage.input).toBeGreaterThanOrEqual(1_000);
  });

  test('that is cancelled as it begins a sub-agent records that it was never started, and begins another after a reset', async () => {
    const memory = createMemoryStore();
    let controls: RunControls | undefined;
    const given: Given = {
      ...{ store: memory, model: script([asks('a')]).answer('done') },
      onControls: (one) => (controls = one),
    };
    const { run, started } = await startWith(lead, {
      ...given,
      store: {
        ...memory,
        commit: async (request) => {
          if (request.refs?.some(({ name }) => name.startsWith(subRunsOf('root')))) controls?.cancel('enough');
          return await memory.commit(request);
        },
      },
    });
    expect(await run.result()).toMatchObject({ outcome: 'cancelled' });
    expect(started).toEqual([]);
    const [ref] = await memory.listRefs(subRunsOf('root'));
    const id = ref?.name.split('/').at(-1) ?? '';
    expect((await memory.readRef(runRecordName(id)))?.value).toMatchObject({
      ended: { outcome: 'cancelled', failure: { message: 'it was never started.' } },
    });
    expect(await memory.readRef(openRunName(id))).toBeUndefined();
    const after = await startWith(lead, given);
    expect(await after.run.result()).toMatchObject({ outcome: 'completed' });
    expect(after.started).toHaveLength(1);
    expect(after.started[0]?.id).not.toBe(id);
  });
});
