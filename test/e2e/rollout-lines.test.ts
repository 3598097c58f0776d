// Needs: the built command line (npm run build), a Temporal CLI, free ports, sh. The README's lines for rollouts, as they stand
// there, typed in their order beside a running `dev`.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readTracked } from '../habits/tracked-files';
import { scratchFolder, startCli, until, type RunningProcess } from './cli';
import { lineThatBegins, shellIn } from './longhaul-in-shell';
import { consoleLines, section } from './readme-text';

jest.setTimeout(240_000);

const documented = consoleLines(section(readTracked('README.md'), 'Releases and rollouts')).filter((line) =>
  /^longhaul rollouts? /.test(line),
);
const typed: string[] = [];
const project = scratchFolder();
const shell = shellIn(project);

const instruct = (instructions: string): void => {
  mkdirSync(path.join(project, 'agents', 'refunds'), { recursive: true });
  writeFileSync(
    path.join(project, 'agents', 'refunds', 'agent.ts'),
    `import { defineAgent } from 'longhaul';
export const refunds = defineAgent({ name: 'refunds', instructions: '${instructions}', tools: [] });
`,
  );
};

async function type(beginning: string): Promise<string> {
  const line = lineThatBegins(documented, beginning);
  typed.push(line);
  return (await shell(line)).stdout;
}

let dev: RunningProcess;
beforeAll(async () => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  instruct('Refund what is asked for.');
  // Its model is the demo's, as that of the shell: a release names its model.
  dev = await startCli(['dev', '--metrics-port', '0'], { cwd: project });
  await dev.saying(/^ready /m);
});
afterAll(async () => {
  dev.kill('SIGTERM');
  await dev.ended;
});

test('a release is planned, rolled out, looked at, paused, resumed and promoted as it is written', async () => {
  await shell('longhaul release refunds --name v2');
  instruct('Ask for the receipt.');
  await shell('longhaul release refunds --name v3');
  const served = async (): Promise<boolean> => {
    const { stdout } = await shell('longhaul releases refunds --json');
    const { releases } = JSON.parse(stdout) as { releases: { name: string; workers: number }[] };
    return releases.find(({ name }) => name === 'v3')?.workers === 1;
  };
  await until('the worker that has the code of v3', served);
  expect(await type('longhaul rollout refunds v3 --plan')).toMatch(/^nothing was begun/m);
  const begun = await type('longhaul rollout refunds v3 --steps');
  expect(begun).toMatch(/^begun {2}rollout rol_\w{12}: under way at 20 %/m);
  for (let nth = 0; nth < 6; nth += 1) await shell('longhaul submit refunds "refund A-88"');
  const shows = async (text: RegExp): Promise<boolean> =>
    text.test((await shell('longhaul rollout show refunds')).stdout);
  await until('a look', () => shows(/^look \d+/m));
  expect(await type('longhaul rollout show')).toMatch(/^refunds {2}rollout rol_\w{12}: under way at 20 %$/m);
  await type('longhaul rollout pause');
  await until('that it is paused', () => shows(/^ {2}paused .*the shop is closed$/m));
  await type('longhaul rollout resume');
  await until('that it goes on', async () => !(await shows(/^ {2}paused /m)));
  await type('longhaul rollout promote');
  await until('its end', () => shows(/^ {2}ended .*promoted by .*: seen by hand$/m));
  expect(await type('longhaul rollouts')).toMatch(/promoted/);
  expect((await shell('longhaul traffic refunds')).stdout).toMatch(/^refunds: v3$/m);
});

test('every line was typed', () => {
  expect(documented.filter((line) => !typed.includes(line))).toEqual([]);
});
