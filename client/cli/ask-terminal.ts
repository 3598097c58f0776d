// Asks whoever sits at the terminal what a run asks people.
import { createInterface } from 'node:readline/promises';
import { ClientError } from '../errors';
import type { RunHandle } from '../run-handle';
import type { RunRequest } from '../run-requests';
import { questionLine } from '../question-line';
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

/** @returns false where they leave it for later, or may not decide it */
export async function askTerminal(
  { output }: CliContext,
  run: RunHandle<unknown>,
  terminal: Terminal,
): Promise<boolean> {
  /** @returns whether it is still asked: where somebody else was faster it is not */
  const noteRefusal = async (error: unknown, refused: RunRequest): Promise<boolean> => {
    if (!ClientError.isInstance(error) || error.code !== 'refused') throw error;
    output.note(output.safeLine(error.message));
    return (await run.requests()).some((one) => one.run === refused.run && one.number === refused.number);
  };
  const lines = createInterface({ input: terminal.input, output: terminal.output });
  let isLeft = false;
  try {
    for (const request of await run.requests()) {
      const by = request.subRun ? `${request.subRun.agent} ` : '';
      output.note(`${by}${request.number}  ${output.safeLine(questionLine(request))}`);
      if (request.again !== undefined) output.note(`asked again: ${output.safeLine(request.again)}`);
      const ask = request.kind === 'approval' ? 'approve it?' : 'try it again?';
      const said = await answerTo(lines, `${ask} [y]es, [n]o, [l]ater: `);
      if (said === 'later') return false;
      const decided = said === 'yes' ? run.approve(request) : run.deny(request, await reason(lines, request));
      const isAsked = await decided.then(
        () => false,
        (error: unknown) => noteRefusal(error, request),
      );
      isLeft ||= isAsked;
    }
    return !isLeft;
  } catch (error) {
    // Ctrl-C and Ctrl-D leave it for later.
    if (error instanceof Error && error.name === 'AbortError') return false;
    throw error;
  } finally {
    lines.close();
  }
}

interface Lines {
  question(query: string): Promise<string>;
}

const ANSWERS = ['yes', 'no', 'later'] as const;

/** Asked until it is one of them, or its beginning: whoever mistypes has not decided. Nothing at all is for later. */
async function answerTo(lines: Lines, question: string): Promise<(typeof ANSWERS)[number]> {
  for (;;) {
    const said = (await lines.question(question)).trim().toLowerCase();
    const meant = said === '' ? 'later' : ANSWERS.find((answer) => answer.startsWith(said));
    if (meant) return meant;
  }
}

/** Of a call that has failed the model is told the failure alone. */
async function reason(lines: Lines, { kind }: RunRequest): Promise<{ reason?: string }> {
  const becomes = kind === 'approval' ? 'told to the model' : 'kept with the request';
  const given = (await lines.question(`why? (${becomes}; nothing to leave it out): `)).trim();
  return given === '' ? {} : { reason: given.slice(0, 500) };
}
