// One run of a test: the pure core in an environment without a server, and what a test may see and do of it.
import { durationMs, type Duration } from '../../activities/define/duration';
import type { RunFailure } from '../../workflows/contract/failures';
import type { PersonRequest, Verdict } from '../../workflows/contract/approval';
import type { JsonValue, Message } from '../../workflows/contract/message';
import type {
  AgentRunResult,
  ExtendRequest,
  Outcome,
  RunProgress,
  RunTotals,
  Step,
} from '../../workflows/contract/run';
import type { Run } from '../../workflows/core/environment';
import {
  cancelRefusal,
  extendRefusal,
  extendRun,
  markCancelled,
  pauseRun,
  resumeRun,
  steerRefusal,
  steerRun,
} from '../../workflows/core/interventions';
import { decide, decisionRefusal } from '../../workflows/core/requests';
import { pendingApprovalsOf, progressOf } from '../../workflows/core/run-views';
import { createExecution, type Execution, type ExecutionOptions } from './test-execution';
import type { TestApproval, TestDecision, TestPeople } from './test-people';
import type { VirtualClock } from './virtual-clock';

/** What may be done to a run while it is under way: handed to tool overrides and to a model that is a function. */
export interface RunControls {
  /** Calls under way finish; nothing new is begun. */
  pause(reason?: string): void;
  /** Ends a pause, whoever or whatever began it. */
  resume(): void;
  /** Without a reason: as Temporal's own cancel. @throws Error when the run has ended or is being cancelled already */
  cancel(reason?: string): void;
  /** Lets this much of the run's time pass, and none of the test's. */
  advance(time: Duration): void;
  /** Says something that the model hears before its next turn. @throws Error when the run refuses it; so does `extend` */
  steer(text: string): Promise<void>;
  /** Lets it use more than its limits. */
  extend(added: ExtendRequest): void;
  progress(): RunProgress;
}

/** What a run waits for. Of what it asks a person: what that is. */
export interface TestWait extends Partial<PersonRequest> {
  reason: string;
}

/** The end of a run: a union on the outcome. */
export type TestResult<Output> = {
  totals: RunTotals;
  /** The newest steps, oldest first. */
  steps: Step[];
} & ({ outcome: 'completed'; output: Output } | { outcome: Exclude<Outcome, 'completed'>; failure: RunFailure });

/** `pause`, `resume`, `cancel` and `advance` resolve when the run waits again, or has ended. */
export interface TestRun<Output, Call> {
  readonly id: string;
  /**
   * Goes on to the end; waits for a time are over at once.
   * @throws Error when the run waits for what only the test can do, or when the script is at its end
   */
  result(): Promise<TestResult<Output>>;
  /** What the run waits for, once nothing of it is under way. */
  readonly waitingFor: TestWait | undefined;
  /** What it asks people, oldest first. */
  readonly requests: readonly PersonRequest[];
  /** @throws Error when nothing is asked, or the run refuses it; so do `deny` and `replace` */
  approve(about?: TestApproval): Promise<void>;
  deny(about?: TestDecision): Promise<void>;
  /** Gives the result of a call that has failed for good. */
  replace(result: JsonValue, about?: TestDecision): Promise<void>;
  /** Every message so far, in full. */
  transcript(): Promise<Message[]>;
  /** Model requests and tool calls, in the order they were begun; every attempt is one. */
  readonly calls: readonly Call[];
  progress(): RunProgress;
  pause(reason?: string): Promise<void>;
  resume(): Promise<void>;
  cancel(reason?: string): Promise<void>;
  /** Says something that the model hears before its next turn. @throws Error when the run refuses it; so does `extend` */
  steer(text: string): Promise<void>;
  /** Lets it use more than its limits. */
  extend(added: ExtendRequest): Promise<void>;
  advance(time: Duration): Promise<void>;
}

export interface StartTestRunOptions<Output, Call> extends ExecutionOptions {
  people: TestPeople;
  calls: readonly Call[];
  readOutput(result: AgentRunResult): Promise<Output>;
  /** Told before the run begins, so that calls can reach it. */
  onControls(controls: RunControls): void;
}

/** Waits of a run that `result()` sits out: far more than a test has, and few enough to end a run that would wait for ever. */
const WAITS_MAX = 1_000;

