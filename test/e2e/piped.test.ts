// Needs: the built package (npm run build), a Temporal CLI. What is longer than a pipe holds arrives whole, as one document, however slowly it is read.
import { withStore } from '../cli/given';
import { storeRun } from '../cli/store-run';
import { CLI, scratchFolder, start } from './cli';

const cwd = scratchFolder();

test('a document of a megabyte goes through a pipe', async () => {
  const toolAnswer = 'a line\n'.repeat(150_000);
  await withStore(cwd, (store) => storeRun(store, { id: 'run_long', toolAnswer }));
  const shown = await start('sh', ['-c', `"${process.execPath}" "${CLI}" show run_long --transcript --json | cat`], {
    cwd,
  });
  const { stdout } = await shown.ended;
  expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(toolAnswer).slice(1, -1));
}, 120_000);
