// Binds the activities of a run to their ports.
import type { AgentActivities, CallToolInput } from '../workflows/contract/activities';
import { attended } from './attended';
import { beginSubRun } from './begin-sub-run';
import { callModel } from './call-model';
import { callTool } from './call-tool';
import { compactContext } from './compact-context';
import type { ActivityDeps, ActivityMetrics, Attempt, OfRelease } from './deps';
import { depsOf } from './deps-of-tenant';
import { endRun } from './end-run';
import { takeMessage } from './take-message';
import { takeRelease } from './take-release';
import { takeResult } from './take-result';
import { takeSubRun } from './take-sub-run';
import { tellPeople } from './tell-people';
import { tellToolFailure } from './tell-tool-failure';
import {
  observedCompaction,
  observedEnd,
  observedModelCall,
  observedSubRun,
  observedSubRunBegin,
  observedToolCall,
  type ToolObserveDeps,
} from './tracing/observed-calls';

export type ToolboxCall = (input: CallToolInput, attempt: Attempt) => ReturnType<AgentActivities['callTool']>;

interface Counted {
  metrics: Pick<ActivityMetrics, 'attemptFailed'>;
}

/** Whatever it fails with is counted. */
const counted = <T>(
  { metrics }: Counted,
  { agent, release }: OfRelease,
  activity: keyof AgentActivities,
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> => attended(work, (failure) => metrics.attemptFailed({ agent, release, activity, failure }));

type Observe<Input, Result> = (
  deps: ActivityDeps,
  input: Input,
  attempt: Attempt,
  work: (attempt: Attempt) => Promise<Result>,
) => Promise<Result>;

export function createActivities(all: ActivityDeps): AgentActivities {
  const made =
    <Input extends OfRelease & { tenant: string }, Result>(
      activity: keyof AgentActivities,
      make: (deps: ActivityDeps, input: Input, attempt: Attempt) => Promise<Result>,
      observe?: Observe<Input, Result>,
    ) =>
    (input: Input): Promise<Result> => {
      const deps = depsOf(all, input);
      const work = (attempt: Attempt): Promise<Result> => make(deps, input, attempt);
      return counted(all, input, activity, (attempt) =>
        observe ? observe(deps, input, attempt, work) : work(attempt),
      );
    };
  return {
    callModel: made('callModel', callModel, observedModelCall),
    compactContext: made('compactContext', compactContext, observedCompaction),
    callTool: made('callTool', callTool, observedToolCall),
    tellToolFailure: made('tellToolFailure', tellToolFailure),
    tellPeople: made('tellPeople', tellPeople),
    takeResult: made('takeResult', takeResult),
    beginSubRun: made('beginSubRun', beginSubRun, observedSubRunBegin),
    takeSubRun: made('takeSubRun', takeSubRun, observedSubRun),
    takeMessage: made('takeMessage', takeMessage),
    takeRelease: made('takeRelease', takeRelease),
    endRun: made('endRun', endRun, observedEnd),
  };
}

/** What is registered on the task queue of a toolbox: its calls, made by whoever has the toolbox's process. */
export const createToolboxActivities = (
  deps: Counted,
  call: ToolboxCall,
  watching?: ToolObserveDeps,
): Pick<AgentActivities, 'callTool'> => ({
  callTool: (input) =>
    counted(deps, input, 'callTool', (attempt) =>
      watching ? observedToolCall(watching, input, attempt, (watched) => call(input, watched)) : call(input, attempt),
    ),
});
