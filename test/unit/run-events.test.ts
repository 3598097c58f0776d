// What a reader of a run is told, by a run and a worker that do as the test says.
import type { TextEvent } from '../../activities/stream/port';
import { eventsOf, type RunEvent } from '../../client/run-events';
import type { RunProgress, Step } from '../../workflows/contract/run';

const step = (state: Step['state'], endedAt?: number): Step => ({
  ...{ seq: 1, kind: 'model', label: 'asks', state, startedAt: 1_000 },
  ...(endedAt === undefined ? {} : { endedAt }),
});
const progressOf = (...steps: Step[]): RunProgress => {
  const totals = { turns: 0, modelCalls: 0, toolCalls: 0 } as RunProgress['totals'];
  const limits = {} as RunProgress['limits'];
  return { status: 'running', agent: 'a', release: 'r', turn: 1, head: null, length: 0, totals, limits, steps };
};
const text = (begunAt: number): TextEvent => ({
  ...{ run: 'run_1', turn: 1, attempt: 1, begunAt, sequence: 2, text: 'hi' },
});

function given(progress: () => Promise<RunProgress>) {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const said: ((event: TextEvent) => void)[] = [];
  const temporal = { connection: { withAbortSignal: <R>(_: AbortSignal, work: () => Promise<R>) => work() } };
  const events = eventsOf({
    ...{ temporal, handle: { result: () => ended }, progress },
    texts: () => ({
      next: () => new Promise((resolve) => said.push((value) => resolve({ value, done: false }))),
    }),
  });
  return { events, end: () => end(), say: (event: TextEvent) => said.shift()?.(event) };
}
const next = async (events: AsyncGenerator<RunEvent>): Promise<RunEvent | undefined> =>
  (await events.next()).value as RunEvent | undefined;

test('what is said does not wait for a worker that does not answer', async () => {
  let answer: (progress: RunProgress) => void = () => undefined;
  const { events, say, end } = given(() => new Promise((resolve) => (answer = resolve)));
  const first = next(events);
  say(text(1_000));
  expect(await first).toMatchObject({ type: 'text', text: 'hi' });
  const second = next(events);
  answer(progressOf(step('running')));
  expect(await second).toMatchObject({ type: 'step', step: { state: 'running' } });
  end();
  await events.return(undefined);
});

test('of an answer that its step has told nothing more is said', async () => {
  const { events, say, end } = given(() => Promise.resolve(progressOf(step('done', 2_000))));
  expect([await next(events), await next(events)]).toMatchObject([{ type: 'step' }, { type: 'status' }]);
  const third = next(events);
  say(text(1_000));
  await new Promise((resolve) => setImmediate(resolve));
  say(text(3_000));
  expect(await third).toMatchObject({ type: 'text', begunAt: 3_000 });
  end();
  expect((await events.next()).done).toBe(true);
});

test('a worker that fails to answer is told of as it is, also after something was said', async () => {
  let fail: (error: Error) => void = () => undefined;
  const { events, say } = given(() => new Promise((_, reject) => (fail = reject)));
  const first = next(events);
  say(text(1_000));
  await first;
  const second = next(events);
  fail(new Error('no worker'));
  await expect(second).rejects.toThrow('no worker');
});

test('a timer that comes before its time by the clock wakes it all the same: the run is asked again', async () => {
  const clock = jest.spyOn(Date, 'now').mockReturnValue(1_000);
  let asked = 0;
  const { events, end } = given(() => Promise.resolve(progressOf(step(asked++ === 0 ? 'running' : 'done'))));
  expect([await next(events), await next(events)]).toMatchObject([{ type: 'step' }, { type: 'status' }]);
  expect(await next(events)).toMatchObject({ type: 'step', step: { state: 'done' } });
  clock.mockRestore();
  end();
  await events.return(undefined);
});
