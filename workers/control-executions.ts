// How the activities of the control worker reach runs and sessions: by a client of Temporal over the worker's own connection.
import { Context } from '@temporalio/activity';
import { Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import type { Executions } from '../activities/control/control-deps';
import { dataConverterFor, type KeyRing } from '../activities/keys';
import { failure } from '../activities/failure';
import { executionEnd } from '../infra/temporal/execution-end';
import { askQueue } from '../infra/temporal/ask-queue';
import { refusedForGood } from '../infra/temporal/refused-for-good';
import { sendMessage } from '../infra/temporal/send-message';
import { startRun } from '../infra/temporal/start-run';
import { isFailureType } from '../workflows/contract/failures';
import { SIGNAL_NAMES, UPDATE_NAMES } from '../workflows/contract/names';
import type { WithdrawAnswer, WithdrawRequest } from '../workflows/contract/queue';
import type { RunEnded } from '../workflows/contract/run-ended';
import type { SteerRequest } from '../workflows/contract/run';

export interface ControlClientOptions {
  connection: NativeConnection;
  namespace: string;
  identity: string;
  keys?: KeyRing;
}

export const controlClient = ({ connection, namespace, identity, keys }: ControlClientOptions): Client =>
  new Client({ connection, namespace, identity, dataConverter: dataConverterFor(keys) });

interface Asked {
  temporal: Client;
  taskQueue: string;
}

/**
 * What it asks is often for a worker of the same queue to answer: while that stops nobody may be left who does. So every call ends with
 * the activity that makes it, or a worker that is told to stop would wait for it for ever.
 */
export function controlExecutions(asked: Asked): Executions {
  const calls = unboundExecutions(asked);
  const bound = <T>(call: () => Promise<T>): Promise<T> => {
    const { cancelled, cancellationSignal } = Context.current();
    // A request that is only made once the signal has been given is not stopped by it.
    return Promise.race([cancelled, asked.temporal.connection.withAbortSignal(cancellationSignal, call)]);
  };
  return {
    start: (run) => bound(() => calls.start(run)),
    endOf: (run) => bound(() => calls.endOf(run)),
    steer: (said) => bound(() => calls.steer(said)),
    enqueue: (queue, item) => bound(() => calls.enqueue(queue, item)),
    withdraw: (queue, request) => bound(() => calls.withdraw(queue, request)),
    tell: (workflow, ended) => bound(() => calls.tell(workflow, ended)),
    send: (session, request) => bound(() => calls.send(session, request)),
  };
}

/** For who is not an activity, and ends its calls by itself. */
export function unboundExecutions({ temporal, taskQueue }: Asked): Executions {
  return {
    start: async (run) => {
      try {
        return (await startRun({ temporal, taskQueue }, run)).firstExecutionRunId;
      } catch (error) {
        const why = refusedForGood(error);
        if (why === undefined) throw error;
        throw failure('Run.Unstartable', `Temporal takes no such run: ${why}`);
      }
    },
    endOf: async (run) => {
      const handle = temporal.workflow.getHandle(run);
      try {
        const description = await handle.describe();
        if (description.status.name === 'RUNNING') return 'open';
        const end = await executionEnd(handle);
        if (!end) return 'completed';
        const at = description.closeTime?.getTime() ?? Date.now();
        return { ...end, at, firstRunId: description.raw.workflowExecutionInfo?.firstRunId || description.runId };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'unknown';
        throw error;
      }
    },
    steer: async ({ run, message, id = message }) => {
      const handle = temporal.workflow.getHandle(run);
      try {
        // The server knows a repeat of it by this.
        await handle.executeUpdate<void, [SteerRequest]>(UPDATE_NAMES.steer, {
          args: [{ message }],
          updateId: id,
        });
        return true;
      } catch (error) {
        if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
    enqueue: async (queue, item) => {
      const [answer] = await askQueue({ temporal, taskQueue }, queue, [item]);
      if (!answer) throw new Error(`queue ${queue.name} answered nothing.`);
      return answer;
    },
    withdraw: async (queue, request) => {
      try {
        return await temporal.workflow
          .getHandle(queue)
          .executeUpdate<WithdrawAnswer, [WithdrawRequest]>(UPDATE_NAMES.withdraw, { args: [request] });
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'unknown';
        throw error;
      }
    },
    tell: async (workflow, ended) => {
      try {
        await temporal.workflow.getHandle(workflow).signal<[RunEnded]>(SIGNAL_NAMES.runEnded, ended);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
    send: async (session, request) => {
      try {
        return await sendMessage({ temporal, taskQueue }, () => Promise.resolve(session), request);
      } catch (error) {
        const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
        if (!(cause instanceof ApplicationFailure) || !isFailureType(cause.type)) throw error;
        throw failure(cause.type, cause.message);
      }
    },
  };
}
