// A text in the user's own editor, as git does it: VISUAL, else EDITOR, on a file that is gone afterwards.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClientError } from '../errors';

/** npm names vi where the user names none, and vi without a terminal waits for ever. */
const NEEDS_TERMINAL = /^\s*(?:\S*\/)?(?:vi|vim|nvim|nano|pico|emacs)(?:\s|$)/;

export interface EditTextOptions {
  env: { readonly [name: string]: string | undefined };
  /** Whether a person can type. */
  hasTerminal: boolean;
}

/** @throws ClientError `misconfigured` where no editor can be used, `invalid-input` where it failed or nothing was changed */
export async function editText(text: string, { env, hasTerminal }: EditTextOptions): Promise<string> {
  const editor = env['VISUAL'] || env['EDITOR'];
  const otherwise = 'set EDITOR, or give the text: --edit="..." .';
  if (!editor) throw new ClientError('misconfigured', `no editor is named: ${otherwise}`);
  if (!hasTerminal && NEEDS_TERMINAL.test(editor))
    throw new ClientError('misconfigured', `${editor} needs a terminal, and there is none: ${otherwise}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'longhaul-edit-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const file = path.join(folder, 'message.txt');
  let child: ChildProcess | undefined;
  // The text may be secret: it does not stay behind a command that is stopped, and neither does the editor.
  const stop = (signal: NodeJS.Signals): void => {
    child?.kill(signal);
    remove();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  // Before there is anything to leave behind.
  for (const signal of SIGNALS) process.once(signal, stop);
  try {
    writeFileSync(file, text, { mode: 0o600 });
    // A command line of its own, such as `code --wait`; the file comes as an argument that the shell does not read.
    child = spawn('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
    const [status] = (await once(child, 'close')) as [number | null];
    if (status !== 0) throw new ClientError('invalid-input', `${editor} failed: nothing was forked.`);
    const edited = readFileSync(file, 'utf8');
    // Editors end a file with a new line.
    const result = text.endsWith('\n') ? edited : edited.replace(/\n$/, '');
    if (result === text) throw new ClientError('invalid-input', 'nothing was changed: nothing was forked.');
    return result;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    remove();
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
