// `longhaul tail RUN`: watches a run until its end, and leaves with its exit code.
import { recordedResult } from '../../recorded-result';
import type { CliContext } from '../context';
import { exitCodeOf } from '../exit-codes';
import { runIdOf } from '../find-run';
import { followRun } from '../follow-run';
import type { RunResult } from '../../run-result';
import { showResult } from '../show-result';

export async function tailCommand(context: CliContext, given: string): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const { id, record } = await runIdOf(store, given);
  const ended = record && (await recordedResult(store, record));
  const result = ended ?? (await followed(context, id));
  output.jsonLine({ type: 'result', result });
  showResult(output, result);
  return exitCodeOf(result.outcome);
}

async function followed(context: CliContext, id: string): Promise<RunResult<unknown>> {
  const { output } = context;
  const { client } = await context.connect();
  const run = client.run(id);
  const waiting = (): void =>
    output.note('no worker is running: waiting for one ("longhaul dev" or "longhaul worker")');
  for await (const event of followRun(run, waiting)) {
    output.jsonLine(event);
    if (event.type === 'step') output.step(event.step);
    else if (event.progress.reason !== undefined)
      output.note(`${event.progress.status}: ${output.safeLine(event.progress.reason)}`);
  }
  return await run.result();
}
