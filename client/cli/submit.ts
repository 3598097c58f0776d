// `longhaul submit`: hands a run to the workers that are up, prints its id, and leaves.
import type { CliContext } from './context';
import { EXIT } from './exit-codes';
import { noteUnrouted } from './unrouted-note';
import { placeText } from './place-text';
import { noteOtherKeys, publishedManifest, startRun, typedInput, typedRun, type RunCommandOptions } from './start-run';

export async function submitCommand(
  context: CliContext,
  agent: string,
  text: string | undefined,
  options: RunCommandOptions,
): Promise<number> {
  const typed = typedRun(context, agent, text, options);
  const connected = await context.connect();
  const { client, close } = connected;
  try {
    const manifest = await publishedManifest(context, client, agent);
    noteOtherKeys(context, manifest);
    const run = await startRun(client, typed, typedInput(manifest, typed));
    const { queued } = run;
    context.output.json({ runId: run.id, ...(queued ? { queued } : {}) });
    context.output.line(run.id);
    // Beside the id, which alone is what a script reads.
    if (queued) context.output.note(`queued  ${placeText(queued)}`);
    await noteUnrouted(context, connected);
    return EXIT.completed;
  } finally {
    await close();
  }
}
