// The quota workflow, one for each model and key, and one for each tenant with a budget: the one authority that all workers lease from. What it decides is in quota/; this file is
// only how it is held up.
import {
  condition,
  continueAsNew,
  setHandler,
  workflowInfo,
  defineQuery,
  defineUpdate,
  allHandlersFinished,
} from '@temporalio/workflow';
import { QUERY_NAMES, UPDATE_NAMES } from './contract/names';
import type { LeaseAnswer, LeaseRequest, LedgerState, QuotaInput, QuotaView } from './contract/quota';
import { lease, newLedger } from './quota/ledger';
import { viewOf } from './quota/view';

export const leaseUpdate = defineUpdate<LeaseAnswer, [LeaseRequest]>(UPDATE_NAMES.lease);
export const quotaQuery = defineQuery<QuotaView, [asOf?: number]>(QUERY_NAMES.quota);
export const ledgerQuery = defineQuery<LedgerState>(QUERY_NAMES.ledger);

/**
 * Events of one execution. Where the worker that held it is gone, another reads it again before anybody is answered, at some milliseconds a
 * request: leases would end meanwhile. The server also takes no more than 2,000 updates an execution.
 */
const EVENTS_MOST = 500;

/** It never ends. Nothing is awaited between a request and its answer, so all that is known is in the ledger when it goes on as new. */
export async function quota(input: QuotaInput): Promise<never> {
  const ledger = input.carried ?? newLedger(input.isHeir);
  setHandler(leaseUpdate, (request) => lease(ledger, request, Date.now()), {
    description: 'What a worker may send, and what it has spent.',
  });
  setHandler(quotaQuery, (asOf) => viewOf(ledger, input.route, asOf), {
    description: 'Limits, what is used of them, who waits.',
  });
  // Answered from its history when it has been terminated, too.
  setHandler(ledgerQuery, () => ledger, { description: 'All that it knows, for the one that is begun after it.' });
  await condition(
    () =>
      (workflowInfo().historyLength >= EVENTS_MOST || workflowInfo().continueAsNewSuggested) && allHandlersFinished(),
  );
  return await continueAsNew<typeof quota>({ ...input, carried: ledger });
}
