// `longhaul tail RUN`: watches a run until its end, and leaves with its exit code.
import { recordedResult } from '../../recorded-result';
import type { CliContext } from '../context';
import { exitCodeOf } from '../exit-codes';
import { reachRun } from '../reach-run';
import { showResult } from '../show-result';
import { watchRun } from '../watch-run';

export async function tailCommand(context: CliContext, given: string): Promise<number> {
  const { output } = context;
  const { record, id, connect } = await reachRun(context, given);
  const ended = record && (await recordedResult(context.readStore(), record));
  const result = ended ?? (await watchRun(output, (await connect()).client.run(id), (event) => output.jsonLine(event)));
  output.jsonLine({ type: 'result', result });
  showResult(output, result);
  return exitCodeOf(result.outcome);
}
