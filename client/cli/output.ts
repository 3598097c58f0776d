// Where all text of the command line leaves the process: answers to standard output, everything about them to standard error.
import { createColors } from 'picocolors';
import type { TextEvent } from '../../activities/stream/port';
import type { Step } from '../../workflows/contract/run';
import { createLiveSteps, type Colors } from './live-steps';
import { clipped, displayWidth, onlyColors, padded, safeForTerminal, safeLine } from './terminal-text';

export { formatAge, formatBytes, formatDuration, formatTokens } from '../format';

export interface OutputStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface OutputOptions {
  stdout: OutputStream;
  stderr: OutputStream;
  json: boolean;
  /** @default by NO_COLOR, FORCE_COLOR, and whether both streams are terminals */
  color?: boolean;
  /** Whether lines may change in place. @default whether standard error is a terminal that can */
  interactive?: boolean;
  /** @default process.env */
  env?: { readonly [name: string]: string | undefined };
}

export interface Column<Row> {
  title: string;
  /** Content is made safe here; a column of empty cells is left out. */
  value(row: Row): string;
  align?: 'right';
  /** Cut where the terminal is too narrow. */
  flexible?: boolean;
  paint?(text: string, row: Row): string;
}

/** In JSON mode only `json`, `jsonLine` and `error` write anything; in text mode these two JSON ones do not. */
export interface Output {
  readonly isJson: boolean;
  /** Of the terminal that lines go to; undefined where they go elsewhere. */
  readonly columns: number | undefined;
  readonly colors: Colors;
  /** To standard output. */
  line(text?: string): void;
  /** To standard error: progress and announcements. */
  note(text: string): void;
  /** To standard error, in both modes; in JSON mode also the one document, `{ "error": { "code", "message" } }`. */
  error(text: string, code: string): void;
  /** The one document. */
  json(value: unknown): void;
  /** One of many documents, a line each. */
  jsonLine(value: unknown): void;
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void;
  step(step: Step): void;
  /**
   * Of an answer that is under way, to standard error: on a terminal it changes in place until its step has ended.
   * @param options.always elsewhere too, where it stays
   */
  text(event: TextEvent, options?: { always?: boolean }): void;
  /** Of a wait, to standard error: on a terminal one line that changes in place, and goes with the next that stays; elsewhere nothing. */
  wait(text: string): void;
  /** Content without control characters and escape sequences. */
  safe(text: string): string;
  safeLine(text: string): string;
  /** Takes the lines away that change in place. */
  close(): void;
}

const COLUMNS = 80;
const GAP = '  ';

export function createOutput(options: OutputOptions): Output {
  const { stdout, stderr, json: isJson } = options;
  const env = options.env ?? process.env;
  const colors = createColors(!isJson && (options.color ?? wantsColor(env, stdout, stderr)));
  const interactive = !isJson && (options.interactive ?? (stderr.isTTY === true && env['TERM'] !== 'dumb'));
  const live = createLiveSteps({
    write: (text) => void stderr.write(text),
    columns: () => columnsOf(stderr),
    colors,
    interactive,
  });
  const put = (stream: OutputStream, text: string): void =>
    live.above(() => void stream.write(`${onlyColors(text)}\n`));
  const line = (text = ''): void => {
    if (!isJson) put(stdout, text);
  };
  let written: 'nothing' | 'lines' | 'document' = 'nothing';
  const json = (value: unknown): void => {
    if (!isJson) return;
    stdout.write(`${jsonText(value, 2)}\n`);
    written = 'document';
  };
  const jsonLine = (value: unknown): void => {
    if (!isJson) return;
    stdout.write(`${jsonText(value)}\n`);
    written = 'lines';
  };
  return {
    isJson,
    columns: !isJson && stdout.isTTY === true ? columnsOf(stdout) : undefined,
    colors,
    line,
    note: (text) => {
      if (!isJson) put(stderr, text);
    },
    error: (text, code) => {
      put(stderr, `${colors.red('error')}  ${text}`);
      const failed = { error: { code, message: text } };
      // A second document behind the first would spoil both.
      if (written === 'nothing') json(failed);
      if (written === 'lines') jsonLine(failed);
    },
    json,
    jsonLine,
    table: (rows, columns) => {
      const width = stdout.isTTY === true ? columnsOf(stdout) : Infinity;
      for (const row of tableLines(rows, columns, width, colors)) line(row);
    },
    step: (step) => {
      if (!isJson) live.show(step);
    },
    text: (event, { always = false } = {}) => {
      if (!isJson && (interactive || always)) live.say(event);
    },
    wait: live.wait,
    safe: safeForTerminal,
    safeLine,
    close: live.close,
  };
}

/** A terminal that does not know its size says 0. */
const columnsOf = ({ columns }: OutputStream): number => columns || COLUMNS;

/** @see https://no-color.org and https://force-color.org */
function wantsColor(
  env: NonNullable<OutputOptions['env']>,
  ...streams: readonly [OutputStream, ...OutputStream[]]
): boolean {
  if (env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  return env['TERM'] !== 'dumb' && streams.every((stream) => stream.isTTY === true);
}

/** JSON leaves these as they are, and a terminal that shows the document would obey them. */
const UNESCAPED = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const jsonText = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(
    UNESCAPED,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number,
  colors: Colors,
): string[] {
  const filled = columns
    .map((column) => ({ column, cells: rows.map((row) => safeLine(column.value(row))) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''));
  const natural = filled.map(({ column, cells }) =>
    Math.max(displayWidth(column.title), ...cells.map((cell) => displayWidth(cell))),
  );
  const excess = Math.max(0, natural.reduce((sum, one) => sum + one + GAP.length, -GAP.length) - width);
  const flexible = filled.findLastIndex(({ column }) => column.flexible);
  const widths = natural.map((one, at) => (at === flexible ? Math.max(8, one - excess) : one));
  const place = (text: string, at: number): string => {
    const cut = clipped(text, widths[at] ?? 0);
    if (filled[at]?.column.align === 'right') return ' '.repeat((widths[at] ?? 0) - displayWidth(cut)) + cut;
    return at === filled.length - 1 ? cut : padded(cut, widths[at] ?? 0);
  };
  const title = filled.map(({ column }, at) => colors.dim(place(column.title, at))).join(GAP);
  const body = rows.map((row, nth) =>
    filled
      .map(({ column, cells }, at) => {
        const text = place(cells[nth] ?? '', at);
        return column.paint ? column.paint(text, row) : text;
      })
      .join(GAP),
  );
  return rows.length === 0 ? [] : [title, ...body];
}
