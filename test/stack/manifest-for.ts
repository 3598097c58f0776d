// A release of an agent that a test defines in its own file, without a folder to load it from.
import { contextPlan } from '../../activities/context/context-plan';
import { describeAgent } from '../../activities/describe-agent';
import type { AnyAgent } from '../../activities/define';
import type { LoadedAgent } from '../../activities/deps';
import { canonicalJson, objectHash } from '../../activities/store';
import type { ReleaseManifest } from '../../workflows/contract/release';

export function manifestFor(agent: AnyAgent, route: string): LoadedAgent {
  const instructions = typeof agent.instructions === 'string' ? agent.instructions : agent.instructions.fromFile;
  const context = contextPlan(agent.context, route);
  const manifest: ReleaseManifest = {
    ...describeAgent(agent),
    instructions,
    model: { route: [route], parameters: agent.parameters },
    ...(context ? { context } : {}),
    code: 'defined in a test',
    orchestration: 'test',
  };
  return { agent, manifest, release: objectHash(canonicalJson(manifest)) };
}
