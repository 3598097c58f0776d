// A command as it is typed, through the program's own options, in a project without a server.
import { errorLine, exitCodeOfError } from '../../client/cli/exit-codes';
import { createProgram } from '../../client/cli/program';
import { told, type Told } from './given';

/** @throws what the program says of a line that it cannot understand */
export async function typed(
  dir: string,
  line: string,
  options: { json?: boolean; env?: { [name: string]: string } } = {},
): Promise<Told> {
  let result: Told | undefined;
  const program = createProgram(async (_, command) => {
    result = await told(dir, command, options).catch((error: unknown) => ({
      ...{ code: exitCodeOfError(error), stdout: '', stderr: `error  ${errorLine(error)}\n` },
    }));
    return result.code;
  });
  const before = process.exitCode;
  try {
    await program.parseAsync(line.split(' '), { from: 'user' });
  } finally {
    process.exitCode = before;
  }
  if (!result) throw new Error(`nothing was run: ${line}`);
  return result;
}
