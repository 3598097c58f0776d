// Shows a run as it goes, until its end.
import { dataConverterFor, type KeyRing } from '../../activities/keys';
import type { RunProgress } from '../../workflows/contract/run';
import type { ClientError } from '../errors';
import type { RunEvent } from '../run-events';
import type { RunHandle } from '../run-handle';
import type { RunResult } from '../run-result';
import { followRun } from '../follow-run';
import { pendingOf } from '../live-run';
import type { Output } from './output';
import { placeText } from './place-text';
import { shellWord } from '../shell-word';

/** A first retry comes after a second or so; asking costs the server a read. */
const RETRIES_EVERY_MS = 2_000;

/** Which of the two it is, the worker's log says. */
const GOES_ON =
  'It goes on when a worker has its code mended or, where its tasks ran out of time, has more of its machine';

/** @returns undefined where it is not watched to its end */
export async function watchRun(
  output: Output,
  run: RunHandle<unknown>,
  keys: KeyRing | undefined,
  onEvent: (event: RunEvent) => void = () => undefined,
  /** Asked where the run waits for a person: whether to go on watching. */
  onAsking: () => Promise<boolean> = () => Promise.resolve(true),
  /** Whether answers are shown while they come where no line can change in place, too. */
  alwaysTexts = false,
): Promise<RunResult<unknown> | undefined> {
  const unanswered = ({ code, message }: ClientError): void =>
    output.note(
      code === 'stuck'
        ? `${output.safeLine(message)} ${GOES_ON}; waiting`
        : 'no worker is running: waiting for one ("longhaul dev" or "longhaul worker")',
    );
  const retries = noteRetries(output, run, keys);
  let noted: string | undefined;
  try {
    for await (const event of followRun(run, unanswered)) {
      onEvent(event);
      if (event.type === 'step') output.step(event.step);
      else if (event.type === 'text') output.text(event, { always: alwaysTexts });
      else if (event.type === 'queued') output.note(`queued   ${placeText(event.place)}`);
      else {
        const text = statusText(output, run.id, event.progress);
        // Said again whenever a worker answers after one did not.
        if (text !== undefined && text !== noted) output.note(text);
        noted = text;
        // With a reason it waits, and people have been told.
        if (event.progress.status === 'asking' && event.progress.reason !== undefined && !(await onAsking()))
          return undefined;
      }
    }
  } finally {
    clearInterval(retries);
  }
  return await run.result();
}

function statusText(output: Output, id: string, { status, reason, requests = [] }: RunProgress): string | undefined {
  if (status === 'asking') {
    if (reason === undefined) return undefined;
    const answers = requests.map(({ number, subRun }) => `longhaul approve ${shellWord(subRun?.id ?? id)} ${number}`);
    return `asking ${output.safeLine(reason)}   ${answers.join(', ')}`;
  }
  if (status === 'paused') {
    const why = reason === undefined ? '' : `: ${output.safeLine(reason)}`;
    return `paused${why}   it goes on after: longhaul resume ${shellWord(id)}`;
  }
  return reason === undefined ? undefined : `${status}: ${output.safeLine(reason)}`;
}

/** Why a call takes so long: a run itself does not hear of attempts that failed and are made again. */
function noteRetries(output: Output, run: RunHandle<unknown>, keys: KeyRing | undefined): NodeJS.Timeout {
  const told = new Set<string>();
  const codecs = dataConverterFor(keys).payloadCodecs ?? [];
  const look = async (): Promise<void> => {
    for (const { what, attempt, lastFailure } of await pendingOf(await run.describe(), codecs)) {
      const text = `${what}, attempt ${attempt}${lastFailure === undefined ? '' : `: ${output.safeLine(lastFailure)}`}`;
      if (attempt > 1 && !told.has(text)) output.note(`retry    ${text}`);
      if (attempt > 1) told.add(text);
    }
  };
  // What keeps it from being told is told by the events.
  return setInterval(() => void look().catch(() => undefined), RETRIES_EVERY_MS).unref();
}
