// Needs no server. Every history that is kept must still replay on today's workflow code: runs like it are out there.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { workflowBundle } from '../../workers/create-worker';

const FOLDER = join(__dirname, 'histories');
const kept = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));

test('there is a history of every path through the run workflow', () => {
  const paths = [
    'parallel-tools-and-failures',
    'repairs-spent',
    'turns-exhausted',
    'paused-and-resumed',
    'cancelled-with-a-reason',
    'cancelled-by-temporal',
    'continued-as-new-1',
    'continued-as-new-2',
    'provider-asks-for-patience',
    'pruned-compacted-and-recalled',
    'continued-while-waiting-1',
    'continued-while-waiting-2',
    'tool-of-a-toolbox',
    'asked-steered-and-extended',
  ];
  expect(paths.filter((path) => !kept.some((file) => file.startsWith(`agent-run-${path}-`)))).toEqual([]);
});

test.each(kept)('%s replays', async (file) => {
  const history: unknown = JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
  await expect(Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history)).resolves.toBeUndefined();
});

test('a history that today’s code would not have made is refused', async () => {
  const file = kept.find((name) => name.includes('turns-exhausted'));
  const history = readFileSync(join(FOLDER, file ?? ''), 'utf8').replaceAll('"callModel"', '"callAnother"');
  await expect(
    Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, JSON.parse(history)),
  ).rejects.toThrow(/nondeterminism/i);
});
