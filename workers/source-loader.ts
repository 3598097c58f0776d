// Runs a user's TypeScript or JavaScript as it stands on the disk: no build step, and no cache between two loads.
import { createRequire } from 'node:module';
import path from 'node:path';
import { createJiti } from 'jiti';
import * as zod from 'zod';
import * as publicApi from '../activities/define';
import { codeOf, messageOf, stackOf } from '../infra/temporal/error-reason';

export const SOURCE_EXTENSIONS: readonly string[] = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/** Where the code of a user went wrong, in one line. */
export interface SourceProblem {
  /** Absolute. */
  file: string;
  /** From 1. */
  line?: number;
  message: string;
}

/** @returns `agents/x/agent.ts:3: message`, with the path as seen from `from` */
export function problemLine({ file, line, message }: SourceProblem, from: string): string {
  return `${path.relative(from, file) || file}${line === undefined ? '' : `:${line}`}: ${message}`;
}

/** Keeps compiled text, by its source's hash, inside the project: the system's temporary folder belongs to everybody. */
export const compileCache = (stateDir: string): string => path.join(stateDir, 'cache', 'jiti');

/**
 * Evaluates a module and all that it imports anew, apart from installed packages.
 * @returns its exports
 * @throws whatever the module throws; see `sourceProblem`
 */
export async function loadSource(file: string, options: { cacheDir: string }): Promise<{ [name: string]: unknown }> {
  const jiti = createJiti(file, {
    moduleCache: false,
    fsCache: options.cacheDir,
    // A definition is made by the code that will run it, wherever the folder lies and whatever is installed there.
    virtualModules: { longhaul: publicApi, ...(resolves('zod', file) ? {} : { zod, 'zod/v4': zod }) },
  });
  try {
    // As CommonJS: then zod is one module for the agent and for us, and import order is the order of the text.
    return exportsOf(jiti(file));
  } catch (error) {
    if (!needsAsync(error)) throw error;
    return exportsOf(await jiti.import(file));
  }
}

const exportsOf = (loaded: unknown): { [name: string]: unknown } =>
  typeof loaded === 'object' && loaded !== null ? { ...loaded } : {};

/** Whether loading as CommonJS failed only because the module awaits at its top level. */
export const needsAsync = (error: unknown): boolean =>
  codeOf(error) === 'ERR_REQUIRE_ASYNC_MODULE' || messageOf(error).startsWith('await is only valid in async functions');

/** Whether a package is installed where `from` would look for it. */
export function resolves(name: string, from: string): boolean {
  try {
    createRequire(from).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** A frame of a stack (`at run (/a/b.ts:3:7)`), or the place a compiler adds to its message. */
const PLACE = /^\s*(?:at )?(?:.*\()?(?:file:\/\/)?((?:[A-Za-z]:)?[^():]+):(\d+)(?::\d+)?\)?\s*$/;

/** @param known files whose lines mean something to the user; the first of them stands for the whole */
export function sourceProblem(error: unknown, known: readonly [string, ...string[]]): SourceProblem {
  const message = messageOf(error);
  const first = message.split('\n', 1)[0]?.trim() ?? '';
  const text = first.replace(/^ParseError: /, '') || 'failed without a message';
  for (const frame of `${message}\n${stackOf(error)}`.split('\n')) {
    const [, file, line] = PLACE.exec(frame) ?? [];
    if (file !== undefined && known.includes(path.resolve(file)))
      return { file: path.resolve(file), line: Number(line), message: text };
  }
  return { file: known[0], message: text };
}
