// What a benchmark is compared with: the floor, activities that carry nothing, and the usual design, where each carries the conversation.
import { ActivityCancellationType, condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';

interface Activities {
  bare(): Promise<null>;
  ask(): Promise<null>;
  page(number: number): Promise<string>;
  answer(conversation: string[]): Promise<string>;
  act(conversation: string[]): Promise<string>;
  hold(url: string): Promise<void>;
}
const { bare, ask, answer, act } = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '12 seconds',
  retry: { maximumAttempts: 3 },
});

/** As many activities as a run makes calls, one after the other, without argument or result. */
export async function bareCalls(calls: number): Promise<void> {
  for (let call = 0; call < calls; call += 1) await bare();
}

/** A model that takes its time and a tool that takes none, in turns, and a last answer. */
export async function bareTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    await ask();
    await bare();
  }
  await ask();
}

/** A model and a tool that are both handed all that was said. */
export async function naiveRun(turns: number): Promise<number> {
  const conversation = ['go'];
  for (let turn = 0; turn < turns; turn += 1) {
    conversation.push(await answer(conversation));
    conversation.push(await act(conversation));
  }
  return conversation.length;
}

const { hold } = proxyActivities<Activities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '12 seconds',
  retry: { maximumAttempts: 1 },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** One activity that goes on until it is cancelled. */
export async function bareHold(url: string): Promise<void> {
  await hold(url);
}

/** What an entity does least: each signal is heard, and that is all. */
export async function bareSignals(most: number): Promise<number> {
  let told = 0;
  setHandler(defineSignal('told'), () => void (told += 1));
  await condition(() => told >= most);
  return told;
}
