// Needs: nothing but Node. Pause, resume and cancel wherever a run may be, and pauses that a failure causes.
import { z } from 'zod';
import { defineAgent, defineTool } from 'longhaul';
import { createMemoryStore, script, testAgent } from 'longhaul/testing';
import { failure } from '../../activities/failure';
import type { ContentStore } from '../../activities/store/port';
import type { FailureType } from '../../workflows/contract/failures';

const write = defineTool({
  name: 'write',
  description: 'Writes.',
  input: z.object({}),
  output: z.string(),
  effect: 'idempotent',
  run: () => 'written',
});
const agent = defineAgent({ name: 'writer', instructions: 'Write.', tools: [write] });
const timed = defineAgent({ name: 'timed', instructions: 'Write.', tools: [write], limits: { wall: '10m' } });
const WRITE = { calls: [{ name: 'write', args: {} }] };
const once = script([WRITE]).answer('done');

const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));

describe('a pause', () => {
  test('asked for in a model call lets it finish, and holds the tools back', async () => {
    const run = await testAgent(agent, {
      model: ({ messages }, { test: controls }) => {
        if (messages.length > 1) return { text: 'done' };
        controls.pause('let me look');
        return WRITE;
      },
    }).start('go');
    expect(run.progress()).toMatchObject({ status: 'paused', reason: 'let me look', turn: 1 });
    expect(run.calls.map(({ kind }) => kind)).toEqual(['model']);
    await run.resume();
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect(run.progress().steps.map(({ label }) => label)).toEqual([
      'model, turn 1',
      'paused: let me look',
      'resumed',
      'write {}',
      'model, turn 2',
      'records the end: completed',
    ]);
  });

  test('asked for again without a reason keeps the one that was given; with one it takes that', async () => {
    const run = await testAgent(agent, { model: () => ({ waits: '1h' }) }).start('go');
    await run.pause('let me look');
    await run.pause();
    expect(run.progress()).toMatchObject({ status: 'paused', reason: 'let me look' });
    await run.pause('over to you');
    expect(run.progress()).toMatchObject({ reason: 'over to you' });
    await run.cancel('enough');
    expect(await run.result()).toMatchObject({ outcome: 'cancelled' });
  });

  test('asked for in a tool call lets it finish, and holds the next call of the same turn back', async () => {
    const run = await testAgent(agent, {
      model: script([{ calls: [...WRITE.calls, ...WRITE.calls] }]).answer('done'),
      tools: {
        write: (_, { test: controls }) => {
          controls.pause();
          return 'written';
        },
      },
    }).start('go');
    expect(run.progress()).toMatchObject({ status: 'paused', reason: 'asked to pause' });
    expect(run.calls).toHaveLength(2);
    await run.resume();
    expect(run.calls).toHaveLength(3);
    expect(run.progress().status).toBe('paused');
    await run.resume();
    expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { toolCalls: 2 } });
  });

  test('asked for while the run waits for a provider outlasts that wait', async () => {
    let asked = 0;
    const run = await testAgent(agent, {
      model: () => ((asked += 1) === 1 ? { waits: '1h' } : { text: 'done' }),
    }).start('go');
    expect(run.progress().status).toBe('waiting');
    await run.pause('not now');
    await run.advance('2h');
    expect(run.progress()).toMatchObject({ status: 'paused', reason: 'not now' });
    expect(asked).toBe(1);
    await run.resume();
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect(asked).toBe(2);
  });

  test('lasts when it is asked for twice, ends when it is resumed once, and nothing follows the end', async () => {
    const run = await testAgent(agent, {
      model: ({ messages }, { test: controls }) => {
        if (messages.length > 1) return { text: 'done' };
        controls.pause('first');
        controls.pause('second');
        return WRITE;
      },
    }).start('go');
    expect(run.progress().reason).toBe('second');
    await run.resume();
    const { steps } = await run.result();
    await run.pause('too late');
    await run.resume();
    expect(run.progress()).toMatchObject({ status: 'ended', steps });
  });
});

