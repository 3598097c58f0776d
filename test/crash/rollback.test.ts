// Needs: the built command line (npm run build), a Temporal CLI, free ports. Kills worker processes that it has started. The short form of
// `npm run drill:rollback`.
import { rollbackRun } from '../../infra/drills/rollback-run';

test('a release is taken back under load while workers are killed: no run begins on it any more, and those that are open end', async () => {
  const run = await rollbackRun({ drills: 1, workers: 2, killEveryMs: 2_000, seed: 1, startEveryMs: 300 });
  expect(run.problems).toEqual([]);
  expect(run.drills).toHaveLength(1);
}, 300_000);
