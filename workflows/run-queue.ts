// The queue workflow, one for each shard of a queue: who waits for a place, and who has one. What it decides is in queue/; this file is only how
// it is held up. Runs are started by an activity, never as children, so that continue-as-new loses none of their ends.
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  patched,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { queueActivities } from './activity-proxies';
import { isFailureType } from './contract/failures';
import { ID_CHARS } from './contract/limits';
import { QUERY_NAMES, UPDATE_NAMES } from './contract/names';
import {
  ITEMS_MOST,
  type EnqueueAnswer,
  type EnqueueRequest,
  type QueueInput,
  type QueueItem,
  type QueuePlace,
  type QueueState,
  type QueueView,
  type WithdrawAnswer,
  type WithdrawRequest,
} from './contract/queue';
import type { QueueLoad } from './contract/queue-activities';
import { PRIORITIES } from './contract/quota';
import type { RunEnded } from './contract/run-ended';
import { runEndedSignal } from './messages';
import { LOOKS, LOOKS_BEFORE, nextDue, takeReconciled, unheard, type Looks } from './queue/looks';
import {
  enqueue,
  expire,
  leavingNow,
  mayStart,
  newQueue,
  placeOf,
  takeEnd,
  takeLeft,
  takeNext,
  takeSettings,
  takeStarted,
  withdraw,
} from './queue/queue';
import { viewOf } from './queue/view';

export const enqueueUpdate = defineUpdate<EnqueueAnswer[], [EnqueueRequest]>(UPDATE_NAMES.enqueue);
export const withdrawUpdate = defineUpdate<WithdrawAnswer, [WithdrawRequest]>(UPDATE_NAMES.withdraw);
export const queueQuery = defineQuery<QueueView, [asOf?: number]>(QUERY_NAMES.queue);
export const positionQuery = defineQuery<QueuePlace | null, [run: string, asOf?: number]>(QUERY_NAMES.position);
export const waitingQuery = defineQuery<QueueState>(QUERY_NAMES.waiting);

/**
 * Events of one execution. A worker that takes it over reads all of them before anybody is answered; going on as new takes its callers a
 * second. A run of the queue takes some ten of them.
 */
const EVENTS_MOST = 1_000;

/** It never ends. Nothing is awaited between a request and its answer, so all that is known is in the state when it goes on as new. */
export async function runQueue(input: QueueInput): Promise<never> {
  const state = input.carried ?? newQueue(input);
  bindHandlers(state);
  const looks = patched('ask-sooner') ? LOOKS : LOOKS_BEFORE;
  const alarm = createAlarm();
  while (!isLong()) {
    await condition(() => isLong() || hasWork(state, looks) || alarm.isLate(nextDue(state, looks)));
    await work(state, looks);
    alarm.set(nextDue(state, looks));
  }
  await condition(allHandlersFinished);
  return await continueAsNew<typeof runQueue>({ ...input, settings: state.settings, carried: state });
}

const isLong = (): boolean => workflowInfo().historyLength >= EVENTS_MOST || workflowInfo().continueAsNewSuggested;

function bindHandlers(state: QueueState): void {
  setHandler(enqueueUpdate, (request) => enqueue(state, request, Date.now()), {
    description: 'Takes runs that wait for a place, as far as there is room for them.',
    validator: checkRequest,
  });
  setHandler(withdrawUpdate, (request) => withdraw(state, request, Date.now()), {
    description: 'Takes a run out of the line.',
    validator: checkWithdraw,
  });
  setHandler(runEndedSignal, (ended?: Partial<RunEnded>) => {
    // By plain Temporal anybody may signal anything: a task that failed for it would fail for ever.
    if (ended?.run !== undefined) takeEnd(state, ended.run, Date.now(), ended.endedAt);
  });
  setHandler(queueQuery, (asOf = 0) => viewOf(state, Math.max(Date.now(), asOf)), {
    description: 'Who waits, how long, and how many have begun.',
  });
  setHandler(positionQuery, (run, asOf = 0) => placeOf(state, run, Math.max(Date.now(), asOf)) ?? null, {
    description: 'Where a run stands, and how long it will wait.',
  });
  // Answered from its history when it has been terminated, too.
  setHandler(waitingQuery, () => state, { description: 'All that it knows, for the one that is begun after it.' });
}

/** Whoever is refused here leaves nothing in the history. */
function checkRequest({ items }: EnqueueRequest): void {
  if (items.length > ITEMS_MOST) throw new Error(`at most ${ITEMS_MOST} runs at once.`);
  const isRun = ({ run, tenant, priority }: QueueItem): boolean =>
    isName(run) && isName(tenant) && PRIORITIES.includes(priority);
  if (!items.every(isRun)) throw new Error('each run has an id, a tenant and a priority.');
}

function checkWithdraw({ run, failure }: WithdrawRequest): void {
  if (!isName(run) || !isFailureType(failure?.type) || typeof failure.message !== 'string')
    throw new Error('it names a run, and the failure that its record shows.');
}

const isName = (value: unknown): boolean => typeof value === 'string' && value !== '' && value.length <= ID_CHARS;

const hasWork = (state: QueueState, looks: Looks): boolean =>
  mayStart(state) || state.leaving.length > 0 || nextDue(state, looks) <= Date.now();

/** One activity at a time, so that there is a moment at which nothing is under way. */
async function work(state: QueueState, looks: Looks): Promise<void> {
  expire(state, Date.now());
  const leaving = leavingNow(state);
  if (leaving.length > 0) {
    await queueActivities.endWaiting({ runs: leaving, queue: loadOf(state) });
    takeLeft(state, leaving);
  }
  if (mayStart(state)) {
    const next = takeNext(state, Date.now());
    const runs = next.map(({ run, step }) => ({ run, ...(step ? { step } : {}) }));
    const { runs: started, settings } = await queueActivities.startRuns({ tells: ownId(), runs, queue: loadOf(state) });
    takeStarted(state, started, Date.now());
    takeSettings(state, settings);
  }
  const asked = unheard(state, Date.now(), looks);
  if (asked.length > 0) {
    const { ended, settings } = await queueActivities.reconcileRuns({ runs: asked, queue: loadOf(state) });
    takeReconciled(state, asked, ended, Date.now());
    takeSettings(state, settings);
  }
}

const loadOf = ({ queue, shard, waiting, slots }: QueueState): QueueLoad => ({
  ...{ queue, shard },
  ...{ waiting: waiting.length, running: slots.length },
});

const ownId = (): string => workflowInfo().workflowId;

/** Wakes whoever waits for a condition. One that rings too early does no harm, so none is ever taken back: each would cost two events. */
function createAlarm(): { isLate(at: number): boolean; set(at: number): void } {
  let next = -Infinity;
  const isLate = (at: number): boolean => at !== Infinity && (next <= Date.now() || next > at);
  return {
    isLate,
    set: (at) => {
      if (!isLate(at)) return;
      next = at;
      // Where the queue is cancelled, it is not by this that it hears of it.
      sleep(Math.max(1, at - Date.now()), { summary: 'something is due' }).catch(() => undefined);
    },
  };
}
