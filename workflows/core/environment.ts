// What the core is handed instead of the Temporal SDK, so that a whole run can be tested without a server, in milliseconds.
import type { AgentActivities, CallModelResult, CompactContextResult } from '../contract/activities';
import type { SpentDetails } from '../contract/cost';
import type { RunFailure } from '../contract/failures';
import type { AgentRunInput, AgentRunResult, ToolPlan } from '../contract/run';
import type { CallToolResult, ToolWait } from '../contract/tool-call';
import type { RunState } from './run-state';

export interface RunEnvironment {
  callModel(...args: [...Parameters<AgentActivities['callModel']>, summary: string]): Promise<CallModelResult>;
  compactContext(
    ...args: [...Parameters<AgentActivities['compactContext']>, summary: string]
  ): Promise<CompactContextResult>;
  callTool(
    ...args: [...Parameters<AgentActivities['callTool']>, plan: ToolPlan, summary: string]
  ): Promise<CallToolResult | ToolWait>;
  tellToolFailure: AgentActivities['tellToolFailure'];
  tellPeople: AgentActivities['tellPeople'];
  takeResult: AgentActivities['takeResult'];
  beginSubRun: AgentActivities['beginSubRun'];
  takeSubRun: AgentActivities['takeSubRun'];
  /** Starts the run of a sub-agent and waits for its end, however that is; of a cancel it is told, and waited for all the same. */
  runSubAgent(start: SubAgentStart, summary: string): Promise<SubAgentEnd>;
  /** Of one that cannot be waited for here. @returns whether there was one */
  cancelSubAgent(id: string): Promise<boolean>;
  takeMessage: AgentActivities['takeMessage'];
  takeRelease: AgentActivities['takeRelease'];
  endRun: AgentActivities['endRun'];
  /** Milliseconds since the epoch, by a clock that replays. */
  now(): number;
  /** Resolves with true once `holds`, with false after `timeoutMs`; rejects when the run is cancelled. */
  until(holds: () => boolean, timeoutMs: number, summary: string): Promise<boolean>;
  /** Runs `work` to its end even when the run is cancelled. */
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
  /** Someone asked for the end of the run: the next call or wait rejects. */
  isCancelled(): boolean;
  /** What an error means: a failure, a cancellation, or undefined for a bug, which must be thrown on. */
  meaningOf(error: unknown): RunFailure | 'cancelled' | undefined;
  /** What a model call that was stopped or has failed had taken, estimated. */
  spentBy(error: unknown): SpentDetails | undefined;
  /** Whether what comes back by itself is waited for without a person: runs of before paused. */
  waitsByItself(): boolean;
  /** The history is long enough to be left behind. */
  shouldContinueAsNew(): boolean;
  /** The same, in the middle of a turn that waits for the model or for tools: which runs of before did not ask. */
  shouldContinueWhileWaiting(): boolean;
  /**
   * Asked where the history is long: whether the calls of a turn leave it together, once none of them is under way, and whether it is left
   * while what is away is waited for. Runs of before left when the last call had slept to its end, or not at all.
   */
  leavesAtRest(): boolean;
  /** Whether a tool that has begun its work is asked again whatever the last question came to: runs of before called its outcome unknown. */
  asksAgain(): boolean;
  /** Whether a run does not take a release that lacks what its turn under way has called: runs of before took it. */
  staysForTools(): boolean;
}

export interface SubAgentStart {
  /** Of the run. */
  id: string;
  input: AgentRunInput;
  question: string;
}

export type SubAgentEnd =
  /** With its own record. */
  | { kind: 'ended'; result: AgentRunResult }
  /** Ended from outside. */
  | { kind: 'lost'; firstRunId: string; failure: RunFailure }
  /** An execution of before has begun it: it cannot be waited for here. */
  | { kind: 'elsewhere' };

/** One run, as the core's functions pass it around. */
export interface Run {
  readonly input: AgentRunInput;
  readonly state: RunState;
  /** The first execution's run id: it survives retries, resets and continue-as-new. */
  readonly firstRunId: string;
  readonly environment: RunEnvironment;
}
