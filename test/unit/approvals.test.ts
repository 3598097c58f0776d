// Needs: nothing but Node. Who must agree to a call, what they decide, and what comes of it.
import { z } from 'zod';
import { agentTool, defineAgent, defineTool, ToolRejection, type ToolDefinition } from '../../activities/define';
import type { ApprovalPolicy } from '../../activities/define/approval';
import { rulesOfCall } from '../../activities/approvals/approval-need';
import { describeAgent } from '../../activities/describe-agent';
import { unknownApprovers } from '../../workers/people-settings';
import { script, testAgent } from '../kit';

const seen: unknown[] = [];
beforeEach(() => void seen.splice(0));

type Policy = ApprovalPolicy<'to' | 'amount'>;
type Policies = Partial<
  Pick<ToolDefinition<string, z.ZodObject, z.ZodString, z.ZodObject, string>, 'effect' | 'onFailure' | 'retry'>
>;

const pay = (approval?: false | Policy | Policy[], more: Policies = {}, run: (nth: number) => string = () => 'paid') =>
  defineTool({
    name: 'pay',
    description: 'Pays.',
    input: z.object({ to: z.string(), amount: z.number() }),
    output: z.string(),
    effect: 'keyed',
    retry: { attempts: 1 },
    ...(approval === undefined ? {} : { approval }),
    ...more,
    run: (args) => {
      seen.push(args);
      return run(seen.length);
    },
  });
const payer = (tool = pay(), approvals = {}) =>
  defineAgent({ name: 'payer', instructions: 'Pay.', tools: [tool], ...approvals });

const start = async (tool: ReturnType<typeof pay>, ...amounts: number[]) => {
  const model = amounts.reduce((said, amount) => said.call(tool, { to: 'A', amount }), script()).answer('done');
  return await testAgent(payer(tool), { model }).start('go');
};
const last = async (run: Awaited<ReturnType<typeof start>>) => {
  const message = (await run.transcript()).findLast(({ role }) => role === 'tool');
  return message?.parts.map((part) => ('text' in part ? part.text : part.type)).join('\n');
};

