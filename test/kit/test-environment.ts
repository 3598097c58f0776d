// What Temporal does for a run, in process: attempts, timers, cancellation. No I/O and no real time.
import { AsyncLocalStorage } from 'node:async_hooks';
import { ApplicationFailure } from '@temporalio/common';
import { beginSubRun } from '../../activities/begin-sub-run';
import { callModel } from '../../activities/call-model';
import { callTool } from '../../activities/call-tool';
import { compactContext } from '../../activities/compact-context';
import type { ActivityDeps, Attempt } from '../../activities/deps';
import { endRun } from '../../activities/end-run';
import { safeText } from '../../activities/redact';
import { spentBy, type ToldSpending } from '../../activities/gateway/money/spending';
import { takeMessage } from '../../activities/take-message';
import { takeRelease } from '../../activities/take-release';
import { takeResult } from '../../activities/take-result';
import { takeSubRun } from '../../activities/take-sub-run';
import { tellPeople } from '../../activities/tell-people';
import { tellToolFailure } from '../../activities/tell-tool-failure';
import type { SpentDetails } from '../../workflows/contract/cost';
import { isFailureType, isRetryable, type RunFailure } from '../../workflows/contract/failures';
import type { AgentRunInput } from '../../workflows/contract/run';
import { MODEL_BACKOFF, RECORD_BACKOFF, TOOL_BACKOFF, type Backoff } from '../../workflows/core/backoff';
import type { RunEnvironment, SubAgentEnd, SubAgentStart } from '../../workflows/core/environment';
import { TestSetupError } from './test-setup-error';
import type { VirtualClock } from './virtual-clock';
import { Cancelled, createWaits } from './waits';

export interface TestEnvironmentOptions {
  deps: ActivityDeps;
  input: AgentRunInput;
  clock: VirtualClock;
  id: string;
  runId: string;
  shouldContinueAsNew(): boolean;
  runSubAgent(start: SubAgentStart, cancelled: AbortSignal): Promise<SubAgentEnd>;
  cancelSubAgent(id: string): boolean;
}

export interface TestEnvironment {
  /** What the core is handed. */
  readonly run: RunEnvironment;
  /** As Temporal's own cancel: activities are told, waits end, nothing new is begun. */
  cancel(): void;
  /** Looks again at what waits: to be called after any change that a wait could be for. */
  wake(): void;
  /** Nothing is under way, and the run waits. */
  isWaiting(): boolean;
  /** When the first of the waits is over, in milliseconds since the epoch; Infinity when all of them are for an event. */
  nextTimer(): number;
  /** The next time that something begins, ends or is woken. */
  changed(): Promise<void>;
}

/** Taken when the module loads, so that a test's fake timers do not stop the run. */
const { setImmediate: nextTask } = globalThis;
export const soon = (): Promise<void> => new Promise((resolve) => nextTask(resolve));

class CallFailed extends Error {
  constructor(
    readonly failure: RunFailure,
    readonly spent: SpentDetails | undefined,
  ) {
    super(failure.message);
  }
}

interface Policy {
  attempts: number;
  backoff: Backoff;
}

/** The runs of sub-agents are the test's. */
const ONCE: Policy = { attempts: 1, backoff: TOOL_BACKOFF };

