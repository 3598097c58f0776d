// Keeps the history of an execution, and of those that it went on as, in histories/.
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporalCli, type TestStack } from '../stack/test-stack';

const FOLDER = join(__dirname, 'histories');

/** As `temporal workflow show` writes it: the form in which a user would send one in. Which machine ran it is nobody's business. */
const show = (cli: string, address: string, id: string, runId: string): string =>
  execFileSync(cli, ['workflow', 'show', '-w', id, '-r', runId, '--address', address, '-o', 'json'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
    .replaceAll(/"identity": "[^"]*"/g, '"identity": "worker"')
    .replaceAll(/"stackTrace": "(?:[^"\\]|\\.)*"/g, '"stackTrace": ""');

/** A path that is kept already is never kept again. */
export const isKept = (name: string): boolean => readdirSync(FOLDER).some((file) => file.startsWith(`${name}-`));

/** @param name of the workflow's type and of the path through it */
export async function keepHistory(stack: TestStack, id: string, name: string, date: string): Promise<void> {
  if (isKept(name)) {
    process.stdout.write(`${name}: kept already\n`);
    return;
  }
  const runs: string[] = [];
  for await (const { runId } of stack.temporal.workflow.list({ query: `WorkflowId = '${id}'` })) runs.unshift(runId);
  for (const [nth, runId] of runs.entries()) {
    const file = join(FOLDER, `${name}${runs.length > 1 ? `-${nth + 1}` : ''}-${date}.json`);
    writeFileSync(file, show(await temporalCli(), stack.server.address, id, runId));
    process.stdout.write(`${file}\n`);
  }
}
