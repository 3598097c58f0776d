// A text in the user's own editor, as git does it: VISUAL, else EDITOR, on a file that is gone afterwards.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClientError } from '../errors';

/** @throws ClientError `misconfigured` where no editor is named, `invalid-input` where it failed or nothing was changed */
export function editText(text: string, env: { readonly [name: string]: string | undefined }): string {
  const editor = env['VISUAL'] || env['EDITOR'];
  if (!editor)
    throw new ClientError('misconfigured', 'no editor is named: set EDITOR, or give the text: --edit="..." .');
  const folder = mkdtempSync(path.join(tmpdir(), 'longhaul-edit-'));
  try {
    const file = path.join(folder, 'message.txt');
    writeFileSync(file, text, { mode: 0o600 });
    // A command line of its own, such as `code --wait`; the file comes as an argument that the shell does not read.
    const { status, error } = spawnSync('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
    if (error || status !== 0) throw new ClientError('invalid-input', `${editor} failed: nothing was forked.`);
    const edited = readFileSync(file, 'utf8');
    // Editors end a file with a new line.
    const result = text.endsWith('\n') ? edited : edited.replace(/\n$/, '');
    if (result === text) throw new ClientError('invalid-input', 'nothing was changed: nothing was forked.');
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