export function createTestEnvironment(options: TestEnvironmentOptions): TestEnvironment {
  const { deps, input, clock } = options;
  const cancellation = new AbortController();
  const shield = new AsyncLocalStorage<true>();
  const isShielded = (): boolean => shield.getStore() ?? false;
  const waits = createWaits(clock, cancellation.signal);
  let underWay = 0;

  const skip = async (delayMs: number): Promise<void> => {
    clock.moveTo(clock.now() + delayMs);
    await soon();
  };
  /** For retries without end: the test gets its turn between them, to mend what fails. */
  const waitOut = async (delayMs: number): Promise<void> => {
    underWay -= 1;
    await waits.until(() => false, delayMs, isShielded());
    underWay += 1;
  };
  const call = async <T>(policy: Policy, work: (attempt: Attempt) => Promise<T>): Promise<T> => {
    const signal = isShielded() ? new AbortController().signal : cancellation.signal;
    underWay += 1;
    try {
      return await attempts(
        policy,
        signal,
        (attempt) => work({ ...attempt, workflowId: options.id, runId: options.runId, signal }),
        policy.attempts === Infinity ? waitOut : skip,
      );
    } finally {
      underWay -= 1;
      waits.wake();
      // And again after whoever made the call has gone on: what it then decides may be what another call waits for.
      void soon().then(waits.wake);
    }
  };

  const { model } = input.plan;
  const recorded: Policy = { attempts: Infinity, backoff: RECORD_BACKOFF };
  const said: Policy = { attempts: 5, backoff: RECORD_BACKOFF };
  return {
    run: {
      callModel: (about) =>
        call({ attempts: model.attempts, backoff: MODEL_BACKOFF }, (attempt) => callModel(deps, about, attempt)),
      compactContext: (about) =>
        call({ attempts: model.attempts, backoff: MODEL_BACKOFF }, (attempt) => compactContext(deps, about, attempt)),
      callTool: (about, plan) =>
        call({ attempts: plan.attempts, backoff: TOOL_BACKOFF }, (attempt) => callTool(deps, about, attempt)),
      tellToolFailure: (about) => call(recorded, (attempt) => tellToolFailure(deps, about, attempt)),
      tellPeople: (about) => call(recorded, (attempt) => tellPeople(deps, about, attempt)),
      takeResult: (about) => call(recorded, (attempt) => takeResult(deps, about, attempt)),
      beginSubRun: (about) => call(recorded, (attempt) => beginSubRun(deps, about, attempt)),
      takeSubRun: (about) => call(recorded, (attempt) => takeSubRun(deps, about, attempt)),
      runSubAgent: (start) => call(ONCE, ({ signal }) => options.runSubAgent(start, signal)),
      cancelSubAgent: (id) => Promise.resolve(options.cancelSubAgent(id)),
      takeMessage: (about) => call(said, () => takeMessage(deps, about)),
      takeRelease: (about) => call(recorded, (attempt) => takeRelease(deps, about, attempt)),
      endRun: (about) => call(recorded, (attempt) => endRun(deps, about, attempt)),
      now: () => clock.now(),
      until: (holds, timeoutMs) => waits.until(holds, timeoutMs, isShielded()),
      uninterrupted: (work) => shield.run(true, work),
      isCancelled: () => cancellation.signal.aborted,
      meaningOf: (error) => {
        if (error instanceof Cancelled) return 'cancelled';
        return error instanceof CallFailed ? error.failure : undefined;
      },
      spentBy: (error) => (error instanceof Cancelled || error instanceof CallFailed ? error.spent : undefined),
      waitsByItself: () => true,
      shouldContinueAsNew: options.shouldContinueAsNew,
      shouldContinueWhileWaiting: options.shouldContinueAsNew,
      leavesAtRest: () => true,
      asksAgain: () => true,
      staysForTools: () => true,
    },
    cancel: () => {
      cancellation.abort(new Error('cancelled'));
      waits.wake();
    },
    wake: waits.wake,
    isWaiting: () => underWay === 0 && waits.any(),
    nextTimer: waits.nextTimer,
    changed: waits.changed,
  };
}

/** One call with its retries: what Temporal's server does, by the policy that production declares. */
async function attempts<T>(
  { attempts: most, backoff }: Policy,
  signal: AbortSignal,
  work: (attempt: Pick<Attempt, 'number' | 'told' | 'tell'>) => Promise<T>,
  wait: (delayMs: number) => Promise<void>,
): Promise<T> {
  let told: ToldSpending | undefined;
  const tell = (details: ToldSpending): void => {
    told = details;
  };
  for (let number = 1; ; number += 1) {
    if (signal.aborted) throw new Cancelled();
    try {
      return await work({ number, told, tell });
    } catch (error) {
      if (error instanceof TestSetupError) throw error;
      if (signal.aborted) throw new Cancelled(spentBy(error));
      const failed = failureOf(error);
      const isFinal = !isRetryable(failed.type) || (error instanceof ApplicationFailure && error.nonRetryable === true);
      if (isFinal || number >= most) throw new CallFailed(failed, spentBy(error));
      const asked = error instanceof ApplicationFailure ? error.nextRetryDelay : undefined;
      await wait(typeof asked === 'number' ? asked : delayAfter(number, backoff));
    }
  }
}

const delayAfter = (attempt: number, { initialInterval, backoffCoefficient, maximumInterval }: Backoff): number =>
  Math.min(maximumInterval, initialInterval * backoffCoefficient ** (attempt - 1));

function failureOf(error: unknown): RunFailure {
  if (error instanceof ApplicationFailure && isFailureType(error.type)) {
    return { type: error.type, message: error.message };
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { type: 'Runtime.Unexpected', message: safeText(text) };
}
