// A worker of a benchmark in a process of its own: a program of this folder, told what to do in its argument, that says when it is ready.
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** @throws Error with its last words where it ends before it is ready */
export async function startWorkerProcess<Options>(program: string, options: Options): Promise<ChildProcess> {
  const jiti = path.join(path.dirname(require.resolve('jiti')), 'jiti-cli.mjs');
  const file = path.join(__dirname, program);
  const child = spawn(process.execPath, [jiti, file, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-2_000)));
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('ready')) resolve();
    });
    child.once('close', (code) => reject(new Error(`a worker ended with ${code}: ${said}`)));
  });
  return child;
}
