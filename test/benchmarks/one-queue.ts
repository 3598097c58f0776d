// How many runs a second come through one queue of one workflow, beside the same runs with no queue, and what of Temporal's history each costs it.
import type { AnyAgent } from '../../activities/define';
import { publishQueue } from '../../activities/store/queue-settings';
import { queueId } from '../../workflows/contract/names';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';
import { script } from '../kit/model-server';
import { startTellerStack, type TellerStack } from '../stack/teller';

export interface QueueFigures {
  /** From the first start until all were taken; and until all had ended. A second. */
  takenPerSecond: number;
  endedPerSecond: number;
  /** The same, of runs that wait in no queue. */
  bareEndedPerSecond: number;
  /** Of the queue's histories, for each run. */
  eventsPerRun: number;
  completed: number;
}

const AT_ONCE = 50;
const WORKERS = 2;

/** @param runs of one answer each, which comes at once */
export async function queueFigures(runs: number): Promise<QueueFigures> {
  const stack = await startTellerStack({ model: { script: script().answer('told') } });
  const settings: PublishedQueue = { depth: runs, concurrency: AT_ONCE, weights: {}, shards: 1, degrade: [] };
  try {
    await publishQueue(stack.store, { taskQueue: 'agents', queue: 'line' }, settings);
    await Promise.all(Array.from({ length: WORKERS }, () => stack.startWorker()));
    const bare = await through(stack, 'teller', runs);
    const inQueue = await through(stack, 'queued', runs);
    return {
      takenPerSecond: inQueue.takenPerSecond,
      endedPerSecond: inQueue.endedPerSecond,
      bareEndedPerSecond: bare.endedPerSecond,
      eventsPerRun: (await eventsOf(stack, queueId('agents', 'line', 0))) / runs,
      completed: bare.completed + inQueue.completed,
    };
  } finally {
    await stack.close();
  }
}

async function through({ client }: TellerStack, agent: 'teller' | 'queued', runs: number) {
  const from = Date.now();
  const started: { result(): Promise<{ outcome: string }> }[] = [];
  let left = runs;
  const start = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      started.push(await client.agent<AnyAgent>(agent).start(`run ${left}`));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, start));
  const takenAfter = Date.now() - from;
  const results = await Promise.all(started.map((run) => run.result()));
  return {
    takenPerSecond: (runs * 1_000) / takenAfter,
    endedPerSecond: (runs * 1_000) / (Date.now() - from),
    completed: results.filter(({ outcome }) => outcome === 'completed').length,
  };
}

/** Of all executions of a workflow. */
async function eventsOf({ temporal }: TellerStack, id: string): Promise<number> {
  let events = 0;
  for await (const { runId } of temporal.workflow.list({ query: `WorkflowId = "${id}"` }))
    events += (await temporal.workflow.getHandle(id, runId).describe()).historyLength;
  return events;
}
