// One `dev` per folder. The lock is a row of numbered files, of which the highest counts; it is free when its holder
// released it or is dead. To take it is to create the next number, which only one process can: so a stale lock is taken
// over without ever deleting it, and two that find it stale at once cannot both get it.
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from './error-reason';
import { isAlive, ownIdentity, parseIdentity, type ProcessIdentity } from './process-identity';

/** What a holder tells the others about itself, such as the address of its server. */
export type FolderLockInfo = Readonly<Record<string, string | number | boolean>>;

export interface FolderLockHolder extends ProcessIdentity {
  info: FolderLockInfo;
}

export interface FolderLock {
  /** Replaces what {@link readFolderLock} tells others. */
  publish(info: FolderLockInfo): void;
  /** Gives the folder free. A process that dies without it leaves the folder free as well. */
  release(): void;
}

export type FolderLockResult = { acquired: true; lock: FolderLock } | { acquired: false; heldBy: FolderLockHolder };

type LockFile = FolderLockHolder & { released: boolean };

const FOLDER = 'lock';
const DIGITS = 8;
const NAME = /^\d{8}\.json$/;

/** Takes the folder for this process, or says who has it. A process that already has it is told its own pid. */
export function acquireFolderLock(stateDir: string, info: FolderLockInfo = {}): FolderLockResult {
  const folder = join(stateDir, FOLDER);
  // This makes the folder of the state, in most cases: what is kept there is for the owner's eyes.
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own: LockFile = { ...ownIdentity(), info, released: false };
  for (;;) {
    const last = readLast(folder);
    if (last.file && isHeld(last.file)) return { acquired: false, heldBy: withoutState(last.file) };
    const number = last.number + 1;
    if (!createWhole(folder, number, own)) continue;
    // Another may have gone further while this one slept between looking and creating: then its old numbers, and so
    // the one just created, are gone from the row and mean nothing.
    if (highest(folder) !== number) {
      rmSync(pathOf(folder, number), { force: true });
      continue;
    }
    removeBelow(folder, number);
    return { acquired: true, lock: lockOf(folder, number, own) };
  }
}

/** Who holds the folder now, and what it published; `undefined` when nobody does. */
export function readFolderLock(stateDir: string): FolderLockHolder | undefined {
  const { file } = readLast(join(stateDir, FOLDER));
  return file && isHeld(file) ? withoutState(file) : undefined;
}

function lockOf(folder: string, number: number, own: LockFile): FolderLock {
  let current = own;
  const replace = (next: LockFile) => {
    if (current.released) return;
    const temporary = writeTemporary(folder, next);
    renameSync(temporary, pathOf(folder, number));
    current = next;
  };
  return {
    publish: (info) => replace({ ...current, info }),
    // The file stays: were the row empty, a slow process could start it anew beside a quick one.
    release: () => replace({ ...current, released: true }),
  };
}

function isHeld(file: LockFile): boolean {
  return !file.released && isAlive(file);
}

function withoutState({ pid, startTime, info }: LockFile): FolderLockHolder {
  return { pid, startTime, info };
}

function readLast(folder: string): { number: number; file: LockFile | undefined } {
  for (;;) {
    const number = highest(folder);
    if (number === 0) return { number, file: undefined };
    try {
      return { number, file: parse(readFileSync(pathOf(folder, number), 'utf8')) };
    } catch (error) {
      // Removed between listing and reading by one that has a higher number: look again.
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}

function highest(folder: string): number {
  try {
    const numbers = readdirSync(folder).filter((name) => NAME.test(name));
    return Math.max(0, ...numbers.map((name) => Number.parseInt(name, 10)));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}

/** A file that a power loss emptied, or that is no lock at all, holds nothing. */
function parse(text: string): LockFile | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const identity = parseIdentity(value);
    if (!identity) return undefined;
    return { ...identity, info: infoOf(value), released: hasOwn(value, 'released') && value.released === true };
  } catch {
    return undefined;
  }
}

const hasOwn = <Name extends string>(value: unknown, name: Name): value is { [name in Name]: unknown } =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name);

/** What a later version tells in a form that this one does not know is left out. */
function infoOf(value: unknown): FolderLockInfo {
  const info: unknown = hasOwn(value, 'info') ? value.info : undefined;
  const told = Object.entries(typeof info === 'object' && info !== null ? info : {}).flatMap(
    ([name, entry]: [string, unknown]): [string, string | number | boolean][] =>
      typeof entry === 'string' || typeof entry === 'number' || typeof entry === 'boolean' ? [[name, entry]] : [],
  );
  return Object.fromEntries(told);
}

/** Creates a number with its content in one step, by a hard link; `false` when another was first. */
function createWhole(folder: string, number: number, content: LockFile): boolean {
  const temporary = writeTemporary(folder, content);
  try {
    linkSync(temporary, pathOf(folder, number));
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function writeTemporary(folder: string, content: LockFile): string {
  const path = join(folder, `${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  // A store's URL may hold a password.
  writeFileSync(path, JSON.stringify(content), { mode: 0o600 });
  return path;
}

function removeBelow(folder: string, number: number): void {
  for (const name of readdirSync(folder)) {
    if (NAME.test(name) && Number.parseInt(name, 10) < number) rmSync(join(folder, name), { force: true });
  }
}

function pathOf(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(DIGITS, '0')}.json`);
}
