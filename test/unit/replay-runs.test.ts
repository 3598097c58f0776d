// Needs: nothing. What is told of a history that today's code would not have made, over a kept one that was changed.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createReplay, firstDifference } from '../../workers/replay-runs';

const FOLDER = join(__dirname, '..', 'replay', 'histories');
const kept = (path: string): string =>
  readFileSync(join(FOLDER, readdirSync(FOLDER).find((file) => file.startsWith(path)) ?? ''), 'utf8');

test('one that it would have made replays; of another the first difference is told, with its event', async () => {
  const replay = await createReplay();
  const history = kept('agent-run-turns-exhausted');
  expect(await replay(JSON.parse(history), 'a')).toBeUndefined();
  expect(await replay(JSON.parse(history.replaceAll('"callModel"', '"callAnother"')), 'b')).toBe(
    'its history has a call of callAnother where this code makes one of callModel',
  );
  // It waited where this code makes a call.
  const waits = kept('agent-run-provider-asks-for-patience');
  expect(await replay(JSON.parse(waits), 'c')).toBeUndefined();
});

test.each([
  [
    'Nondeterminism error: Timer machine does not handle this event: HistoryEvent(id: 5, ActivityTaskScheduled)',
    'at event 5 its history has ActivityTaskScheduled, and this code begins to wait there',
  ],
  [
    '[TMPRL1100] No command scheduled for event HistoryEvent(id: 11, TimerStarted)',
    'at event 11 its history has TimerStarted, and this code does nothing there',
  ],
  [
    'ChildWorkflow machine does not handle this event: HistoryEvent(id: 7, TimerStarted)',
    "at event 7 its history has TimerStarted, and this code begins a sub-agent's run there",
  ],
  ['Nondeterminism error: something new\nand more', 'something new'],
  [
    'Workflow activation failed: Failure { failure: Some(Failure { message: "[TMPRL1100] Nondeterminism error: no such thing", source: "", cause: None }',
    'no such thing',
  ],
  [
    'Patch machine does not handle this event: HistoryEvent(id: 9, MarkerRecorded)',
    'at event 9 its history has MarkerRecorded, and this code does something else (Patch)',
  ],
  ['the store is away', 'the store is away'],
])('%s', (message, words) => {
  expect(firstDifference(message)).toBe(words);
});
