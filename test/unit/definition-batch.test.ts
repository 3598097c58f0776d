// Needs: nothing. What a definition says of tasks that share calls: what is left out has a default, what is wrong one line, and a manifest
// keeps the rest.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { manifestFor } from '../stack/manifest-for';

/** As a file with a cast, or a JavaScript file, would have it. */
const given = (value: object): never => value as never;
const agentWith = (batch: unknown, more: object = {}) =>
  defineAgent(given({ name: 'sorter', instructions: 'Sort.', batch, ...more }));

const look = defineTool({
  ...{ name: 'look', description: 'Looks.', input: z.object({}), output: z.string(), effect: 'read' },
  run: () => 'x',
});

test.each<[unknown, object, string]>([
  [true, {}, 'batch is an object with any of size, delay, tokens, within; not true.'],
  [null, {}, 'batch is an object with any of size, delay, tokens, within; not null.'],
  [{ sizes: 3 }, {}, 'batch: "sizes" is not known. Known: size, delay, tokens, within.'],
  [{ size: 1 }, {}, 'batch.size must be a whole number from 2, not 1.'],
  [{ size: 2.5 }, {}, 'batch.size must be a whole number from 2, not 2.5.'],
  [{ size: 101 }, {}, 'batch.size is 101: at most 100.'],
  [{ delay: 0 }, {}, 'batch.delay: "0" is not a positive duration.'],
  [{ delay: '3m' }, {}, "batch.delay is 180000 ms: at most a quarter of the call's own time (timeout: 600000 ms)"],
  [{ delay: '6s' }, { timeout: '20s' }, "batch.delay is 6000 ms: at most a quarter of the call's own time"],
  [{ tokens: 0 }, {}, 'batch.tokens must be a whole number from 1, not 0.'],
  [
    { tokens: 1_500 },
    { parameters: { maxOutputTokens: 800 } },
    'batch.tokens is 1500: no two answers of 800 tokens (maxOutputTokens) fit into it.',
  ],
  [{ within: 'world' }, {}, 'batch.within: "world" is none of tenant, user.'],
  [
    {},
    { tools: [look] },
    'batch is for tasks of one answer, and this agent has tools (look): take out one of the two.',
  ],
])('%j with %j is refused in one line', (batch, more, message) => {
  expect(() => agentWith(batch, more)).toThrow(`agent sorter: ${message}`);
});

test.each<[unknown, unknown]>([
  [undefined, undefined],
  [{}, { size: 20, delayMs: 500 }],
  [
    { size: 2, delay: '1s' },
    { size: 2, delayMs: 1_000 },
  ],
  [
    { tokens: 9_000, within: 'user' },
    { size: 20, delayMs: 500, tokens: 9_000, within: 'user' },
  ],
  [{ within: 'tenant' }, { size: 20, delayMs: 500 }],
])('%j stands in the manifest as %j, and is read back', (batch, wanted) => {
  const { manifest } = manifestFor(agentWith(batch), 'scripted/model');
  expect(manifest.batch).toEqual(wanted);
  expect(releaseManifestSchema.parse(JSON.parse(JSON.stringify(manifest))).batch).toEqual(wanted);
});
