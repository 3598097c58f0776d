// Histories of the namespace to try code on: whatever is open, as far as there is room for it, and of what has ended some at random.
import type { Client } from '@temporalio/client';
import { quoted } from '../infra/temporal/quoted';
import { WORKFLOW_TYPES, controlQueue } from '../workflows/contract/names';

export interface WantedHistories {
  temporal: Client;
  taskQueue: string;
  /** At most. */
  sample: number;
  /** Only of this agent's runs. */
  agent?: string;
  /** Begun at this time at the earliest: milliseconds since the epoch. */
  since?: number;
  /** From 0, smaller than 1. @default Math.random */
  random?(): number;
}

export interface SampledExecution {
  id: string;
  runId: string;
  type: string;
  isOpen: boolean;
}

/** Executions that are listed to choose from, newest first: of more than that the older ones are not drawn. */
const LISTED_MOST = 10_000;

/** Those that are open come first. @throws what Temporal's client throws where no server answers */
export async function sampleHistories(wanted: WantedHistories): Promise<SampledExecution[]> {
  const { sample, random = Math.random } = wanted;
  // Half of the room is for what has ended, where there is so much: a path that no open run is on may be taken tomorrow.
  const open = await drawn(wanted, true, sample, random);
  const closed = await drawn(wanted, false, sample, random);
  const ofClosed = Math.min(closed.length, Math.max(sample - open.length, Math.floor(sample / 2)));
  return [...open.slice(0, sample - ofClosed), ...closed.slice(0, ofClosed)];
}

/** Each of those that are listed is among them with the same chance, in no order. */
async function drawn(
  wanted: WantedHistories,
  isOpen: boolean,
  most: number,
  random: () => number,
): Promise<SampledExecution[]> {
  const kept: SampledExecution[] = [];
  let seen = 0;
  for await (const { workflowId: id, runId, type } of wanted.temporal.workflow.list({
    query: queryOf(wanted, isOpen),
  })) {
    seen += 1;
    const one = { id, runId, type, isOpen };
    const at = seen <= most ? kept.length : Math.floor(random() * seen);
    if (at < most) kept[at] = one;
    if (seen === LISTED_MOST) break;
  }
  return kept;
}

function queryOf({ taskQueue, agent, since }: WantedHistories, isOpen: boolean): string {
  const types =
    agent === undefined ? Object.values(WORKFLOW_TYPES) : [WORKFLOW_TYPES.agentRun, WORKFLOW_TYPES.agentSession];
  return [
    `WorkflowType IN (${types.map(quoted).join(', ')})`,
    `TaskQueue IN (${[taskQueue, controlQueue(taskQueue)].map(quoted).join(', ')})`,
    isOpen ? `ExecutionStatus = 'Running'` : `ExecutionStatus != 'Running'`,
    ...(agent === undefined ? [] : [`AgentName = ${quoted(agent)}`]),
    ...(since === undefined ? [] : [`StartTime >= ${quoted(new Date(since).toISOString())}`]),
  ].join(' AND ');
}
