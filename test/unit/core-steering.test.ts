// Needs: nothing but Node. What a person says to a run on its way, and leave to use more than its limits.
import { z } from 'zod';
import { defineAgent, defineTool } from 'longhaul';
import { testAgent } from 'longhaul/testing';
import type { Message } from '../../workflows/contract/message';
import type { ExtendRequest } from '../../workflows/contract/run';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number().default(0) }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `page ${at}`,
});
type Limits = { turns?: number; toolCalls?: number; tokens?: number; wall?: '10m' };
const looker = (limits: Limits = {}) => defineAgent({ name: 'looker', instructions: 'Look.', tools: [look], limits });
const looks = (at: number) => ({ calls: [{ name: 'look', args: { at } }] });

const textOf = ({ parts }: Message): string =>
  parts.map((part) => (part.type === 'text' ? part.text : part.type)).join();
const said = (messages: readonly Message[]): string[] => messages.map((one) => `${one.role}: ${textOf(one)}`);

describe('steer', () => {
  test('what is said in a model call is heard after its tools, in the order in which it was said', async () => {
    const run = await testAgent(looker(), {
      model: async ({ messages }, { test: controls }) => {
        if (messages.length > 1) return { text: 'as you say' };
        await controls.steer('only page 2');
        await controls.steer('and be quick');
        return looks(1);
      },
    }).start('go');
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'as you say', totals: { turns: 2 } });
    expect(said(await run.transcript())).toEqual([
      'user: go',
      'assistant: tool-call',
      'tool: page 1',
      'user: only page 2',
      'user: and be quick',
      'assistant: as you say',
    ]);
    expect(run.progress().length).toBe(6);
    expect(run.progress().steps.map(({ label }) => label)).toContain('a person says');
  });

  test('an answer that would have been the last is not, where something was said meanwhile', async () => {
    const run = await testAgent(looker(), {
      model: async ({ messages }, { test: controls }) => {
        if (messages.length > 1) return { text: 'in French: oui' };
        await controls.steer('in French');
        return { text: 'yes' };
      },
    }).start('go');
    expect(await run.result()).toMatchObject({ output: 'in French: oui', totals: { turns: 2 } });
    expect(said(await run.transcript())).toEqual([
      'user: go',
      'assistant: yes',
      'user: in French',
      'assistant: in French: oui',
    ]);
  });

  test('where no turn is left it is refused, and heard once there is one more', async () => {
    const run = await testAgent(looker({ turns: 1 }), {
      model: async ({ messages }, { test: controls }) => {
        if (messages.some(({ role }) => role === 'assistant')) return { text: 'oui' };
        await expect(controls.steer('in French')).rejects.toThrow('the last of its 1 turns has begun');
        controls.extend({ turns: 1 });
        await controls.steer('in French');
        return { text: 'yes' };
      },
    }).start('go');
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'oui', totals: { turns: 2 } });
  });

  test('of a run that fails before its next turn, it stands in the conversation', async () => {
    const run = await testAgent(looker({ tokens: 100 }), {
      model: async (_, { test: controls }) => {
        await controls.steer('in French');
        return { ...looks(1), usage: { input: 90, output: 20 } };
      },
    }).start('go');
    expect(await run.result()).toMatchObject({ failure: { type: 'Budget.TokensExhausted' } });
    expect(said(await run.transcript()).at(-1)).toBe('user: in French');
  });

  test('said to a run that is paused, it is heard after the pause; asked again in the same turn, not before the next', async () => {
    let asked = 0;
    const heard: string[][] = [];
    const run = await testAgent(looker(), {
      model: ({ messages }) => {
        heard.push(said(messages));
        asked += 1;
        return asked === 1 ? { waits: '1h' } : asked === 2 ? looks(1) : { text: 'done' };
      },
    }).start('go');
    await run.pause();
    await run.steer('only page 2');
    await run.advance('2h');
    expect(heard).toHaveLength(1);
    await run.resume();
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    // The turn had begun: what it is asked with stays the same, so that its record is found again.
    expect(heard.map((one) => one.includes('user: only page 2'))).toEqual([false, false, true]);
  });

  test.each([
    ['nothing', '', /give a text of 1 to 4000 characters/],
    ['blanks', ' \n', /give a text/],
    ['too long a text', 'x'.repeat(4_001), /"longhaul steer" takes longer ones/],
  ])('refuses %s', async (_, text, why) => {
    const run = await testAgent(looker(), { model: () => ({ waits: '1h' }) }).start('go');
    await expect(run.steer(text)).rejects.toThrow(why);
    await run.cancel('enough');
  });

  test('refuses what is too much at once, and what comes too late', async () => {
    const run = await testAgent(looker(), { model: () => ({ waits: '1h' }) }).start('go');
    for (let nth = 0; nth < 20; nth += 1) await run.steer(`say ${nth}`);
    await expect(run.steer('one more')).rejects.toThrow('20 messages wait already for the next turn');
    await run.cancel('enough');
    await run.result();
    await expect(run.steer('wait')).rejects.toThrow('the run has ended: cancelled');
  });
});

