// What the runtime tells the model before it answers: that it goes round in circles, that a limit of its run is near. It is appended to
// the conversation as it was found, from which the circles follow alone; so a retry, a compaction and a fork find the same again.
import type { UserMessage } from '../../workflows/contract/message';
import { addOwn, type EditedConversation } from '../edited-conversation';
import { failure } from '../failure';
import type { ActivityDeps, ActivityMetrics, Attempt, LoadedAgent, OfRelease } from '../deps';
import { earlierChainName } from '../store/ref-names';
import { describeLoop, failureOfLoop, tellLoop } from './describe-loop';
import { findLoops, turnsLookedAt, type FoundLoop } from './find-loops';
import { newestEntries, unreadTurns } from './newest-turns';

type NoticeDeps = Pick<ActivityDeps, 'conversation' | 'store' | 'oddRunFound'> & {
  metrics: Pick<ActivityMetrics, 'loopFound'>;
};
type Stored = EditedConversation & { nodes: string[] };

/**
 * @param notice what the workflow has to say
 * @param counted of whom what is found is counted; undefined where it has been
 * @throws ApplicationFailure `Loop.*` where the model was told, and goes on; `Store.*`
 */
export async function withNotices(
  deps: NoticeDeps,
  stored: Stored,
  {
    loaded,
    attempt,
    tenant,
    notice,
    counted,
  }: {
    loaded: LoadedAgent;
    attempt: Pick<Attempt, 'workflowId'>;
    tenant: string;
    notice: string | undefined;
    counted: OfRelease | undefined;
  },
): Promise<Stored> {
  const loops = await loopsIn(deps, stored, { loaded, attempt });
  await tellOfLoops(deps, loops, { loaded, run: attempt.workflowId, tenant });
  if (counted) for (const { kind, then } of loops) deps.metrics.loopFound({ ...counted, kind, then });
  const over = loops.find(({ then }) => then === 'stop');
  if (over) throw failure(failureOfLoop(over), describeLoop(over));
  const texts = [
    ...loops.map((loop) => tellLoop(loop, loaded.manifest.loops)),
    ...(notice === undefined ? [] : [notice]),
  ];
  if (texts.length === 0) return stored;
  // One message, however much there is to say: some models want user and assistant to take turns.
  const message: UserMessage = { role: 'user', from: 'runtime', parts: [{ type: 'text', text: texts.join('\n\n') }] };
  return addOwn(deps, stored, message);
}

/** A finding each, for people: where it cannot be kept the run goes on all the same. */
async function tellOfLoops(
  { oddRunFound }: NoticeDeps,
  loops: readonly FoundLoop[],
  { loaded: { manifest, release }, ...of }: { loaded: LoadedAgent; run: string; tenant: string },
): Promise<void> {
  for (const loop of loops) {
    const { kind, times } = loop;
    const about = { agent: manifest.agent, release, metric: `loop-${kind}`, after: times, why: describeLoop(loop) };
    await oddRunFound?.({ ...about, ...of }).catch(() => undefined);
  }
}

async function loopsIn(
  { conversation }: NoticeDeps,
  { entries }: Stored,
  { loaded: { manifest }, attempt }: { loaded: LoadedAgent; attempt: Pick<Attempt, 'workflowId'> },
): Promise<FoundLoop[]> {
  const { loops, plan } = manifest;
  if (!loops) return [];
  const newest = await newestEntries(entries, turnsLookedAt(loops), (head) =>
    conversation.load(head, earlierChainName(attempt.workflowId, head)),
  );
  return findLoops(unreadTurns(newest, plan.tools), loops);
}
