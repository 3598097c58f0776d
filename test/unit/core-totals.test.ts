// Needs nothing. What answers from the cache saved, in the totals of a run: beside what it paid, and never in it.
import { initialState, takeAnswer, takeSubRunTotals } from '../../workflows/core/run-state';
import type { ModelAnswer } from '../../workflows/contract/activities';
import type { AgentRunInput } from '../../workflows/contract/run';

const NO_USAGE = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const saved = { input: 90, cachedInput: 0, output: 10, reasoning: 0 };
const answer = (more: Partial<ModelAnswer>): ModelAnswer => ({
  ...{ kind: 'answer', head: 'h', messages: [], toolCalls: [], usage: NO_USAGE, cost: { nanoUsd: 0 }, model: 'a/x' },
  ...more,
});

test('what the cache saved is added up in tokens, and in money where it was priced, with that of sub-agents', () => {
  const input: Pick<AgentRunInput, 'input'> = { input: { hash: 'a', role: 'user', preview: '' } };
  const state = initialState(input as AgentRunInput, 0);
  takeAnswer(state, answer({ cached: true, saved, savedCost: { nanoUsd: 7 } }));
  // Of a worker of before, or of a model whose price nobody knows.
  takeAnswer(state, answer({ cached: true, saved }));
  takeAnswer(state, answer({ usage: saved, cost: { nanoUsd: 5 } }));
  expect(state.kept.totals).toMatchObject({ usage: saved, cost: { nanoUsd: 5 } });
  const twice = { ...saved, input: 180, output: 20 };
  expect(state.kept.totals).toMatchObject({ cachedCalls: 2, saved: twice, savedCost: { nanoUsd: 7 } });
  takeSubRunTotals(state, state.kept.totals);
  expect(state.kept.totals).toMatchObject({ cachedCalls: 4, savedCost: { nanoUsd: 14 }, cost: { nanoUsd: 10 } });
});