describe('a failure that pauses', () => {
  /** A store in memory that fails on demand. */
  function failing() {
    const store = createMemoryStore();
    const fails: { [method in 'get' | 'commit' | 'readRef']?: FailureType } = {};
    let failed = 0;
    const check = (method: 'get' | 'commit' | 'readRef'): void => {
      const type = fails[method];
      if (type === undefined) return;
      failed += 1;
      throw failure(type, `${method} failed.`);
    };
    const wrapped: ContentStore = {
      ...store,
      get: async (hashes) => {
        check('get');
        return await store.get(hashes);
      },
      commit: async (request) => {
        check('commit');
        return await store.commit(request);
      },
      readRef: async (name) => {
        check('readRef');
        return await store.readRef(name);
      },
    };
    return { store: wrapped, fails, failed: () => failed };
  }

  test('a missing object never fails the run: it waits, and goes on where it was once the object is back', async () => {
    const { store, fails, failed } = failing();
    fails.get = 'Store.ObjectMissing';
    const run = await testAgent(agent, { store, model: once }).start('go');
    expect(run.progress()).toMatchObject({ status: 'paused', reason: 'Store.ObjectMissing: get failed.', turn: 1 });
    expect(failed()).toBe(1);
    await run.resume();
    expect(run.progress().status).toBe('paused');
    expect(failed()).toBe(2);
    delete fails.get;
    await run.resume();
    expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { turns: 2, modelCalls: 2 } });
  });

  test('an object that a tool wants to read is no failure of the tool', async () => {
    const { store, fails } = failing();
    const photo = await testAgent(agent, { store, model: once }).file(new Uint8Array([7]), { mediaType: 'image/png' });
    const read = defineTool({
      name: 'read',
      description: 'Reads.',
      input: z.object({}),
      output: z.number(),
      effect: 'read',
      onFailure: 'stop',
      run: async (_, { files }) => (await files.read(photo)).length,
    });
    const reader = defineAgent({ name: 'reader', instructions: 'Read.', tools: [read] });
    const t = testAgent(reader, {
      store,
      model: ({ messages }) => {
        if (messages.length > 1) return { text: 'one byte' };
        fails.get = 'Store.ObjectMissing';
        return { calls: [{ name: 'read', args: {} }] };
      },
    });
    const run = await t.start('go');
    expect(run.progress()).toMatchObject({ status: 'paused', reason: 'Store.ObjectMissing: get failed.' });
    delete fails.get;
    await run.resume();
    expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { toolCalls: 1 } });
  });

  test('a store that is away is waited for without anybody, and the answer, paid for once, is stored when it is back', async () => {
    const { store, fails, failed } = failing();
    let asked = 0;
    const run = await testAgent(agent, {
      store,
      model: ({ messages }) => {
        asked += 1;
        if (messages.length > 1) return { text: 'done' };
        fails.commit = 'Store.Unavailable';
        return WRITE;
      },
      tools: { write: () => 'written' },
    }).start('go');
    const reason = 'Store.Unavailable: commit failed. It is tried again by itself.';
    expect(run.progress()).toMatchObject({ status: 'waiting', reason });
    expect(failed()).toBe(6);
    await run.advance('5s');
    expect(failed()).toBe(12);
    await run.advance('9s');
    expect(failed()).toBe(12);
    expect(asked).toBe(1);
    delete fails.commit;
    expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { modelCalls: 2, toolCalls: 1 } });
    expect(asked).toBe(2);
  });

  test('a run that waits for its store can be cancelled, and ends once its end can be written', async () => {
    const { store, fails } = failing();
    const run = await testAgent(agent, {
      store,
      model: () => {
        fails.commit = 'Store.Unavailable';
        return WRITE;
      },
    }).start('go');
    await run.cancel('enough');
    expect(run.progress().status).toBe('cancelling');
    delete fails.commit;
    expect(await run.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'enough' } });
  });

  test('nobody comes: the wall time ends the run, and the failing call is not made again and again', async () => {
    const { store, fails, failed } = failing();
    fails.get = 'Store.ObjectMissing';
    const run = await testAgent(timed, { store, model: once }).start('go');
    await run.advance('1h');
    expect(await run.result()).toMatchObject({
      outcome: 'budget-exhausted',
      failure: { type: 'Budget.WallTimeExhausted' },
    });
    expect(failed()).toBe(1);
  });

  test('the end itself cannot be recorded: the run waits for that too, beyond its wall time', async () => {
    const { store, fails } = failing();
    const late = await testAgent(timed, {
      store,
      model: () => {
        fails.readRef = 'Store.ObjectCorrupt';
        return { text: 'done' };
      },
    }).start('go', { id: 'late' });
    expect(late.progress()).toMatchObject({ status: 'paused', reason: 'Store.ObjectCorrupt: readRef failed.' });
    await late.advance('1h');
    expect(late.progress().status).toBe('paused');
    delete fails.readRef;
    await late.resume();
    expect(await late.result()).toMatchObject({ outcome: 'completed', output: 'done' });
  });
});

