// A process of its own, started by `longhaul test`: loads test files, whose tests then run by Node's runner in this process.
// Arguments: a folder for compiled text, then the files.
import { test } from 'node:test';
import path from 'node:path';
import { createJiti } from 'jiti';
import { needsAsync, problemLine, resolves, sourceProblem } from '../../workers/source-loader';

/** What a test file imports that is part of this package, or of its dependencies, for folders where it does not resolve by itself. */
const OURS: Readonly<Record<string, () => string>> = {
  longhaul: () => path.join(__dirname, '..', '..', 'activities', 'define', 'index.js'),
  'longhaul/testing': () => path.join(__dirname, '..', '..', 'test', 'kit', 'index.js'),
  zod: () => path.dirname(require.resolve('zod/package.json')),
};

async function loadTests(file: string, cacheDir: string): Promise<void> {
  // The longest name first: `longhaul` would also match the beginning of `longhaul/testing`.
  const names = Object.keys(OURS).sort((a, b) => b.length - a.length);
  const alias = Object.fromEntries(
    names.filter((name) => !resolves(name, file)).map((name) => [name, OURS[name]?.() ?? name]),
  );
  const jiti = createJiti(file, { fsCache: cacheDir, alias });
  try {
    // As CommonJS: then zod is one module for the agent, the test and us.
    jiti(file);
  } catch (error) {
    if (!needsAsync(error)) throw error;
    await jiti.import(file);
  }
}

/** Its frames would be the loader's and ours; the line that matters stands in the message. */
function withoutStack(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}

async function main([cacheDir = '', ...files]: readonly string[]): Promise<void> {
  for (const file of files) {
    try {
      await loadTests(file, cacheDir);
    } catch (error) {
      // A file that does not load is a test that failed, and keeps no other file from running.
      const problem = problemLine(sourceProblem(error, [file]), process.cwd());
      void test(`${path.relative(process.cwd(), file)} loads`, () => {
        throw withoutStack(problem);
      });
    }
  }
}

void main(process.argv.slice(2));
