// The code of the workflows as one file, as workers load it.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DefaultLogger, bundleWorkflowCode, type WorkflowBundleOption } from '@temporalio/worker';

const TOP = join(__dirname, '..');
/** Made by `npm run build`. */
const PREBUILT = join(TOP, 'workflow-bundle.js');
/** Of a tree that was not built. */
const KEPT = join(TOP, 'node_modules', '.cache', 'longhaul');

let bundled: Promise<WorkflowBundleOption> | undefined;

export function workflowBundle(): Promise<WorkflowBundleOption> {
  bundled ??= existsSync(PREBUILT) ? Promise.resolve({ codePath: PREBUILT }) : bundledFromSource();
  return bundled;
}

/**
 * Of a tree that was not built, as tests and benchmarks run from: of the same sources it is made once, by whichever process comes first. It
 * takes seconds, and each file of tests would make it anew.
 */
async function bundledFromSource(): Promise<WorkflowBundleOption> {
  const codePath = join(KEPT, `workflow-bundle-${await hashOfSources()}.js`);
  if (existsSync(codePath)) return { codePath };
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('../workflows/index'),
    failureConverterPath: require.resolve('../workflows/failure-converter'),
    logger: new DefaultLogger('WARN'),
  });
  await mkdir(KEPT, { recursive: true });
  // Nobody reads half of one.
  const own = `${codePath}.${process.pid}`;
  await writeFile(own, code);
  await rename(own, codePath);
  return { codePath };
}

/** Of all that it is made from: our modules, the installed packages, and how. */
async function hashOfSources(): Promise<string> {
  const workflows = join(TOP, 'workflows');
  const ours = (await readdir(workflows, { recursive: true })).filter((name) => name.endsWith('.ts')).sort();
  const hash = createHash('sha256');
  for (const file of [...ours.map((name) => join(workflows, name)), join(TOP, 'package-lock.json'), __filename])
    hash.update(`${relative(TOP, file)}\0`).update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}
