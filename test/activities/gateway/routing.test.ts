// Needs: nothing. One request on its way over a route: who is asked, after which failure the next one, and what is thrown where none answers.
import { defineAgent } from '../../../activities/define';
import { createHealthBoard } from '../../../activities/gateway/routing/health-board';
import { HEALTH_RULES } from '../../../activities/gateway/routing/health-rules';
import { AS_PREFERRED, NO_QUOTA, type Quota, type Routing } from '../../../activities/gateway/ports';
import { preferredOrder } from '../../../activities/gateway/routing/preferred-order';
import { sendRequest, type ToSend } from '../../../activities/gateway/send-request';
import { StoppedCall } from '../../../activities/gateway/stopped-call';
import { failure } from '../../../activities/failure';
import { ModelWaitError } from '../../../activities/model/model-wait-error';
import type { ModelCall, ModelProvider, ModelResponse } from '../../../activities/model/provider';
import { createMemoryStore } from '../../../activities/store';
import { FAILURES, type FailureType } from '../../../workflows/contract/failures';
import { isInTable } from '../../../activities/gateway/routing/failover';
import type { Usage } from '../../../workflows/contract/message';
import type { RoutePlan } from '../../../workflows/contract/release';
import { manifestFor } from '../../stack/manifest-for';
import { UNCOUNTED } from '../given';

const answer = (text: string): ModelResponse => ({
  message: { role: 'assistant', parts: [{ type: 'text', text }] },
  finish: 'stop',
  usage: { input: 10, cachedInput: 0, output: 5, reasoning: 0 },
  model: 'm',
  raw: null,
  request: { sha256: '', bytes: 0 },
});

type Says = (call: ModelCall) => Promise<ModelResponse> | ModelResponse;

interface Options {
  says: { [provider: string]: Says };
  route: string[];
  plan?: RoutePlan;
  routing?: Routing;
  quota?: Quota;
  wasShown?(): boolean;
  tiedTo?: string;
  signal?: AbortSignal;
  run?: string;
  text?: string;
}

function given({ says, route, plan, routing = AS_PREFERRED, quota = NO_QUOTA, ...rest }: Options) {
  const asked: string[] = [];
  const failovers: string[] = [];
  /** What was paid for and is no answer. */
  const lost: string[] = [];
  const paid = (name: string, { input, output }: Usage): void => void lost.push(`${name} ${input} ${output}`);
  const loaded = manifestFor(defineAgent({ name: 'a', instructions: 'x' }), route[0] ?? '');
  const manifest = { ...loaded.manifest, model: { ...loaded.manifest.model, route, ...(plan ? { plan } : {}) } };
  const signal = rest.signal ?? new AbortController().signal;
  const providers = {
    resolve: (name: string): { provider: ModelProvider; model: string } => {
      const [provider = '', model = ''] = name.split('/');
      const say = says[provider];
      if (!say) throw failure('Model.NotFound', `no provider ${provider}.`);
      return {
        provider: {
          name: provider,
          generate: async (_request, call) => {
            asked.push(name);
            return await say(call);
          },
        },
        model,
      };
    },
  };
  const toSend: ToSend = {
    loaded: { ...loaded, manifest },
    caller: { agent: 'a', release: 'r', tenant: 't', run: rest.run ?? 'run', signal },
    call: { signal },
    spending: { ...UNCOUNTED, lost: paid, wasted: paid },
    requestTo: (_provider, model) =>
      Promise.resolve({
        model,
        instructions: 'x',
        messages: [{ role: 'user', parts: [{ type: 'text', text: rest.text ?? 'go' }] }],
        tools: [],
        parameters: {},
        rawItems: new Map(),
        loadFile: () => Promise.resolve(new Uint8Array()),
      }),
    ...(rest.wasShown ? { wasShown: rest.wasShown } : {}),
    tiedTo: () => Promise.resolve(rest.tiedTo),
  };
  const metrics = {
    quotaWaited: () => undefined,
    failedOver: ({ from, to, reason }: { from: string; to: string; reason: string }) =>
      void failovers.push(`${from} ${to} ${reason}`),
  };
  return {
    asked,
    failovers,
    lost,
    send: () => sendRequest({ providers, quota, routing, now: Date.now, metrics }, toSend),
  };
}

