// Asks whoever sits at the terminal what a run asks people.
import { createInterface } from 'node:readline/promises';
import type { RunHandle } from '../run-handle';
import { questionLine } from './commands/decide';
import type { CliContext } from './context';

export interface Terminal {
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
}

/** Undefined where nobody can be asked: what is piped in is no answer. */
export const terminalOf = ({ output }: CliContext): Terminal | undefined =>
  process.stdin.isTTY && process.stderr.isTTY && !output.isJson
    ? { input: process.stdin, output: process.stderr }
    : undefined;

/** @returns false where they leave it for later */
export async function askTerminal(
  { output }: CliContext,
  run: RunHandle<unknown>,
  terminal: Terminal,
): Promise<boolean> {
  const lines = createInterface({ input: terminal.input, output: terminal.output });
  try {
    for (const request of await run.requests()) {
      output.note(`${request.number}  ${output.safeLine(questionLine(request))}`);
      const ask = request.kind === 'approval' ? 'approve it?' : 'try it again?';
      const said = (await lines.question(`${ask} [y]es, [n]o, [l]ater: `)).trim().toLowerCase();
      if (said.startsWith('y')) await run.approve(request.number);
      else if (said.startsWith('n')) await run.deny(request.number, await reason(lines));
      else return false;
    }
    return true;
  } finally {
    lines.close();
  }
}

async function reason(lines: { question(query: string): Promise<string> }): Promise<{ reason?: string }> {
  const given = (await lines.question('why? (told to the model; nothing to leave it out): ')).trim();
  return given === '' ? {} : { reason: given.slice(0, 500) };
}
