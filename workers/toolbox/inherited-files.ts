// Files that the parent has open and this process was born with. LMDB opens its data without close-on-exec, so that every child has the
// store in its hands, writable, whatever its environment says.
import { closeSync, fstatSync, readdirSync } from 'node:fs';

/** Linux, and elsewhere. */
const LISTS = ['/proc/self/fd', '/dev/fd'];
const STANDARD_FDS = 3;

/** To be called before any file is opened here: those that are open then are nobody's. */
export function closeInheritedFiles(): void {
  for (const fd of openFds()) {
    try {
      if (fd >= STANDARD_FDS && fstatSync(fd).isFile()) closeSync(fd);
    } catch {
      // It was that of the listing itself.
    }
  }
}

function openFds(): number[] {
  for (const list of LISTS) {
    try {
      return readdirSync(list).map(Number);
    } catch {
      // The other one, then.
    }
  }
  throw new Error(`this process cannot tell which files it was born with: there is neither ${LISTS.join(' nor ')}.`);
}
