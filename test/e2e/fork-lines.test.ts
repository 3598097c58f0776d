// Needs: the built command line (npm run build), a Temporal CLI, free ports, sh and sed. The README's lines for forks, as they stand there,
// typed at a run of a real `longhaul dev`.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { readTracked } from '../habits/tracked-files';
import { cli, runId, scratchFolder, startCli, type Ended, type RunningProcess } from './cli';
import { shellIn } from './longhaul-in-shell';
import { consoleLines, section } from './readme-text';

const documented = consoleLines(section(readTracked('README.md'), 'Another way from the same point'));
const typed: string[] = [];
const project = scratchFolder();
const shell = shellIn(project, { EDITOR: 'sed -i s/Hello/Ahoy/' });

let dev: RunningProcess;
let origin: string;
let fork: string;
beforeAll(async () => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  expect((await cli(['init'], { cwd: project })).code).toBe(0);
  dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project });
  await dev.saying(/^ready /m);
  origin = runId((await cli(['run', 'hello', '--input', '{"name":"one"}'], { cwd: project })).stderr);
}, 120_000);
afterAll(async () => {
  dev.kill('SIGTERM');
  await dev.ended;
});

/** Types the one line of the README that ends so into a shell. */
async function type(ending: string): Promise<Ended> {
  const [line, ...others] = documented.filter((each) => each.endsWith(ending));
  if (line === undefined || others.length > 0)
    throw new Error(`one line of the README must end "${ending}": ${documented.join('\n')}`);
  typed.push(line);
  return await shell(line.replace(/\bRUN\b/, origin).replace(/\bFORK\b/, fork));
}

const answer = async ({ stdout }: Ended): Promise<string> =>
  (await cli(['tail', stdout.trim()], { cwd: project })).stdout.trim();

test('the step is made anew, with what came before it, or with another text in its place', async () => {
  const again = await type('--at 3');
  fork = again.stdout.trim();
  expect(await answer(again)).toBe('Hello, one!');
  expect(await answer(await type('--edit'))).toBe('Ahoy, one!');
  expect(await answer(await type('--release current'))).toBe('Hello, one!');
  expect(await answer(await type('--say "And in winter?"'))).not.toBe('');
});

test('a run and its fork are compared, what came before the fork included', async () => {
  expect((await type('diff RUN FORK')).stdout).toMatch(/^the same: all 3 steps$/m);
});

test('no line of the README was left out', () => {
  expect(documented.filter((line) => !typed.includes(line))).toEqual([]);
});
