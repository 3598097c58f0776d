// Whether a release gives a run this tool, here. The plan that a workflow was started with only says where a call goes: a workflow that
// somebody has changed could send it anywhere, so the process that has the secrets asks the release itself.
import type { CallToolInput } from '../workflows/contract/activities';
import type { ReleaseManifest } from '../workflows/contract/release';
import { failure } from './failure';
import { planOfCall } from './plan-of-call';

/**
 * @param toolbox the one whose process this is. Undefined for the worker of the runs: of the tools that have a toolbox it runs only those of
 * releases of before toolboxes had processes, which their plans show, and does so as long as a run may be pinned to one
 * @throws ApplicationFailure `Tool.NotGranted`
 */
export function requireGrant(
  { agent, tools, plan }: Pick<ReleaseManifest, 'agent' | 'tools' | 'plan'>,
  input: Pick<CallToolInput, 'name' | 'insteadOf' | 'release'>,
  toolbox: string | undefined,
): void {
  const { name, release } = input;
  const elsewhere = planOfCall(plan, input)?.toolbox;
  const isOffered = tools.some((tool) => tool.name === name && tool.toolbox === toolbox);
  const isGranted =
    toolbox === undefined ? elsewhere === undefined : input.insteadOf === undefined ? isOffered : elsewhere === toolbox;
  if (isGranted) return;
  const where = toolbox === undefined ? 'outside its toolbox' : `in toolbox ${toolbox}`;
  const what = `release ${release.slice(0, 12)} of agent "${agent}"`;
  throw failure('Tool.NotGranted', `${what} has no tool "${name.slice(0, 64)}" ${where}.`);
}