const failing =
  (type: FailureType, message = 'it failed.'): Says =>
  () => {
    throw failure(type, message);
  };
const B: Says = () => answer('from b');

test.each([
  'Model.RateLimited',
  'Model.Overloaded',
  'Model.Unavailable',
  'Model.Timeout',
  'Model.InvalidResponse',
  'Model.QuotaExhausted',
  'Model.QuotaTooSmall',
  'Model.Authentication',
  'Model.NotFound',
] as const)('after %s the next one is asked, and the answer says who was tried', async (type) => {
  const { send, asked, failovers } = given({ says: { a: failing(type), b: B }, route: ['a/x', 'b/y'] });
  expect(await send()).toMatchObject({ route: 'b/y', tried: [{ route: 'a/x', failure: type, why: 'it failed' }] });
  expect(asked).toEqual(['a/x', 'b/y']);
  expect(failovers).toEqual([`a/x b/y ${type}`]);
});

test.each(['Model.BadRequest', 'Model.ContentFiltered', 'Store.Unavailable', 'Runtime.Unexpected'] as const)(
  'after %s nobody else is asked',
  async (type) => {
    const { send, asked } = given({ says: { a: failing(type), b: B }, route: ['a/x', 'b/y'] });
    await expect(send()).rejects.toMatchObject({ type });
    expect(asked).toEqual(['a/x']);
  },
);

test('where all of a route fail, one that a shorter conversation would mend is the failure, with the words of each', async () => {
  const says = { a: failing('Model.QuotaTooSmall', 'of a.'), b: failing('Model.ContextTooLong', 'of b.') };
  await expect(given({ says, route: ['a/x', 'b/y'] }).send()).rejects.toMatchObject({
    type: 'Model.ContextTooLong',
    message: 'all of the route failed. a/x: of a; b/y: of b',
  });
});

test('a request that is too long goes to one that reads more, and to nobody else', async () => {
  let calls = 0;
  const openai: Says = () => {
    calls += 1;
    if (calls === 1) throw failure('Model.ContextTooLong', 'too long.');
    return answer('read it');
  };
  const { send, asked } = given({ says: { openai, b: B }, route: ['openai/gpt-4', 'b/unknown', 'openai/gpt-4.1'] });
  expect(await send()).toMatchObject({ route: 'openai/gpt-4.1' });
  expect(asked).toEqual(['openai/gpt-4', 'openai/gpt-4.1']);
});

test('one whose window is too small is not asked, and where all are the failure says what each lacks', async () => {
  const text = 'word '.repeat(10_000);
  const openai: Says = () => answer('read it');
  const { send, asked } = given({ says: { openai }, route: ['openai/gpt-4', 'openai/gpt-4.1'], text });
  expect(await send()).toMatchObject({
    route: 'openai/gpt-4.1',
    tried: [{ route: 'openai/gpt-4', failure: 'incapable', ms: 0 }],
  });
  expect(asked).toEqual(['openai/gpt-4.1']);
  const none = given({ says: { openai }, route: ['openai/gpt-4', 'openai/gpt-4-0613'], text });
  await expect(none.send()).rejects.toMatchObject({ type: 'Model.ContextTooLong', message: /gpt-4: .*gpt-4-0613: / });
});

test('a refusal is an answer, unless the route diverts on it; and where nobody else answers, it is the answer', async () => {
  const a: Says = () => ({ ...answer('no'), finish: 'refusal' });
  const plan: RoutePlan = { divertOn: ['Model.Refused'] };
  expect(await given({ says: { a, b: B }, route: ['a/x', 'b/y'] }).send()).toMatchObject({ route: 'a/x' });
  const diverted = await given({ says: { a, b: B }, route: ['a/x', 'b/y'], plan }).send();
  expect(diverted).toMatchObject({ route: 'b/y', tried: [{ failure: 'Model.Refused', usage: { input: 10 } }] });
  const b = failing('Model.Unavailable');
  expect(await given({ says: { a, b }, route: ['a/x', 'b/y'], plan }).send()).toMatchObject({ route: 'a/x' });
});

