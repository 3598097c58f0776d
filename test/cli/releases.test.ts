// Needs nothing but a scratch folder: releases by command, what is different between two, who takes them, and the way back. No server runs.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openRunName, runRecordName } from '../../activities/store/ref-names';
import { identityCommand } from '../../client/cli/commands/identity';
import { showCommand } from '../../client/cli/commands/show';
import { createAgentRegistry } from '../../workers/agent-registry';
import { loadAgentsOnce } from '../../workers/mcp-servers';
import { loadSettings } from '../../workers/config';
import { publishReleases } from '../../workers/publish-releases';
import { tellServing } from '../../workers/tell-serving';
import type { CliContext } from '../../client/cli/context';
import { listedReleases } from '../../client/listed-releases';
import { pointerOf } from '../../client/releases';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { testProject, told, withStore, type TestProject, type Told } from './given';
import { typed } from './typed';

let project: TestProject;
beforeEach(() => {
  project = testProject();
  write('agents/refunds/agent.ts', agentText('Be fair.'));
  write('agents/refunds/tools.ts', toolText(100));
  write('agents/refunds/mail.ts', MAIL);
});
afterEach(() => project.remove());

function write(name: string, text: string): void {
  const file = path.join(project.dir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}
const agentText = (instructions: string, turns = 4): string => `
import { defineAgent } from 'longhaul';
import { refund } from './tools';
import { mail } from './mail';
export const refunds = defineAgent({
  name: 'refunds', instructions: ${JSON.stringify(instructions)}, tools: [refund, mail], limits: { turns: ${turns} },
});`;
const toolText = (most: number, more = ''): string => `
import { defineTool } from 'longhaul';
import { z } from 'zod';
export const refund = defineTool({
  name: 'refund', description: 'Refunds.', input: z.object({ orderId: z.string()${more} }), output: z.string(),
  effect: 'keyed', run: () => 'up to ${most}',
});`;
const MAIL = `
import { defineTool } from 'longhaul';
import { z } from 'zod';
export const mail = defineTool({
  name: 'mail', description: 'Mails.', input: z.object({}), output: z.string(), effect: 'keyed', run: () => 'sent',
});`;

const longhaul = (line: string, options: Parameters<typeof typed>[2] = {}): Promise<Told> =>
  typed(project.dir, line, options);
const json = async <T>(line: string): Promise<T> => JSON.parse((await longhaul(line, { json: true })).stdout) as T;
interface Made {
  release: string;
  isKnown: boolean;
  taken: boolean;
  tools: { [name: string]: string };
}
interface Listed {
  managed: boolean;
  releases: {
    release: string;
    name: string | null;
    share: number;
    isWithdrawn: boolean;
    workers: number;
    runs: { all: number; open: number };
  }[];
}

/** As a worker that starts. */
const publish = (): Promise<unknown> =>
  withStore(project.dir, async (store) => {
    const settings = await loadSettings({ cwd: project.dir, env: {} });
    return await publishReleases(store, (await loadAgentsOnce(settings)).agents);
  });

test('the first release is taken by new runs; another is kept beside it until it is said that they take it', async () => {
  const first = await json<Made>('release refunds --name v1');
  expect(first).toMatchObject({ isKnown: false, taken: true });
  write('agents/refunds/agent.ts', agentText('Be generous.'));
  const second = await json<Made>('release refunds --name v2');
  expect(second).toMatchObject({ isKnown: false, taken: false });
  expect(second.release).not.toBe(first.release);
  expect((await json<Listed>('releases refunds')).releases).toMatchObject([
    { release: first.release, name: 'v1', share: 1 },
    { release: second.release, name: 'v2', share: 0 },
  ]);
  const again = await longhaul('release refunds');
  expect(again.stdout).toMatch(/^known {5}refunds: v2, release [0-9a-f]{64}\n/);
  expect(again.stderr).toContain('longhaul releases diff refunds current v2');
  expect(await json<Made>('release refunds --take')).toMatchObject({ isKnown: true, taken: true });
  expect((await longhaul('release refunds --take')).stderr).toBe('new runs take it already\n');
  expect((await json<Listed>('releases refunds')).releases).toMatchObject([
    { release: second.release, share: 1 },
    { release: first.release, share: 0 },
  ]);
});

test('from then on a worker leaves what new runs take alone, also one whose files make another release', async () => {
  await publish();
  const { stderr } = await longhaul('releases refunds');
  expect(stderr).toContain('its workers say what new runs take');
  const made = await json<Made>('release refunds');
  write('agents/refunds/agent.ts', agentText('Be generous.'));
  expect(await publish()).toMatchObject([{ changed: false, managed: { release: made.release } }]);
  expect(await json<Listed>('releases refunds')).toMatchObject({
    managed: true,
    releases: [{ release: made.release, share: 1 }],
  });
});

test('what is different is told whole: instructions by line, tools by schema, policy and code, limits', async () => {
  await longhaul('release refunds --name v1');
  write('agents/refunds/agent.ts', agentText('Be fair.\nAsk for the receipt.', 6));
  write('agents/refunds/tools.ts', toolText(50, ', receipt: z.string()'));
  await longhaul('release refunds --name v2');
  const { stdout, code } = await longhaul('releases diff refunds v1 v2');
  expect(code).toBe(0);
  for (const line of [
    /^instructions$/m,
    /^ {2}\+Ask for the receipt\.$/m,
    /^tool refund: changed$/m,
    /^ {2}\+ {4}"receipt": \{$/m,
    /^ {2}plan\.limits\.turns: 4 → 6$/m,
    /^ {2}code: "[0-9a-f]{64}" → "[0-9a-f]{64}"$/m,
  ])
    expect(stdout).toMatch(line);
  expect(stdout).not.toContain('tool mail');
  expect((await longhaul('releases diff refunds current v1')).stdout).toMatch(/\nthe same\n$/);
  write('agents/refunds/agent.ts', agentText('Be fair.').replace('[refund, mail]', '[refund]'));
  await longhaul('release refunds --name v3');
  expect((await longhaul('releases diff refunds v1 v3')).stdout).toContain('tool mail: removed');
  expect((await longhaul('releases diff refunds v3 v1')).stdout).toContain('tool mail: added');
});

test('code of a tool has a version of its own: one that was left alone keeps it when another changes', async () => {
  const first = await json<Made>('release refunds');
  write('agents/refunds/tools.ts', toolText(50));
  const second = await json<Made>('release refunds');
  expect(second.release).not.toBe(first.release);
  expect(second.tools['refund']).not.toBe(first.tools['refund']);
  expect(second.tools['mail']).toBe(first.tools['mail']);
});

test('rolled back, without a server: new runs take the release before, and the history says who, when and why', async () => {
  const first = await json<Made>('release refunds --name v1');
  write('agents/refunds/agent.ts', agentText('Be generous.'));
  const second = await json<Made>('release refunds --name v2 --take');
  await storeOpenRun('run_open', second.release);
  const back = await longhaul('rollback refunds --why too-generous');
  expect(back.code).toBe(0);
  expect(back.stdout).toMatch(
    new RegExp(
      `^rolled back {2}refunds: new runs take release v1 \\(${first.release.slice(0, 12)}\\), and none takes v2`,
    ),
  );
  expect(back.stdout).toContain('1 run of it goes on to its end: run_open');
  expect(back.stdout).toContain('none that lives can run it');
  const { releases } = await json<Listed>('releases refunds');
  expect(releases).toMatchObject([
    { release: first.release, share: 1, isWithdrawn: false },
    { release: second.release, share: 0, isWithdrawn: true, runs: { all: 1, open: 1 } },
  ]);
  const again = await longhaul('rollback refunds');
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(/^error {2}new runs of refunds take release [0-9a-f]{12} already, .*--to RELEASE\n$/);
  expect(await json('traffic refunds')).toMatchObject({
    now: { release: first.release, candidate: null },
    changes: [
      { epoch: 3, change: 'rollback', why: 'too-generous', before: { release: second.release }, signed: 'no' },
      { epoch: 2, change: 'release' },
      { epoch: 1, change: 'release' },
    ],
  });
  expect(await json('rollback refunds --to v2')).toMatchObject({ release: second.release, withdrawn: [first.release] });
});

test('open runs that must not go on are not reached without a server, which is said, and the way back is done all the same', async () => {
  const first = await json<Made>('release refunds');
  write('agents/refunds/agent.ts', agentText('Be generous.'));
  const second = await json<Made>('release refunds --take');
  await storeOpenRun('run_open', second.release);
  const back = await longhaul('rollback refunds --running cancel');
  expect(back.code).toBe(1);
  expect(back.stdout).toMatch(/^unreached {4}1 run could not be asked \(run_open\): ./m);
  expect((await json<Listed>('releases refunds')).releases[0]).toMatchObject({ release: first.release, share: 1 });
});

test('nor are those that were to be moved: each is named, and goes on as it is', async () => {
  const first = await json<Made>('release refunds');
  write('agents/refunds/agent.ts', agentText('Be generous.'));
  const second = await json<Made>('release refunds --take');
  await storeOpenRun('run_open', second.release);
  const back = await longhaul('rollback refunds --running move');
  expect(back.code).toBe(1);
  expect(back.stdout).toMatch(/^running {6}0 runs of it go on with the release gone back to/m);
  expect(back.stdout).toMatch(/^ +run_open goes on as it is: no Temporal server is running for this folder/m);
  expect((await json<Listed>('releases refunds')).releases[0]).toMatchObject({ release: first.release, share: 1 });
});

test('whoever has a key signs what they change; a record that was altered is told from it', async () => {
  const identity = path.join(project.dir, 'identity.pem');
  const env = { LONGHAUL_IDENTITY: identity };
  const { stdout } = await told(project.dir, identityCommand, { env });
  const key = /ed25519:[\w-]{43}/.exec(stdout)?.[0] ?? '';
  write('longhaul.config.ts', `export default { people: { ada: { key: '${key}' } } };`);
  await longhaul('release refunds', { env });
  expect(await json('traffic refunds')).toMatchObject({ changes: [{ by: 'ada', signed: 'yes' }] });
  await withStore(project.dir, async (store) => {
    const [ref] = await store.listRefs('traffic/');
    if (!ref) throw new Error('nothing is written');
    const value = { ...(ref.value as object), why: 'something else' };
    await store.commit({ refs: [{ op: 'put', name: ref.name, value }] });
  });
  expect(await json('traffic refunds')).toMatchObject({ changes: [{ by: 'ada', signed: 'does not fit' }] });
});

test('workers that live are counted by the code that they have', async () => {
  const { release } = await json<Made>('release refunds');
  await withStore(project.dir, async (store) => {
    const registry = createAgentRegistry({ strict: false });
    registry.replaceAll((await loadAgentsOnce(await loadSettings({ cwd: project.dir, env: {} }))).agents);
    const workers = async (): Promise<number | undefined> =>
      (await listedReleases(store, await pointerOf(store, 'refunds'))).releases.find((one) => one.release === release)
        ?.workers;
    const teller = tellServing({ store, worker: 'w 1', strict: false, releases: () => registry.releases() });
    await teller.tell();
    expect(await workers()).toBe(1);
    await teller.stop();
    expect(await workers()).toBe(0);
  });
});

test('a run names the version of each thing that its release is made of', async () => {
  const made = await json<Made>('release refunds --name v1');
  await storeOpenRun('run_open', made.release);
  const show = (options: { json?: boolean } = {}): Promise<Told> =>
    told(project.dir, (context: CliContext) => showCommand(context, 'run_open', {}), options);
  const { stdout } = await show();
  expect(stdout).toMatch(
    /^versions {2}v1: instructions [0-9a-f]{12}, parameters [0-9a-f]{12}, limits .*, code .*, orchestration /m,
  );
  expect(stdout).toMatch(/^tool {6}refund: schema [0-9a-f]{12}, policy [0-9a-f]{12}, code [0-9a-f]{12}$/m);
  expect(stdout).toMatch(/^rollout {3}r1, as its candidate$/m);
  expect(JSON.parse((await show({ json: true })).stdout)).toMatchObject({
    versions: {
      name: 'v1',
      tools: [
        { name: 'refund', code: made.tools['refund'] },
        { name: 'mail', code: made.tools['mail'] },
      ],
    },
  });
});

test.each([
  ['release nobody', 'there is no agent "nobody"'],
  ['release refunds --name current', 'neither "current" nor six digits'],
  ['release refunds --name abcdef0', 'neither "current" nor six digits'],
  ['releases nobody', 'there is no agent "nobody"'],
  ['releases diff refunds current v9', 'no release of refunds is named "v9"'],
  ['releases diff', 'there is no agent "diff"'],
  ['releases diff refunds current', 'two releases are compared: longhaul releases diff AGENT FROM TO.'],
  ['rollback nobody', 'there is no agent "nobody"'],
  ['rollback refunds', 'none before it is known to go back to'],
  ['rollback refunds --to v9', 'no release of refunds is named "v9"'],
  ['rollback refunds --to 000000', 'no release 000000 of refunds is known here'],
  ['traffic nobody', 'there is no agent "nobody"'],
])('told in one line: %s', async (line, message) => {
  await longhaul('release refunds');
  const refused = await longhaul(line);
  expect(refused).toMatchObject({ code: expect.any(Number), stdout: '', stderr: expect.stringContaining(message) });
  expect(refused.code).toBeGreaterThan(0);
  expect(refused.stderr).toMatch(/^error {2}[^\n]+\n$/);
});

test('of two releases one has a name, and the other is refused it', async () => {
  await longhaul('release refunds --name v1');
  write('agents/refunds/agent.ts', agentText('Be generous.'));
  expect((await longhaul('release refunds --name v1')).stderr).toMatch(
    /^error {2}release [0-9a-f]{12} of refunds is named "v1"\.\n$/,
  );
});

async function storeOpenRun(id: string, release: string): Promise<void> {
  const record: RunRecord = {
    ...{ schemaVersion: 1, id, agent: 'refunds', release, tenant: 'acme', tags: [], input: 'f'.repeat(64) },
    ...{ question: 'May I?', startedAt: 1_800_000_000_000, rollout: { id: 'r1', arm: 'candidate' } },
  };
  await withStore(project.dir, async (store) => {
    await store.commit({
      refs: [
        { op: 'put', name: runRecordName(id), value: record },
        { op: 'put', name: openRunName(id), value: { id } },
      ],
    });
  });
}
