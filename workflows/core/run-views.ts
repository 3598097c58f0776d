// What a query of a run shows: counts, previews and hashes. Content is resolved outside, from the store.
import type { PersonRequest } from '../contract/approval';
import type { RunProgress, RunTranscript } from '../contract/run';
import type { Run } from './environment';
import { limitsOf } from './limits';
import { undecided } from './requests';
import { reasonOf, statusOf } from './run-state';

export function progressOf({ input, state }: Pick<Run, 'input' | 'state'>): RunProgress {
  const { kept } = state;
  const reason = reasonOf(state);
  const requests = pendingApprovalsOf({ state });
  return {
    status: statusOf(state),
    ...(reason === undefined ? {} : { reason }),
    agent: input.agent,
    release: input.release,
    turn: kept.turn,
    head: kept.head,
    length: kept.length,
    totals: kept.totals,
    limits: limitsOf({ input, state }),
    ...(Object.values(input.plan.tools).some(({ agent }) => agent) ? { callsAgents: true } : {}),
    ...(requests.length > 0 ? { requests } : {}),
    steps: kept.steps,
    ...(state.result ? { result: state.result } : {}),
  };
}

export const transcriptOf = ({ state: { kept } }: Pick<Run, 'state'>): RunTranscript => ({
  head: kept.head,
  length: kept.length,
  messages: kept.messages,
});

/** What the run asks people and nobody has decided, oldest first. */
export const pendingApprovalsOf = ({ state }: Pick<Run, 'state'>): PersonRequest[] =>
  state.result ? [] : undecided(state).map(({ decision: _, told: __, ...request }) => request);