test('a request that nobody there could read is not paid for; one whose answer was none may be', async () => {
  const nobody = given({ says: { a: failing('Model.NotFound') }, route: ['a/x'] });
  await expect(nobody.send()).rejects.toMatchObject({ type: 'Model.NotFound' });
  const broken = given({ says: { a: failing('Model.InvalidResponse') }, route: ['a/x'] });
  await expect(broken.send()).rejects.toMatchObject({ type: 'Model.InvalidResponse' });
  expect([nobody.lost, broken.lost]).toEqual([[], [expect.stringMatching(/^a\/x \d+ 0$/)]]);
});

test('an answer that another takes the place of was paid for; where nobody gives another it is the answer, and says who was asked for one', async () => {
  const a: Says = () => ({ ...answer('no'), finish: 'refusal' });
  const plan: RoutePlan = { divertOn: ['Model.Refused'] };
  const replaced = given({ says: { a, b: B }, route: ['a/x', 'b/y'], plan });
  await replaced.send();
  expect(replaced.lost).toEqual(['a/x 10 5']);
  const last = given({ says: { a, b: a }, route: ['a/x', 'b/y', 'a/z'], plan });
  expect(await last.send()).toMatchObject({ route: 'a/z' });
  expect(last.lost).toEqual(['b/y 10 5', 'a/x 10 5']);
  for (const type of ['Model.Unavailable', 'Model.ContentFiltered', 'Budget.MoneyExhausted'] as const) {
    const only = given({ says: { a, b: failing(type) }, route: ['a/x', 'b/y'], plan });
    expect(await only.send()).toMatchObject({ route: 'a/x', tried: [{ route: 'b/y', failure: type }] });
    expect(only.lost).toEqual([]);
  }
  const bug: Says = () => {
    throw new TypeError('a bug.');
  };
  const hidden = given({ says: { a, b: bug }, route: ['a/x', 'b/y', 'a/z'], plan });
  await expect(hidden.send()).rejects.toThrow('a bug.');
  expect(hidden.lost).toEqual(['a/x 10 5']);
  const stop = new AbortController();
  const stops: Says = () => {
    stop.abort();
    throw failure('Model.Unavailable', 'gone.');
  };
  const stopped = given({ says: { a, b: stops }, route: ['a/x', 'b/y'], plan, signal: stop.signal });
  await expect(stopped.send()).rejects.toBeInstanceOf(StoppedCall);
  expect(stopped.lost).toEqual([expect.stringMatching(/^b\/y /), 'a/x 10 5']);
});

test('where all fail, the first failure that may be retried is thrown, with what each said', async () => {
  const says = {
    a: failing('Model.Authentication', 'bad key.'),
    b: failing('Model.Overloaded', 'busy.'),
    c: failing('Model.Unavailable', 'gone.'),
  };
  const { send } = given({ says, route: ['a/x', 'b/y', 'c/z'] });
  await expect(send()).rejects.toMatchObject({
    type: 'Model.Overloaded',
    nonRetryable: false,
    message: 'all of the route failed. a/x: bad key; b/y: busy; c/z: gone',
  });
});

test('whoever must be waited for gives way to the next; where all must, the shortest wait is taken', async () => {
  const waiting =
    (until: number): Says =>
    () => {
      throw new ModelWaitError(until, 'come back later.');
    };
  const one = given({ says: { a: waiting(Date.now() + 60_000), b: B }, route: ['a/x', 'b/y'] });
  expect(await one.send()).toMatchObject({ route: 'b/y', tried: [{ route: 'a/x', failure: 'wait' }] });
  const soon = Date.now() + 20_000;
  const all = given({ says: { a: waiting(soon + 60_000), b: waiting(soon) }, route: ['a/x', 'b/y'] });
  await expect(all.send()).rejects.toMatchObject({ name: 'ModelWaitError', waitUntil: soon });
});

