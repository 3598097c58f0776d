// The program of a toolbox's own process: `toolbox-process.js <pid of its parent> <toolbox>`. Its environment is what environment.ts
// passes; what else it needs comes over the channel to its parent, and the store over a socket that only these two have an end of.
import { Socket } from 'node:net';
import { brokerToolStore } from '../../activities/store';
import { closeInheritedFiles } from './inherited-files';
import { toChildSchema, type FromChild } from './messages';
import { endGroup, endWithParent } from './parent-watch';
import { serveCalls, type ServedCalls } from './serve-calls';

/** As tool-process.ts opens it. */
const STORE_FD = 3;

function main(): void {
  closeInheritedFiles();
  endWithParent(Number(process.argv[2]));
  const socket = new Socket({ fd: STORE_FD, readable: true, writable: true });
  const toolStore = brokerToolStore(socket);
  const say = (message: FromChild): void => void process.send?.(message);
  const read = (name: string): string | undefined => process.env[name] || undefined;
  let served: ServedCalls | undefined;
  // Servers of MCP may have something to write before they end. The parent waits for it, and one that is dead is noticed by its watch.
  process.on('disconnect', () => void Promise.resolve(served?.close()).finally(endGroup));
  process.on('message', (raw) => {
    const message = toChildSchema.parse(raw);
    if (message.kind === 'begin') served = serveCalls({ begin: message, toolStore, read, say });
    // What is thrown here is a bug, and ends the process: its parent says so, and starts another.
    else void served?.receive(message);
  });
}

main();
