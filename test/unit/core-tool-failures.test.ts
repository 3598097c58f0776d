// Needs: nothing but Node. What a tool declares for when it fails: attempts and the waits between them, what is not tried again, and the
// tools that stand in for it; and how many of its calls are made at once.
import { z } from 'zod';
import { defineAgent, defineTool, ToolRejection, type Effect, type Tool } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import { ToolFailure } from '../../activities/define/tool-failure';
import { retryDelayMs, spreadMs } from '../../activities/retry-delay';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { describeAgent } from '../../activities/describe-agent';

const input = z.object({ city: z.string() });
const output = z.object({ degrees: z.number() });

type Run = (given: { city: string }) => { degrees: number };
const weather = (name: string, run: Run, more: object = {}) =>
  defineTool({ name, description: `Weather, by ${name}.`, input, output, effect: 'read', run, ...more });
const broken: Run = () => {
  throw new Error('no sky');
};

async function ask(
  tools: readonly Tool<string, typeof input, z.core.$ZodType, z.ZodObject<Record<never, never>>>[],
  ...cities: string[]
) {
  const agent = defineAgent({ name: 'forecaster', instructions: 'Forecast.', tools });
  const calls = cities.map((city) => ({ name: 'near', args: { city } }));
  const run = await testAgent(agent, { model: script([{ calls }]).answer('done'), startAt: new Date(0) }).start('go');
  const result = await run.result();
  const told = (await run.transcript())
    .filter(({ role }) => role === 'tool')
    .map(({ parts: [part] }) => (part?.type === 'text' ? part.text : ''));
  return { run, result, told, tried: run.calls.flatMap((call) => (call.kind === 'tool' ? [call.tool] : [])) };
}

describe('fallback', () => {
  test('tools are tried in order, each with its own attempts, and the trace says for whom', async () => {
    const far = weather('far', broken, { retry: { attempts: 1 } });
    const last = weather('last', ({ city }) => ({ degrees: city.length }));
    const near = weather('near', broken, { retry: { attempts: 2 }, fallback: [far, last] });
    const { told, tried, result } = await ask([near], 'Oslo');
    expect(tried).toEqual(['near', 'near', 'far', 'last']);
    expect(told).toEqual(['{"degrees":4}']);
    expect(result.steps.filter(({ kind }) => kind === 'tool').map(({ label, state }) => `${label}: ${state}`)).toEqual([
      'near {"city":"Oslo"}: failed',
      'far instead of near {"city":"Oslo"}: failed',
      'last instead of near {"city":"Oslo"}: done',
    ]);
    expect(result.totals.toolCalls).toBe(1);
  });

  test('a tool whose outside is left alone was not called: another is', async () => {
    const far = weather('far', () => ({ degrees: 1 }));
    const refused: Run = () => {
      throw new ToolFailure('Tool.CircuitOpen', 'not now.', { mayHaveActed: false, final: true });
    };
    const { tried, told } = await ask([weather('near', refused, { fallback: [far] })], 'Oslo');
    expect([tried, told]).toEqual([['near', 'far'], ['{"degrees":1}']]);
  });

  test('where all have failed the model is told of the last, once', async () => {
    const far = weather('far', () => ({ degrees: 'cold' }) as never);
    const { told } = await ask([weather('near', broken, { fallback: [far] })], 'Oslo');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('Tool.InvalidOutput');
  });

  test('a rejection is the tool’s word, and an outcome that is unknown may have happened: nothing else is tried', async () => {
    const far = weather('far', () => ({ degrees: 1 }));
    const rejects: Run = () => {
      throw new ToolRejection('not today');
    };
    expect((await ask([weather('near', rejects, { fallback: [far] })], 'Oslo')).told).toEqual([
      'Tool.Rejected: not today',
    ]);
    const once = await ask(
      [weather('near', broken, { effect: 'at-most-once', approval: false, fallback: [far] })],
      'Oslo',
    );
    expect(once.tried).toEqual(['near']);
    expect(once.told[0]).toContain('Tool.OutcomeUnknown');
  });

  test('with onFailure: stop the run ends when the last has failed', async () => {
    const far = weather('far', broken, { retry: { attempts: 1 } });
    const { result, tried } = await ask(
      [weather('near', broken, { retry: { attempts: 1 }, onFailure: 'stop', fallback: [far] })],
      'Oslo',
    );
    expect(tried).toEqual(['near', 'far']);
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: { type: 'Tool.Failed', message: expect.stringMatching(/^near: /) as string },
    });
  });

  test('a test replaces it by its name', async () => {
    const far = weather('far', broken);
    const agent = defineAgent({ name: 'f', instructions: 'F.', tools: [weather('near', broken, { fallback: [far] })] });
    const run = await testAgent(agent, {
      model: script().call('near', { city: 'Oslo' }).answer('done'),
      tools: { far: () => ({ degrees: 3 }) },
    }).start('go');
    await run.result();
    expect((await run.transcript())[2]).toMatchObject({ parts: [{ text: '{"degrees":3}' }] });
  });
});