/** Resolves when the run waits for something, or has ended. */
export async function startTestRun<Output, Call>(
  options: StartTestRunOptions<Output, Call>,
): Promise<TestRun<Output, Call>> {
  const { id, clock, deps } = options;
  const execution = createExecution(options);
  const controls = controlsOf(execution, clock);
  options.onControls(controls);
  execution.start();
  await execution.settled();

  const settledAfter = async (act: () => void): Promise<void> => {
    act();
    await execution.settled();
  };
  const decideAs = async (verdict: Verdict, about: TestApproval & { result?: JsonValue }): Promise<void> => {
    const run = execution.run();
    const given = await options.people.decisionOf(pendingApprovalsOf(run), verdict, about, {
      store: deps.store.of(options.input.tenant),
      now: clock.now(),
    });
    const refusal = decisionRefusal(run, verdict, given);
    if (refusal !== undefined) throw new Error(refusal);
    await settledAfter(() => {
      decide(run, verdict, given);
      execution.environment().wake();
    });
  };
  return {
    id,
    calls: options.calls,
    get waitingFor() {
      const { reason } = controls.progress();
      const [asked] = pendingApprovalsOf(execution.run());
      return execution.environment().isWaiting() ? { ...asked, reason: reason ?? 'not given' } : undefined;
    },
    get requests() {
      return pendingApprovalsOf(execution.run());
    },
    approve: (about = {}) => decideAs('approve', about),
    deny: (about = {}) => decideAs('deny', about),
    replace: (result, about = {}) => decideAs('replace', { ...about, result }),
    progress: controls.progress,
    pause: (reason) => settledAfter(() => controls.pause(reason)),
    resume: () => settledAfter(controls.resume),
    cancel: (reason) => settledAfter(() => controls.cancel(reason)),
    steer: async (text) => {
      await controls.steer(text);
      await execution.settled();
    },
    extend: (added) => settledAfter(() => controls.extend(added)),
    advance: (time) => settledAfter(() => controls.advance(time)),
    transcript: async () => {
      const { head, append } = execution.run().state.kept;
      const linked = head === null ? [] : await deps.conversation.originals(head, id);
      const added = await deps.conversation.messages(append.map(({ hash }) => hash));
      return [...linked.map(({ message }) => message), ...added];
    },
    result: async () => {
      const result = await finish(execution, clock, controls);
      const about = { totals: result.totals, steps: execution.run().state.kept.steps };
      if (result.outcome === 'completed')
        return { ...about, outcome: result.outcome, output: await options.readOutput(result) };
      if (!result.failure) throw new Error(`the run ended as ${result.outcome} without a failure.`);
      return { ...about, outcome: result.outcome, failure: result.failure };
    },
  };
}

function controlsOf(execution: Execution, clock: VirtualClock): RunControls {
  const wakeAfter = (act: (run: Run) => void): void => {
    act(execution.run());
    execution.environment().wake();
  };
  return {
    pause: (reason) => wakeAfter((run) => pauseRun(run, reason === undefined ? undefined : { reason })),
    resume: () => wakeAfter(resumeRun),
    cancel: (reason) => {
      const run = execution.run();
      if (run.state.result) throw new Error(`the run has ended: ${run.state.result.outcome}`);
      if (reason !== undefined) {
        const refusal = cancelRefusal(run, { reason });
        if (refusal !== undefined) throw new Error(refusal);
        markCancelled(run, { reason });
      }
      execution.environment().cancel();
    },
    steer: async (text) => {
      const run = execution.run();
      const refusal = steerRefusal(run, { text });
      if (refusal !== undefined) throw new Error(refusal);
      const failure = await steerRun(run, { text });
      if (failure) throw new Error(failure.message);
    },
    extend: (added) =>
      wakeAfter((run) => {
        const refusal = extendRefusal(run, added);
        if (refusal !== undefined) throw new Error(refusal);
        extendRun(run, added);
      }),
    advance: (time) => wakeAfter(() => clock.moveTo(clock.now() + durationMs(time, 'advance'))),
    progress: () => progressOf(execution.run()),
  };
}

async function finish(execution: Execution, clock: VirtualClock, controls: RunControls): Promise<AgentRunResult> {
  for (let waits = 0; ; waits += 1) {
    await execution.settled();
    const result = execution.result();
    if (result) return result;
    const { status, reason } = controls.progress();
    if (waits > WAITS_MAX) throw new Error(`The run still waits after ${WAITS_MAX} waits (${reason ?? 'a retry'}).`);
    const timer = execution.environment().nextTimer();
    // A paused run with a wall-time limit would end by itself, but that is hardly what a test that forgot to resume it is about.
    if (status === 'asking') {
      const asked = pendingApprovalsOf(execution.run()).map(({ number, tool }) => `${number} (${tool})`);
      throw new Error(
        `The run asks a person: ${asked.join(', ')}. Call approve() or deny() before result(), or advance() past the deadline.`,
      );
    }
    if (status === 'paused' || timer === Infinity) {
      throw new Error(
        `The run is ${status} (${reason ?? 'no reason given'}), and only the test can end that: call resume() or cancel() before result().`,
      );
    }
    clock.moveTo(timer);
    execution.environment().wake();
  }
}