test('patience for quota is that of the route, and of the last one nobody has any', async () => {
  const patience: (number | undefined)[] = [];
  const quota: Quota = {
    admit: (route, _expected, { patienceMs }) => {
      patience.push(patienceMs);
      if (route === 'a/x') throw new ModelWaitError(Date.now() + 3_000, 'the quota of a/x is used up.');
      return NO_QUOTA.admit(route, _expected, {
        agent: '',
        release: '',
        tenant: '',
        run: '',
        signal: new AbortController().signal,
      });
    },
  };
  const { send } = given({ says: { a: B, b: B }, route: ['a/x', 'b/y'], plan: { spillOverMs: 2_000 }, quota });
  expect(await send()).toMatchObject({ route: 'b/y' });
  expect(patience).toEqual([2_000, undefined]);
});

test('a quota that is waited for no longer than the route has patience gives way to the next', async () => {
  const quota: Quota = {
    admit: (route, _expected, { signal }) =>
      route === 'b/y'
        ? NO_QUOTA.admit(route, _expected, { agent: '', release: '', tenant: '', run: '', signal })
        : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  };
  const { send, asked } = given({ says: { a: B, b: B }, route: ['a/x', 'b/y'], plan: { spillOverMs: 20 }, quota });
  expect(await send()).toMatchObject({ route: 'b/y', tried: [{ route: 'a/x', failure: 'wait' }] });
  expect(asked).toEqual(['b/y']);
});

test('the table says of every failure of a model what follows', () => {
  const types = Object.keys(FAILURES).filter((type) => type.startsWith('Model.'));
  expect(types.filter((type) => !isInTable(type))).toEqual([]);
});

test('a first token that does not come in time is not waited for, where another can be asked', async () => {
  let isClosed = false;
  const hangs: Says = ({ signal }) =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => ((isClosed = true), reject(new Error('aborted')))),
    );
  const { send } = given({ says: { a: hangs, b: B }, route: ['a/x', 'b/y'], plan: { firstTokenWithinMs: 20 } });
  expect(await send()).toMatchObject({ route: 'b/y', tried: [{ failure: 'Model.Timeout', usage: { output: 0 } }] });
  expect(isClosed).toBe(true);
});

