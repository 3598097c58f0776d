// `npm run test:node-current [-- jest arguments]`: the suite on the newest Node, beside the floor that the project is built on.
// Its binary comes from a package of the npm registry, one per platform, and is kept in node_modules/.cache.
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const path = require('node:path');

/** Pinned, so that the same commit tests the same thing; raised by hand. LONGHAUL_NODE_CURRENT tries another. */
const VERSION = process.env.LONGHAUL_NODE_CURRENT ?? '26.10.0';
const PLATFORM = process.platform === 'win32' ? 'win' : process.platform;
const PACKAGE = `node-${PLATFORM}-${process.arch}`;

const TOP = path.join(__dirname, '../..');
const CACHE = path.join(TOP, 'node_modules/.cache/longhaul', `${PACKAGE}-${VERSION}`);
const NODE = path.join(CACHE, 'node_modules', PACKAGE, 'bin', PLATFORM === 'win' ? 'node.exe' : 'node');

/** @returns {number} exit code @param {string} program @param {string[]} args @param {NodeJS.ProcessEnv} env */
function run(program, args, env = process.env) {
  const shell = program === 'npm' && PLATFORM === 'win';
  return spawnSync(program, args, { cwd: TOP, stdio: 'inherit', env, shell }).status ?? 1;
}

function main() {
  if (!existsSync(NODE)) {
    console.log(`fetching Node ${VERSION} (npm package ${PACKAGE})`);
    const what = [
      '--prefix',
      CACHE,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      `${PACKAGE}@${VERSION}`,
    ];
    if (run('npm', ['install', ...what]) !== 0 || !existsSync(NODE)) {
      console.error(`Node ${VERSION} could not be had: see the lines above. Is there a package ${PACKAGE}@${VERSION}?`);
      return 1;
    }
  }
  const built = run('npm', ['run', '-s', 'build']);
  if (built !== 0) return built;
  // First on PATH too: tests start processes of their own by the name `node`.
  const env = { ...process.env, PATH: `${path.dirname(NODE)}${path.delimiter}${process.env.PATH}` };
  run(NODE, ['-p', '`running on Node ${process.version}`']);
  const jest = [path.join(TOP, 'node_modules/jest/bin/jest.js'), '-c', 'test/jest.config.cjs'];
  return run(NODE, [...jest, ...process.argv.slice(2)], env);
}

process.exitCode = main();
