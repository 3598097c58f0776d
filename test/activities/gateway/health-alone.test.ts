// Needs: nothing. What is known of a model that is alone behind its alias, and so is asked in any state.
import { createHealthBoard } from '../../../activities/gateway/routing/health-board';
import { HEALTH_RULES } from '../../../activities/gateway/routing/health-rules';
import { createMemoryStore } from '../../../activities/store';

const ROUTE = ['a/x', 'b/y'];
const A = { route: 'a/x', state: 'healthy' } as const;

test('an answer to a call that began after its trouble ends the pause for everybody; one that was on its way does not', async () => {
  let at = 1_000_000;
  const now = (): number => at;
  const store = createMemoryStore(now);
  const turned: string[] = [];
  const board = (worker: string) =>
    createHealthBoard({
      ...{ store, worker, now },
      metrics: { routeTurned: (route, isCooling) => void turned.push(`${worker} ${route} ${isCooling}`) },
    });
  const [one, two] = [board('one'), board('two')];
  // The store is in memory: what is under way is done by then.
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const first = async (asked: typeof one): Promise<unknown> => (await asked.inOrder(ROUTE, () => 100))[0];
  const answeredAfter = async (ms: number): Promise<void> => {
    at += HEALTH_RULES.readEveryMs + 1;
    // Nobody has told this worker: it reads what another one has found.
    await two.inOrder(['a/x'], () => 100);
    await settle();
    two.seen(A, { kind: 'answered', input: 100, output: 20, ms, firstTokenMs: 100 });
    await settle();
  };

  one.seen(A, { kind: 'failed', type: 'Model.Authentication' });
  await settle();
  await answeredAfter(60_000);
  expect(await first(two)).toMatchObject({ route: 'b/y' });
  await answeredAfter(300);
  expect(await first(two)).toMatchObject({ route: 'a/x', state: 'healthy' });
  at += HEALTH_RULES.readEveryMs + 1;
  expect(await first(one)).toMatchObject({ route: 'a/x', state: 'healthy' });
  expect(turned).toEqual(['one a/x true', 'two a/x true', 'two a/x false', 'one a/x false']);
});
