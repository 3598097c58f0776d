// Needs: nothing. A run that is watched outlives workers and servers that come and go.
import type { RunEvent } from '../../client/run-events';
import { ClientError } from '../../client/errors';
import { followRun, type FollowedRun } from '../../client/follow-run';

const unknown = new ClientError('run-not-found', 'Temporal has no running or retained run "a".');
const silent = new ClientError('no-worker', 'no worker answered for run "a".');
const begun: RunEvent = {
  type: 'step',
  step: { seq: 1, kind: 'model', label: 'model', state: 'running', startedAt: 1 },
};

/** One entry for each time that it is asked: what it says then. */
function run(answers: (RunEvent | ClientError)[], describe: (string | ClientError)[] = []): FollowedRun {
  let asked = 0;
  const events = async function* (): AsyncGenerator<RunEvent> {
    // The clock alone: the one-second waits are real.
    jest.setSystemTime(Date.now() + 6_000);
    const answer = answers[Math.min(asked++, answers.length - 1)];
    await Promise.resolve();
    if (answer instanceof ClientError) throw answer;
    if (answer) yield answer;
  };
  const described: FollowedRun['describe'] = () => {
    const next = describe.shift() ?? 'RUNNING';
    return next instanceof ClientError ? Promise.reject(next) : Promise.resolve({ status: { name: next } });
  };
  return { events, describe: described };
}

async function followed(handle: FollowedRun): Promise<{ events: RunEvent[]; told: string[]; error?: unknown }> {
  const seen: RunEvent[] = [];
  const told: string[] = [];
  const following = (async () => {
    for await (const event of followRun(handle, ({ code }) => told.push(code))) seen.push(event);
  })();
  const ended = following.then(
    () => ({ events: seen, told }),
    (error: unknown) => ({ events: seen, told, error }),
  );
  return await ended;
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  jest.useRealTimers();
});

test('a server that says once that it does not know the run is asked again', async () => {
  expect(await followed(run([unknown, begun]))).toEqual({ events: [begun], told: [] });
});

test('also where it says so when asked why no worker answers', async () => {
  expect(await followed(run([silent, begun], [unknown]))).toEqual({ events: [begun], told: [] });
});

test('a server that goes on saying so is believed', async () => {
  expect(await followed(run([unknown]))).toEqual({ events: [], told: [], error: unknown });
});

test('a missing worker is waited for, and told of once; an end needs none', async () => {
  expect(await followed(run([silent, silent, begun], ['RUNNING', 'RUNNING']))).toEqual({
    events: [begun],
    told: ['no-worker'],
  });
  expect(await followed(run([silent], ['TERMINATED']))).toEqual({ events: [], told: [] });
});
