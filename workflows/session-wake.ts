// A message that comes by itself: begun by a Temporal Schedule, it sends the message and is over.
import { workflowInfo } from '@temporalio/workflow';
import { sessionActivities } from './activity-proxies';
import type { SendAnswer, SessionWakeInput } from './contract/session';

/** The message's id follows from the schedule and its time: a repeat is no second message. */
export async function sessionWake(input: SessionWakeInput): Promise<SendAnswer> {
  const at = workflowInfo().startTime.toISOString();
  return await sessionActivities.wakeSession({ ...input, id: `${input.name} ${at}` });
}
