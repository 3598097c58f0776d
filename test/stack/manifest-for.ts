// A release of an agent that a test defines in its own file, without a folder to load it from.
import { contextPlan } from '../../activities/context/context-plan';
import { subAgentsOf } from '../../activities/define/agent-tool';
import { describeAgent } from '../../activities/describe-agent';
import type { AnyAgent } from '../../activities/define';
import type { LoadedAgent } from '../../activities/deps';
import { canonicalJson, objectHash } from '../../activities/store';
import { withOrder } from '../../workflows/contract/schemas/release-order';
import type { ReleaseManifest } from '../../workflows/contract/release';

/** Of sub-agents as of the agent itself: of each the release that it would have alone. */
export function manifestFor(agent: AnyAgent, model: string | ReleaseManifest['model']['route']): LoadedAgent {
  const route = [model].flat();
  const subAgents = subAgentsOf(agent);
  const releaseOf = (name: string): string => {
    const found = subAgents.find((one) => one.name === name);
    return found ? manifestFor(found, route).release : '';
  };
  const instructions = typeof agent.instructions === 'string' ? agent.instructions : agent.instructions.fromFile;
  const context = contextPlan(agent.context, route[0] ?? '');
  const manifest: ReleaseManifest = withOrder({
    ...describeAgent(agent, [], releaseOf),
    instructions,
    model: { route, parameters: agent.parameters },
    ...(context ? { context } : {}),
    ...(typeof agent.queue === 'string' ? { queue: agent.queue } : {}),
    code: 'defined in a test',
    orchestration: 'test',
  });
  return { agent, manifest, release: objectHash(canonicalJson(manifest)) };
}
