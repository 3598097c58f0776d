// The last step of a build: what tsc does not do. The workflow bundle is made here, once, so that no worker has to.
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { llmsText } = require('./llms-text.cjs');

const TOP = path.join(__dirname, '../..');
const DIST = path.join(TOP, 'dist');
const BUNDLE = path.join(DIST, 'workflow-bundle.js');
const BUNDLE_INPUTS = path.join(DIST, '.workflow-bundle-inputs');
const CLI = path.join(DIST, 'client/cli/main.js');
/** Shipped rooms whose files other than TypeScript travel along, for example templates. */
const ASSET_ROOMS = ['workflows', 'activities', 'workers', 'client', 'test/kit'];
/** What those who run it load elsewhere, as it is. */
const ASSET_FOLDERS = ['infra/prometheus', 'infra/grafana', 'infra/runbooks'];
/** The rules' own tests are of use where the rules are changed: here. */
const LEFT_HERE = /^infra\/prometheus\/tests\//;

/** @param {string} folder @returns {string[]} files below it, as paths from it, in a fixed order */
const filesIn = (folder) =>
  fs.existsSync(folder)
    ? fs
        .readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
        .sort()
    : [];

/** A reader sees the old file or the new one, never a half: a build may be interrupted, and a worker may start meanwhile. */
function writeWhole(file, content) {
  const draft = `${file}.${process.pid}.draft`;
  fs.writeFileSync(draft, content);
  fs.renameSync(draft, file);
}

/** tsc never removes: a module whose source is gone would still load, and would still be packed. */
function removeOrphans() {
  for (const file of filesIn(DIST)) {
    const source = /^(.*)\.(?:d\.ts|js|js\.map)$/.exec(file)?.[1];
    if (source === undefined || !source.includes(path.sep)) continue;
    const made = [`${source}.ts`, file].some((from) => fs.existsSync(path.join(TOP, from)));
    if (!made) fs.rmSync(path.join(DIST, file));
  }
  for (const file of filesIn(DIST)) if (file.endsWith('.draft')) fs.rmSync(path.join(DIST, file), { force: true });
}

function copyAssets() {
  for (const room of [...ASSET_ROOMS, ...ASSET_FOLDERS]) {
    for (const file of filesIn(path.join(TOP, room))) {
      if (file.endsWith('.ts') || path.basename(file) === 'README.md') continue;
      if (LEFT_HERE.test(path.posix.join(room, ...file.split(path.sep)))) continue;
      const [from, to] = [path.join(TOP, room, file), path.join(DIST, room, file)];
      fs.mkdirSync(path.dirname(to), { recursive: true });
      // Dashboards are read by Grafana alone, and half of them is indentation.
      if (file.endsWith('.json') && room === 'infra/grafana')
        writeWhole(to, `${JSON.stringify(JSON.parse(fs.readFileSync(from, 'utf8')))}\n`);
      else fs.copyFileSync(from, to);
    }
  }
}

/** Hash of all that the bundle is made from: our modules, the installed packages, and this file. */
function bundleInputs() {
  const hash = createHash('sha256');
  const workflows = path.join(DIST, 'workflows');
  const ours = filesIn(workflows).filter(
    (file) => file.endsWith('.js') && !file.startsWith(path.join('contract', 'schemas')),
  );
  for (const file of [
    ...ours.map((name) => path.join(workflows, name)),
    path.join(TOP, 'package-lock.json'),
    __filename,
  ])
    hash.update(`${path.relative(TOP, file)}\0`).update(fs.readFileSync(file));
  return hash.digest('hex');
}

/** Same modules, named from the bundle's own folder: a path of the building machine has no place in a package. */
const namesFromBundle = (config) => ({
  ...config,
  output: {
    ...config.output,
    devtoolModuleFilenameTemplate: ({ absoluteResourcePath }) =>
      path.isAbsolute(absoluteResourcePath) ? path.relative(DIST, absoluteResourcePath) : absoluteResourcePath,
  },
});

const MAP = '//# sourceMappingURL=data:application/json;charset=utf-8;base64,';

/**
 * The map names the place of every statement, which stack traces are told by. Of the text of our own modules too, for Temporal's query
 * `__enhanced_stack_trace`; that of libraries would be a third of the file, and nobody looks there.
 */
function withoutTextOfLibraries(code) {
  const at = code.lastIndexOf(MAP);
  if (at < 0) throw new Error('the workflow bundle has no source map at its end.');
  const map = JSON.parse(Buffer.from(code.slice(at + MAP.length), 'base64').toString('utf8'));
  const isLibrary = (/** @type {number} */ nth) => /(^|\/)node_modules\//.test(map.sources[nth]);
  map.sourcesContent = map.sourcesContent.map((text, nth) => (isLibrary(nth) ? null : text));
  return code.slice(0, at) + MAP + Buffer.from(JSON.stringify(map)).toString('base64');
}

async function bundleWorkflows() {
  const entry = path.join(DIST, 'workflows/index.js');
  if (!fs.existsSync(entry)) throw new Error('dist/workflows/index.js is missing: tsc has not run.');
  const inputs = bundleInputs();
  const before = fs.existsSync(BUNDLE_INPUTS) && fs.existsSync(BUNDLE) ? fs.readFileSync(BUNDLE_INPUTS, 'utf8') : '';
  if (before === inputs) return;
  // Required late: it loads webpack, and most builds need none.
  const { bundleWorkflowCode, DefaultLogger } = require('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: entry,
    failureConverterPath: path.join(DIST, 'workflows/failure-converter.js'),
    logger: new DefaultLogger('WARN'),
    webpackConfigHook: namesFromBundle,
  });
  writeWhole(BUNDLE, withoutTextOfLibraries(code));
  // After the bundle: an interruption between the two only costs the next build a bundling.
  writeWhole(BUNDLE_INPUTS, inputs);
}

async function finish() {
  removeOrphans();
  copyAssets();
  await bundleWorkflows();
  writeWhole(path.join(TOP, 'llms.txt'), llmsText(fs.readFileSync(path.join(TOP, 'README.md'), 'utf8')));
  if (fs.existsSync(CLI)) fs.chmodSync(CLI, 0o755);
}

finish().catch((error) => {
  console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
