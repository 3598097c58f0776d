// Ends this process with the one that started it, although a tool holds its only thread: a second one looks.
import { Worker } from 'node:worker_threads';

/** Costs a system call. What a killed parent leaves behind may act on the world for so long. */
const LOOK_MS = 500;

/** Plain text, because a thread cannot be started from a function. */
const WATCH = `
const { workerData } = require('node:worker_threads');
const { parent, every } = workerData;
const end = (pid) => { try { process.kill(pid, 'SIGKILL'); } catch {} };
setInterval(() => {
  if (process.ppid === parent) return;
  end(-process.pid);
  end(process.pid);
}, every);
`;

export function endWithParent(parent: number): void {
  new Worker(WATCH, { eval: true, workerData: { parent, every: LOOK_MS }, env: {} }).unref();
}

/** With all that tools have started: this process leads a group of its own. */
export function endGroup(): void {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } finally {
    process.exit();
  }
}
