// Needs no server. Every history that is kept must still replay on today's workflow code: runs like it are out there.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { workflowBundle } from '../../workers/workflow-bundle';

// What each replay's worker says of its own beginning and end would hide what it says of a history.
beforeAll(() => void Runtime.install({ logger: new DefaultLogger('WARN') }));

const FOLDER = join(__dirname, 'histories');
const kept = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));

test('there is a history of every path through the workflows', () => {
  const paths = [
    ...[
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
      'sub-agents',
      'of-a-sub-agent',
      'sub-agent-without-an-answer',
      'sub-agent-cancelled',
      'asked-steered-and-extended',
      'watched',
      'moved-to-another-release-1',
      'moved-to-another-release-2',
      'stayed-for-its-tools',
    ].map((path) => `agent-run-${path}`),
    ...[
      'interrupted',
      'steered',
      'paused-and-retired',
      'asleep',
      'run-terminated',
      'paused-by-a-failure',
      'cancelled',
      'continued-with-a-run-under-way-1',
      'continued-with-a-run-under-way-2',
    ].map((path) => `agent-session-${path}`),
    'session-wake-sent',
    'caller-webhook-asked-and-ended',
    'caller-webhook-given-up',
    ...[
      'begun-withdrawn-and-refused',
      'expired',
      'reconciled',
      'terminated-and-begun-again-1',
      'terminated-and-begun-again-2',
      'continued-with-runs-that-wait-1',
      'continued-with-runs-that-wait-2',
    ].map((path) => `run-queue-${path}`),
    ...['promoted', 'withdrawn', 'superseded', 'continued-and-aborted-1', 'continued-and-aborted-2'].map(
      (path) => `agent-rollout-${path}`,
    ),
  ];
  expect(paths.filter((path) => !kept.some((file) => file.startsWith(`${path}-`)))).toEqual([]);
});

test.each(kept)('%s replays', async (file) => {
  const history: unknown = JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
  await expect(Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history)).resolves.toBeUndefined();
});

test.each([
  ['turns-exhausted', 'callModel'],
  ['agent-session-interrupted', 'keepSession'],
  ['run-queue-reconciled', 'reconcileRuns'],
  ['caller-webhook-given-up', 'deliverWebhook'],
  ['agent-rollout-promoted', 'endRollout'],
])('a history of %s that today’s code would not have made is refused', async (path, activity) => {
  const file = kept.find((name) => name.includes(path));
  const history = readFileSync(join(FOLDER, file ?? ''), 'utf8').replaceAll(`"${activity}"`, '"callAnother"');
  await expect(
    Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, JSON.parse(history)),
  ).rejects.toThrow(/nondeterminism/i);
});
