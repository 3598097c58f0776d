// Needs bash. A command that is shown names a run by an id that anybody may have chosen: pasted, it is about that run and does nothing else.
import { spawnSync } from 'node:child_process';
import { showCommand } from '../../client/cli/commands/show';
import { testProject, told, withStore, type TestProject } from './given';
import { storeRun } from './store-run';

let project: TestProject;
beforeEach(() => (project = testProject()));
afterEach(() => {
  project.remove();
});

/** What a shell makes of it: the words that the command would be started with. */
function wordsOf(command: string): string[] {
  const { stdout, stderr } = spawnSync('bash', ['-c', `longhaul() { printf '%s\\0' "$@"; }\n${command}`], {
    encoding: 'utf8',
    cwd: project.dir,
  });
  expect(stderr).toBe('');
  return stdout.split('\0').slice(0, -1);
}

test.each([
  ['a plain one', 'mail/4711'],
  ['a command', 'x $(echo pwned >&2);`id`|cat&'],
  ['quotes', `it's "so" \\ !1`],
  ['hidden characters', 'a\u202eb\u200f\u2028c'],
  ['several spaces', 'a  b\u00a0c'],
  ['a home', '~root'],
])('the id is %s', async (_, id) => {
  await withStore(project.dir, (store) => storeRun(store, { id }));
  const { stdout } = await told(project.dir, (context) => showCommand(context, id, { call: 2 }));
  const shown = /: "(longhaul show .*)"$/m.exec(stdout)?.[1] ?? '';
  expect(wordsOf(shown)).toEqual(['show', id, '--call', '1']);
  const wrong = await told(project.dir, (context) => showCommand(context, id, { call: 99 })).then(() => '', String);
  expect(wordsOf(/: "(longhaul trace [^]*)" lists them/.exec(wrong)?.[1] ?? '')).toEqual(['trace', id]);
});
