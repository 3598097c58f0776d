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
import { takeResult } from './take-result';
import { takeSubRun } from './take-sub-run';
import { tellPeople } from './tell-people';
import { tellToolFailure } from './tell-tool-failure';

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

export function createActivities(all: ActivityDeps): AgentActivities {
  const made =
    <Input extends OfRelease & { tenant: string }, Result>(
      activity: keyof AgentActivities,
      make: (deps: ActivityDeps, input: Input, attempt: Attempt) => Promise<Result>,
    ) =>
    (input: Input): Promise<Result> =>
      counted(all, input, activity, (attempt) => make(depsOf(all, input), input, attempt));
  return {
    callModel: made('callModel', callModel),
    compactContext: made('compactContext', compactContext),
    callTool: made('callTool', callTool),
    tellToolFailure: made('tellToolFailure', tellToolFailure),
    tellPeople: made('tellPeople', tellPeople),
    takeResult: made('takeResult', takeResult),
    beginSubRun: made('beginSubRun', beginSubRun),
    takeSubRun: made('takeSubRun', takeSubRun),
    takeMessage: made('takeMessage', takeMessage),
    endRun: made('endRun', endRun),
  };
}

/** What is registered on the task queue of a toolbox: its calls, made by whoever has the toolbox's process. */
export const createToolboxActivities = (deps: Counted, call: ToolboxCall): Pick<AgentActivities, 'callTool'> => ({
  callTool: (input) => counted(deps, input, 'callTool', (attempt) => call(input, attempt)),
});
