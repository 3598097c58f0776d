// `longhaul submit`: hands a run to the workers that are up, prints its id, and leaves.
import type { CliContext } from './context';
import { EXIT } from './exit-codes';
import { startedRun, type RunCommandOptions } from './run';

export async function submitCommand(
  context: CliContext,
  agent: string,
  text: string | undefined,
  options: RunCommandOptions,
): Promise<number> {
  const { client, close } = await context.connect();
  try {
    const run = await startedRun(client, { agent, text, options, cwd: context.cwd });
    context.output.json({ runId: run.id });
    context.output.line(run.id);
    return EXIT.completed;
  } finally {
    await close();
  }
}
