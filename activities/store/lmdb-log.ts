// What lmdb-js says of a commit that failed: it writes the error to the console, stack and all, and then rejects with it, so whoever
// asked hears of it in one line. It takes no logger, so its words are kept off the console while a commit is under way.
import { isNativeError } from 'node:util/types';

type Log = typeof console.error;

let underWay = 0;
let written: Log | undefined;
let quiet: Log | undefined;

export async function withoutItsLog<T>(commit: () => Promise<T>): Promise<T> {
  if (underWay++ === 0) begin();
  try {
    return await commit();
  } finally {
    if (--underWay === 0) end();
  }
}

function begin(): void {
  const log = console.error;
  written = log;
  quiet = (...said) => {
    if (!isItsError(said[0])) log.apply(console, said);
  };
  console.error = quiet;
}

/** Who has replaced it meanwhile keeps what is theirs. */
function end(): void {
  if (written && console.error === quiet) console.error = written;
}

const isItsError = (said: unknown): boolean =>
  isNativeError(said) && 'code' in said && typeof said.code === 'number' && /[\\/]lmdb[\\/]/.test(said.stack ?? '');
