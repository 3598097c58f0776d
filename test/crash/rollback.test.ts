// Needs: the built command line (npm run build), a Temporal CLI, free ports. Kills worker processes that it has started. The short form of
// `npm run drill:rollback`.
import { rollbackRun } from '../../infra/drills/rollback-run';

test('a release is taken back under load while workers are killed, and with none alive: no run begins on it any more, and those under way end, move or finish', async () => {
  const run = await rollbackRun({ drills: 3, workers: 2, seed: 1, startEveryMs: 500 });
  expect(run.problems).toEqual([]);
  expect(run.drills.map(({ running, workers }) => [running, workers])).toEqual([
    ['cancel', 'killed'],
    ['move', 'killed'],
    ['finish', 'none'],
  ]);
}, 300_000);
