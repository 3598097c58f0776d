// Needs nothing but a temporary folder: the analyst's four tools, run as the worker runs them, on files that try to lead them astray.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile as readBytes, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ToolRejection } from 'longhaul';
import { listFiles, readFile, searchText, writeReportTool } from '../../agents/repo-analyst/tools';
import type { JsonValue } from '../../workflows/contract/message';
import { runTool, sha256Of, temporaryFolder } from '../e2e-demo/direct-run';

let base: string;
let dir: string;
let stateDir: string;

beforeEach(async () => {
  base = await temporaryFolder();
  dir = path.join(base, 'given');
  stateDir = path.join(base, 'state');
  await mkdir(dir);
  await mkdir(path.join(base, 'outside'));
  await writeFile(path.join(base, 'outside', 'secret.txt'), 'the outside secret\n');
});
afterEach(() => rm(base, { recursive: true, force: true }));

const put = async (file: string, content: string | Uint8Array): Promise<void> => {
  await mkdir(path.dirname(path.join(dir, file)), { recursive: true });
  await writeFile(path.join(dir, file), content);
};
const read = (args: JsonValue, given = dir): Promise<JsonValue> =>
  runTool(readFile, args, { dir: given }, { stateDir });
const list = (args: JsonValue = {}, given = dir): Promise<JsonValue> =>
  runTool(listFiles, args, { dir: given }, { stateDir });
const search = (args: JsonValue, given = dir): Promise<JsonValue> =>
  runTool(searchText, args, { dir: given }, { stateDir });
const report = (args: JsonValue, effectKey: string, given = dir): Promise<JsonValue> =>
  runTool(writeReportTool, args, { dir: given }, { stateDir, runId: 'run/../1', effectKey });

