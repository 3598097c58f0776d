// Needs: nothing but Node. The tools' half of a turn: what runs beside what, in which order, and what a failure leads to.
import { z } from 'zod';
import { defineAgent, defineTool, ToolRejection, type Effect } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import { failure } from '../../activities/failure';
import { groupsInOrder } from '../../workflows/core/tool-turn';

const tool = (name: string, effect: Effect, onFailure: 'tell-model' | 'stop' = 'tell-model') =>
  defineTool({
    name,
    description: name,
    input: z.object({ n: z.number() }),
    output: z.string(),
    effect,
    approval: false,
    onFailure,
    run: ({ n }) => `${name} ${n}`,
  });
const agent = defineAgent({
  name: 'worker',
  instructions: 'Work.',
  tools: [
    tool('read', 'read'),
    tool('write', 'idempotent'),
    tool('pay', 'at-most-once'),
    tool('vital', 'keyed', 'stop'),
    tool('vital_read', 'read', 'stop'),
  ],
});
const asks = (...names: string[]) => ({ calls: names.map((name, n) => ({ name, args: { n } })) });

/** Lets calls finish only once `count` of them have begun. */
function gate(count: number): () => Promise<string> {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let begun = 0;
  return async () => {
    begun += 1;
    if (begun === count) open();
    await opened;
    return `${begun} begun`;
  };
}

test('calls are cut into groups: neighbours that only read run together, any other alone', () => {
  const groups = (...names: string[]) =>
    groupsInOrder(
      names.map((name) => ({ name, preview: '' })),
      (name) => name === 'read',
    );
  expect(groups()).toEqual([]);
  expect(groups('read', 'read')).toEqual([[0, 1]]);
  expect(groups('read', 'write', 'write', 'read', 'read')).toEqual([[0], [1], [2], [3, 4]]);
});

test('reads run at once', async () => {
  const together = gate(3);
  const run = await testAgent(agent, {
    model: script([asks('read', 'read', 'read')]).answer('done'),
    tools: { read: together },
  }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { toolCalls: 3 } });
});

test('an effect waits for the reads before it, and the reads after it wait for the effect', async () => {
  const events: string[] = [];
  const watched = async (name: string, n: number) => {
    events.push(`${name} ${n} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    events.push(`${name} ${n} ends`);
    return '';
  };
  const run = await testAgent(agent, {
    model: script([asks('read', 'write', 'pay', 'read')]).answer('done'),
    tools: {
      read: ({ n }) => watched('read', n),
      write: ({ n }) => watched('write', n),
      pay: ({ n }) => watched('pay', n),
    },
  }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  const inOrder = ['read 0', 'write 1', 'pay 2', 'read 3'].flatMap((call) => [`${call} begins`, `${call} ends`]);
  expect(events).toEqual(inOrder);
});

test('results stand in the order of the calls, whichever ended first', async () => {
  let release: () => void = () => undefined;
  const second = new Promise<void>((resolve) => (release = resolve));
  const run = await testAgent(agent, {
    model: script([asks('read', 'read')]).answer('done'),
    tools: {
      read: async ({ n }) => {
        if (n === 0) await second;
        else release();
        return `answer ${n}`;
      },
    },
  }).start('go');
  expect((await run.transcript()).flatMap((message) => (message.role === 'tool' ? [message.call] : []))).toEqual([
    0, 1,
  ]);
});

test('the model reads about a failure once its attempts are spent, and goes on', async () => {
  const run = await testAgent(agent, {
    model: script([asks('write')]).answer('it did not work'),
    tools: {
      write: () => {
        throw new Error('disk\nfull');
      },
    },
  }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'it did not work' });
  expect(run.calls.filter(({ kind }) => kind === 'tool')).toHaveLength(3);
  expect((await run.transcript())[2]).toEqual({
    role: 'tool',
    call: 0,
    name: 'write',
    outcome: 'error',
    parts: [{ type: 'text', text: 'Tool.Failed: disk full' }],
  });
});

test('a rejection is the tool’s last word: it is not tried again', async () => {
  const run = await testAgent(agent, {
    model: script([asks('write')]).answer('well then'),
    tools: {
      write: () => {
        throw new ToolRejection('not on Sundays');
      },
    },
  }).start('go');
  expect(run.calls.filter(({ kind }) => kind === 'tool')).toHaveLength(1);
  expect((await run.transcript())[2]).toMatchObject({ parts: [{ text: 'Tool.Rejected: not on Sundays' }] });
});

test('an at-most-once tool that fails, and cannot look up what it had done, is not tried again', async () => {
  const run = await testAgent(agent, {
    model: script([asks('pay')]).answer('failed'),
    tools: {
      pay: () => {
        throw new Error('no');
      },
    },
  }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(run.calls.filter(({ kind }) => kind === 'tool')).toHaveLength(1);
});

test('an at-most-once tool that may have run is not called again: the model is told that its outcome is unknown', async () => {
  const run = await testAgent(agent, {
    model: script([asks('pay')]).answer('then I ask'),
    tools: {
      pay: () => {
        throw failure('Store.Unavailable', 'the disk is gone');
      },
    },
  }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(run.calls.filter(({ kind }) => kind === 'tool')).toHaveLength(1);
  expect((await run.transcript())[2]).toMatchObject({
    parts: [
      {
        text: expect.stringContaining(
          'Tool.OutcomeUnknown: it may have happened, or not: an earlier attempt was cut off',
        ),
      },
    ],
  });
});

describe('a tool declared onFailure: stop', () => {
  test('ends the run with the failure’s type, after its attempts and before the calls behind it', async () => {
    const run = await testAgent(agent, {
      model: script([asks('write', 'vital', 'write')]),
      tools: {
        vital: () => {
          throw new Error('broken');
        },
      },
    }).start('go');
    expect(await run.result()).toMatchObject({
      outcome: 'failed',
      failure: { type: 'Tool.Failed', message: 'vital: broken' },
    });
    expect(run.calls.flatMap((call) => (call.kind === 'tool' ? [call.tool] : []))).toEqual([
      'write',
      'vital',
      'vital',
      'vital',
    ]);
  });

  test('what ran before it is counted and stands in the conversation', async () => {
    const run = await testAgent(agent, {
      model: script([asks('write', 'vital')]),
      tools: {
        vital: () => {
          throw new ToolRejection('no');
        },
      },
    }).start('go');
    expect(await run.result()).toMatchObject({ failure: { type: 'Tool.Rejected' }, totals: { toolCalls: 1 } });
    expect((await run.transcript()).map((message) => ('name' in message ? message.name : message.role))).toEqual([
      'user',
      'assistant',
      'write',
    ]);
  });

  test('the reads beside it end before the run does', async () => {
    let ended = false;
    const run = await testAgent(agent, {
      model: script([asks('vital_read', 'read')]),
      tools: {
        vital_read: () => {
          throw new ToolRejection('no');
        },
        read: async () => {
          await new Promise((resolve) => setImmediate(resolve));
          ended = true;
          return '';
        },
      },
    }).start('go');
    expect(ended).toBe(true);
    expect(await run.result()).toMatchObject({ outcome: 'failed', totals: { toolCalls: 1 } });
  });

  test('arguments that do not fit are the model’s to mend, and stop nothing', async () => {
    const wrong = { calls: [{ name: 'vital', args: { n: 'x' } }] };
    const run = await testAgent(agent, { model: script([wrong, asks('vital')]).answer('done') }).start('go');
    expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { toolCalls: 2 } });
  });
});
