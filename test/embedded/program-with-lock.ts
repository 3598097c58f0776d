// Run by tests: for each folder named on a line of standard input, tries to take its lock and prints who has it.
import { createInterface } from 'node:readline';
import { acquireFolderLock } from '../../infra/temporal/folder-lock';

console.log('ready');
createInterface({ input: process.stdin }).on('line', (stateDir) => {
  const result = acquireFolderLock(stateDir, { by: 'program' });
  console.log(result.acquired ? process.pid : -result.heldBy.pid);
});