describe('a cancellation', () => {
  const CANCELLED = { outcome: 'cancelled', failure: { type: 'Run.Cancelled', message: 'enough' } };

  test('in a model call ends that call', async () => {
    const run = await testAgent(agent, {
      model: (_, { test: controls }) => {
        controls.cancel('enough');
        return new Promise(() => undefined);
      },
    }).start('go');
    expect(await run.result()).toMatchObject({ ...CANCELLED, totals: { modelCalls: 1, estimated: true } });
    expect(run.progress().steps.map(({ label, state }) => `${label}: ${state}`)).toEqual([
      'model, turn 1: failed',
      'cancelling: enough: done',
      'records the end: cancelled: done',
    ]);
  });

  test('in a tool call is seen by the tool, and no other call begins', async () => {
    const run = await testAgent(agent, {
      model: script([{ calls: [...WRITE.calls, ...WRITE.calls] }]),
      tools: {
        write: (_, { test: controls, signal }) => {
          const stopped = never(signal);
          controls.cancel('enough');
          return stopped;
        },
      },
    }).start('go');
    expect(await run.result()).toMatchObject({ ...CANCELLED, totals: { modelCalls: 1, toolCalls: 0 } });
    expect(run.calls).toHaveLength(2);
    expect(run.calls[1]).toMatchObject({ error: expect.objectContaining({ message: 'stopped' }) });
  });

  test('keeps what was finished before it', async () => {
    const attempts: number[] = [];
    const run = await testAgent(agent, {
      model: script([{ calls: [...WRITE.calls, ...WRITE.calls] }]),
      tools: {
        write: (_, { test: controls, signal, attempt }) => {
          if (attempts.push(attempt) === 1) return 'written';
          const stopped = never(signal);
          controls.cancel('enough');
          return stopped;
        },
      },
    }).start('go');
    expect(await run.result()).toMatchObject({ ...CANCELLED, totals: { toolCalls: 1 } });
    expect((await run.transcript()).map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
  });

  test('between the attempts of a tool ends the attempts', async () => {
    const run = await testAgent(agent, {
      model: script([WRITE]),
      tools: {
        write: (_, { test: controls }) => {
          controls.cancel('enough');
          throw new Error('and it failed');
        },
      },
    }).start('go');
    expect(await run.result()).toMatchObject(CANCELLED);
    expect(run.calls).toHaveLength(2);
  });

  test('in a pause ends the run', async () => {
    const run = await testAgent(agent, {
      model: (_, { test: controls }) => {
        controls.pause();
        return WRITE;
      },
    }).start('go');
    await run.cancel('enough');
    expect(await run.result()).toMatchObject({ ...CANCELLED, totals: { toolCalls: 0 } });
  });

  test('in a wait for the provider ends the run', async () => {
    const run = await testAgent(agent, { model: () => ({ waits: '1h' }) }).start('go');
    await run.cancel('enough');
    expect(await run.result()).toMatchObject(CANCELLED);
    expect(run.calls).toHaveLength(1);
  });

  test('without a reason says so', async () => {
    const run = await testAgent(agent, { model: () => ({ waits: '1h' }) }).start('go');
    await run.cancel();
    expect(await run.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'no reason was given' } });
  });

  test('is refused without words, twice, and after the end', async () => {
    const run = await testAgent(agent, {
      model: (_, { test: controls }) => {
        const length = 'give a reason of 1 to 500 characters: {"reason": "..."}';
        expect(() => controls.cancel('  ')).toThrow(length);
        expect(() => controls.cancel('x'.repeat(501))).toThrow(length);
        controls.cancel('enough');
        expect(() => controls.cancel('again')).toThrow('the run is being cancelled already: enough');
        return new Promise(() => undefined);
      },
    }).start('go');
    expect(await run.result()).toMatchObject(CANCELLED);
    await expect(run.cancel('late')).rejects.toThrow('the run has ended: cancelled');
  });
});
