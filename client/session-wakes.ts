// Messages that come by themselves, at times that a Temporal Schedule keeps: no process of ours has to be up for the time to come.
import { setTimeout as pause } from 'node:timers/promises';
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleHandle,
  type ScheduleSpec,
} from '@temporalio/client';
import type { AgentInput, AnyAgent } from '../activities/define/agent';
import { durationMs, type Duration } from '../activities/define/duration';
import { WAKE_MAIL, mailName } from '../activities/store/ref-names';
import { hasCode, isObject, nameOf, reasonOf } from '../infra/temporal/error-reason';
import { WORKFLOW_TYPES, controlQueue, sessionWorkflowId } from '../workflows/contract/names';
import type { SessionContext, SessionWakeInput } from '../workflows/contract/session';
import { ClientError } from './errors';
import { firstMessage } from './first-message';
import { currentRelease } from './releases';
import { retired } from './retired-session';
import { requireWakeName } from './session-ids';
import { LATEST, LATEST_MS } from './session-times';
import { readRecord, type SessionMaker, type SessionOf } from './session-record';

export interface WakeOptions {
  /** Names it within the session: of each time a message of its own. */
  name: string;
  /** Five fields, such as `0 9 * * 1-5`. */
  cron?: string;
  every?: Duration;
  /** Of `cron`, as `Europe/Berlin`. @default 'UTC' */
  timeZone?: string;
}

export interface SessionWakes<A extends AnyAgent> {
  /**
   * Sends the message at each of the times. While one of them has not been taken, another is left out.
   * @throws ClientError `id-in-use` where one of that name is there; `session-not-found` where the id is another agent's or tenant's;
   * `refused` where it is retired; `unknown-agent`, `invalid-input`
   */
  wake(input: AgentInput<A>, options: WakeOptions): Promise<void>;
  /** @throws ClientError `session-not-found` where there is none of that name */
  stopWaking(name: string): Promise<void>;
}

/** No id of a session has a `/` in it, so two of them never come to the same. */
const scheduleOf = (session: string, name: string): string => `wake:${session}/${name}`;
/** Of those that were made before: with a space in a name, two come to the same. */
const oldScheduleOf = (session: string, name: string): string => `${sessionWorkflowId(session)} ${name}`;
/** Of the message, which no run names until it is sent for the first time. */
const keptAs = (session: string, name: string): string => mailName(session, `${WAKE_MAIL}${name}`);
/** After so long without a server it is not made up for. */
const CATCH_UP = '10m';

export function createSessionWakes<A extends AnyAgent>(maker: SessionMaker, of: SessionOf): SessionWakes<A> {
  const { temporal, tenant } = maker;
  const { session } = of;
  const store = maker.store.of(tenant);
  return {
    wake: async (input, options) => {
      const { name } = options;
      requireWakeName(name);
      const spec = specOf(options);
      const record = await readRecord(maker, of);
      // All that it says from then on would fail, and nobody would be told.
      if (record?.status === 'retired') throw retired(session);
      if (await isThere(temporal, oldScheduleOf(session, name), { ...of, tenant, name })) throw wokenAlready(of, name);
      const { wake, bytes } = await wakeOf(maker, of, { input, name });
      const value = { schemaVersion: 1, message: wake.message, release: wake.release, at: Date.now() };
      const keep = (op: 'create' | 'put') =>
        store.commit({ objects: [bytes], refs: [{ op, name: keptAs(session, name), value }] });
      // What is kept for another of this name stays.
      const isKept = (await keep('create')).conflicts.length === 0;
      try {
        await createSchedule(maker, wake, spec);
      } catch (error) {
        // What a schedule sends stays, also where nobody can tell whether there is one: an answer may have been lost.
        const mayBeThere = await isThere(temporal, scheduleOf(session, name), { ...of, tenant, name }).catch(
          () => true,
        );
        if (isKept && !mayBeThere) await store.deleteRef(keptAs(session, name));
        throw error;
      }
      // There was none: that was left behind.
      if (!isKept) await keep('put');
    },
    stopWaking: async (name) => {
      const wake = { ...of, tenant, name };
      const stopped = await Promise.all(
        [scheduleOf(session, name), oldScheduleOf(session, name)].map(async (id) => {
          if (!(await isThere(temporal, id, wake))) return false;
          await temporal.schedule.getHandle(id).delete();
          return true;
        }),
      );
      if (!stopped.includes(true)) throw notWoken(session, name);
      await store.deleteRef(keptAs(session, name));
    },
  };
}

