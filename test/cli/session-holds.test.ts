// Needs nothing but a scratch folder: a session held at a release, and let go. No server runs.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sessionHoldName, sessionRecordName } from '../../activities/store/ref-names';
import { testProject, withStore, type TestProject, type Told } from './given';
import { typed } from './typed';

let project: TestProject;
const write = (instructions: string): void => {
  const file = path.join(project.dir, 'agents/chat/agent.ts');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(
    file,
    `import { defineAgent } from 'longhaul';\nexport const chat = defineAgent({ name: 'chat', instructions: '${instructions}', mode: 'session' });\n`,
  );
};
beforeEach(async () => {
  project = testProject();
  write('Talk.');
  const plan = { onBusy: 'enqueue', mailbox: 1, idleMs: 1 };
  const record = {
    schemaVersion: 1,
    agent: 'chat',
    tenant: 'default',
    plan,
    head: null,
    length: 0,
    answered: 1,
    at: 1,
  };
  await withStore(project.dir, async (store) => {
    for (const [id, status] of [
      ['ticket-7', 'open'],
      ['over', 'retired'],
    ])
      await store.commit({
        refs: [{ op: 'put', name: sessionRecordName(id ?? ''), value: { ...record, id, status } }],
      });
  });
  await longhaul('release chat --name v1');
  write('Talk more.');
  await longhaul('release chat --name v2 --take');
});
afterEach(() => project.remove());

const longhaul = (line: string, options: Parameters<typeof typed>[2] = {}): Promise<Told> =>
  typed(project.dir, line, options);

test('it is held at a release by its name, shown with who and why, and let go', async () => {
  const held = await longhaul('session hold ticket-7 --release v1 --why returns');
  expect(held).toMatchObject({ code: 0, stderr: '' });
  expect(held.stdout).toMatch(/^ticket-7 {2}held at release [0-9a-f]{12}: its next messages are answered by that/);
  await withStore(project.dir, async (store) => {
    expect((await store.readRef(sessionHoldName('ticket-7')))?.value).toMatchObject({ agent: 'chat', why: 'returns' });
  });
  expect(JSON.parse((await longhaul('session unhold ticket-7', { json: true })).stdout)).toMatchObject({
    was: { session: 'ticket-7', why: 'returns' },
  });
  expect(await longhaul('session unhold ticket-7')).toMatchObject({ code: 0, stdout: 'ticket-7  was not held\n' });
});

test('a release that was taken back holds nobody', async () => {
  await longhaul('rollback chat --why refuses');
  const refused = await longhaul('session hold ticket-7 --release v2 --why no');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /^error {2}release [0-9a-f]{12} of chat was taken back: no run begins on it any more\.\n$/,
  );
});

test.each([
  ['session hold nobody --release v1 --why x', 2, 'there is no session "nobody"'],
  ['session hold ticket-7 --release v9 --why x', 2, 'no release of chat is named "v9"'],
  ['session hold ticket-7 --release v1 --why x --tenant other', 2, 'there is no session "ticket-7"'],
  ['session hold over --release v1 --why x', 1, 'retired'],
  ['session unhold nobody', 2, 'there is no session "nobody"'],
])('told in one line: %s', async (line, code, message) => {
  const refused = await longhaul(line);
  expect(refused).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) as string });
  expect(refused.stderr).toMatch(/^error {2}[^\n]+\n$/);
});
