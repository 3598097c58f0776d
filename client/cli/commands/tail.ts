// `longhaul tail RUN`: watches a run until its end, and leaves with its exit code.
import { recordedResult } from '../../recorded-result';
import type { RunEvent } from '../../run-events';
import type { RunResult } from '../../run-result';
import type { CliContext, Connected } from '../context';
import { exitCodeOf } from '../exit-codes';
import { reachRun } from '../reach-run';
import { settledRecord } from '../settled-record';
import { showResult } from '../show-result';
import { watchRun } from '../watch-run';

export async function tailCommand(context: CliContext, given: string): Promise<number> {
  const { output } = context;
  const { record, id, connect } = await reachRun(context, given);
  const watched = async ({ client, temporal }: Connected): Promise<RunResult<unknown>> => {
    const run = client.run(id);
    const onEvent = (event: RunEvent): void => output.jsonLine(event);
    const watchedTo = await watchRun(output, run, context.settings.keys, onEvent, undefined, true);
    const result = watchedTo ?? (await run.result());
    // What it used before it was ended from outside stands in the store.
    const settled = record && (await settledRecord(store, temporal, record));
    return (settled && (await recordedResult(store, settled))) ?? result;
  };
  const store = context.readStore();
  const ended = record && (await recordedResult(store, record));
  const result = ended ?? (await watched(await connect()));
  output.jsonLine({ type: 'result', result });
  showResult(output, result);
  return exitCodeOf(result);
}
