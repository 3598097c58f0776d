// Needs: nothing. A definition that no compiler has looked at: what is misspelt in it is refused, by name.
import { defineAgent, defineTool, defineToolbox } from '../../activities/define';
import { z } from 'zod';

/** As a file with a cast, or a JavaScript file, would have it. */
const given = (value: object): never => value as never;
const tool = { name: 'weigh', description: 'Weighs.', input: z.object({}), output: z.string(), run: () => '' };
const agent = { name: 'orders', instructions: 'Answer.' };

test.each<[string, object, string]>([
  [
    'an effect',
    { effect: 'at-most-onc' },
    'tool weigh: effect: "at-most-onc" is none of read, idempotent, keyed, at-most-once.',
  ],
  ['no effect', {}, 'tool weigh: effect: nothing is none of'],
  [
    'what a failure leads to',
    { effect: 'read', onFailure: 'ignore' },
    'tool weigh: onFailure: "ignore" is none of tell-model, stop, escalate.',
  ],
  ['a key', { effect: 'read', timout: '1s' }, 'tool weigh: "timout" is not known. Known: name, description,'],
  [
    'a key of retry',
    { effect: 'read', retry: { atempts: 2 } },
    'tool weigh: retry: "atempts" is not known. Known: attempts, backoff, nonRetryable.',
  ],
])('of a tool: %s', (_, wrong, message) => {
  expect(() => defineTool(given({ ...tool, ...wrong }))).toThrow(message);
});

test.each<[string, object, string]>([
  [
    'a limit',
    { limits: { turns: 2, tolkens: 5 } },
    'agent orders: limits: "tolkens" is not known. Known: turns, toolCalls, tokens, wall.',
  ],
  ['a key', { instruction: 'x' }, 'agent orders: "instruction" is not known. Known: name,'],
  ['the mode', { mode: 'sync' }, 'agent orders: mode: "sync" is none of async.'],
])('of an agent: %s', (_, wrong, message) => {
  expect(() => defineAgent(given({ ...agent, ...wrong }))).toThrow(message);
});

test.each<[string, object, string]>([
  ['a name', { name: 'pay ments' }, 'toolbox name "pay ments": use 1 to 64 letters, digits,'],
  ['a name that is two queues', { name: 'a/b' }, 'toolbox name "a/b": use 1 to 64 letters, digits,'],
  ['a key', { name: 'payments', secret: ['KEY'] }, 'toolbox payments: "secret" is not known. Known: name, secrets.'],
  [
    'a secret',
    { name: 'payments', secrets: ['sk-1'] },
    'toolbox payments: "sk-1" is no name of an environment variable',
  ],
  [
    'a key of ours',
    { name: 'payments', secrets: ['LONGHAUL_KEYS'] },
    'LONGHAUL_KEYS is for workers, and never for tools.',
  ],
])('of a toolbox: %s', (_, wrong, message) => {
  expect(() => defineToolbox(given(wrong))).toThrow(message);
});

test('what is spelt right is taken', () => {
  const weigh = defineTool({ ...tool, effect: 'read', timeout: '2m', retry: { attempts: 2 }, onFailure: 'stop' });
  expect(weigh.plan).toEqual({ effect: 'read', timeoutMs: 120_000, attempts: 2, onFailure: 'stop' });
  expect(defineAgent({ ...agent, limits: { turns: 3, wall: '1h' } }).plan.limits).toMatchObject({
    turns: 3,
    wallMs: 3_600_000,
  });
});
