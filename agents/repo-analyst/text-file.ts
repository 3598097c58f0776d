// Bytes to numbered lines, whatever the encoding, and never more than a model can use.
import type { FileHandle } from 'node:fs/promises';

/** Of one file. Text that a person wrote is far smaller; a log of this size is cut, and said to be. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** Of one line, in characters: minified code and data rows are longer, prose is not. */
export const MAX_LINE_CHARS = 500;
/** Enough to see a NUL byte in every common binary format. */
const SNIFF_BYTES = 4096;

export interface TextFile {
  kind: 'text';
  lines: string[];
  /** Of the file on disk. */
  bytes: number;
  /** True when only the first MAX_FILE_BYTES were read. */
  cut: boolean;
}
export interface BinaryFile {
  kind: 'binary';
  bytes: number;
}

/** Reads at most `maxBytes`, and of a binary file only its beginning. */
export async function readTextFile(file: FileHandle, maxBytes = MAX_FILE_BYTES): Promise<TextFile | BinaryFile> {
  const { size: bytes } = await file.stat();
  const start = await readStart(file, Math.min(SNIFF_BYTES, maxBytes));
  if (isBinary(start)) return { kind: 'binary', bytes };
  const content = bytes <= start.length ? start : await readStart(file, Math.min(bytes, maxBytes));
  const cut = content.length < bytes;
  const lines = decode(content).split(/\r?\n/);
  // What follows the last line break is a line only when it holds something; of a file that was cut it is half a line.
  if (lines.length > 1 && (cut || lines.at(-1) === '')) lines.pop();
  return { kind: 'text', lines: bytes === 0 ? [] : lines, bytes, cut };
}

export async function sniffKind(file: FileHandle): Promise<'text' | 'binary'> {
  return isBinary(await readStart(file, SNIFF_BYTES)) ? 'binary' : 'text';
}

/** The line as a model gets to see it. */
export function cappedLine(line: string): string {
  if (line.length <= MAX_LINE_CHARS) return line;
  // Never between the two halves of one character.
  const shown = line.slice(0, MAX_LINE_CHARS).replace(/[\uD800-\uDBFF]$/, '');
  return `${shown} … [${line.length - shown.length} more characters]`;
}

async function readStart(file: FileHandle, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

function isBinary(start: Buffer): boolean {
  if (byteOrderMark(start) !== undefined) return false;
  return start.includes(0) || start.subarray(0, 5).toString('latin1') === '%PDF-';
}

function byteOrderMark(start: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be';
  return undefined;
}

/** Bytes that are no valid text become U+FFFD. A byte order mark is dropped. */
const decode = (content: Buffer): string => new TextDecoder(byteOrderMark(content) ?? 'utf-8').decode(content);
