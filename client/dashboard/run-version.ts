// Whether anything of a run has changed, at little cost: by the length of its history and of its open sub-agents' runs, and by what of them is
// tried again. A page that has all of it is sent nothing, and reads no history.
import { createHash } from 'node:crypto';
import { WorkflowNotFoundError } from '@temporalio/client';
import { subRunsUnder } from '../sub-runs';
import type { PageRequest } from './place';

/** Of more sub-agents at once only these are asked about; the others are seen when it is made anew. */
const SUB_RUNS_MOST = 20;
/** However little happens, it is made anew after so long: for how long something lasts is part of it. */
const ANEW_MS = 15_000;
/** Of a long history, which takes a second to read, more seldom. */
const LONG_EVENTS = 2_000;
const LONG_ANEW_MS = 60_000;
/** A server that is there answers in milliseconds. */
const ANSWER_MS = 2_000;

/** Of a run that the reader may see. Undefined where Temporal does not tell. @throws Problem `Run.NotFound` */
export async function runVersion(request: PageRequest, id: string): Promise<string | undefined> {
  const { record } = await request.knownRun(id);
  const { deps } = request;
  if (record.ended || record.erased) return undefined;
  return await request.shared({ key: JSON.stringify(['version', record.id]) }, async () => {
    const below = await subRunsUnder(deps.store, record);
    const open = below.filter(({ ended }) => !ended).slice(0, SUB_RUNS_MOST);
    const told = await deps.temporal.connection
      .withDeadline(Date.now() + ANSWER_MS, () =>
        Promise.all([record.id, ...open.map((one) => one.id)].map((one) => standing(request, one))),
      )
      .catch(() => undefined);
    if (!told) return undefined;
    const anewMs = told.some(({ events }) => events > LONG_EVENTS) ? LONG_ANEW_MS : ANEW_MS;
    const parts = [told, below.length, open.length, Math.floor(Date.now() / anewMs)];
    return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
  });
}

interface Standing {
  events: number;
  rest?: unknown;
}

async function standing({ deps: { temporal } }: PageRequest, id: string): Promise<Standing> {
  try {
    const { runId, historyLength, raw } = await temporal.workflow.getHandle(id).describe();
    const pending = (raw.pendingActivities ?? []).map(({ activityId, attempt }) => [activityId, attempt]);
    return { events: historyLength, rest: [runId, pending] };
  } catch (error) {
    // It waits in a queue.
    if (error instanceof WorkflowNotFoundError) return { events: 0 };
    throw error;
  }
}
