// Where the sockets of a folder's workers are, and how one of them is spoken to: lines of JSON both ways.
import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { socketAddress } from '../store/socket-address';

const FOLDER = 'streams';
/** A file of no content for each worker: its socket may be elsewhere, where the path is too long for one. */
const MARK = /^([0-9]+-[0-9a-f]{16})\.worker$/;

export const newSocketName = (pid: number): string => `${pid}-${randomBytes(8).toString('hex')}`;
export const streamsFolder = (stateDir: string): string => path.join(stateDir, FOLDER);
export const markOf = (stateDir: string, name: string): string => path.join(streamsFolder(stateDir), `${name}.worker`);
export const addressOf = (stateDir: string, name: string): string =>
  socketAddress(path.join(streamsFolder(stateDir), `${name}.sock`));

/** @returns the names of the workers that were there last, dead ones among them */
export async function listSockets(stateDir: string): Promise<string[]> {
  // No worker has made it yet, as a rule; whatever else it is, there is nothing to read.
  const files = await readdir(streamsFolder(stateDir)).catch(() => []);
  return files.flatMap((file) => MARK.exec(file)?.[1] ?? []);
}

/** What workers that were killed left behind. Where somebody answers, nothing is touched. */
export async function removeAbandoned(stateDir: string): Promise<void> {
  for (const name of await listSockets(stateDir)) {
    const address = addressOf(stateDir, name);
    if (await answers(address)) continue;
    await rm(address, { force: true });
    await rm(markOf(stateDir, name), { force: true });
  }
}

const answers = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createConnection(address);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Only a refusal, or no socket at all, says that nobody is there.
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });

const whole = z.int().min(0);
/** What a reader says first, and alone. */
export const helloSchema = z.object({
  run: z.string().min(1).max(1_000),
  after: z.object({ begunAt: whole, sequence: whole }).optional(),
});
export const textEventSchema = z.object({
  run: z.string(),
  turn: whole,
  attempt: whole,
  begunAt: whole,
  sequence: whole,
  text: z.string(),
});

/** @returns what parts bytes into whole lines. It throws RangeError where one is longer than `most` characters */
export function createLineReader(most: number): (chunk: string) => string[] {
  let left = '';
  return (chunk) => {
    const lines = (left + chunk).split('\n');
    left = lines.pop() ?? '';
    if (left.length > most) throw new RangeError('a line has no end.');
    return lines;
  };
}

/** @returns undefined where it is not what the schema says */
export function parseLine<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
