import { spawn, type ChildProcess } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Control } from './control';
import { isRecord, parsedOrText, textOf } from './json';
import type { Counts, RequestRecord } from './ledger';
import type { ProcessOptions } from './main';

export interface ModelServerProcess {
  /** Base URL for a client; ends with `/v1`. */
  readonly url: string;
  readonly controlUrl: string;
  readonly pid: number;
  counts(): Promise<Counts>;
  /** As {@link RequestRecord}, with the body as text. */
  requests(): Promise<(Omit<RequestRecord, 'body'> & { readonly body?: string })[]>;
  control(change: Control): Promise<{ released: number }>;
  /** Ends the process; resolves when it is gone. */
  close(): Promise<void>;
}

/**
 * Starts a model server in a process of its own, which survives when a test kills the process group around it, and
 * stops by itself when the process that started it is gone. Rejects with what the process said when it cannot start.
 */
export async function startModelServerProcess(options: ProcessOptions = {}): Promise<ModelServerProcess> {
  const child = spawn(process.execPath, [...entry(), JSON.stringify({ exitWithStdin: true, ...options })], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own, so that a signal to the starter's group passes it by.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const { url, controlUrl, pid } = await firstLine(child);
  return {
    url,
    controlUrl,
    pid,
    counts: () => ask<Counts>(`${controlUrl}/__counts`),
    requests: () => ask(`${controlUrl}/__requests`),
    control: (change) => ask(`${controlUrl}/__control`, { method: 'POST', body: JSON.stringify(change) }),
    close: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** Compiled, the neighbouring file runs as it is; from source it needs a loader. */
function entry(): string[] {
  if (!__filename.endsWith('.ts')) return [join(__dirname, 'main.js')];
  return [join(dirname(require.resolve('jiti')), 'jiti-cli.mjs'), join(__dirname, 'main.ts')];
}

function firstLine(child: ChildProcess): Promise<{ url: string; controlUrl: string; pid: number }> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`The model server's process ended with ${code}: ${said.trim()}`)));
    if (!child.stdout) return;
    createInterface(child.stdout).once('line', (line) => {
      const ready = parsedOrText(line);
      const url = isRecord(ready) ? textOf(ready['url']) : undefined;
      const controlUrl = isRecord(ready) ? textOf(ready['controlUrl']) : undefined;
      if (url === undefined || controlUrl === undefined || child.pid === undefined) {
        reject(new Error(`The model server's process said ${JSON.stringify(line)} instead of its address.`));
      } else resolve({ url, controlUrl, pid: child.pid });
    });
  });
}

/** The other end is this same code, so its answers are not checked again. */
async function ask<Answer>(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return JSON.parse(text) as Answer;
}
