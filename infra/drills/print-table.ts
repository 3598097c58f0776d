/** Columns as wide as their widest cell; numbers, and what begins with one, stand right. */
export function printTable(title: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = title.map((cell, at) => Math.max(cell.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const isNumber = (at: number): boolean => at > 0 && rows.every((row) => /^[\d–-]/.test(row[at] ?? '–'));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (isNumber(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  for (const row of [title, widths.map((width) => '-'.repeat(width)), ...rows]) console.log(line(row));
}

/** Of milliseconds, in seconds. */
export const seconds = (ms: number | undefined): string => (ms === undefined ? '–' : (ms / 1000).toFixed(1));

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
