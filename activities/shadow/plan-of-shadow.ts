// What a shadow does otherwise than its release says: it asks nobody, and no tool's failure ends it. Who would be asked has answered the run
// that it shadows, or nobody has; and what a tool that is not called would have come to is not known.
import { LIMIT_NAMES } from '../../workflows/contract/limits';
import type { RunLimits, RunPlan, ToolPlan } from '../../workflows/contract/run';
import type { LoadedAgent } from '../deps';

export function planOfShadow(plan: RunPlan): RunPlan {
  const tools = Object.entries(plan.tools).map(
    ([name, { approval: _, escalation: __, ...tool }]): [string, ToolPlan] => [
      name,
      { ...tool, onFailure: 'tell-model' },
    ],
  );
  return { ...plan, tools: Object.fromEntries(tools) };
}

export const askingNobody = <A extends LoadedAgent>(loaded: A): A => ({
  ...loaded,
  manifest: { ...loaded.manifest, plan: planOfShadow(loaded.manifest.plan) },
});

/**
 * Its release's own; but what a caller or a person has made otherwise for the run holds for its shadow too, or the two would be told
 * differently how much is left to them.
 * @param had that the run came to have
 * @param own of the run's release
 */
export const limitsOfShadow = (limits: RunLimits, own: RunLimits, had: RunLimits | undefined): RunLimits =>
  LIMIT_NAMES.reduce<RunLimits>((held, name) => {
    const given = had?.[name];
    return given === undefined || given === own[name] ? held : { ...held, [name]: given };
  }, limits);
