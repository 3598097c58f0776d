// Whether this installation's code would have decided what histories say was decided: each gone through once more, with no call made.
import { setTimeout as pause } from 'node:timers/promises';
import { DefaultLogger, Runtime, Worker, makeTelemetryFilterString } from '@temporalio/worker';
import { dataConverterFor, type KeyRing } from '../activities/keys';
import { messageOf } from '../infra/temporal/error-reason';
import { encodingFailures } from './failure-encoding';
import { workflowBundle } from './workflow-bundle';

/** As Temporal's client reads it, or a file of it. */
export type ReplayedHistory = Parameters<typeof Worker.runReplayHistory>[1];

export type Replay = (history: ReplayedHistory, id: string) => Promise<string | undefined>;

/** For a process that does nothing else: what the SDK says of each replay is said by what comes of it. Once, and before the first. */
export function quietReplays(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }), forward: {} },
    },
  });
}

/** @returns what tells of a history where this code first does something else; undefined where it replays */
export async function createReplay(keys?: KeyRing): Promise<Replay> {
  const bundle = await workflowBundle();
  const options = {
    workflowBundle: keys ? await encodingFailures(bundle) : bundle,
    dataConverter: dataConverterFor(keys, { anyRun: true }),
  };
  return async (history, id) => {
    try {
      await Worker.runReplayHistory(options, history, id);
      return undefined;
    } catch (error) {
      return firstDifference(messageOf(error));
    } finally {
      // The SDK goes through a history without giving way.
      await pause(0);
    }
  };
}

/** How Temporal's Core names what it holds against an event, and what this code would have done there. */
const DIFFERENCES: readonly [pattern: RegExp, words: (...found: string[]) => string][] = [
  [
    /Activity type of scheduled event '([^']+)' does not match activity type of activity command '([^']+)'/,
    (was, is) => `its history has a call of ${was} where this code makes one of ${is}`,
  ],
  [
    /No command scheduled for event HistoryEvent\(id: (\d+), (\w+)\)/,
    (id, kind) => `at event ${id} its history has ${kind}, and this code does nothing there`,
  ],
  [
    /(\w+) machine does not handle this event: HistoryEvent\(id: (\d+), (\w+)\)/,
    (machine, id, kind) =>
      `at event ${id} its history has ${kind}, and this code ${DOES[machine] ?? `does something else (${machine})`}`,
  ],
];
const DOES: { readonly [machine: string]: string } = {
  Activity: 'begins a call there',
  Timer: 'begins to wait there',
  ChildWorkflow: "begins a sub-agent's run there",
};

/** Of what the SDK says, in the words of a run; as it is where it says something else. */
export function firstDifference(message: string): string {
  for (const [pattern, words] of DIFFERENCES) {
    const [, ...found] = pattern.exec(message) ?? [];
    if (found.length > 0) return words(...found);
  }
  const [line = message] = message.split('\n');
  // Core tells a failure as it prints its own structures.
  return /Nondeterminism(?: error)?: ?(.*?)(?:", source:.*)?$/i.exec(line)?.[1] ?? line;
}
