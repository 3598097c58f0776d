// `longhaul tail RUN`: watches a run until its end, and leaves with its exit code.
import { recordedResult } from '../../recorded-result';
import type { CliContext } from '../context';
import { exitCodeOf } from '../exit-codes';
import { followRun } from '../follow-run';
import { reachRun, type ReachableRun } from '../reach-run';
import type { RunResult } from '../../run-result';
import { showResult } from '../show-result';

export async function tailCommand(context: CliContext, given: string): Promise<number> {
  const { output } = context;
  const reached = await reachRun(context, given);
  const ended = reached.record && (await recordedResult(context.readStore(), reached.record));
  const result = ended ?? (await followed(context, reached));
  output.jsonLine({ type: 'result', result });
  showResult(output, result);
  return exitCodeOf(result.outcome);
}

async function followed({ output }: CliContext, { id, connect }: ReachableRun): Promise<RunResult<unknown>> {
  const run = (await connect()).client.run(id);
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
