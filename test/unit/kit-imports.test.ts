// Needs: nothing but Node. What `longhaul/testing` loads: a user's unit tests must start as fast as a unit test does.
import path from 'node:path';
import { build } from 'esbuild';

const ROOT = path.resolve(__dirname, '../..');
/** Each is a native module, a sandbox or half a megabyte of code, and none is of use without a server or a provider. */
const HEAVY = [
  '@temporalio/worker',
  '@temporalio/core-bridge',
  '@temporalio/workflow',
  '@temporalio/client',
  'openai',
  'lmdb',
  'pg',
];

test('the test kit loads no Temporal worker, no workflow sandbox, no database and no provider’s package', async () => {
  const { metafile } = await build({
    entryPoints: [path.join(ROOT, 'test/kit/index.ts')],
    ...{ bundle: true, write: false, metafile: true, platform: 'node', packages: 'external', logLevel: 'silent' },
  });
  const packages = Object.values(metafile.outputs).flatMap((output) => output.imports.map((one) => one.path));
  expect(packages).toContain('zod');
  expect(packages.filter((name) => HEAVY.some((heavy) => name === heavy || name.startsWith(`${heavy}/`)))).toEqual([]);
});
