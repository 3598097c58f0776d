// Needs nothing.
import { createOutput } from '../../client/cli/output';
import { formatAge, formatBytes, formatDuration, formatTokens } from '../../client/cli/output';
import { clipped, displayWidth, onlyColors, safeForTerminal, safeLine } from '../../client/cli/terminal-text';
import type { Step } from '../../workflows/contract/run';
import { keptStream } from './given';

const ESC = '\u001b';
const HOSTILE = `a${ESC}[2J${ESC}]0;title\u0007b${ESC}]8;;http://x\u001b\\c\u009b31md\u0090q\u009ce\u0007\u0008\u202ef\r\ng\u2066\rh`;

function outputs(options: { json?: boolean; color?: boolean; terminal?: { columns: number }; env?: object } = {}) {
  const [stdout, stderr] = [keptStream(options.terminal), keptStream(options.terminal)];
  const output = createOutput({
    stdout,
    stderr,
    json: options.json ?? false,
    env: { ...options.env },
    ...(options.color === undefined ? {} : { color: options.color }),
  });
  return { output, stdout, stderr };
}

const step = (seq: number, state: Step['state'], label = `step ${seq}`): Step => ({
  seq,
  kind: 'tool',
  label,
  state,
  startedAt: 1_000,
  ...(state === 'running' ? {} : { endedAt: 2_500, preview: 'found it' }),
});

describe('content that others wrote', () => {
  test('loses its escape sequences whole, and every control character', () => {
    expect(safeForTerminal(HOSTILE)).toBe('abcdef\ng\nh');
    expect(safeLine(HOSTILE)).toBe('abcdef g h');
  });

  test('keeps its words, letters of any script, and line breaks', () => {
    const text = 'Größe\t漢字 👍🏽 [31m is text\nשלום';
    expect(safeForTerminal(text)).toBe(text);
  });

  test('an introducer without an end takes nothing with it', () => {
    expect(safeForTerminal(`before ${ESC}]0;never ends`)).toBe('before 0;never ends');
  });

  test('a sequence that removal would put together is removed as well', () => {
    expect(safeForTerminal(`${ESC}${ESC}[31m[2Jx`)).not.toContain(ESC);
  });

  test('the last gate lets colours through, and nothing else', () => {
    expect(onlyColors(`${ESC}[32mok${ESC}[39m${ESC}[2J${ESC}]0;t\u0007`)).toBe(`${ESC}[32mok${ESC}[39m`);
  });

  test('what a caller forgot to make safe is stopped at every exit', () => {
    const { output, stdout, stderr } = outputs();
    output.line(HOSTILE);
    output.note(HOSTILE);
    output.error(HOSTILE, 'unexpected');
    output.table([HOSTILE], [{ title: 'x', value: (row) => row }]);
    output.step(step(1, 'done', HOSTILE));
    expect(stdout.text() + stderr.text()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2066]/);
  });

  test('in JSON it is kept exactly, escaped', () => {
    const { output, stdout } = outputs({ json: true });
    output.json({ preview: HOSTILE });
    expect(stdout.text()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2066]/);
    expect(JSON.parse(stdout.text())).toEqual({ preview: HOSTILE });
  });
});

describe('modes', () => {
  test('JSON mode: one document, errors, and nothing else', () => {
    const { output, stdout, stderr } = outputs({ json: true });
    output.line('a');
    output.note('b');
    output.table([1], [{ title: 'x', value: String }]);
    output.step(step(1, 'done'));
    output.json({ a: 1 });
    output.error('bad', 'no-room');
    expect(JSON.parse(stdout.text())).toEqual({ a: 1 });
    expect(stderr.text()).toBe('error  bad\n');
  });

  test('JSON mode: an error is a document where none was written, and a line among lines', () => {
    const bad = { error: { code: 'no-room', message: 'bad' } };
    const alone = outputs({ json: true });
    alone.output.error('bad', 'no-room');
    expect(JSON.parse(alone.stdout.text())).toEqual(bad);
    const among = outputs({ json: true });
    among.output.jsonLine({ a: 1 });
    among.output.error('bad', 'no-room');
    expect(among.stdout.text()).toBe(`{"a":1}\n${JSON.stringify(bad)}\n`);
  });

  test('text mode writes no JSON', () => {
    const { output, stdout } = outputs();
    output.json({ a: 1 });
    output.jsonLine({ a: 1 });
    output.line('a');
    expect(stdout.text()).toBe('a\n');
  });

  test.each([
    ['a terminal', { terminal: { columns: 80 } }, true],
    ['no terminal', {}, false],
    ['NO_COLOR', { terminal: { columns: 80 }, env: { NO_COLOR: '1' } }, false],
    ['NO_COLOR before FORCE_COLOR', { env: { NO_COLOR: '1', FORCE_COLOR: '1' } }, false],
    ['an empty NO_COLOR', { terminal: { columns: 80 }, env: { NO_COLOR: '' } }, true],
    ['FORCE_COLOR', { env: { FORCE_COLOR: '1' } }, true],
    ['FORCE_COLOR=0', { terminal: { columns: 80 }, env: { FORCE_COLOR: '0' } }, false],
    ['a dumb terminal', { terminal: { columns: 80 }, env: { TERM: 'dumb' } }, false],
    ['JSON', { json: true, env: { FORCE_COLOR: '1' } }, false],
  ])('colours: %s', (_, options, expected) => {
    const { output } = outputs(options);
    expect(output.colors.red('x') !== 'x').toBe(expected);
  });
});

