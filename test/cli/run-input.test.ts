// Needs a scratch folder. No server: what was typed is made an input before anything is started.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { defineAgent } from '../../activities/define';
import { runInput } from '../../client/cli/run-input';
import { typedInput, typedRun } from '../../client/cli/start-run';
import { manifestFor } from '../stack/manifest-for';
import { testProject, type TestProject } from './given';

const { manifest } = manifestFor(defineAgent({ name: 'plain', instructions: 'Answer.' }), 'test/model');

let project: TestProject;
beforeAll(() => (project = testProject()));
afterAll(() => project.remove());

test('an input longer than a command line comes from a file', () => {
  const long = 'x'.repeat(200_000);
  writeFileSync(path.join(project.dir, 'input.json'), JSON.stringify(long));
  expect(typedInput(manifest, typedRun({ cwd: project.dir }, 'plain', undefined, { input: '@input.json' }))).toBe(long);
});

test.each([
  ['@nowhere.json', /^--input @nowhere\.json cannot be read: ENOENT/],
  ['{', /^--input is not JSON/],
])('--input %s is refused', (input, says) => {
  expect(() => typedRun({ cwd: project.dir }, 'plain', undefined, { input })).toThrow(says);
});

test('a text and an input together say two things where one is asked for', () => {
  expect(() => runInput(manifest, { text: 'a', input: '"b"', cwd: project.dir })).toThrow(
    'give plain a text or --input, not both.',
  );
});
