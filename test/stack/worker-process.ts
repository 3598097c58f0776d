// A worker in a process of its own: a program of the tests, told what to do in its argument, that says when it is ready.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

export interface WorkerProcess {
  readonly pid: number;
  /** Resolves when it is gone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** It goes on. Not SIGUSR2: Temporal's SDK stops its workers then. */
  tell(signal: 'SIGSTOP' | 'SIGHUP'): void;
}

/**
 * @param program file, with its path
 * @param env beside this process's own
 * @throws Error with its last words where it ends before it is ready
 */
export async function startWorkerProcess<Options>(
  program: string,
  options: Options,
  env: { readonly [name: string]: string } = {},
): Promise<WorkerProcess> {
  const jiti = path.join(path.dirname(require.resolve('jiti')), 'jiti-cli.mjs');
  const child = spawn(process.execPath, [jiti, program, JSON.stringify(options)], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-2_000)));
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('ready')) resolve();
    });
    child.once('close', (code) => reject(new Error(`a worker ended with ${code}: ${said}`)));
  });
  return {
    pid: child.pid ?? 0,
    tell: (signal) => void child.kill(signal),
    end: async (signal) => {
      child.kill(signal);
      await gone;
    },
  };
}
