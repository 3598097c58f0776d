// What a release says of the tool that a call is of: one that the model was offered, or one that stands in for it.
import type { CallToolInput } from '../workflows/contract/activities';
import type { OwnToolPlan, RunPlan } from '../workflows/contract/run';

/** @returns undefined where the release has no such tool */
export function planOfCall(
  { tools }: Pick<RunPlan, 'tools'>,
  { name, insteadOf }: Pick<CallToolInput, 'name' | 'insteadOf'>,
): OwnToolPlan | undefined {
  const asked = insteadOf ?? name;
  const plan = Object.hasOwn(tools, asked) ? tools[asked] : undefined;
  if (insteadOf === undefined) return plan;
  const own = plan?.fallback?.find((tool) => tool.name === name)?.plan;
  // What a failure for good leads to is the say of the tool that was asked for.
  return own && plan && { ...own, onFailure: plan.onFailure };
}
