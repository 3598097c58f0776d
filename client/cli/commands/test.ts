// `longhaul test`: the tests beside the agents, by Node's own test runner, in TypeScript as it is saved. Nothing else is installed.
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { compileCache } from '../../../workers/source-loader';
import { hasCode } from '../../../infra/temporal/error-reason';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';

export interface TestOptions {
  /** Pattern of test names. */
  name?: string;
}

const TEST_FILE = /\.test\.(?:[cm]?[jt]s)$/;
const ENTRY = path.join(__dirname, '..', 'test-files.js');
const JSON_REPORTER = path.join(__dirname, '..', 'json-reporter.js');

/** @param filters parts of paths; files that contain one of them are run, all where there is none */
export async function testCommand(
  { output, settings, env }: CliContext,
  filters: readonly string[],
  { name }: TestOptions,
): Promise<number> {
  const files = (await testFiles(settings.agentsDir)).filter(
    (file) => filters.length === 0 || filters.some((filter) => file.includes(filter)),
  );
  if (files.length === 0) {
    const which = filters.length > 0 ? ' that fits' : '';
    output.error(`no tests: there is no *.test.ts${which} in ${settings.agentsDir}.`, 'no-tests');
    return EXIT.failed;
  }
  const reporter = output.isJson ? JSON_REPORTER : 'spec';
  const flags = [
    `--test-reporter=${reporter}`,
    '--test-reporter-destination=stdout',
    ...(name === undefined ? [] : [`--test-name-pattern=${name}`]),
  ];
  const code = await exitOf([...flags, ENTRY, compileCache(settings.stateDir), ...files], env, settings.project);
  return code === 0 ? EXIT.completed : EXIT.failed;
}

async function testFiles(dir: string): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const full = path.join(dir, entry.name);
    if (entry.isDirectory()) found.push(...(await testFiles(full)));
    else if (TEST_FILE.test(entry.name)) found.push(full);
  }
  return found.sort();
}

function exitOf(args: readonly string[], env: CliContext['env'], cwd: string): Promise<number> {
  // Set where this command is itself run by a test of node:test: the child would then answer in that one's own wire format.
  const { NODE_TEST_CONTEXT: _, ...rest } = env;
  const child = spawn(process.execPath, args, { stdio: 'inherit', env: rest, cwd });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
