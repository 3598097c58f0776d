// An answer as far as it has come: its last lines where lines change in place, and what is new of it where they are only added.
import type { TextEvent } from '../../activities/stream/port';
import type { Step } from '../../workflows/contract/run';
import { displayWidth, safeForTerminal } from './terminal-text';

/** With the steps above it, far below the height of any terminal. */
const LINES = 6;
/** More of an answer is never on the screen. */
const KEPT_CHARS = 8_000;
const INDENT = '  ';

export interface LiveAnswer {
  /**
   * @param before lines that announce it, where nothing has yet
   * @returns what is added where nothing changes in place: with a line that says so where an attempt takes the place of another
   */
  take(event: TextEvent, before?: string): string;
  /** Its step has ended: what it said is shown no more. */
  told(step: Step): void;
  /** The last lines, cut to so many columns. */
  lines(columns: number): string[];
  /** What ends a line that was begun: nothing where none was. */
  lineEnd(): string;
}

export function createLiveAnswer(): LiveAnswer {
  let begunAt = 0;
  let turn = 0;
  let shown = '';
  let isLineOpen = false;
  let answeredAt = 0;
  const lineEnd = (): string => {
    const end = isLineOpen ? '\n' : '';
    isLineOpen = false;
    return end;
  };
  return {
    lineEnd,
    take: (event, announced = '') => {
      if (event.begunAt < answeredAt) return '';
      const isOther = event.begunAt !== begunAt;
      const isAgain = isOther && event.turn === turn;
      const before = `${isOther || announced !== '' ? lineEnd() : ''}${announced}`;
      const mark = isAgain ? `${before}— ${event.attempt > 1 ? `attempt ${event.attempt}` : 'again'} —\n` : before;
      const text = safeForTerminal(event.text);
      shown = `${isOther ? '' : shown}${text}`.slice(-KEPT_CHARS);
      ({ begunAt, turn } = event);
      if (text !== '') isLineOpen = !text.endsWith('\n');
      return `${mark}${text}`;
    },
    told: ({ endedAt }) => {
      answeredAt = Math.max(answeredAt, endedAt ?? 0);
      if (begunAt < answeredAt) shown = '';
    },
    lines: (columns) => (shown === '' ? [] : wrapped(shown, columns - INDENT.length - 1).slice(-LINES)),
  };
}

function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const line of text.replaceAll('\t', ' ').trimEnd().split('\n')) {
    let part = '';
    let width = 0;
    for (const char of line) {
      const wide = displayWidth(char);
      if (width + wide > Math.max(1, columns)) {
        lines.push(INDENT + part);
        [part, width] = ['', 0];
      }
      part += char;
      width += wide;
    }
    lines.push(INDENT + part);
  }
  return lines;
}