describe('extend', () => {
  test.each<[string, Limits, ExtendRequest, RegExp[]]>([
    [
      'turns',
      { turns: 2 },
      { turns: 2 },
      [/^This is the last of the 2 /, /^2 of the 4 /, /^This is the last of the 4 /],
    ],
    ['tool calls', { toolCalls: 2 }, { toolCalls: 1 }, [/^All 3 /]],
    ['tokens', { tokens: 200 }, { tokens: 150 }, [/^100 of the 200 /, /^300 of the 350 /]],
  ])('%s: a run that would have ended there goes on, and is told of the new limit', async (_, limits, added, told) => {
    const usage = { input: 90, output: 10 };
    const model = (extends_: boolean) => {
      let turn = 0;
      return ({}, { test: controls }: { test: { extend(added: ExtendRequest): void } }) => {
        turn += 1;
        if (turn === 2 && extends_) controls.extend(added);
        return turn > 3 ? { text: 'done', usage } : { ...looks(turn), usage };
      };
    };
    const stopped = await testAgent(looker(limits), { model: model(false) }).start('go');
    expect(await stopped.result()).toMatchObject({ outcome: 'budget-exhausted' });
    const run = await testAgent(looker(limits), { model: model(true) }).start('go');
    expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { turns: 4, toolCalls: 3 } });
    const own = (await run.transcript()).filter((one) => one.role === 'user' && one.from === 'runtime').map(textOf);
    expect(own).toEqual(told.map((text) => expect.stringMatching(text) as string));
  });

  test('wall time: also of a wait that is under way', async () => {
    let asked = 0;
    const run = await testAgent(looker({ wall: '10m' }), {
      model: () => ((asked += 1) === 1 ? { waits: '1h' } : { text: 'done' }),
    }).start('go');
    await run.extend({ wallMs: 3_600_000 });
    await run.advance('11m');
    expect(run.progress().status).toBe('waiting');
    await run.advance('50m');
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'done' });
  });

  test('wall time: an extension does not shorten or lengthen what is waited for', async () => {
    let asked = 0;
    const run = await testAgent(looker({ wall: '10m' }), {
      model: () => ((asked += 1) === 1 ? { waits: '1h' } : { text: 'done' }),
    }).start('go');
    await run.extend({ wallMs: 1_200_000 });
    await run.advance('31m');
    expect(await run.result()).toMatchObject({ failure: { type: 'Budget.WallTimeExhausted' } });
    expect(asked).toBe(1);
  });

  test.each([
    [{}, /give how much is added/],
    [{ turns: 0 }, /whole numbers from 1/],
    [{ turns: 1.5 }, /whole numbers from 1/],
    [{ turns: 1, dollars: 3 }, /there is no limit "dollars"/],
    [{ tokens: 100 }, /the run has no limit of tokens/],
    [{ nanoUsd: 100 }, /the run has no limit of money: there/],
    [[], /give how much is added/],
    ['10', /give how much is added/],
  ])('refuses %j', async (added, why) => {
    const run = await testAgent(looker(), { model: () => ({ waits: '1h' }) }).start('go');
    await expect(run.extend(added as ExtendRequest)).rejects.toThrow(why);
    expect(run.progress().limits).toEqual({ turns: 30, toolCalls: 200 });
    await run.cancel('enough');
    await run.result();
    await expect(run.extend({ turns: 1 })).rejects.toThrow('the run has ended: cancelled');
  });
});
