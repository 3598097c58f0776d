// Needs a scratch folder. No server. What a damaged or sealed store holds is not reported as nothing: commands say what is wrong.
import { randomBytes } from 'node:crypto';
import { mkdirSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { callsOfFirst } from '../../activities/store/ref-names';
import { diffCommand } from '../../client/cli/commands/diff';
import { doctorCommand } from '../../client/cli/commands/doctor';
import { gcCommand } from '../../client/cli/commands/gc';
import { traceCommand } from '../../client/cli/commands/trace';
import type { CliContext } from '../../client/cli/context';
import type { Check } from '../../client/cli/doctor-checks';
import { damagePages, emptied } from '../stack/damaged-pages';
import { testProject, told, type TestProject, type Told } from './given';
import { storeRun } from './store-run';

const key = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const [KEY_A, KEY_B] = [key('a'), key('b')];

let project: TestProject;
let folder: string;
beforeEach(() => {
  project = testProject();
  folder = path.join(project.dir, 'store');
  mkdirSync(folder);
});
afterEach(() => project.remove());

const run = (command: (context: CliContext) => Promise<number>, keys?: string, json = false): Promise<Told> =>
  told(project.dir, command, {
    json,
    env: {
      ...{ PATH: '/nonexistent', HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' },
      LONGHAUL_STORE: `lmdb:${folder}`,
      ...(keys === undefined ? {} : { LONGHAUL_KEYS: keys }),
    },
  });

const runs = ['run_one', 'run_two', ...Array.from({ length: 30 }, (_, at) => `run_${at}`)];
const fill = (keys?: string): Promise<Told> =>
  run(async (context) => {
    const store = context.openStore();
    for (const [at, id] of runs.entries()) await storeRun(store, { id, question: `${at} ${'x'.repeat(at * 10)}` });
    return 0;
  }, keys);

async function storeCheck(keys?: string): Promise<Check | undefined> {
  const { checks }: { checks: Check[] } = JSON.parse((await run(doctorCommand, keys, true)).stdout);
  return checks.find(({ name }) => name === 'store');
}

const LEAF = 0x02;
const damage = (): number =>
  damagePages(folder, {
    of: (page) =>
      page.readUInt16LE(18) === LEAF &&
      ['run_one', 'run_two'].some((id) => page.includes(callsOfFirst(`first-of-${id}`))),
    to: emptied,
  });

test('a store that is damaged: trace, diff, gc and doctor say so', async () => {
  await fill();
  expect((await storeCheck())?.state).toBe('ok');
  expect(damage()).toBeGreaterThan(0);
  const corrupt = { type: 'Store.ObjectCorrupt', message: expect.stringContaining('is damaged') };
  await expect(run((context) => traceCommand(context, 'run_one'))).rejects.toMatchObject(corrupt);
  await expect(run((context) => diffCommand(context, 'run_one', 'run_two'))).rejects.toMatchObject(corrupt);
  for (const options of [{}, { dryRun: true }, { keep: 1 }, { keep: 1, dryRun: true }]) {
    await expect(run((context) => gcCommand(context, options))).rejects.toMatchObject(corrupt);
  }
  const { code, stdout } = await run(doctorCommand);
  expect([code, stdout]).toEqual([1, expect.stringMatching(/✗ store +the store lmdb:.* is damaged: .*\n +→ .*backup/)]);
});

test('a store that is cut short is a line of doctor, which goes on', async () => {
  await fill();
  truncateSync(path.join(folder, 'data.mdb'), 5_000);
  expect(await storeCheck()).toMatchObject({ state: 'missing', found: expect.stringContaining('is cut short') });
});

test.each([
  ['none', undefined],
  ['another', KEY_B],
])('a store that is sealed, and keys: %s', async (_, keys) => {
  await fill(KEY_A);
  expect(await storeCheck(KEY_A)).toMatchObject({
    state: 'ok',
    found: expect.stringContaining('readable and writable'),
  });
  expect(await storeCheck(keys)).toMatchObject({
    state: 'missing',
    found: expect.stringContaining('"a"'),
    mend: expect.stringContaining('LONGHAUL_KEYS'),
  });
});
