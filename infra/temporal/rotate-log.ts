import { renameSync, statSync } from 'node:fs';

/** Two files of it hold some days of a busy `dev`, and neither is too long for an editor. */
export const LOG_ROTATE_BYTES = 10 * 1024 * 1024;

/** A log that has grown past `bytes` becomes `<file>.1`, in the place of the one before. */
export function rotateLog(file: string, bytes = LOG_ROTATE_BYTES): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > bytes) renameSync(file, `${file}.1`);
}
