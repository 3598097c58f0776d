// Needs: nothing. What a definition says wrongly about the length of its conversations: one line, with the agent and the place.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';

/** As a file with a cast, or a JavaScript file, would have it. */
const given = (value: object): never => value as never;
const weigh = defineTool({
  name: 'weigh',
  description: 'Weighs.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => '',
});
const agentWith = (context: unknown) =>
  defineAgent(given({ name: 'orders', instructions: 'Answer.', tools: [weigh], context }));

const NO_TRIGGER = 'names no trigger: leave it out for the default, or say';
test.each<[unknown, string]>([
  [true, 'context is an object with any of window, prune, compact, or false; not true.'],
  [null, 'context is an object with any of window, prune, compact, or false; not null.'],
  [[], 'context is an object with any of window, prune, compact, or false; not [].'],
  ['off', 'context is an object with any of window, prune, compact, or false; not "off".'],
  [{ windows: 9_000 }, 'context: "windows" is not known. Known: window, prune, compact.'],
  [{ window: 10 }, 'context.window must be a whole number from 1000 tokens, not 10.'],
  [{ window: 999 }, 'context.window must be a whole number from 1000 tokens, not 999.'],
  [{ window: '8000' }, 'context.window must be a whole number from 1000 tokens, not "8000".'],
  [{ window: Infinity }, 'context.window must be a whole number from 1000 tokens, not Infinity.'],
  [{ prune: true }, 'context.prune is an object with any of when, keepLast, except, freeAtLeast, or false; not true.'],
  [{ prune: null }, 'context.prune is an object with any of when, keepLast, except, freeAtLeast, or false; not null.'],
  [{ prune: { when: [] } }, `context.prune.when ${NO_TRIGGER} prune: false for never.`],
  [{ prune: { when: {} } }, 'context.prune.when: a trigger names at least one of window, tokens, messages.'],
  [{ prune: { when: null } }, 'context.prune.when is an object with any of window, tokens, messages; not null.'],
  [{ prune: { when: [0.5] } }, 'context.prune.when is an object with any of window, tokens, messages; not 0.5.'],
  [{ prune: { when: { window: '0.5' } } }, 'context.prune.when.window is a part of the model'],
  [{ prune: { when: { window: 50 } } }, 'context.prune.when.window is a part of the model'],
  [{ prune: { keepLast: -1 } }, 'context.prune.keepLast must be a whole number from 0, not -1.'],
  [{ prune: { keepLast: NaN } }, 'context.prune.keepLast must be a whole number from 0, not NaN.'],
  [{ prune: { keepLast: 1e300 } }, 'context.prune.keepLast must be a whole number from 0, not 1e+300.'],
  [{ prune: { keepLast: '5' } }, 'context.prune.keepLast must be a whole number from 0, not "5".'],
  [
    { prune: { except: ['nosuch'] } },
    'context.prune.except: the agent has no tool "nosuch". Its tools: weigh, and recall, which is built in.',
  ],
  [{ prune: { except: [3] } }, 'context.prune.except: the agent has no tool 3.'],
  [{ prune: { except: 'weigh' } }, 'context.prune.except is a list of names of tools, not "weigh".'],
  [{ compact: [] }, 'context.compact is an object with any of when, keepLast, prompt, or false; not [].'],
  [{ compact: { when: [] } }, `context.compact.when ${NO_TRIGGER} compact: false for never.`],
  [{ compact: { keepLast: 0 } }, 'context.compact.keepLast must be a whole number from 1, not 0.'],
  [{ compact: { keepLast: 2.5 } }, 'context.compact.keepLast must be a whole number from 1, not 2.5.'],
  [
    { compact: { keepLast: 500, when: [{ window: 0.8 }, { messages: 10 }] } },
    'context.compact: a trigger fires at 10 messages, and the last 500 of them stay.',
  ],
  [{ compact: { prompt: 'Sum up.' } }, 'context.compact.prompt is an object with any of version, text; not "Sum up.".'],
  [{ compact: { prompt: { text: 'Sum up.' } } }, 'context.compact.prompt has a version and a text'],
])('%j is refused', (context, message) => {
  const refused = (): unknown => agentWith(context);
  expect(refused).toThrow(`agent orders: ${message}`);
  expect(refused).toThrow(/^[^\n]+$/);
});

test.each<[unknown]>([
  [undefined],
  [false],
  [{}],
  [{ window: 1_000, prune: false, compact: false }],
  [{ window: undefined, prune: undefined, compact: undefined }],
  [{ prune: { when: { window: 0.4 }, keepLast: 0, except: ['weigh', 'recall'], freeAtLeast: 0 } }],
  [{ compact: { when: [{ window: 1 }, { messages: 400, tokens: 9 }], keepLast: 500 } }],
])('%j is taken', (context) => {
  expect(agentWith(context).context).toEqual(context ?? {});
});
