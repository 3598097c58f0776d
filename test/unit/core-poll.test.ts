// Needs: nothing but Node. A tool that begins work elsewhere and is asked for its outcome: how often, for how long, and what a failure means.
import { z } from 'zod';
import { defineAgent, defineTool, type Effect } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import { failure } from '../../activities/failure';
import type { Message } from '../../workflows/contract/message';

interface Farm {
  begun: string[];
  asked: number;
  outcome: () => { frames: number } | undefined;
}

function film(
  effect: Effect,
  outcome: (farm: Farm) => { frames: number } | undefined,
  onFailure: 'tell-model' | 'escalate' = 'tell-model',
) {
  const farm: Farm = { begun: [], asked: 0, outcome: () => outcome(farm) };
  const render = defineTool({
    name: 'render',
    description: 'Renders a scene.',
    input: z.object({ scene: z.string() }),
    output: z.object({ frames: z.number() }),
    effect,
    onFailure,
    ...(onFailure === 'escalate'
      ? { approval: { when: { arg: 'scene', is: 'never' } } }
      : { approval: false as const }),
    poll: {
      started: z.object({ job: z.string() }),
      every: '10m',
      upTo: '6h',
      check: ({ job }) => {
        if (!farm.begun.includes(job)) throw new Error(`no job ${job}`);
        farm.asked += 1;
        return farm.outcome();
      },
    },
    run: ({ scene }, { effectKey }) => {
      const job = `${scene} ${effectKey}`;
      farm.begun.push(job);
      return { job };
    },
  });
  return { farm, agent: defineAgent({ name: 'director', instructions: 'Direct.', tools: [render] }) };
}
/** What the model reads of the call. */
const told = (transcript: readonly Message[]): string | undefined => {
  const part = transcript.find(({ role }) => role === 'tool')?.parts[0];
  return part?.type === 'text' ? part.text : undefined;
};
const model = () => script([{ calls: [{ name: 'render', args: { scene: 'storm' } }] }]).answer('done');

test('it begins once and is asked every ten minutes until there is an outcome, which the model reads', async () => {
  const { farm, agent } = film('at-most-once', ({ asked }) => (asked < 18 ? undefined : { frames: 24 }));
  const run = await testAgent(agent, { model: model(), startAt: new Date(0) }).start('go');
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', totals: { toolCalls: 1 } });
  expect(farm).toMatchObject({ begun: [expect.stringMatching(/^storm [0-9a-f]{32}$/) as string], asked: 18 });
  const step = result.steps.find(({ kind }) => kind === 'tool');
  expect(step).toMatchObject({ state: 'done', preview: '{"frames":24}' });
  // The first question comes ten minutes after the beginning.
  expect((step?.endedAt ?? 0) - (step?.startedAt ?? 0)).toBe(18 * 600_000);
  // What names the job is the tool's own business.
  expect(JSON.stringify(await run.transcript())).not.toContain(farm.begun[0]);
});

test("tried again at a person's word, it begins anew, and has all of its time", async () => {
  const { farm, agent } = film('keyed', ({ begun }) => (begun.length > 1 ? { frames: 24 } : undefined), 'escalate');
  const run = await testAgent(agent, { model: model() }).start('go');
  await run.advance('7h');
  expect(run.waitingFor).toMatchObject({ kind: 'failed-call', failure: { type: 'Tool.Timeout' } });
  await run.approve();
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(farm.begun).toHaveLength(2);
  expect(told(await run.transcript())).toBe('{"frames":24}');
});

test('while it waits the run says so, a pause holds the next question, and a cancel ends the run', async () => {
  const { farm, agent } = film('keyed', () => undefined);
  const run = await testAgent(agent, { model: model() }).start('go');
  await run.advance('1m');
  expect(run.progress()).toMatchObject({
    status: 'waiting',
    reason: 'render works elsewhere: asked every 10m, for 6h at most',
  });
  await run.pause('lunch');
  await run.advance('1h');
  expect(farm.asked).toBe(0);
  await run.resume();
  expect(farm.asked).toBe(1);
  await run.cancel('enough');
  expect(await run.result()).toMatchObject({ outcome: 'cancelled', totals: { toolCalls: 0 } });
  expect(farm.begun).toHaveLength(1);
});

