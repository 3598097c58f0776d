// Binds signals, updates and queries to the state of a run. Validators refuse before anything reaches the history.
import { ApplicationFailure, setHandler, type CancellationScope } from '@temporalio/workflow';
import type { PersonDecision } from './contract/approval';
import type { CancelRequest, ExtendRequest, PauseRequest, SteerRequest } from './contract/run';
import type { TakeReleaseRequest } from './contract/take-release';
import type { Run } from './core/environment';
import {
  cancelRefusal,
  extendRefusal,
  extendRun,
  markCancelled,
  pauseRun,
  resumeRun,
  steerRefusal,
  steerRun,
} from './core/interventions';
import { decide, decisionRefusal } from './core/requests';
import { takeRelease, takeReleaseRefusal } from './core/take-release';
import { pendingApprovalsOf, progressOf, transcriptOf } from './core/run-views';
import {
  approveUpdate,
  cancelUpdate,
  denyUpdate,
  parentCancelledSignal,
  extendUpdate,
  pauseSignal,
  pendingApprovalsQuery,
  progressQuery,
  replaceUpdate,
  resumeSignal,
  steerUpdate,
  takeReleaseUpdate,
  transcriptQuery,
} from './messages';
import { showDetails } from './visibility';

export function bindHandlers(run: Run, work: CancellationScope): void {
  bindStops(run, work);
  bindDecisions(run);
  bindSteering(run);
  bindRelease(run);
  bindQueries(run);
}

function bindStops(run: Run, work: CancellationScope): void {
  const { state, input } = run;

  setHandler(
    pauseSignal,
    (request?: PauseRequest) => {
      pauseRun(run, request);
      showDetails(input, state);
    },
    { description: 'Stop before the next step; calls under way finish. Input: {"reason": "..."}, or nothing.' },
  );

  setHandler(
    resumeSignal,
    () => {
      resumeRun(run);
      showDetails(input, state);
    },
    { description: 'Go on after a pause, whoever or whatever paused the run.' },
  );

  setHandler(
    cancelUpdate,
    (request: CancelRequest) => {
      markCancelled(run, request);
      showDetails(input, state);
      work.cancel();
    },
    {
      description: 'End the run with a reason. Input: {"reason": "..."}',
      validator: (request: CancelRequest) => {
        const refusal = cancelRefusal(run, request);
        if (refusal !== undefined) throw new Error(refusal);
      },
    },
  );

  // Of a run that another waits for; Temporal's own cancel follows.
  setHandler(parentCancelledSignal, (request: CancelRequest) => {
    if (cancelRefusal(run, request) !== undefined) return;
    markCancelled(run, request);
    showDetails(input, state);
  });
}

function bindDecisions(run: Run): void {
  const { state, input } = run;
  for (const [update, verdict, description] of [
    [
      approveUpdate,
      'approve',
      'Let a call be made, or a failed one be tried again. Input: {"number": 1, "args": "..."}',
    ],
    [denyUpdate, 'deny', 'Refuse a call: the model is told. Input: {"number": 1, "args": "...", "reason": "..."}'],
    [
      replaceUpdate,
      'replace',
      'Give the result of a failed call. Input: {"number": 1, "args": "...", "result": "..."}',
    ],
  ] as const) {
    setHandler(
      update,
      (given: PersonDecision) => {
        decide(run, verdict, given);
        showDetails(input, state);
      },
      {
        description,
        validator: (given: PersonDecision) => {
          const refusal = decisionRefusal(run, verdict, given);
          if (refusal !== undefined) throw new Error(refusal);
        },
      },
    );
  }
}

function bindSteering(run: Run): void {
  const { state, input } = run;

  setHandler(
    steerUpdate,
    async (request: SteerRequest) => {
      const failure = await steerRun(run, request);
      showDetails(input, state);
      if (failure) throw ApplicationFailure.nonRetryable(failure.message, failure.type);
    },
    {
      description: 'Say something to the model before its next turn. Input: {"text": "..."}',
      validator: (request: SteerRequest) => {
        const refusal = steerRefusal(run, request);
        if (refusal !== undefined) throw new Error(refusal);
      },
    },
  );

  setHandler(
    extendUpdate,
    (request: ExtendRequest) => {
      extendRun(run, request);
      showDetails(input, state);
    },
    {
      description:
        'Let the run use more than its limits. Input: {"turns": 10, "toolCalls": 20, "tokens": 50000, "nanoUsd": 500000000, "wallMs": 3600000}',
      validator: (request: ExtendRequest) => {
        const refusal = extendRefusal(run, request);
        if (refusal !== undefined) throw new Error(refusal);
      },
    },
  );
}

function bindRelease(run: Run): void {
  const { state, input } = run;
  setHandler(
    takeReleaseUpdate,
    (request: TakeReleaseRequest) => {
      takeRelease(run, request);
      showDetails(input, state);
    },
    {
      description:
        'Go on with another release of its agent from the next turn on. Input: {"release": "...", "plan": {}}',
      validator: (request: TakeReleaseRequest) => {
        const refusal = takeReleaseRefusal(run, request);
        if (refusal !== undefined) throw new Error(refusal);
      },
    },
  );
}

function bindQueries(run: Run): void {
  setHandler(pendingApprovalsQuery, () => pendingApprovalsOf(run), {
    description: 'What the run asks people: numbers, tools, previews, deadlines.',
  });
  setHandler(progressQuery, () => progressOf(run), {
    description: 'Where the run is: status, counts, the last steps.',
  });
  setHandler(transcriptQuery, () => transcriptOf(run), { description: 'The last messages, as previews and hashes.' });
}
