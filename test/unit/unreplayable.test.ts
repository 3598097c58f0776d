// Needs: nothing. What `dev` says of runs that it finds unfinished and that today's code would not have brought where they are.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { noteUnreplayable } from '../../client/cli/unreplayable';

const FOLDER = join(__dirname, '..', 'replay', 'histories');
const kept = readFileSync(
  join(FOLDER, readdirSync(FOLDER).find((file) => file.startsWith('agent-run-turns-exhausted')) ?? ''),
  'utf8',
);

test('those are told, with where; those that replay, or are forgotten by now, are not', async () => {
  const histories: { readonly [id: string]: unknown } = {
    good: JSON.parse(kept),
    bad: JSON.parse(kept.replaceAll('"callModel"', '"callAnother"')),
  };
  const notes: string[] = [];
  const unfinished = ['good', 'bad', 'forgotten'].map((id) => ({ record: { id } }));
  const getHandle = (id: string) => ({
    fetchHistory: () => (histories[id] ? Promise.resolve(histories[id]) : Promise.reject(new Error('not found'))),
  });
  const output = { note: (line: string) => notes.push(line), safeLine: (line: string) => line };
  await noteUnreplayable(
    { output, settings: {} } as never,
    { temporal: { workflow: { getHandle } }, unfinished } as never,
  );
  expect(notes).toEqual([
    expect.stringMatching(
      /^stands still {2}bad: .*its history has a call of callAnother where this code makes one of callModel\./,
    ),
  ]);
});
