// Needs: nothing. What is said of an agent that is not there: of which others there are, and of files only where they may be its own.
import { modelLine } from '../../client/cli/announce';
import { unknownAgent } from '../../client/cli/start-run';
import { defineAgent } from '../../activities/define';
import { manifestFor } from '../stack/manifest-for';

const place = { project: '/p', agentsDir: '/p/agents' };
const money = { file: '/p/agents/all.ts', message: 'agent money2: limits.usd: nobody knows what a/plain-1 costs.' };
const broken = { file: '/p/agents/late/agent.ts', line: 3, message: 'no good' };
const says = (agent: string, known: string[], problems: (typeof money | typeof broken)[] = []): string =>
  unknownAgent(place, { agent, known, problems }).message;

test('those that there are; what is wrong with others is a number', () => {
  expect(says('nobody', ['one', 'two'])).toBe('there is no agent "nobody". Known: one, two.');
  expect(says('nobody', ['one', 'two'], [money, broken, { ...money, message: 'agent x: no' }])).toBe(
    'there is no agent "nobody". Known: one, two. 2 files did not load: "longhaul doctor" says why.',
  );
  expect(says('nobody', [], [broken])).toBe(
    'there is no agent "nobody". None loads. 1 file did not load: "longhaul doctor" says why.',
  );
  expect(says('nobody', [])).toMatch(/There is none at all: "longhaul init" writes one/);
  const many = Array.from({ length: 25 }, (_, nth) => `a${nth}`);
  expect(says('nobody', many)).toMatch(/a18, a19, and 5 more\.$/);
});

test('what is wrong with its own file, or with itself', () => {
  expect(says('money2', ['one'], [broken, money])).toBe(
    'there is no agent "money2" that loads: agents/all.ts: agent money2: limits.usd: nobody knows what a/plain-1 costs.',
  );
  expect(says('late', ['one'], [money, broken])).toBe(
    'there is no agent "late" that loads: agents/late/agent.ts:3: no good',
  );
  expect(says('a', ['one'], [money, broken])).toMatch(/^there is no agent "a"\. Known: one\. 2 files/);
});

test('a start names all of a route', () => {
  const one = manifestFor(defineAgent({ name: 'a', instructions: 'x' }), 'a/plain-1');
  const line = (model: object) => modelLine({ ...one.manifest, model: { ...one.manifest.model, ...model } });
  expect(line({ route: ['a/plain-1'] })).toBe('a/plain-1');
  expect(line({ route: ['a/plain-1', 'b/plain-2'] })).toBe('a/plain-1, b/plain-2');
  expect(line({ route: ['a/plain-1', 'b/plain-2'], plan: { weights: [3, 1] } })).toBe('a/plain-1 × 3, b/plain-2 × 1');
});
