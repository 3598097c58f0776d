// Where a socket asked for at some path really is: both ends compute it, so both find the same place.
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** The address of a Unix socket holds 108 bytes on Linux and 104 on macOS, the final zero included. */
const ADDRESS_BYTES_MAX = 103;

/**
 * The path itself, or, where that is too long for a socket, one in a folder of this user under the system's temporary folder.
 * Makes the folder of the socket.
 * @throws Error when that folder belongs to somebody else, who could then stand in for the other end
 */
export function socketAddress(path: string): string {
  const absolute = resolve(path);
  if (Buffer.byteLength(absolute) <= ADDRESS_BYTES_MAX) {
    mkdirSync(dirname(absolute), { recursive: true, mode: 0o700 });
    return absolute;
  }
  const { uid } = userInfo();
  const folder = join(tmpdir(), `longhaul-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new Error(
      `${folder} is not a folder of this user alone: remove it, or choose a shorter path than ${absolute}.`,
    );
  }
  return join(folder, `${createHash('sha256').update(absolute).digest('hex').slice(0, 24)}.sock`);
}
