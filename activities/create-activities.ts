// Binds the activities of a run to their ports.
import type { AgentActivities, CallToolInput } from '../workflows/contract/activities';
import { isShadowId } from '../workflows/contract/names';
import { attended } from './attended';
import { beginSubRun } from './begin-sub-run';
import { callModel } from './call-model';
import { callTool } from './call-tool';
import { compactContext } from './compact-context';
import type { ActivityDeps, ActivityMetrics, Attempt, OfRelease } from './deps';
import { depsOf } from './deps-of-tenant';
import { endRun } from './end-run';
import { callInShadow, type ShadowCallDeps } from './shadow/call-in-shadow';
import { depsOfShadow } from './shadow/deps-of-shadow';
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

/** Whatever it fails with is counted, but not what a shadow does. */
const counted = <T>(
  { metrics }: Counted,
  { agent, release }: OfRelease,
  activity: keyof AgentActivities,
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> =>
  attended(work, (failure, workflowId) => {
    if (!isShadowId(workflowId)) metrics.attemptFailed({ agent, release, activity, failure });
  });

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
      const ofTenant = depsOf(all, input);
      return counted(all, input, activity, (attempt) => {
        const deps = isShadowId(attempt.workflowId) ? depsOfShadow(ofTenant) : ofTenant;
        const work = (attempt: Attempt): Promise<Result> => make(deps, input, attempt);
        return observe ? observe(deps, input, attempt, work) : work(attempt);
      });
    };
  return {
    callModel: made('callModel', callModel, observedModelCall),
    compactContext: made('compactContext', compactContext, observedCompaction),
    callTool: made('callTool', callToolHere, observedToolCall),
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

const callToolHere = (deps: ActivityDeps, input: CallToolInput, attempt: Attempt): ReturnType<ToolboxCall> =>
  isShadowId(attempt.workflowId)
    ? callInShadow(deps, input, attempt, (asked, of) => callTool(deps, asked, of))
    : callTool(deps, input, attempt);

/** @param shadows what those of shadows are answered with. Whose call it is is Temporal's word, and not the input's */
function callToolbox(shadows: ShadowCallDeps, call: ToolboxCall): ToolboxCall {
  return (input, attempt) => {
    if (!isShadowId(attempt.workflowId)) return call(input, attempt);
    const { tenant } = input;
    const deps = {
      ...shadows,
      store: shadows.store.of(tenant),
      conversation: shadows.conversation.of(tenant),
      toolStore: shadows.toolStore.of(tenant),
    };
    return callInShadow(deps, input, attempt, call);
  };
}

/** What is registered on the task queue of a toolbox: its calls, made by whoever has the toolbox's process. */
export function createToolboxActivities(
  deps: Counted & { shadows: ShadowCallDeps },
  call: ToolboxCall,
  watching?: ToolObserveDeps,
): Pick<AgentActivities, 'callTool'> {
  const made = callToolbox(deps.shadows, call);
  return {
    callTool: (input) =>
      counted(deps, input, 'callTool', (attempt) =>
        watching ? observedToolCall(watching, input, attempt, (watched) => made(input, watched)) : made(input, attempt),
      ),
  };
}
