// Needs: sh and sed. A text in an editor: what was made of it comes back, and what was not changed is refused.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { editText } from '../../client/cli/edit-text';

const edit = (text: string, env: { [name: string]: string }, hasTerminal = false): Promise<string> =>
  editText(text, { env, hasTerminal });
const left = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('longhaul-edit-'));

test('the editor may be a command line of its own; the new line that it adds at the end is not part of the text', async () => {
  expect(await edit('walk on', { EDITOR: 'sed -i -e s/on/back/ -e "$ a more"' })).toBe('walk back\nmore');
  expect(await edit('walk on\n', { EDITOR: 'sed -i s/on/back/' })).toBe('walk back\n');
  expect(await edit('a', { VISUAL: 'sed -i s/a/b/', EDITOR: 'false' })).toBe('b');
});

test.each([
  [{}, 'misconfigured'],
  [{ EDITOR: '' }, 'misconfigured'],
  [{ EDITOR: 'vi' }, 'misconfigured'],
  [{ EDITOR: '/usr/bin/nano -w' }, 'misconfigured'],
  [{ EDITOR: 'false' }, 'invalid-input'],
  [{ EDITOR: 'true' }, 'invalid-input'],
  [{ EDITOR: '/no/such/editor 2>/dev/null' }, 'invalid-input'],
])('%j without a terminal: %s', async (env, code) => {
  await expect(edit('a', env)).rejects.toMatchObject({ code });
});

test('a command that is stopped while its text is edited leaves nothing of it behind', async () => {
  const before = left();
  const code = `require('jiti')(process.cwd() + '/')('./client/cli/edit-text.ts')
    .editText('secret', { env: { EDITOR: 'echo open; sleep 30; true' }, hasTerminal: false })`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  expect(left().length).toBe(before.length + 1);
  child.kill('SIGTERM');
  const [status] = (await once(child, 'exit')) as [number];
  expect(status).toBe(143);
  expect(left()).toEqual(before);
}, 30_000);
