// Workers that know no shadows: those of an earlier version, in the middle of a deploy. Calls of shadows must not come to them.
import type { Client } from '@temporalio/client';
import type { ContentStore } from '../activities/store';
import { unknowingText, whoKnowsShadows } from '../activities/store/serving-workers';
import { orWhy } from '../activities/store/why-unreadable';
import { polledQueue, stoppedWorkers } from '../infra/temporal/task-queue-pollers';
import type { TaskKind } from '../infra/temporal/task-queue-backlog';
import { toolboxQueue, toolQueue } from '../workflows/contract/names';
import { releaseManifestSchema } from '../workflows/contract/schemas/release';

export interface UnknowingOptions {
  temporal: Client;
  store: ContentStore;
  taskQueue: string;
}

interface AskedQueue {
  taskQueue: string;
  kind: TaskKind;
}

/**
 * Looks at what workers say of themselves, and at who asks the queues of a release for work: who does not say that it knows shadows knows
 * none. One that has ended stays known for as long as Temporal may show it as asking.
 * @returns why no shadow of the release may begin, in words; undefined where one may
 */
export function unknowingWorkers({
  temporal,
  store,
  taskQueue,
}: UnknowingOptions): (release: string) => Promise<string | undefined> {
  /** An identity names a process and when it was started: no other ever has it. */
  const known = new Set<string>();
  return async (release) => {
    const { knowing, unknowing } = await whoKnowsShadows(store);
    for (const worker of knowing) known.add(worker);
    const [told] = unknowing;
    if (told !== undefined) return unknowingText(told);
    const { connection } = temporal;
    const { namespace } = temporal.options;
    const stopped = await stoppedWorkers(connection, namespace);
    for (const queue of [...ownQueues(taskQueue), ...(await toolQueuesOf(store, taskQueue, release))]) {
      const { pollers } = await polledQueue(connection, { namespace, ...queue }, stopped);
      const stranger = pollers.find(({ identity }) => !known.has(identity));
      if (stranger) return unknowingText(stranger.identity);
    }
    return undefined;
  };
}

const ownQueues = (taskQueue: string): AskedQueue[] => [
  { taskQueue, kind: 'steps' },
  { taskQueue, kind: 'calls' },
];

/** Of its tools, of those that stand in for them, and of its sub-agents. */
async function toolQueuesOf(
  store: ContentStore,
  taskQueue: string,
  release: string,
  seen: Set<string> = new Set(),
): Promise<AskedQueue[]> {
  if (seen.has(release)) return [];
  seen.add(release);
  const { got } = await orWhy(store.get([release]));
  // Whoever begins the shadow says that it cannot be read.
  if (!got) return [];
  const { plan } = releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(got[0])));
  const names = new Set<string>();
  const below: AskedQueue[] = [];
  for (const [name, { fallback = [], agent, ...own }] of Object.entries(plan.tools)) {
    for (const tool of [{ name, plan: own }, ...fallback]) {
      const { toolbox, hasRate } = tool.plan;
      if (toolbox !== undefined)
        names.add(hasRate ? toolQueue(taskQueue, toolbox, tool.name) : toolboxQueue(taskQueue, toolbox));
    }
    if (agent) below.push(...(await toolQueuesOf(store, taskQueue, agent.release, seen)));
  }
  return [...[...names].map((queue) => ({ taskQueue: queue, kind: 'calls' as const })), ...below];
}
