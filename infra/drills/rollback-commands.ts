// Commands of the rollback drill, each typed in a process of its own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { builtCli, drillEnv, TOP } from './checkout';

export interface Said {
  startedAt: number;
  endedAt: number;
  code: number | null;
  stdout: string;
  stderr: string;
}

export type Commands = (args: readonly string[]) => Promise<Said>;

export interface CommandsAbout {
  stateDir: string;
  /** Folder of the agents. */
  agents: string;
  /** Of Temporal. */
  address: string;
  taskQueue: string;
  env: Readonly<Record<string, string>>;
}

export const rollbackCommands =
  ({ stateDir, agents, address, taskQueue, env }: CommandsAbout): Commands =>
  async (args) => {
    const startedAt = Date.now();
    const all = ['--agents', agents, '--state-dir', stateDir, '--task-queue', taskQueue, '--json', ...args];
    const child = spawn(process.execPath, [builtCli(), ...all], {
      cwd: TOP,
      env: drillEnv({ TEMPORAL_ADDRESS: address, LONGHAUL_STORE: `lmdb:${join(stateDir, 'store')}`, ...env }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { startedAt, endedAt: Date.now(), code, stdout, stderr };
  };
