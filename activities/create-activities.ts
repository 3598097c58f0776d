// Binds the activities of a run to their ports.
import type { AgentActivities, CallToolInput } from '../workflows/contract/activities';
import { attended } from './attended';
import { beginSubRun } from './begin-sub-run';
import { callModel } from './call-model';
import { callTool } from './call-tool';
import { compactContext } from './compact-context';
import type { ActivityDeps, Attempt } from './deps';
import { depsOf } from './deps-of-tenant';
import { endRun } from './end-run';
import { takeMessage } from './take-message';
import { takeResult } from './take-result';
import { takeSubRun } from './take-sub-run';
import { tellPeople } from './tell-people';
import { tellToolFailure } from './tell-tool-failure';

export type ToolboxCall = (input: CallToolInput, attempt: Attempt) => ReturnType<AgentActivities['callTool']>;

export function createActivities(deps: ActivityDeps): AgentActivities {
  return {
    callModel: (input) => attended((attempt) => callModel(depsOf(deps, input), input, attempt)),
    compactContext: (input) => attended((attempt) => compactContext(depsOf(deps, input), input, attempt)),
    callTool: (input) => attended((attempt) => callTool(depsOf(deps, input), input, attempt)),
    tellToolFailure: (input) => attended((attempt) => tellToolFailure(depsOf(deps, input), input, attempt)),
    tellPeople: (input) => attended((attempt) => tellPeople(depsOf(deps, input), input, attempt)),
    takeResult: (input) => attended((attempt) => takeResult(depsOf(deps, input), input, attempt)),
    beginSubRun: (input) => attended((attempt) => beginSubRun(depsOf(deps, input), input, attempt)),
    takeSubRun: (input) => attended((attempt) => takeSubRun(depsOf(deps, input), input, attempt)),
    takeMessage: (input) => attended(() => takeMessage(depsOf(deps, input), input)),
    endRun: (input) => attended((attempt) => endRun(depsOf(deps, input), input, attempt)),
  };
}

/** What is registered on the task queue of a toolbox: its calls, made by whoever has the toolbox's process. */
export const createToolboxActivities = (call: ToolboxCall): Pick<AgentActivities, 'callTool'> => ({
  callTool: (input) => attended((attempt) => call(input, attempt)),
});
