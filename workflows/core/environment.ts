// What the core is handed instead of the Temporal SDK, so that a whole run can be tested without a server, in milliseconds.
import type { AgentActivities, CallModelResult, CompactContextResult } from '../contract/activities';
import type { RunFailure } from '../contract/failures';
import type { AgentRunInput, ToolPlan } from '../contract/run';
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
  endRun: AgentActivities['endRun'];
  /** Milliseconds since the epoch, by a clock that replays. */
  now(): number;
  /** Resolves with true once `holds`, with false after `timeoutMs`; rejects when the run is cancelled. */
  until(holds: () => boolean, timeoutMs: number, summary: string): Promise<boolean>;
  /** Runs `work` to its end even when the run is cancelled. */
  uninterrupted<T>(work: () => Promise<T>): Promise<T>;
  /** What an error means: a failure, a cancellation, or undefined for a bug, which must be thrown on. */
  meaningOf(error: unknown): RunFailure | 'cancelled' | undefined;
  /** Whether what comes back by itself is waited for without a person: runs of before paused. */
  waitsByItself(): boolean;
  /** The history is long enough to be left behind. */
  shouldContinueAsNew(): boolean;
  /** The same, in the middle of a turn that waits for the model or for tools: which runs of before did not ask. */
  shouldContinueWhileWaiting(): boolean;
}

/** One run, as the core's functions pass it around. */
export interface Run {
  readonly input: AgentRunInput;
  readonly state: RunState;
  /** The first execution's run id: it survives retries, resets and continue-as-new. */
  readonly firstRunId: string;
  readonly environment: RunEnvironment;
}
