// Needs: nothing. A shadow goes where the health of providers says, and moves none of it.
import { defineAgent } from '../../../activities/define';
import { createHealthBoard } from '../../../activities/gateway/routing/health-board';
import { HEALTH_RULES } from '../../../activities/gateway/routing/health-rules';
import type { Routing } from '../../../activities/gateway/ports';
import { depsOfShadow } from '../../../activities/shadow/deps-of-shadow';
import { createMemoryStore } from '../../../activities/store';
import { given } from '../given';

const A = { route: 'a/x', state: 'healthy' } as const;
const DOWN = { kind: 'failed', type: 'Model.Unavailable' } as const;
const order = async (asked: Routing): Promise<string[]> =>
  (await asked.inOrder(['a/x', 'b/y'], () => 100)).map(({ route, state }) => `${route} ${state}`);
/** The store is in memory: what is under way is done by then. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a shadow tries nobody out who must be asked again by somebody who tells, and tells nothing', async () => {
  let at = 1_000_000;
  const now = (): number => at;
  const board = createHealthBoard({
    ...{ store: createMemoryStore(now), worker: 'w', now },
    metrics: { routeTurned: () => undefined },
  });
  const { deps } = await given(defineAgent({ name: 'a', instructions: 'Answer.' }));
  const { routing } = depsOfShadow({ ...deps, routing: board });

  for (let nth = 0; nth < 9; nth += 1) routing.seen(A, DOWN);
  await settle();
  expect(await order(board)).toEqual(['a/x healthy', 'b/y healthy']);

  for (let nth = 0; nth < 3; nth += 1) board.seen(A, DOWN);
  await settle();
  at += HEALTH_RULES.coolMs + 1;
  expect(await order(routing)).toEqual(['b/y healthy', 'a/x cooling']);
  // It has claimed nothing: a run tries.
  expect(await order(board)).toEqual(['a/x probing', 'b/y healthy']);
});