describe('retry', () => {
  test.each([
    ['name', 'CardDeclined', {}],
    ['code', 'Error', { code: 'ENOTFOUND' }],
  ])('an error that is declared nonRetryable by its %s is not tried again', async (_, name, more) => {
    const fails: Run = () => {
      throw Object.assign(new Error('no'), { name }, more);
    };
    const near = weather('near', fails, { retry: { nonRetryable: ['CardDeclined', 'ENOTFOUND'] } });
    const { tried, told } = await ask([near], 'Oslo');
    expect(tried).toEqual(['near']);
    expect(told[0]).toContain('Tool.Failed: no');
  });

  test('waits grow, end at the longest, and differ from call to call by a quarter at most', () => {
    const backoff = { firstMs: 1_000, factor: 3, mostMs: 20_000 };
    const delays = (turn: number): number[] =>
      [1, 2, 3, 4, 5].map((attempt) => retryDelayMs(backoff, { key: { run: 'r', fork: 0, turn, index: 1 } }, attempt));
    const bare = [1_000, 3_000, 9_000, 20_000, 20_000];
    for (let turn = 1; turn <= 50; turn += 1) {
      delays(turn).forEach((delay, at) => {
        expect(delay).toBeGreaterThanOrEqual((bare[at] ?? 0) * 0.75);
        expect(delay).toBeLessThanOrEqual((bare[at] ?? 0) * 1.25);
      });
    }
    expect(delays(1)).toEqual(delays(1));
    expect(new Set(Array.from({ length: 50 }, (_, turn) => delays(turn)[0])).size).toBeGreaterThan(45);
  });

  test('calls that are told the same moment come back one after the other, and none before it', () => {
    const delays = Array.from({ length: 50 }, (_, turn) =>
      spreadMs(30_000, { key: { run: 'r', fork: 0, turn, index: 1 } }, 1),
    );
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(30_000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(37_500);
    expect(new Set(delays).size).toBeGreaterThan(45);
  });

  test('the declared waits are those of the run', async () => {
    const near = weather('near', broken, { retry: { attempts: 3, backoff: { first: '10s', factor: 1, most: '10s' } } });
    const { result } = await ask([near], 'Oslo');
    const [step] = result.steps.filter(({ kind }) => kind === 'tool');
    const waited = (step?.endedAt ?? 0) - (step?.startedAt ?? 0);
    expect(waited).toBeGreaterThanOrEqual(15_000);
    expect(waited).toBeLessThanOrEqual(25_000);
  });
});

describe('at once', () => {
  const watched = (effect: Effect, more: object) => {
    const seen = { now: 0, most: 0, order: [] as string[] };
    const near = defineTool({
      name: 'near',
      description: 'Weather.',
      input,
      output,
      effect,
      approval: false,
      run: async ({ city }) => {
        seen.now += 1;
        seen.most = Math.max(seen.most, seen.now);
        seen.order.push(city);
        await new Promise((resolve) => setTimeout(resolve, 5));
        seen.now -= 1;
        return { degrees: 1 };
      },
      ...more,
    });
    return { seen, near };
  };
  const cities = ['a', 'b', 'c', 'd', 'e'];

  test.each([
    ['what only reads', 'read', {}, 5],
    ['no more than is declared', 'read', { atOnce: 2 }, 2],
    ['an effect runs alone', 'idempotent', {}, 1],
    ['unless it is independent', 'idempotent', { independent: true }, 5],
    ['up to its limit', 'keyed', { independent: true, atOnce: 3 }, 3],
  ] as const)('%s', async (_, effect, more, most) => {
    const { seen, near } = watched(effect, more);
    const { told } = await ask([near], ...cities);
    expect(seen.most).toBe(most);
    expect(told).toHaveLength(5);
    if (most === 1) expect(seen.order).toEqual(cities);
  });
});

test('what a tool declares comes back from the store as it was: a worker that was started anew knows it too', () => {
  const far = weather('far', broken);
  const near = defineTool({
    name: 'near',
    description: 'Weather.',
    input,
    output,
    effect: 'keyed',
    approval: false,
    timeout: '2s',
    retry: { attempts: 4, backoff: { first: '1s', factor: 3, most: '1m' }, nonRetryable: ['Never'] },
    fallback: [far],
    onFailure: 'stop',
    independent: true,
    atOnce: 2,
    poll: { started: z.string(), every: '1s', upTo: '1h', check: () => undefined },
    run: () => 'job',
  });
  const manifest = {
    ...describeAgent(defineAgent({ name: 'forecaster', instructions: 'F.', tools: [near] })),
    instructions: 'F.',
    model: { route: ['a/b'], parameters: {} },
    code: '',
    orchestration: '',
  };
  expect(releaseManifestSchema.parse(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest);
});

const far = weather('far', broken);
test.each([
  [{ retry: { backoff: { first: '1m', most: '1s' } } }, /tool near: retry\.backoff\.most must not be shorter/],
  [{ retry: { backoff: { factor: 0.5 } } }, /tool near: retry\.backoff\.factor must be from 1 to 10/],
  [{ retry: { backoff: { initial: '1s' } } }, /tool near: retry\.backoff.*initial/],
  [{ retry: { attempts: 0 } }, /tool near: retry\.attempts must be a whole number from 1/],
  [{ retry: { nonRetryable: 'Never' } }, /tool near: retry\.nonRetryable must be a list/],
  [{ atOnce: 0 }, /tool near: atOnce must be a whole number from 1/],
  [{ fallback: [far, far, far, far] }, /tool near: fallback names more than 3 tools/],
  [{ fallback: [weather('near', broken)] }, /tool near: fallback names the tool itself/],
  [{ fallback: [weather('other', broken, { fallback: [far] })] }, /its fallback other has a fallback of its own/],
])('%j is refused: %s', (more, message) => {
  expect(() => weather('near', broken, more)).toThrow(message);
});
