// Needs: nothing. Whether a conversation of one release can go on under another.
import type { Message } from '../../workflows/contract/message';
import type { ReleaseManifest, ToolManifest } from '../../workflows/contract/release';
import { releaseMisfits } from '../../activities/store/release-fit';
import { describeAgent } from '../../activities/describe-agent';
import { defineAgent } from '../../activities/define';

const object = (properties: { [name: string]: { type: string } }, required: string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const tool = (name: string, input = object({ id: { type: 'string' } })): ToolManifest => ({
  name,
  description: name,
  input,
});
const manifest = (tools: ToolManifest[], more: Partial<ReleaseManifest> = {}): ReleaseManifest => ({
  ...describeAgent(defineAgent({ name: 'a', instructions: 'i' }), []),
  instructions: 'i',
  model: { route: ['test/model'], parameters: {} },
  code: 'c',
  orchestration: '0',
  tools,
  ...more,
});
const said = (text: string): Message => ({ role: 'user', parts: [{ type: 'text', text }] });
const called = (name: string, args: { [key: string]: string | number }): Message => ({
  role: 'assistant',
  parts: [{ type: 'tool-call', call: 0, name, arguments: args }],
});
const answered = (text: string): Message => ({ role: 'assistant', parts: [{ type: 'text', text }] });
const FORM = object({ total: { type: 'number' } });
const OTHER = object({ total: { type: 'number' }, unit: { type: 'string' } }, ['total']);

test.each<[string, ReleaseManifest, ReleaseManifest, Message[], string[]]>([
  ['the same', manifest([tool('look')]), manifest([tool('look')]), [called('look', { id: 'a' })], []],
  [
    'a tool that was called is gone',
    manifest([tool('look'), tool('pay')]),
    manifest([tool('look')]),
    [called('look', { id: 'a' }), called('pay', { id: 'a' }), called('pay', { id: 'b' })],
    ['it has called the tool pay, which is not there any more'],
  ],
  [
    'a tool that nobody called is gone',
    manifest([tool('look'), tool('pay')]),
    manifest([tool('look')]),
    [called('look', { id: 'a' })],
    [],
  ],
  [
    'a tool wants more than it was given',
    manifest([tool('look')]),
    manifest([tool('look', object({ id: { type: 'string' }, why: { type: 'string' } }))]),
    [called('look', { id: 'a' })],
    ['the tool look does not take any more what it was called with'],
  ],
  [
    'a tool takes more than it did',
    manifest([tool('look')]),
    manifest([tool('look', object({ id: { type: 'string' }, why: { type: 'string' } }, ['id']))]),
    [called('look', { id: 'a' })],
    [],
  ],
  [
    'what its model made up, or called wrongly, says nothing',
    manifest([tool('look')]),
    manifest([tool('look', object({ id: { type: 'number' } }))]),
    [called('no-such', {}), called('look', { id: 7 })],
    [],
  ],
  [
    'answers lose their form',
    manifest([], { output: FORM }),
    manifest([]),
    [answered('{"total":1}')],
    ['its answers have another form'],
  ],
  [
    'answers are given a form',
    manifest([]),
    manifest([], { output: FORM }),
    [answered('one')],
    ['its answers have another form'],
  ],
  [
    'its last answer is one of the new form',
    manifest([], { output: FORM }),
    manifest([], { output: OTHER }),
    [answered('{"total":1}')],
    [],
  ],
  [
    'its last answer is none',
    manifest([], { output: FORM }),
    manifest([], { output: object({ sum: { type: 'number' } }) }),
    [answered('{"total":1}')],
    ['its answers have another form'],
  ],
])('a session that goes on: %s', (_, from, to, messages, misfits) => {
  expect(releaseMisfits({ from, to, messages, answers: 'given' })).toEqual(misfits);
});

test('a run owes an answer in the form that it began with, and was given an input of its own', () => {
  const misfits = (from: ReleaseManifest, to: ReleaseManifest, first: string): string[] =>
    releaseMisfits({ from, to, messages: [said(first)], answers: 'owed' });
  expect(misfits(manifest([], { output: FORM }), manifest([], { output: OTHER }), 'go')).toEqual([
    'its answers have another form',
  ]);
  const typed = object({ id: { type: 'string' } });
  const other = object({ id: { type: 'number' } });
  expect(misfits(manifest([], { input: typed }), manifest([], { input: other }), '{"id":"a"}')).toEqual([
    'it does not take the input that the run was given',
  ]);
  expect(
    misfits(
      manifest([], { input: typed }),
      manifest([], { input: object({ id: { type: 'string' }, x: { type: 'string' } }, ['id']) }),
      '{"id":"a"}',
    ),
  ).toEqual([]);
  expect(misfits(manifest([], { input: typed }), manifest([]), '{"id":"a"}')).toHaveLength(1);
});
