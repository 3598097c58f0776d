// Temporal's history of a run, page by page, of all its executions.
import type { Client, WorkflowHandle } from '@temporalio/client';

export type HistoryEvent = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];

const PAGE_EVENTS = 1_000;
/** Executions of a run that was continued as new: their histories are small, but there may be many. */
const EXECUTIONS_MOST = 200;

export interface Executions {
  /** Oldest first. */
  runIds: string[];
  first: string;
  isPartial: boolean;
}

/** By their first events, from the newest back: a reset gives a run another execution than the one that its first goes on with. */
export async function executionsOf(temporal: Client, id: string): Promise<Executions | undefined> {
  const runIds: string[] = [];
  let first = '';
  let runId: string | undefined = '';
  while (runId !== undefined && runIds.length < EXECUTIONS_MOST) {
    const started: HistoryEvent | undefined = await firstEvent(temporal, id, runId);
    const about = started?.workflowExecutionStartedEventAttributes;
    if (!about) return runIds.length === 0 ? undefined : { runIds, first, isPartial: true };
    first = about.firstExecutionRunId ?? '';
    runIds.unshift(runId);
    runId = about.continuedExecutionRunId || undefined;
  }
  return { runIds, first, isPartial: runId !== undefined };
}

async function firstEvent(temporal: Client, id: string, runId: string): Promise<HistoryEvent | undefined> {
  for await (const events of pagesOf(temporal, id, runId, 1)) return events[0];
  return undefined;
}

const NOT_FOUND = 5;

type Page = Awaited<ReturnType<Client['workflowService']['getWorkflowExecutionHistory']>>;

export async function* pagesOf(
  { workflowService, options }: Client,
  workflowId: string,
  runId: string,
  maximumPageSize = PAGE_EVENTS,
): AsyncGenerator<readonly HistoryEvent[]> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page: Page | undefined = await workflowService
      .getWorkflowExecutionHistory({
        namespace: options.namespace,
        execution: { workflowId, ...(runId === '' ? {} : { runId }) },
        maximumPageSize,
        ...(nextPageToken ? { nextPageToken } : {}),
      })
      .catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === NOT_FOUND) return undefined;
        throw error;
      });
    if (!page) return;
    yield page.history?.events ?? [];
    nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
  } while (nextPageToken);
}
