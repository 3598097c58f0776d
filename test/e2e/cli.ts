// What the end-to-end tests share: the built command line as a process of its own, in a scratch folder, with an environment in which
// nothing of the tester's machine shows.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { processStartTime } from '../../infra/temporal/process-identity';
import { temporalCli } from '../stack/test-stack';

export const TOP = path.join(__dirname, '..', '..');
export const CLI = path.join(TOP, 'dist', 'client', 'cli', 'main.js');

export interface Ended {
  /** Null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningProcess {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  stdout(): string;
  stderr(): string;
  /** Resolves with the match once either stream holds one. @throws with all that was said, when the process ends without it */
  saying(pattern: RegExp): Promise<RegExpExecArray>;
  /** As a person types it. Of a process that was started with `typed`. */
  type(text: string): void;
  kill(signal: NodeJS.Signals): void;
}

export interface StartOptions {
  cwd: string;
  env?: Readonly<Record<string, string>>;
  /** Whether something is typed at it. @default false: its input is empty */
  typed?: boolean;
}

/** An empty folder, gone when the tests of the file have ended. */
export function scratchFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'longhaul-e2e-')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** npm and npx would tell a command where they were called, jest and node:test that it is a test. */
const OF_THE_TESTER =
  /^(TEMPORAL_|LONGHAUL_|OPENAI_|ANTHROPIC_|npm_(?!config_)|npm_config_local_prefix$|INIT_CWD$|NODE_OPTIONS$|NODE_TEST_CONTEXT$|JEST_|FORCE_COLOR$)/;

export async function cleanEnv(own: Readonly<Record<string, string>> = {}): Promise<NodeJS.ProcessEnv> {
  const inherited = Object.entries(process.env).filter(([name]) => !OF_THE_TESTER.test(name));
  return {
    ...Object.fromEntries(inherited),
    // One download for all tests of this checkout.
    LONGHAUL_TEMPORAL_CLI: await temporalCli(),
    // No profile of the tester's.
    XDG_CONFIG_HOME: path.join(tmpdir(), 'longhaul-e2e-no-such-folder'),
    ...own,
  };
}

const running = new Set<ChildProcess>();

export async function start(
  program: string,
  args: readonly string[],
  { cwd, env, typed = false }: StartOptions,
): Promise<RunningProcess> {
  const child = spawn(program, args, {
    ...{ cwd, env: await cleanEnv(env) },
    stdio: [typed ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const said = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, ...said });
    });
  });
  return {
    pid: child.pid ?? 0,
    ended,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    saying: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): boolean => {
          const match = pattern.exec(said.stdout) ?? pattern.exec(said.stderr);
          if (match) resolve(match);
          return match !== null;
        };
        if (look()) return;
        listeners.add(look);
        const gone = ({ code, stdout, stderr }: Ended): void => {
          if (!look()) reject(new Error(`ended with ${code} without ${String(pattern)}:\n${stdout}\n${stderr}`));
        };
        ended.then(gone, reject);
      }),
    type: (text) => void child.stdin?.write(text),
    kill: (signal) => void child.kill(signal),
  };
}

export const startCli = (args: readonly string[], options: StartOptions): Promise<RunningProcess> =>
  start(process.execPath, [CLI, ...args], options);

const inShell = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** At a pseudo-terminal, which util-linux's `script` makes. Both streams come out as one, with the line ends of a terminal. */
export const startAtTerminal = (args: readonly string[], options: StartOptions): Promise<RunningProcess> =>
  start('script', ['-qefc', [process.execPath, CLI, ...args].map(inShell).join(' '), '/dev/null'], {
    ...options,
    typed: true,
  });

/** macOS and BSD have another one. */
export const hasTerminals = (): boolean => spawnSync('script', ['-qefc', 'true', '/dev/null']).status === 0;

/** The last ones, for `test/environment.cjs` to print where a test fails. */
const commandsOfTest: string[] = [];
Object.assign(globalThis, { commandsOfTest });
const COMMANDS_KEPT = 5;
const CHARACTERS_KEPT = 2_000;

export async function cli(args: readonly string[], options: StartOptions): Promise<Ended> {
  const command = await startCli(args, options);
  const ended = await command.ended;
  commandsOfTest.push(`longhaul ${args.join(' ')} ended with ${ended.code}:\n${ended.stderr.slice(-CHARACTERS_KEPT)}`);
  commandsOfTest.splice(0, commandsOfTest.length - COMMANDS_KEPT);
  return ended;
}

/** What a failed expectation in between left running. Each ends its own servers. */
afterAll(async () => {
  for (const child of [...running]) {
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await gone;
  }
});

/** A run's id, as `run` says it. */
export const runId = (text: string): string => {
  const id = /^run +(run_\w+)/m.exec(text)?.[1];
  if (id === undefined) throw new Error(`no run was started:\n${text}`);
  return id;
};

/** Of the embedded server of a folder; undefined once it has ended. */
export function temporalPid(folder: string): number | undefined {
  const file = path.join(folder, '.longhaul', 'temporal.pid');
  if (!existsSync(file)) return undefined;
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return content instanceof Object && 'pid' in content ? Number(content.pid) : undefined;
}

/** One that waits to be reaped by whoever has inherited it has ended. */
export const isRunning = (pid: number): boolean => processStartTime(pid) !== undefined;

const POLL_MS = 50;

/** @throws when it does not hold within `timeoutMs` */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`after ${timeoutMs} ms there is still no: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