describe('steps', () => {
  test('without a terminal each change is a line of its own', () => {
    const { output, stderr } = outputs();
    output.step(step(1, 'running'));
    output.step(step(1, 'done'));
    output.step(step(2, 'failed'));
    expect(stderr.text()).toBe('… step 1\n✓ step 1  1.5 s  found it\n✗ step 2  1.5 s  found it\n');
  });

  test('without a terminal the first words of an answer announce their step, and are not cut by it', () => {
    const { output, stderr } = outputs();
    const model = (state: Step['state'], turn: number): Step => ({
      ...step(turn, state, `model, turn ${turn}`),
      kind: 'model',
    });
    const said = (text: string, sequence: number, turn: number): void =>
      output.text({ run: 'run_1', turn, attempt: 1, begunAt: turn * 10_000, sequence, text }, { always: true });
    said('slow watch', 10, 1);
    output.step(model('running', 1));
    said(' me', 13, 1);
    output.step({ ...model('done', 1), endedAt: 12_500 });
    said(' late', 18, 1);
    output.step(model('running', 2));
    said('next', 4, 2);
    output.close();
    expect(stderr.text().split('\n')).toEqual([
      '… model, turn 1',
      'slow watch me',
      expect.stringMatching(/^✓ model, turn 1 /),
      '… model, turn 2',
      'next',
      '',
    ]);
  });

  test('on a terminal a running step is replaced by its end, and other lines stay above it', () => {
    const { output, stderr } = outputs({ terminal: { columns: 40 }, color: false });
    output.step(step(1, 'running'));
    output.note('meanwhile');
    output.step(step(1, 'done'));
    output.close();
    expect(shown(stderr.text())).toEqual(['meanwhile', '✓ step 1  1.5 s  found it']);
  });

  test('lines that change are never wider than the terminal', () => {
    const { output, stderr } = outputs({ terminal: { columns: 30 }, color: false });
    output.step(step(1, 'running', 'word '.repeat(40)));
    output.close();
    for (const line of stderr.text().split('\n')) expect(displayWidth(safeForTerminal(line))).toBeLessThanOrEqual(30);
  });

  test('of a terminal that does not know its width is written as of one of 80 columns', () => {
    const written = [0, 80].map((columns) => {
      const { output, stdout, stderr } = outputs({ terminal: { columns }, color: false });
      output.step(step(1, 'running', 'word '.repeat(40)));
      output.table(['word '.repeat(40)], [{ title: 'text', value: (text) => text, flexible: true }]);
      output.close();
      return stdout.text() + stderr.text();
    });
    expect(written[0]).toBe(written[1]);
  });
});

/** What a terminal shows in the end: cursor up and erase-below, as live-steps.ts writes them. */
function shown(written: string): string[] {
  const lines: string[] = [];
  for (const piece of written.split(/(\u001b\[\d+A\u001b\[J)/)) {
    const up = /^\u001b\[(\d+)A/.exec(piece);
    if (up) lines.splice(lines.length - Number(up[1]));
    else lines.push(...piece.split('\n').slice(0, -1));
  }
  return lines;
}

describe('tables', () => {
  test('columns line up, empty ones are left out, wide characters count twice', () => {
    const { output, stdout } = outputs();
    const rows = [
      { name: '漢字', count: 5, none: '' },
      { name: 'abcdef', count: 12, none: '' },
    ];
    output.table(rows, [
      { title: 'name', value: ({ name }) => name },
      { title: 'none', value: ({ none }) => none },
      { title: 'n', value: ({ count }) => String(count), align: 'right' },
    ]);
    expect(stdout.text()).toBe('name     n\n漢字     5\nabcdef  12\n');
  });

  test('on a terminal the flexible column gives way; in a pipe nothing is cut', () => {
    const columns = [
      { title: 'id', value: () => 'run_1' },
      { title: 'question', value: () => 'a long question about everything', flexible: true },
    ];
    const narrow = outputs({ terminal: { columns: 24 }, color: false });
    narrow.output.table([1], columns);
    for (const line of narrow.stdout.text().split('\n')) expect(line.length).toBeLessThanOrEqual(24);
    const piped = outputs();
    piped.output.table([1], columns);
    expect(piped.stdout.text()).toContain('a long question about everything');
  });

  test('no rows, no title', () => {
    const { output, stdout } = outputs();
    output.table([], [{ title: 'x', value: String }]);
    expect(stdout.text()).toBe('');
  });
});

test.each([
  [formatDuration(-5), '0 ms'],
  [formatDuration(999), '999 ms'],
  [formatDuration(999.7), '1.0 s'],
  [formatDuration(59_999), '59.9 s'],
  [formatDuration(65_000), '1m 05s'],
  [formatDuration(3_600_000), '1h 00m'],
  [formatDuration(90_000_000), '1d 1h'],
  [formatAge(999), 'now'],
  [formatAge(59_000), '59 s'],
  [formatAge(3_599_000), '59 min'],
  [formatAge(86_400_000), '1 d'],
  [formatTokens(999), '999'],
  [formatTokens(1_234), '1.2k'],
  [formatTokens(999_949), '1000k'],
  [formatTokens(999_950), '1.0M'],
  [formatBytes(999), '999 bytes'],
  [formatBytes(10_400_000), '10.4 MB'],
  [clipped('abcdef', 4), 'abc…'],
  [clipped('漢字漢字', 5), '漢字…'],
])('%s', (actual, expected) => expect(actual).toBe(expected));
