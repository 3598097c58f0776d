// The server creates its tables one by one and never again: killed in the middle of it, it leaves a database that no
// later start can use. So a database counts only once its server has answered; one that never came so far is begun anew.
import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** To be called before a server opens the database, by the one process that may. Removes what an earlier start left half made. */
export function beginDatabase(database: string): void {
  const marker = markerOf(database);
  if (existsSync(marker)) {
    // Nobody has been told of its server, so nothing was accepted that could be lost.
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${database}${suffix}`, { force: true });
  } else if (!existsSync(database)) {
    writeFileSync(
      marker,
      'The database beside this file is not finished. Without its server running, both may be deleted.\n',
    );
    syncFolderOf(database);
  }
}

/** To be called when the server answers, before anybody is told of it. */
export function finishDatabase(database: string): void {
  const marker = markerOf(database);
  if (!existsSync(marker)) return;
  rmSync(marker);
  // A power loss that brought the marker back would cost the whole database.
  syncFolderOf(database);
}

function markerOf(database: string): string {
  return `${database}.unfinished`;
}

function syncFolderOf(database: string): void {
  const folder = openSync(dirname(database), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