describe('which calls wait for a person', () => {
  test.each(['keyed', 'at-most-once'] as const)('%s, where nobody says anything', async (effect) => {
    const run = await start(pay(undefined, { effect }), 5);
    expect(run.waitingFor).toMatchObject({ number: 1, kind: 'approval', tool: 'pay', by: [] });
    expect(run.progress()).toMatchObject({ status: 'asking', requests: [{ number: 1 }] });
    expect(seen).toEqual([]);
    await run.approve();
    expect((await run.result()).outcome).toBe('completed');
    expect(seen).toEqual([{ to: 'A', amount: 5 }]);
  });

  test.each(['read', 'idempotent'] as const)('%s does not', async (effect) => {
    const run = await start(pay(undefined, { effect }), 5);
    expect((await run.result()).outcome).toBe('completed');
  });

  test('nor does one that says that nobody need', async () => {
    expect((await (await start(pay(false), 5)).result()).outcome).toBe('completed');
  });

  test.each<[string, Policy['when'], number, boolean]>([
    ['at the bound', { arg: 'amount', above: 100 }, 100, false],
    ['above it', { arg: 'amount', above: 100 }, 100.01, true],
    ['below', { arg: 'amount', below: 0 }, -1, true],
    ['a value', { arg: 'to', is: 'A' }, 1, true],
    ['another value', { arg: 'to', is: ['B', 'C'] }, 1, false],
    ['another tenant', { tenant: 'acme' }, 1, false],
    ['this tenant', { tenant: ['acme', 'test'] }, 1, true],
    [
      'one of two',
      [
        { arg: 'to', is: 'B' },
        { arg: 'amount', above: 3 },
      ],
      4,
      true,
    ],
    ['one that is missing', { arg: 'to.name' }, 4, true],
    ['the number of something that is none', { arg: 'to', above: 3 }, 4, true],
  ])('by arguments: %s', async (_, when, amount, asks) => {
    const run = await start(pay({ ...(when === undefined ? {} : { when }) }), amount);
    expect(run.requests.length).toBe(asks ? 1 : 0);
  });

  test("the agent's rules and the tool's together", async () => {
    const tool = pay({ when: { arg: 'amount', above: 100 }, by: 'finance', within: '4h', otherwise: 'deny' });
    const agent = payer(tool, {
      approvals: [{ effects: 'keyed', within: '1h', otherwise: 'approve' }, { tools: 'other' }],
    });
    const run = await testAgent(agent, { model: script().call(tool, { to: 'A', amount: 180 }).answer('done') }).start(
      'go',
    );
    const [request] = run.requests;
    expect(request).toMatchObject({ rules: [0, 1], by: [['finance']], otherwise: 'deny' });
    expect((request?.deadline ?? 0) - (request?.askedAt ?? 0)).toBe(3_600_000);
  });

  test('not those that are never made', async () => {
    const tool = pay();
    const model = script()
      .call(tool, { to: 'A' } as { to: string; amount: number })
      .answer('done');
    const run = await testAgent(payer(tool), { model }).start('go');
    expect((await run.result()).outcome).toBe('completed');
    expect(await last(run)).toMatch(/Tool.InvalidArguments/);
  });

  test('all of a turn at once', async () => {
    const tool = pay();
    const model = script()
      .calls([
        { name: 'pay', args: { to: 'A', amount: 1 } },
        { name: 'pay', args: { to: 'B', amount: 2 } },
      ])
      .answer('done');
    const run = await testAgent(payer(tool), { model }).start('go');
    expect(run.requests.map(({ number, call }) => [number, call])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    await run.deny({ number: 2, reason: 'not B' });
    expect(seen).toEqual([]);
    await run.approve({ number: 1 });
    await run.result();
    expect(seen).toEqual([{ to: 'A', amount: 1 }]);
    expect(await last(run)).toBe('Tool.Denied: a person said no. not B');
  });
});

describe('what they decide', () => {
  test('no: the model is told why', async () => {
    const run = await start(pay(), 5);
    await run.deny({ reason: 'not today' });
    expect((await run.result()).outcome).toBe('completed');
    expect(await last(run)).toBe('Tool.Denied: a person said no. not today');
    expect(seen).toEqual([]);
  });

  test('other arguments, of which the model is told', async () => {
    const run = await start(pay(), 5);
    await run.approve({ args: { to: 'A', amount: 4 }, reason: 'four is due' });
    await run.result();
    expect(seen).toEqual([{ to: 'A', amount: 4 }]);
    expect(await last(run)).toMatch(
      /^A person changed the arguments of pay before it was called, to \{"amount":4,"to":"A"\}. Their reason: four is due\npaid$/,
    );
  });

  test('arguments that do not fit: asked again, with why', async () => {
    const run = await start(pay(), 5);
    await run.approve({ args: { to: 'A', amount: 'four' } });
    expect(run.requests).toMatchObject([{ number: 2, again: expect.stringMatching(/amount/) }]);
    await run.approve();
    expect((await run.result()).outcome).toBe('completed');
    expect(seen).toEqual([{ to: 'A', amount: 5 }]);
  });

  test('yes for the rest of the run, where no other rule holds', async () => {
    const tool = pay([{ when: { arg: 'amount', above: 1 } }, { when: { arg: 'amount', above: 100 }, by: 'finance' }]);
    const run = await start(tool, 5, 6, 500);
    await run.approve({ remember: true });
    expect(seen).toHaveLength(2);
    expect(run.requests).toMatchObject([{ number: 2, rules: [0, 1] }]);
    await run.approve({ by: 'finance' });
    expect((await run.result()).outcome).toBe('completed');
    expect(seen).toHaveLength(3);
  });

  test('by somebody who may not: the call is refused where it would be made, and a person is asked again', async () => {
    const run = await start(pay([{ by: 'finance' }, { by: 'legal', when: { arg: 'amount', above: 1_000 } }]), 5);
    await run.approve({ by: 'legal' });
    expect(seen).toEqual([]);
    expect(run.requests).toMatchObject([
      { number: 2, again: expect.stringMatching(/legal does not count: finance must agree/) },
    ]);
    await run.approve({ by: 'finance' });
    expect(seen).toHaveLength(1);
  });

  test('other arguments that somebody else must agree to', async () => {
    const run = await start(pay([{ by: 'desk' }, { by: 'finance', when: { arg: 'amount', above: 100 } }]), 5);
    await run.approve({ by: 'desk', args: { to: 'A', amount: 900 } });
    expect(seen).toEqual([]);
    expect(run.requests).toMatchObject([{ number: 2, again: expect.stringMatching(/finance must agree/) }]);
  });

  test('for all whom several rules name, by one who may for each', async () => {
    const run = await start(pay([{ by: 'finance' }, { by: 'legal' }]), 5);
    expect(run.requests).toMatchObject([{ by: [['finance'], ['legal']] }]);
    await run.approve({ by: 'finance' });
    expect(run.requests).toMatchObject([{ again: expect.stringMatching(/legal must agree/) }]);
    await run.approve();
    expect(seen).toHaveLength(1);
  });
});

describe('a yes that goes further than it was meant', () => {
  test('other arguments are not for the rest of the run', async () => {
    const run = await start(pay(), 5, 6);
    await expect(run.approve({ args: { to: 'A', amount: 4 }, remember: true })).rejects.toThrow(
      /without other arguments/,
    );
    await expect(run.deny({ remember: true } as object)).rejects.toThrow(/of an approval/);
    await run.deny();
    expect(run.requests).toMatchObject([{ number: 2 }]);
  });

  test('what the schema makes of an argument does not lead around a rule', async () => {
    const move = defineTool({
      name: 'move',
      description: 'Moves.',
      input: z.object({ to: z.string().trim().toLowerCase(), by: z.coerce.string() }),
      output: z.string(),
      effect: 'idempotent',
      approval: [{ when: { arg: 'to', is: 'prod' } }, { when: { arg: 'by', is: '42' } }],
      run: () => 'moved',
    });
    const agent = defineAgent({ name: 'mover', instructions: 'Move.', tools: [move] });
    const asked = async (args: object) => {
      const model = () => ({ calls: [{ name: 'move', args }] });
      const run = await testAgent(agent, { model }).start('go');
      return run.requests[0]?.rules;
    };
    expect(await asked({ to: ' PROD', by: 'x' })).toEqual([0]);
    expect(await asked({ to: 'x', by: 42 })).toEqual([1]);
  });

  test('a rule for some calls leaves the others with what they had', async () => {
    const tool = pay();
    const agent = payer(tool, { approvals: [{ when: { tenant: 'acme' }, by: 'finance' }] });
    const model = script().call(tool, { to: 'A', amount: 1 }).answer('done');
    const run = await testAgent(agent, { model }).start('go');
    expect(run.requests).toMatchObject([{ by: [] }]);
  });

  test('an end that one call has reached lets the others go, and none of them begins any more', async () => {
    const tool = pay({ within: '1h' }, {}, () => 'paid');
    const both = defineTool({
      name: 'look',
      description: 'Looks.',
      input: z.object({}),
      output: z.string(),
      effect: 'read',
      approval: { within: '2d' },
      run: () => {
        seen.push('looked');
        return 'seen';
      },
    });
    const other = defineTool({ ...lookup, approval: { within: '1h' }, run: () => 'seen' });
    const agent = defineAgent({ name: 'payer', instructions: 'Pay.', tools: [tool, both, other] });
    const model = () => ({
      calls: [
        { name: 'look', args: {} },
        { name: 'other', args: {} },
      ],
    });
    const run = await testAgent(agent, { model }).start('go');
    expect(run.requests).toHaveLength(2);
    await run.advance('61m');
    expect((await run.result()).outcome).toBe('escalated');
    expect(seen).toEqual([]);
  });
});

const lookup = {
  name: 'other',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read' as const,
};

describe('a decision that is refused', () => {
  test.each<[string, object, RegExp]>([
    ['of something that was not asked', { number: 7 }, /does not ask for that: it asks for 1 \(pay\)/],
    [
      'that nobody signed, where somebody is named',
      { unsigned: true },
      /must be decided by finance: with "longhaul approve", which signs it/,
    ],
    ['with a reason that is too long', { reason: 'x'.repeat(501) }, /reason is a text of at most 500/],
  ])('%s', async (_, about, message) => {
    const run = await start(pay({ by: 'finance' }), 5);
    await expect(run.approve(about)).rejects.toThrow(message);
    expect(run.requests).toMatchObject([{ number: 1 }]);
  });

  test('twice, and after the end', async () => {
    const run = await start(pay(), 5);
    await run.approve();
    await expect(run.approve()).rejects.toThrow(/asks for nothing/);
    await run.result();
    await expect(run.deny()).rejects.toThrow(/asks for nothing/);
  });
});

describe('when nobody answers', () => {
  test.each([
    ['deny', 'completed', 0],
    ['approve', 'completed', 1],
    ['escalate', 'escalated', 0],
  ] as const)('%s', async (otherwise, outcome, calls) => {
    const run = await start(pay({ within: '2h', otherwise }), 5);
    await run.advance('119m');
    expect(run.requests).toHaveLength(1);
    await run.advance('2m');
    const result = await run.result();
    expect(result.outcome).toBe(outcome);
    if (result.outcome === 'escalated')
      expect(result.failure).toEqual({
        type: 'Escalation.Unanswered',
        message: 'nobody answered request 1, about pay, within 7200 s.',
      });
    expect(seen).toHaveLength(calls);
  });

  test('a default that is yes does not hold for arguments of which it is no', async () => {
    const run = await start(
      pay([
        { within: '1h', otherwise: 'approve' },
        { within: '2h', otherwise: 'deny' },
      ]),
      5,
    );
    await run.advance('61m');
    await run.result();
    expect(seen).toEqual([]);
  });

  test('they are reminded, then others are asked', async () => {
    const policy = { by: 'finance', within: '4h', remind: '1h', escalate: { after: '90m', to: 'cfo' } } as const;
    const run = await start(pay(policy), 5);
    await run.advance('30m');
    await run.advance('31m');
    await run.advance('30m');
    await run.advance('30m');
    const told = run.progress().steps.flatMap(({ label }) => /^tells people of request 1: (.*)/.exec(label)?.[1] ?? []);
    expect(told).toEqual(['asked', 'reminder', 'escalated', 'reminder']);
    await run.approve({ by: 'cfo' });
    expect((await run.result()).outcome).toBe('completed');
  });

  test('a run whose wall time ends before is over, and a cancel ends the wait', async () => {
    const tool = pay();
    const agent = payer(tool, { limits: { wall: '1h' } });
    const model = () => ({ calls: [{ name: 'pay', args: { to: 'A', amount: 1 } }] });
    const late = await testAgent(agent, { model }).start('go');
    await late.advance('61m');
    expect((await late.result()).outcome).toBe('budget-exhausted');
    const cancelled = await testAgent(agent, { model }).start('go');
    await cancelled.cancel('enough');
    expect((await cancelled.result()).outcome).toBe('cancelled');
    expect(seen).toEqual([]);
  });
});

describe('a call that has failed for good', () => {
  const broken = (nth: number): string => {
    if (nth < 3) throw new Error('the bank is closed');
    return 'paid';
  };

  test('asks a person, who has it tried again', async () => {
    const run = await start(pay(false, { onFailure: 'escalate' }, broken), 5);
    expect(run.waitingFor).toMatchObject({ kind: 'failed-call', failure: { type: 'Tool.Failed' } });
    await run.approve();
    expect(run.requests).toMatchObject([{ number: 2, kind: 'failed-call' }]);
    await run.approve();
    expect((await run.result()).outcome).toBe('completed');
    expect(seen).toHaveLength(3);
  });

  test('or tells the model', async () => {
    const run = await start(pay(false, { onFailure: 'escalate' }, broken), 5);
    await run.deny();
    await run.result();
    expect(await last(run)).toBe('Tool.Failed: the bank is closed');
  });

  test('or gives the result by hand, which must fit', async () => {
    const run = await start(pay(false, { onFailure: 'escalate' }, broken), 5);
    await run.replace(17);
    expect(run.requests).toMatchObject([{ number: 2, again: expect.stringMatching(/wrong shape/) }]);
    await run.replace('paid at the counter', { reason: 'I did it' });
    expect((await run.result()).outcome).toBe('completed');
    expect(await last(run)).toBe(
      'The tool failed; a person gives this result. Their reason: I did it\npaid at the counter',
    );
    expect(seen).toHaveLength(1);
  });

  test('whose outcome is unknown is done again only when a person says that it was not', async () => {
    const run = await start(pay(false, { effect: 'at-most-once', onFailure: 'escalate' }, broken), 5);
    expect(run.waitingFor).toMatchObject({ failure: { type: 'Tool.OutcomeUnknown' } });
    // By then the attempt has ended, whatever became of its worker.
    await run.advance('1m');
    await run.approve();
    expect(seen).toHaveLength(2);
    await run.replace('done');
    expect((await run.result()).outcome).toBe('completed');
  });

  test('whose outcome is unknown is asked about by those whom the policy names, and their word holds for that attempt', async () => {
    const dies = (): string => {
      throw new Error('the line went dead');
    };
    const policy = { by: 'finance', when: { arg: 'amount', above: 100 } } as const;
    const tool = pay(policy, { effect: 'at-most-once', onFailure: 'escalate', retry: { attempts: 2 } }, dies);
    const run = await start(tool, 5);
    expect(run.waitingFor).toMatchObject({ failure: { type: 'Tool.OutcomeUnknown' }, by: [['finance']] });
    await run.advance('1m');
    await run.approve({ by: 'finance' });
    // It has acted again, once, and that is unknown anew: another attempt of the same yes does not act.
    expect(seen).toHaveLength(2);
    expect(run.waitingFor).toMatchObject({ number: 2, failure: { type: 'Tool.OutcomeUnknown' } });
  });

  test('keeps the approval that it was made with', async () => {
    const run = await start(pay({}, { onFailure: 'escalate' }, broken), 5);
    await run.approve();
    expect(run.waitingFor).toMatchObject({ kind: 'failed-call' });
    await run.approve();
    await run.approve();
    expect((await run.result()).outcome).toBe('completed');
  });

  test('a rejection is no failure of the tool, and asks too', async () => {
    const reject = (): string => {
      throw new ToolRejection('closed on Sundays');
    };
    const run = await start(pay(false, { onFailure: 'escalate' }, reject), 5);
    expect(run.waitingFor).toMatchObject({ failure: { type: 'Tool.Rejected' } });
  });
});

test.each<[unknown, RegExp]>([
  [() => true, /tool pay: approval: it is data such as/],
  [{ when: () => true }, /tool pay: approval.when: it is data/],
  [{ whom: 'x' }, /tool pay: approval: "whom" is not known/],
  [{ by: [] }, /tool pay: approval.by names people/],
  [{ when: { above: 3 } }, /above, below and is need an arg/],
  [{ otherwise: 'maybe' }, /otherwise/],
  [{ within: '1h', escalate: { after: '2h', to: 'cfo' } }, /escalate.after must be shorter than within/],
  [{ remind: '1s' }, /remind must be a minute/],
])('a policy that cannot be kept is refused where it is declared: %p', (approval, message) => {
  expect(() => pay(approval as Policy)).toThrow(message);
});

test('a tool that asks for somebody whom nobody knows is told of, once for all its rules', () => {
  const tool = pay(
    [
      { by: ['alice', 'finanace'] },
      { when: { arg: 'amount', above: 100 }, by: 'cfo', escalate: { after: '1h', to: 'finanace' } },
    ],
    { onFailure: 'escalate' },
  );
  const { tools } = describeAgent(payer(tool)).plan;
  const people = { alice: { keys: [], roles: ['cfo'] } };
  const known = { ...people, bob: { keys: [], roles: ['finanace'] } };
  expect(unknownApprovers([{ agent: 'payer', tools }], people)).toEqual([
    'agent payer: tool pay asks for "finanace", whom `people` of the configuration does not know',
  ]);
  expect(unknownApprovers([{ agent: 'payer', tools }], known)).toEqual([]);
});

test('a sub-agent that its release asks about is asked about, though the code of today has no such tool, or takes other arguments', async () => {
  const clerk = defineAgent({ name: 'clerk', description: 'Pays.', instructions: 'Pay.', tools: [pay(false)] });
  const about = { name: 'desk', instructions: 'Have it paid.' };
  const asked = agentTool(clerk, {}, { approval: { by: 'finance' } });
  const described = describeAgent(defineAgent({ ...about, tools: [asked] }), [], () => 'r');
  const model = { route: [], parameters: {} };
  const manifest = { ...described, model, instructions: '', code: '', orchestration: '' };
  const call = { name: 'clerk', arguments: { input: 'pay Ada' } };
  const input = z.object({ amount: z.number() });
  const other = agentTool(defineAgent({ name: 'clerk', description: 'Pays.', instructions: 'Pay.', input }));
  for (const agent of [defineAgent(about), defineAgent({ ...about, tools: [other] })])
    expect(await rulesOfCall({ agent, manifest }, call, 't')).toEqual([0]);
});