test('what a provider sends before its model has said anything is no first token, and a first token ends the watch', async () => {
  const slow: Says = async ({ signal, onDelta }) => {
    onDelta?.({ isPreface: true });
    await new Promise((resolve, reject) => {
      setTimeout(resolve, 200).unref();
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
    return answer('late');
  };
  const begun: Says = async (call) => {
    call.onDelta?.({ text: 'I ' });
    return await slow(call);
  };
  const plan = { firstTokenWithinMs: 20 };
  expect(await given({ says: { a: slow, b: B }, route: ['a/x', 'b/y'], plan }).send()).toMatchObject({ route: 'b/y' });
  expect(await given({ says: { a: begun, b: B }, route: ['a/x', 'b/y'], plan }).send()).toMatchObject({ route: 'a/x' });
});

test('a stream that broke after somebody had read of it is not repeated within the attempt', async () => {
  const says = { a: failing('Model.Unavailable'), b: B };
  const { send, asked } = given({ says, route: ['a/x', 'b/y'], wasShown: () => true });
  await expect(send()).rejects.toMatchObject({ type: 'Model.Unavailable', nonRetryable: false });
  expect(asked).toEqual(['a/x']);
});

test('a call that is stopped asks nobody else', async () => {
  const stop = new AbortController();
  const a: Says = () => {
    stop.abort();
    throw failure('Model.Unavailable', 'gone.');
  };
  const { send, asked } = given({ says: { a, b: B }, route: ['a/x', 'b/y'], signal: stop.signal });
  await expect(send()).rejects.toBeInstanceOf(StoppedCall);
  expect(asked).toEqual(['a/x']);
});

test('what keeps a request from being sent says nothing of its provider, and frees its quota', async () => {
  const seen: string[] = [];
  const routing: Routing = { ...AS_PREFERRED, seen: (_, { kind }) => void seen.push(kind) };
  await expect(
    given({ says: { a: failing('Store.Unavailable') }, route: ['a/x'], routing }).send(),
  ).rejects.toMatchObject({ type: 'Store.Unavailable' });
  const stop = new AbortController();
  const ends: string[] = [];
  const quota: Quota = {
    admit: () => {
      stop.abort();
      return Promise.resolve({ settle: () => void ends.push('settled'), release: () => void ends.push('released') });
    },
  };
  const { send, asked, lost } = given({ says: { a: B }, route: ['a/x'], routing, quota, signal: stop.signal });
  await expect(send()).rejects.toMatchObject({ name: 'AbortError' });
  expect({ seen, ends, asked, lost }).toEqual({
    seen: ['unknown', 'unknown'],
    ends: ['released'],
    asked: [],
    lost: [],
  });
});

test('a turn that one provider alone can go on with goes to no other', async () => {
  const says = { a: failing('Model.Overloaded'), b: B };
  const { send, asked } = given({ says, route: ['b/y', 'a/x'], tiedTo: 'a' });
  await expect(send()).rejects.toMatchObject({ type: 'Model.Overloaded' });
  expect(asked).toEqual(['a/x']);
});

test('weights share runs out, and a run keeps its order', () => {
  const model = { route: ['a/x', 'b/y', 'c/z'], plan: { weights: [1, 3, 6] } };
  const first = new Map<string, number>();
  for (let run = 0; run < 2_000; run += 1) {
    const [name = '', ...rest] = preferredOrder(model, `run-${run}`);
    expect(rest).toHaveLength(2);
    first.set(name, (first.get(name) ?? 0) + 1);
  }
  expect([first.get('a/x'), first.get('b/y'), first.get('c/z')].map((runs = 0) => Math.round(runs / 200))).toEqual([
    1, 3, 6,
  ]);
  expect(preferredOrder(model, 'run-7')).toEqual(preferredOrder(model, 'run-7'));
});

describe('health', () => {
  function workers(count: number) {
    const clock = { at: 1_000_000 };
    const now = (): number => clock.at;
    const store = createMemoryStore(now);
    const boards = Array.from({ length: count }, (_, nth) =>
      createHealthBoard({ store, worker: `w${nth}`, now, metrics: { routeTurned: () => undefined } }),
    );
    return { boards, clock, store, settle: () => new Promise((resolve) => setTimeout(resolve, 5)) };
  }
  const route = ['a/x', 'b/y'];
  const order = async (board: Routing): Promise<string[]> =>
    (await board.inOrder(route, () => 100)).map(({ route: name, state }) => `${name} ${state}`);
  const down = { kind: 'failed', type: 'Model.Unavailable' } as const;
  const well = { kind: 'answered', input: 100, output: 20, ms: 500, firstTokenMs: 100 } as const;
  const a = (state: 'healthy' | 'probing' = 'healthy') => ({ route: 'a/x', state });

  test('failures that several workers see add up; then all ask another, one tries, and all come back', async () => {
    const { boards, clock, settle } = workers(3);
    const [one, two, three] = boards as [Routing, Routing, Routing];
    for (const board of boards) expect(await order(board)).toEqual(['a/x healthy', 'b/y healthy']);
    for (const board of boards) {
      board.seen(a(), down);
      await settle();
    }
    clock.at += HEALTH_RULES.readEveryMs + 1;
    for (const board of boards) expect(await order(board)).toEqual(['b/y healthy', 'a/x cooling']);
    clock.at += HEALTH_RULES.coolMs;
    const tries = await Promise.all(boards.map(order));
    expect(tries.filter(([first]) => first === 'a/x probing')).toHaveLength(1);
    const prober = tries.findIndex(([first]) => first === 'a/x probing');
    boards[prober]?.seen(a('probing'), well);
    await settle();
    clock.at += HEALTH_RULES.readEveryMs + 1;
    for (const board of [one, two, three]) expect(await order(board)).toEqual(['a/x healthy', 'b/y healthy']);
  });

  test('one that fails its probe cools down for twice as long, and a prober that died is replaced', async () => {
    const { boards, clock, settle } = workers(2);
    const [one, two] = boards as [Routing, Routing];
    await order(one);
    for (let nth = 0; nth < 3; nth += 1) one.seen(a(), down);
    await settle();
    clock.at += HEALTH_RULES.coolMs + 1;
    expect((await order(one))[0]).toBe('a/x probing');
    one.seen(a('probing'), down);
    await settle();
    clock.at += HEALTH_RULES.coolMs + 1;
    expect((await order(one))[0]).toBe('b/y healthy');
    clock.at += HEALTH_RULES.coolMs;
    expect((await order(one))[0]).toBe('a/x probing');
    clock.at += HEALTH_RULES.readEveryMs + 1;
    expect((await order(two))[0]).toBe('b/y healthy');
    clock.at += HEALTH_RULES.probeMs;
    expect((await order(two))[0]).toBe('a/x probing');
  });

  test('one that answers ten times slower than usual is left, though nothing fails', async () => {
    const { boards, clock, settle } = workers(1);
    const [board] = boards as [Routing];
    for (let nth = 0; nth < 12; nth += 1) board.seen(a(), well);
    expect((await board.inOrder(route, () => 100))[0]?.firstTokenWithinMs).toBe(2_100);
    for (let nth = 0; nth < 3; nth += 1) board.seen(a(), { ...well, ms: 5_000, firstTokenMs: 1_000 });
    await settle();
    clock.at += HEALTH_RULES.readEveryMs + 1;
    expect(await order(board)).toEqual(['b/y healthy', 'a/x cooling']);
  });

  test('a worker that starts while a provider is slow knows from the others what is usual', async () => {
    const { boards, clock, settle, store } = workers(1);
    const [board] = boards as [Routing];
    for (let nth = 0; nth < 12; nth += 1) board.seen(a(), well);
    clock.at += HEALTH_RULES.tellEveryMs + 1;
    board.seen(a(), well);
    await settle();
    const late = createHealthBoard({
      store,
      worker: 'late',
      now: () => clock.at,
      metrics: { routeTurned: () => undefined },
    });
    expect((await late.inOrder(route, () => 100))[0]?.firstTokenWithinMs).toBe(2_100);
  });

  test('a key that is refused, and a time that the provider names, are believed at once', async () => {
    const { boards, clock, settle } = workers(1);
    const [board] = boards as [Routing];
    await order(board);
    board.seen(a(), { kind: 'failed', type: 'Model.Authentication' });
    await settle();
    clock.at += HEALTH_RULES.coolLastingMs - 1;
    expect((await order(board))[0]).toBe('b/y healthy');
    clock.at += 2;
    expect((await order(board))[0]).toBe('a/x probing');
    board.seen(a('probing'), { kind: 'failed', type: 'Model.RateLimited', until: clock.at + 40_000 });
    await settle();
    clock.at += 39_000;
    expect((await order(board))[0]).toBe('b/y healthy');
  });

  test('a bad request says nothing against a provider, and a store that is away keeps nobody from asking', async () => {
    const { boards, settle } = workers(1);
    const [board] = boards as [Routing];
    for (let nth = 0; nth < 5; nth += 1) board.seen(a(), { kind: 'failed', type: 'Model.BadRequest' });
    await settle();
    expect((await order(board))[0]).toBe('a/x healthy');
    const away = () => Promise.reject(failure('Store.Unavailable', 'away.'));
    const alone = createHealthBoard({
      store: { readRef: away, commit: away, listRefs: away },
      worker: 'w',
      now: Date.now,
      metrics: { routeTurned: () => undefined },
    });
    expect((await order(alone))[0]).toBe('a/x healthy');
    for (let nth = 0; nth < 3; nth += 1) alone.seen(a(), down);
    await settle();
    expect((await order(alone))[0]).toBe('b/y healthy');
  });
});