test.each([
  ['keyed', 'Tool.Timeout'],
  ['at-most-once', 'Tool.OutcomeUnknown'],
] as const)('what has no outcome within its time is told to the model: %s, %s', async (effect, type) => {
  const { farm, agent } = film(effect, () => undefined);
  const run = await testAgent(agent, { model: model() }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(farm.begun).toHaveLength(1);
  expect(farm.asked).toBe(36);
  const text = told(await run.transcript());
  expect(text).toContain(type);
  expect(text).toContain('no outcome within 6h of its beginning');
});

test('a question that fails is asked again at once, then as after an open answer, and nothing is begun again, not even where it must never be twice', async () => {
  const { farm, agent } = film('at-most-once', ({ asked }) => {
    if (asked <= 7) throw new Error('the farm is away');
    return asked < 9 ? undefined : { frames: 1 };
  });
  const run = await testAgent(agent, { model: model() }).start('go');
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed' });
  expect(farm).toMatchObject({ begun: { length: 1 }, asked: 9 });
  expect(told(await run.transcript())).toBe('{"frames":1}');
  // Three attempts each at 10, 20 and 30 minutes, of which the third round's second answers that it is open; then the outcome.
  const step = result.steps.find(({ kind }) => kind === 'tool');
  expect(Math.floor(((step?.endedAt ?? 0) - (step?.startedAt ?? 0)) / 600_000)).toBe(4);
});

test('a farm that is away for all of its time is said to have given no outcome', async () => {
  const { farm, agent } = film('keyed', () => {
    throw new Error('the farm is away');
  });
  const run = await testAgent(agent, { model: model() }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(farm).toMatchObject({ begun: { length: 1 }, asked: 36 * 3 });
  expect(told(await run.transcript())).toContain('Tool.Timeout: no outcome within 6h of its beginning');
});

test('a store that is away while it is asked is waited for, and its outcome stays known', async () => {
  const { farm, agent } = film('at-most-once', ({ asked }) => {
    if (asked <= 4) throw failure('Store.Unavailable', 'the store is away.');
    return { frames: 1 };
  });
  const run = await testAgent(agent, { model: model() }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(farm).toMatchObject({ begun: { length: 1 }, asked: 5 });
  expect(told(await run.transcript())).toBe('{"frames":1}');
});

test('what names the work must have the declared shape', async () => {
  const { agent } = film('keyed', () => undefined);
  const [render] = agent.tools;
  const wrong = { ...render, run: () => ({ job: 7 }) };
  const run = await testAgent({ ...agent, tools: [wrong] }, { model: model() }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(told(await run.transcript())).toMatch(
    /Tool\.InvalidOutput: what names the work that it began has a wrong shape: .*job/,
  );
});

test('a test that replaces the tool gives the outcome itself', async () => {
  const { farm, agent } = film('keyed', () => undefined);
  const run = await testAgent(agent, { model: model(), tools: { render: () => ({ frames: 7 }) } }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(farm).toMatchObject({ begun: [], asked: 0 });
});

test.each([
  [{ every: '10ms', upTo: '1h' }, 'tool render: poll.every must be a second at least.'],
  [{ every: '1h', upTo: '1m' }, 'tool render: poll.upTo must not be shorter than poll.every.'],
  [{ every: 'soon', upTo: '1h' }, /poll\.every: "soon" is not a positive duration/],
  [{ every: '1s', upTo: '1h', often: true }, /poll.*often/],
])('a poll of %j is refused: %s', (poll, message) => {
  const declare = (): unknown =>
    defineTool({
      name: 'render',
      description: 'Renders.',
      input: z.object({}),
      output: z.string(),
      effect: 'keyed',
      approval: false,
      poll: { started: z.string(), check: () => undefined, ...poll } as never,
      run: () => '',
    });
  expect(declare).toThrow(message);
});
