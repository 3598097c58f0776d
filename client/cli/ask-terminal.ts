// Asks whoever sits at the terminal what a run asks people.
import { createInterface } from 'node:readline/promises';
import { ClientError } from '../errors';
import type { RunHandle } from '../run-handle';
import { questionLine } from './question-line';
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
  /** Somebody else was faster, say. */
  const noteRefusal = (error: unknown): void => {
    if (!ClientError.isInstance(error) || error.code !== 'refused') throw error;
    output.note(output.safeLine(error.message));
  };
  const lines = createInterface({ input: terminal.input, output: terminal.output });
  try {
    for (const request of await run.requests()) {
      const by = request.subRun ? `${request.subRun.agent} ` : '';
      output.note(`${by}${request.number}  ${output.safeLine(questionLine(request))}`);
      if (request.again !== undefined) output.note(`asked again: ${output.safeLine(request.again)}`);
      const ask = request.kind === 'approval' ? 'approve it?' : 'try it again?';
      const said = (await lines.question(`${ask} [y]es, [n]o, [l]ater: `)).trim().toLowerCase();
      if (!/^[yn]/.test(said)) return false;
      const about = said.startsWith('n') ? await reason(lines) : {};
      await (said.startsWith('y') ? run.approve(request) : run.deny(request, about)).catch(noteRefusal);
    }
    return true;
  } catch (error) {
    // Ctrl-C and Ctrl-D leave it for later.
    if (error instanceof Error && error.name === 'AbortError') return false;
    throw error;
  } finally {
    lines.close();
  }
}

async function reason(lines: { question(query: string): Promise<string> }): Promise<{ reason?: string }> {
  const given = (await lines.question('why? (told to the model; nothing to leave it out): ')).trim();
  return given === '' ? {} : { reason: given.slice(0, 500) };
}