const notWoken = (session: string, name: string): ClientError =>
  new ClientError('session-not-found', `session ${session} is not woken as "${name}".`);
const wokenAlready = ({ session }: SessionOf, name: string, cause?: unknown): ClientError =>
  new ClientError('id-in-use', `session ${session} is woken as "${name}" already.`, { cause });

type Wake = SessionContext & Pick<SessionWakeInput, 'name'>;

/** Another tenant's or agent's is none. */
async function isThere(temporal: Client, id: string, { session, agent, tenant, name }: Wake): Promise<boolean> {
  try {
    const { action } = await temporal.schedule.getHandle(id).describe();
    const args: readonly unknown[] = action.args ?? [];
    const [wake] = args;
    if (!isObject(wake)) return false;
    const said = new Map<string, unknown>(Object.entries(wake));
    const asked = Object.entries({ session, agent, tenant, name });
    return asked.every(([field, value]) => said.get(field) === value);
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

/** @throws ClientError `unknown-agent`, `invalid-input` */
async function wakeOf(
  { store, tenant, user }: SessionMaker,
  { session, agent }: SessionOf,
  { input, name }: { input: unknown; name: string },
): Promise<{ wake: SessionWakeInput; bytes: Uint8Array }> {
  const { manifest, release } = await currentRelease(store, agent);
  if (!manifest.session)
    throw new ClientError('invalid-input', `agent ${agent} has no sessions: its mode is not "session".`);
  const { head, title, bytes } = firstMessage(store.of(tenant), manifest, input);
  const wake: SessionWakeInput = {
    ...{ schemaVersion: 1, session, agent, tenant, name, release, message: head.hash, preview: title },
    ...(user === undefined ? {} : { user }),
  };
  return { wake, bytes };
}

/** @throws ClientError `id-in-use`, `invalid-input` */
async function createSchedule(
  { temporal, taskQueue }: SessionMaker,
  wake: SessionWakeInput,
  spec: ScheduleSpec,
): Promise<void> {
  const { session, name } = wake;
  try {
    await temporal.schedule.create({
      scheduleId: scheduleOf(session, name),
      spec,
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCH_UP },
      action: {
        type: 'startWorkflow',
        workflowType: WORKFLOW_TYPES.sessionWake,
        workflowId: `wake:${session}/${name}`,
        taskQueue: controlQueue(taskQueue),
        args: [wake],
      },
    });
  } catch (error) {
    // What is wrong with a time the server says, or Temporal's client before it asks.
    if (nameOf(error) === 'TypeError' || hasCode(causeOf(error), INVALID_ARGUMENT))
      throw new ClientError('invalid-input', `Temporal takes no such times: ${reasonOf(error)}`, { cause: error });
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    throw wokenAlready(wake, name, error);
  }
  await requireComing(temporal.schedule.getHandle(scheduleOf(session, name)));
}

/** Temporal takes times that never come, such as a 30th of February, and says nothing of them ever after. @throws ClientError `invalid-input` */
async function requireComing(schedule: ScheduleHandle): Promise<void> {
  for (let look = 1; ; look += 1) {
    const [next] = (await schedule.describe()).info.nextActionTimes;
    if (next && next.getTime() <= Date.now() + LATEST_MS) return;
    // One that was made this very moment may not have reckoned yet.
    if (!next && look < LOOKS) {
      await pause(LOOK_MS);
      continue;
    }
    await schedule.delete();
    throw new ClientError('invalid-input', `none of these times comes ${LATEST}: nothing was begun.`);
  }
}
const LOOKS = 5;
const LOOK_MS = 200;

/** Of gRPC. */
const INVALID_ARGUMENT = 3;
/** Temporal's client wraps what the server says. */
const causeOf = (error: unknown): unknown => (isObject(error) && 'cause' in error && error.cause ? error.cause : error);

function specOf({ cron, every, timeZone }: WakeOptions): ScheduleSpec {
  if ((cron === undefined) === (every === undefined))
    throw new ClientError('invalid-input', 'say when: "cron" or "every", one of the two.');
  if (every === undefined)
    return { cronExpressions: [cron ?? ''], ...(timeZone === undefined ? {} : { timezone: timeZone }) };
  try {
    return { intervals: [{ every: durationMs(every, 'every') }] };
  } catch (error) {
    throw new ClientError('invalid-input', error instanceof Error ? error.message : 'every: no time.', {
      cause: error,
    });
  }
}
