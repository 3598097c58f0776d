// Small plots of text: blocks on a terminal, plain signs where the output is read by a program.

const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

/** One sign a value, from nothing to the largest of them. Empty where it is not a terminal: the figures stand beside it. */
export function sparkline(values: readonly number[], isTerminal: boolean): string {
  const most = Math.max(0, ...values);
  if (!isTerminal || most === 0) return '';
  return values.map((value) => BLOCKS[Math.min(7, Math.max(0, Math.ceil((8 * value) / most) - 1))] ?? '').join('');
}

/** @param most what the whole width stands for */
export function bar(value: number, most: number, width: number, isTerminal: boolean): string {
  const share = most === 0 ? 0 : Math.min(1, Math.max(0, value / most));
  if (!isTerminal) return '#'.repeat(Math.ceil(share * width));
  const eighths = Math.ceil(share * width * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}
