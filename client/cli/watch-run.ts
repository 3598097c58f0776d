// Shows a run as it goes, until its end.
import type { ClientError } from '../errors';
import type { RunEvent } from '../run-events';
import type { RunHandle } from '../run-handle';
import type { RunResult } from '../run-result';
import { followRun } from './follow-run';
import type { Output } from './output';

export async function watchRun(
  output: Output,
  run: RunHandle<unknown>,
  onEvent: (event: RunEvent) => void = () => undefined,
): Promise<RunResult<unknown>> {
  const unanswered = ({ code, message }: ClientError): void =>
    output.note(
      code === 'stuck'
        ? `${output.safeLine(message)} It goes on when a worker has its code mended; waiting`
        : 'no worker is running: waiting for one ("longhaul dev" or "longhaul worker")',
    );
  for await (const event of followRun(run, unanswered)) {
    onEvent(event);
    if (event.type === 'step') output.step(event.step);
    else if (event.progress.reason !== undefined)
      output.note(`${event.progress.status}: ${output.safeLine(event.progress.reason)}`);
  }
  return await run.result();
}
