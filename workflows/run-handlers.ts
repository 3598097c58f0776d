// Binds signals, updates and queries to the state of a run. Validators refuse before anything reaches the history.
import { setHandler, type CancellationScope } from '@temporalio/workflow';
import type { CancelRequest, PauseRequest, RunProgress, RunTranscript } from './contract/run';
import type { Run } from './core/environment';
import { note, pause, resume, statusOf } from './core/run-state';
import { cancelUpdate, pauseSignal, progressQuery, resumeSignal, transcriptQuery } from './messages';
import { showDetails } from './visibility';

/** A reason is shown on one line and kept in the history for ever. */
const REASON_CHARS = 500;

export function bindHandlers(run: Run, work: CancellationScope): void {
  const { state, input, environment } = run;
  const { kept } = state;

  setHandler(
    pauseSignal,
    (request?: PauseRequest) => {
      const reason = typeof request?.reason === 'string' ? request.reason.slice(0, REASON_CHARS) : 'asked to pause';
      if (state.result) return;
      pause(state, reason);
      note(state, { kind: 'pause', label: `paused: ${reason}` }, environment.now());
      showDetails(input, state);
    },
    { description: 'Stop before the next step; calls under way finish. Input: {"reason": "..."}, or nothing.' },
  );

  setHandler(
    resumeSignal,
    () => {
      if (!kept.paused) return;
      resume(state);
      note(state, { kind: 'resume', label: 'resumed' }, environment.now());
      showDetails(input, state);
    },
    { description: 'Go on after a pause, whoever or whatever paused the run.' },
  );

  setHandler(
    cancelUpdate,
    ({ reason }: CancelRequest) => {
      state.cancel = { reason };
      note(state, { kind: 'note', label: `cancelling: ${reason}` }, environment.now());
      showDetails(input, state);
      work.cancel();
    },
    {
      description: 'End the run with a reason. Input: {"reason": "..."}',
      validator: (request: CancelRequest) => {
        if (state.result) throw new Error(`the run has ended: ${state.result.outcome}`);
        if (state.cancel) throw new Error(`the run is being cancelled already: ${state.cancel.reason}`);
        if (
          typeof request?.reason !== 'string' ||
          request.reason.trim() === '' ||
          request.reason.length > REASON_CHARS
        ) {
          throw new Error(`give a reason of 1 to ${REASON_CHARS} characters: {"reason": "..."}`);
        }
      },
    },
  );

  setHandler(progressQuery, () => progressOf(run), {
    description: 'Where the run is: status, counts, the last steps.',
  });
  setHandler(transcriptQuery, () => transcriptOf(run), { description: 'The last messages, as previews and hashes.' });
}

function progressOf({ input, state }: Run): RunProgress {
  const { kept } = state;
  const reason = state.waiting ?? kept.paused?.reason ?? state.cancel?.reason;
  return {
    status: statusOf(state),
    ...(reason === undefined ? {} : { reason }),
    agent: input.agent,
    release: input.release,
    turn: kept.turn,
    head: kept.head,
    length: kept.length,
    totals: kept.totals,
    limits: input.plan.limits,
    steps: kept.steps,
    ...(state.result ? { result: state.result } : {}),
  };
}

const transcriptOf = ({ state: { kept } }: Run): RunTranscript => ({
  head: kept.head,
  length: kept.length,
  messages: kept.messages,
});
