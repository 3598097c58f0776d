// Shows a run as it goes, until its end.
import type { RunEvent, RunHandle } from '../run-handle';
import type { RunResult } from '../run-result';
import { followRun } from './follow-run';
import type { Output } from './output';

export async function watchRun(
  output: Output,
  run: RunHandle<unknown>,
  onEvent: (event: RunEvent) => void = () => undefined,
): Promise<RunResult<unknown>> {
  const noWorker = (): void =>
    output.note('no worker is running: waiting for one ("longhaul dev" or "longhaul worker")');
  for await (const event of followRun(run, noWorker)) {
    onEvent(event);
    if (event.type === 'step') output.step(event.step);
    else if (event.progress.reason !== undefined)
      output.note(`${event.progress.status}: ${output.safeLine(event.progress.reason)}`);
  }
  return await run.result();
}
