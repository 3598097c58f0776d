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
    'agent orders: limits: "tolkens" is not known. Known: turns, toolCalls, tokens, modelCalls, usd, wall.',
  ],
  ['limits that are none', { limits: 5 }, 'agent orders: limits: 5 is no object. Known: turns,'],
  ['limits in a list', { limits: [{ turns: 2 }] }, 'agent orders: limits: [{"turns":2}] is no object.'],
  ['a key', { instruction: 'x' }, 'agent orders: "instruction" is not known. Known: name,'],
  ['the mode', { mode: 'often' }, 'agent orders: mode: "often" is none of sync, async, session.'],
])('of an agent: %s', (_, wrong, message) => {
  expect(() => defineAgent(given({ ...agent, ...wrong }))).toThrow(message);
});

test.each<[string, object, string]>([
  ['a name', { name: 'pay ments' }, 'toolbox name "pay ments": use 1 to 64 letters, digits,'],
  ['a name that is two queues', { name: 'a/b' }, 'toolbox name "a/b": use 1 to 64 letters, digits,'],
  [
    'a key',
    { name: 'payments', secret: ['KEY'] },
    'toolbox payments: "secret" is not known. Known: name, secrets, breaker, atOnce, rate.',
  ],
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
  [
    'a breaker',
    { name: 'payments', breaker: true },
    'toolbox payments: breaker is an object with any of failures, openFor, or false; not true.',
  ],
  [
    'a key of a breaker',
    { name: 'payments', breaker: { failure: 3 } },
    'toolbox payments: breaker: "failure" is not known. Known: failures, openFor.',
  ],
  [
    'failures in a row',
    { name: 'payments', breaker: { failures: 0 } },
    'toolbox payments: breaker.failures must be a whole number from 1, not 0.',
  ],
  [
    'a breaker that is open for ever',
    { name: 'payments', breaker: { openFor: '1h' } },
    'toolbox payments: breaker.openFor must be 10 minutes at most.',
  ],
  [
    'calls at once',
    { name: 'payments', atOnce: 1.5 },
    'toolbox payments: atOnce must be a whole number from 1, not 1.5.',
  ],
  ['a rate', { name: 'payments', rate: 10 }, 'toolbox payments: rate is an object with any of calls, per; not 10.'],
  [
    'the calls of a rate',
    { name: 'payments', rate: { calls: NaN, per: '1m' } },
    'toolbox payments: rate.calls must be a whole number from 1, not NaN.',
  ],
  [
    'the time of a rate',
    { name: 'payments', rate: { calls: 1, per: 'soon' } },
    'toolbox payments: rate.per: "soon" is not a positive duration.',
  ],
  [
    'a rate that is none',
    { name: 'payments', rate: { calls: 1, per: '2h' } },
    'toolbox payments: rate must allow a call an hour at least.',
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

test('a toolbox has a breaker unless it says that it has none', () => {
  expect(defineToolbox({ name: 'payments' }).limits).toEqual({ breaker: { failures: 5, openForMs: 30_000 } });
  expect(defineToolbox({ name: 'payments', breaker: false, atOnce: 4, rate: { calls: 10, per: '1m' } }).limits).toEqual(
    {
      atOnce: 4,
      rate: { calls: 10, perMs: 60_000 },
    },
  );
});
