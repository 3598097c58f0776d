// What a query of a run shows: counts, previews and hashes. Content is resolved outside, from the store.
import type { RunProgress, RunTranscript } from '../contract/run';
import type { Run } from './environment';
import { reasonOf, statusOf } from './run-state';

export function progressOf({ input, state }: Pick<Run, 'input' | 'state'>): RunProgress {
  const { kept } = state;
  const reason = reasonOf(state);
  return {
    status: statusOf(state),
    ...(reason === undefined ? {} : { reason }),
    agent: input.agent,
    release: input.release,
    turn: kept.turn,
    head: kept.head,
    length: kept.length,
    totals: kept.totals,
    limits: input.plan.limits,
    steps: kept.steps,
    ...(state.result ? { result: state.result } : {}),
  };
}

export const transcriptOf = ({ state: { kept } }: Pick<Run, 'state'>): RunTranscript => ({
  head: kept.head,
  length: kept.length,
  messages: kept.messages,
});