/** By shape, because a rejection is what the model reads: its words are the contract. */
const rejected = async (work: Promise<JsonValue>): Promise<string> => {
  const error: unknown = await work.then(
    (value) => new Error(`not rejected: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ToolRejection);
  return error instanceof Error ? error.message : '';
};

describe('what leads out of the folder is refused', () => {
  test.each([
    ['../outside/secret.txt', 'leads out of the folder'],
    ['a/../../outside/secret.txt', 'leads out of the folder'],
    ['..', 'leads out of the folder'],
    ['/etc/hostname', 'absolute path'],
    ['C:\\Windows\\win.ini', 'absolute path'],
    ['a\0b', 'NUL'],
  ])('the path %j', async (wanted, words) => {
    await put('a/inside.txt', 'inside\n');
    expect(await rejected(read({ path: wanted }))).toContain(words);
    expect(await rejected(list({ under: wanted }))).toContain(words);
    expect(await rejected(search({ query: 'secret', under: wanted }))).toContain(words);
  });

  test('a folder whose name begins like the given one', async () => {
    await mkdir(`${dir}-2`);
    await writeFile(`${dir}-2/x.txt`, 'x\n');
    expect(await rejected(read({ path: '../given-2/x.txt' }))).toContain('leads out');
    await symlink(`${dir}-2`, path.join(dir, 'neighbour'));
    expect(await rejected(read({ path: 'neighbour/x.txt' }))).toContain('link that leads out');
  });

  test('links to a file and to a folder outside, in reading, listing and searching', async () => {
    await put('inside.txt', 'an inside secret\n');
    await symlink(path.join(base, 'outside', 'secret.txt'), path.join(dir, 'file-link.txt'));
    await symlink(path.join(base, 'outside'), path.join(dir, 'folder-link'));
    expect(await rejected(read({ path: 'file-link.txt' }))).toContain('link that leads out');
    expect(await rejected(read({ path: 'folder-link/secret.txt' }))).toContain('link that leads out');
    expect(await rejected(list({ under: 'folder-link' }))).toContain('link that leads out');
    expect(await list()).toMatchObject({ files: [{ path: 'inside.txt' }], total: 1, leftOut: { links: 2 } });
    expect(await search({ query: 'secret' })).toMatchObject({ matches: [{ path: 'inside.txt' }], totalMatches: 1 });
  });

  test('links in a circle are named as such, and a link that stays inside is read', async () => {
    await put('real/a.txt', 'kept inside\n');
    await symlink('b', path.join(dir, 'a'));
    await symlink('a', path.join(dir, 'b'));
    await symlink('..', path.join(dir, 'real', 'up'));
    await symlink('real/a.txt', path.join(dir, 'shortcut'));
    expect(await rejected(read({ path: 'a' }))).toContain('in a circle');
    expect(await read({ path: 'shortcut' })).toMatchObject({ text: '1\tkept inside' });
    expect(await list()).toMatchObject({ total: 1, leftOut: { links: 4 } });
  });

  test('files that hold keys, by any name', async () => {
    await put('.env', 'KEY=1\n');
    await put('.env.example', 'KEY=\n');
    await symlink('.env', path.join(dir, 'notes.txt'));
    expect(await rejected(read({ path: '.env' }))).toContain('holds keys');
    expect(await rejected(read({ path: 'notes.txt' }))).toContain('holds keys');
    expect(await search({ query: 'KEY' })).toMatchObject({
      matches: [{ path: '.env.example' }],
      leftOut: { secretFiles: 1 },
    });
  });

  test('a named pipe is refused at once, not waited for', async () => {
    execFileSync('sh', ['-c', 'mkfifo "$0"', path.join(dir, 'pipe')]);
    expect(await rejected(read({ path: 'pipe' }))).toContain('not a regular file');
    expect(await search({ query: 'anything' })).toMatchObject({ filesSearched: 0 });
  });
});

describe('the folder of the input', () => {
  test.each([
    ['missing', (at: string) => path.join(at, 'nowhere'), 'is not there'],
    ['a file', (at: string) => path.join(at, 'outside', 'secret.txt'), 'is a file, not a folder'],
    ['relative', () => 'somewhere', 'not an absolute path'],
  ])('%s: said to the model by every tool', async (_, at, words) => {
    const given = at(base);
    expect(await rejected(list({}, given))).toContain(words);
    expect(await rejected(search({ query: 'x' }, given))).toContain(words);
    expect(await rejected(read({ path: 'x' }, given))).toContain(words);
  });

  test('empty', async () => {
    expect(await list()).toEqual({ files: [], total: 0, leftOut: {} });
    expect(await search({ query: 'x' })).toMatchObject({ matches: [], filesSearched: 0 });
    expect(await rejected(read({ path: 'x' }))).toContain('"x" is not there');
    expect(await rejected(read({ path: '.' }))).toContain('is a folder');
  });

  test('what programs made is left out and counted', async () => {
    await put('src/a.ts', 'needle\n');
    for (const file of [
      'node_modules/m/x.js',
      '.git/config',
      'dist/a.js',
      '.longhaul/x',
      'build/CACHEDIR.TAG',
      'package-lock.json',
    ]) {
      await put(file, 'needle\n');
    }
    expect(await list()).toMatchObject({
      files: [{ path: 'src/a.ts', bytes: 7, kind: 'text' }],
      leftOut: { ignoredFolders: 5, generatedFiles: 1 },
    });
    expect(await search({ query: 'needle' })).toMatchObject({ totalMatches: 1 });
  });

  test('of very many files the list shows the shallowest, and says how many there are', async () => {
    await put('deep/below/last.txt', 'x');
    for (let at = 0; at < 410; at += 1) await put(`f${String(at).padStart(3, '0')}.txt`, 'x');
    const listed = (await list()) as { files: { path: string }[]; total: number };
    expect(listed.total).toBe(411);
    expect(listed.files).toHaveLength(400);
    expect(listed.files[0]?.path).toBe('f000.txt');
  });

  test('an abort ends a search', async () => {
    await put('a.txt', 'x\n');
    const signal = AbortSignal.abort(new Error('cancelled'));
    await expect(runTool(searchText, { query: 'x' }, { dir }, { stateDir, signal })).rejects.toThrow('cancelled');
    await expect(runTool(listFiles, {}, { dir }, { stateDir, signal })).rejects.toThrow('cancelled');
  });
});

describe('files of every kind', () => {
  test('binary ones are not shown, and said to be', async () => {
    await put('picture.png', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 1, 2]));
    await put('paper.pdf', '%PDF-1.7 text');
    expect(await read({ path: 'picture.png' })).toMatchObject({
      text: '',
      note: 'A binary file of 8 bytes: not shown.',
    });
    expect(await list()).toMatchObject({ files: [{ kind: 'binary' }, { kind: 'binary' }] });
    expect(await search({ query: 'text' })).toMatchObject({ matches: [], leftOut: { binaryFiles: 2 } });
  });

  test('a huge one is cut, and said to be', async () => {
    const row = `${'x'.repeat(99)}\n`;
    await put('huge.log', `first needle\n${row.repeat(104_858)}last needle\n`);
    const answer = (await read({ path: 'huge.log' })) as { text: string; note: string; to: number };
    expect(answer.note).toContain('only its first 4194304 can be read');
    expect(answer.to).toBe(400);
    expect(answer.text.length).toBeLessThan(70_000);
    const late = (await read({ path: 'huge.log', from: 41_000, to: 41_001 })) as { text: string };
    expect(late.text.split('\n')[0]).toBe(`41000\t${row.trimEnd()}`);
    expect(await read({ path: 'huge.log', from: 104_000 })).toMatchObject({ text: '' });
    expect(await search({ query: 'needle' })).toMatchObject({ totalMatches: 1, leftOut: { filesCut: 1 } });
  });

  test('a very long line is cut, between characters', async () => {
    await put('long.txt', `${'x'.repeat(499)}😀${'y'.repeat(1000)}\n`);
    const { text } = (await read({ path: 'long.txt' })) as { text: string };
    expect(text).toBe(`1\t${'x'.repeat(499)} … [1002 more characters]`);
  });

  test('CRLF, UTF-16, a byte order mark, invalid UTF-8, no last line break', async () => {
    await put('crlf.txt', 'one\r\ntwo needle\r\n');
    await put('utf16.txt', Buffer.from('\uFEFFeins\nzwei needle', 'utf16le'));
    await put('bom.txt', '\uFEFFfirst needle');
    await put('latin1.txt', Buffer.from('caf\u00e9 needle\n', 'latin1'));
    expect(await read({ path: 'crlf.txt' })).toMatchObject({ text: '1\tone\n2\ttwo needle', lines: 2 });
    expect(await read({ path: 'utf16.txt' })).toMatchObject({ text: '1\teins\n2\tzwei needle' });
    expect(await read({ path: 'bom.txt' })).toMatchObject({ text: '1\tfirst needle' });
    expect(await read({ path: 'latin1.txt' })).toMatchObject({ text: '1\tcaf\uFFFD needle' });
    expect(await search({ query: 'NEEDLE' })).toMatchObject({ totalMatches: 4, filesWithMatches: 4 });
  });

  test('an unreadable one is counted, and refused by name', async () => {
    await put('closed.txt', 'needle\n');
    await chmod(path.join(dir, 'closed.txt'), 0);
    const answer = await search({ query: 'needle' });
    // Root may read everything, so there the file counts as any other.
    if (process.getuid?.() === 0) expect(answer).toMatchObject({ totalMatches: 1 });
    else {
      expect(answer).toMatchObject({ totalMatches: 0, leftOut: { unreadable: 1 } });
      expect(await rejected(read({ path: 'closed.txt' }))).toContain('permission denied');
    }
  });

  test('slices: from, to, past the end, backwards, empty', async () => {
    await put('ten.txt', Array.from({ length: 10 }, (_, at) => `line ${at + 1}`).join('\n'));
    await put('empty.txt', '');
    expect(await read({ path: 'ten.txt', from: 3, to: 4 })).toMatchObject({
      from: 3,
      to: 4,
      text: '3\tline 3\n4\tline 4',
    });
    expect(await read({ path: 'ten.txt', from: 9, to: 99 })).toMatchObject({ from: 9, to: 10 });
    expect(await read({ path: 'ten.txt', from: 11 })).toMatchObject({ text: '', note: 'The file has 10 lines.' });
    expect(await read({ path: 'ten.txt', from: 5, to: 2 })).toMatchObject({
      text: '',
      note: 'Nothing lies between line 5 and line 2.',
    });
    expect(await read({ path: 'empty.txt' })).toMatchObject({ text: '', note: 'The file is empty.' });
  });
});

describe('searching', () => {
  test('words begin words, identifiers are taken apart, and lines with more of them come first', async () => {
    await put('a.ts', 'const retryPolicy = 1;\nconst poetry = 2;\nconst maxRetries = 3;\n// the policy of a retry\n');
    const { matches } = (await search({ query: 'retry policy', match: 'words' })) as { matches: { line: number }[] };
    expect(matches.map((match) => match.line)).toEqual([1, 4]);
    expect(await search({ query: 'retr', match: 'words' })).toMatchObject({ totalMatches: 3 });
  });

  test('a query of special characters is taken as it stands, and cannot hang', async () => {
    await put('a.txt', `(a+)+$ here\n${'a'.repeat(50_000)}!\n`);
    expect(await search({ query: '(a+)+$' })).toMatchObject({ matches: [{ line: 1 }], totalMatches: 1 });
  });

  test('accents and case are one; neighbours are shown', async () => {
    await put('a.txt', 'before\nDas CAFÉ am Eck\nafter\n');
    expect(await search({ query: 'cafe' })).toMatchObject({
      matches: [{ path: 'a.txt', line: 2, text: 'Das CAFÉ am Eck', before: 'before', after: 'after' }],
    });
  });
});

describe('reports', () => {
  test('a repeat of a call writes nothing new; another call writes another file; the folder that is read stays as it is', async () => {
    await put('a.txt', 'x\n');
    const first = (await report({ title: 'Title', text: 'Text' }, 'key-1')) as { path: string; sha256: string };
    expect(await report({ title: 'Title', text: 'Text' }, 'key-1')).toEqual(first);
    const other = (await report({ title: 'Title', text: 'Other' }, 'key-2')) as { path: string };
    const content = await readBytes(path.join(stateDir, first.path));
    expect(content.toString()).toBe('# Title\n\nText\n');
    expect(sha256Of(content)).toBe(first.sha256);
    expect((await readdir(path.join(stateDir, 'reports'))).sort()).toEqual(
      [first.path, other.path].map((file) => path.basename(file)).sort(),
    );
    expect(await readdir(dir)).toEqual(['a.txt']);
  });

  test('one call never has two contents', async () => {
    const first = (await report({ title: 'Title', text: 'Text' }, 'key-1')) as { path: string };
    expect(await rejected(report({ title: 'Title', text: 'Changed' }, 'key-1'))).toContain('left as it is');
    expect((await readBytes(path.join(stateDir, first.path))).toString()).toContain('Text');
  });

  test('twenty attempts at once leave one whole file', async () => {
    const text = 'line\n'.repeat(10_000);
    const all = await Promise.all(Array.from({ length: 20 }, () => report({ title: 'T', text }, 'key-1')));
    expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(await readdir(path.join(stateDir, 'reports'))).toHaveLength(1);
  });

  test('never through a link, and never when the state is what is read', async () => {
    await mkdir(stateDir);
    await symlink(path.join(base, 'outside'), path.join(stateDir, 'reports'));
    expect(await rejected(report({ title: 'T', text: 'x' }, 'key-1'))).toContain('is a link');
    expect(await readdir(path.join(base, 'outside'))).toEqual(['secret.txt']);
    await rm(path.join(stateDir, 'reports'));
    expect(await rejected(report({ title: 'T', text: 'x' }, 'key-1', stateDir))).toContain('part of the project state');
  });
});
