// `npm run verify`: everything a change must pass, cheapest first, stopping at the first failure.
// Usage: npm run verify [-- --skip STAGE,STAGE] [-- --only STAGE,STAGE]
const { spawnSync } = require('node:child_process');
const { appendFileSync, mkdtempSync, readdirSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const TOP = path.join(__dirname, '../..');
const JEST = ['jest', '-c', 'test/jest.config.cjs'];
const BUNDLE_TEST = 'test/habits/workflow-bundle';
const REPLAY_TESTS = 'test/replay/';

/** @param {string[]} command a program of node_modules/.bin, or npm, and its arguments @returns {boolean} */
function run([program = '', ...args], env = process.env) {
  const bin = program === 'npm' ? program : path.join(TOP, 'node_modules/.bin', program);
  // The shell is for Windows, where these programs are .cmd files.
  const windows = process.platform === 'win32';
  return spawnSync(bin, args, { cwd: TOP, stdio: 'inherit', env, shell: windows }).status === 0;
}

/** Only the caller's own run of the suite is counted test by test; here a stage is one. */
const jest = (...args) => run([...JEST, ...args], { ...process.env, LONGHAUL_TEST_COUNTS: '' });

/** The tarball is what users get, so it is what gets checked. */
function checkPackage() {
  const folder = mkdtempSync(path.join(tmpdir(), 'longhaul-pack-'));
  try {
    if (!run(['npm', 'run', '-s', 'build'])) return false;
    if (!run(['npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder])) return false;
    const tarball = path.join(folder, readdirSync(folder).find((file) => file.endsWith('.tgz')) ?? 'missing.tgz');
    // Profile node16: the resolution that `moduleResolution: node10` did knows no `exports`, TypeScript 6 deprecates it,
    // and on Node 20 nothing needs it. CommonJS only is deliberate: both `require` and `import` of it work, with one copy.
    return run(['publint', tarball, '--strict']) && run(['attw', tarball, '--profile', 'node16']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const STAGES = {
  format: () => run(['prettier', '--check', '--log-level', 'warn', '.']),
  lint: () => run(['eslint', '-c', 'infra/lint/eslint.config.mjs', '.']),
  types: () => run(['tsc', '--noEmit']),
  unused: () => run(['knip', '-c', 'infra/lint/knip.jsonc']),
  package: checkPackage,
  bundle: () => jest(BUNDLE_TEST),
  replay: () => jest(REPLAY_TESTS),
  tests: () => jest('--testPathIgnorePatterns', '/node_modules/', BUNDLE_TEST, REPLAY_TESTS),
};

function main() {
  const { values } = parseArgs({ options: { skip: { type: 'string' }, only: { type: 'string' } } });
  const chosen = (/** @type {string | undefined} */ list) => list?.split(',') ?? [];
  const unknown = [...chosen(values.skip), ...chosen(values.only)].filter((stage) => !(stage in STAGES));
  if (unknown.length > 0) {
    console.error(`verify: no stage ${unknown.join(', ')}. Stages: ${Object.keys(STAGES).join(', ')}.`);
    return 2;
  }
  const stages = Object.entries(STAGES).filter(
    ([name]) =>
      !chosen(values.skip).includes(name) && (values.only === undefined || chosen(values.only).includes(name)),
  );
  for (const [name, stage] of stages) {
    const start = performance.now();
    const passed = stage();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`verify: ${name.padEnd(8)} ${passed ? 'ok' : 'FAILED'}  ${seconds} s`);
    count(passed);
    if (!passed) {
      console.error(`verify: stopped at ${name}. Run it alone with: npm run verify -- --only ${name}`);
      return 1;
    }
  }
  return 0;
}

/** Adds a stage to the counts of .ci/run. @param {boolean} passed */
function count(passed) {
  const file = process.env.LONGHAUL_TEST_COUNTS;
  if (file) appendFileSync(file, `${JSON.stringify({ passed: +passed, failed: +!passed, skipped: 0 })}\n`);
}

process.exitCode = main();
