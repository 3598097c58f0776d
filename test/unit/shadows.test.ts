// Needs: nothing. What the shadows of an agent may use, how a run and its shadow are compared, and how many of them are summed up.
import {
  admitted,
  dayOf,
  noShadows,
  settled,
  withDropped,
  type ShadowBudget,
} from '../../activities/shadow/shadow-budget';
import { limitsOfShadow, planOfShadow } from '../../activities/shadow/plan-of-shadow';
import { nextTraffic } from '../../activities/store/next-traffic';
import { pickRelease } from '../../activities/store/pick-release';
import { runRecordName, shadowWantedName } from '../../activities/store/ref-names';
import { mayBeShadowed, wantedAtEnd } from '../../activities/store/wanted-shadows';
import {
  compareShadow,
  editsBetween,
  type ComparedRun,
  type ShadowComparison,
} from '../../client/shadow/compare-shadow';
import { reportPage } from '../../client/shadow/report-page';
import { beyondNoise, shadowReport, shareOf } from '../../client/shadow/shadow-report';
import type { Message } from '../../workflows/contract/message';
import { isShadowId, shadowedRun, shadowRunId } from '../../workflows/contract/names';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import {
  agentPointerSchema,
  WHOLE_SHARE,
  type AgentPointer,
  type Shadowing,
} from '../../workflows/contract/schemas/traffic';

const NOW = Date.UTC(2026, 10, 27, 23, 59);
const TOMORROW = NOW + 120_000;

describe('budget and places', () => {
  const budget: ShadowBudget = { atOnce: 2, nanoUsdADay: 100, tokensADay: 1_000 };
  const one = (id: string, nanoUsd = 40) => ({ ...{ id, run: id, release: 'r', at: NOW }, nanoUsd, tokens: 10 });
  const asked = { budget, isFree: false, now: NOW };

  test('what is under way counts as what its run has used, until it is known what it used itself', () => {
    let state = noShadows('a', NOW);
    const admit = (id: string, more = {}) => {
      const next = admitted(state, one(id), { ...asked, ...more });
      if (typeof next === 'string') return next;
      state = next;
      return 'admitted';
    };
    expect([admit('1'), admit('1'), admit('2')]).toEqual(['admitted', 'admitted', 'admitted']);
    expect(state).toMatchObject({ begun: 2, open: [{ id: '1' }, { id: '2' }] });
    expect(admit('3')).toBe('budget');
    state = settled(state, '1', { used: { nanoUsd: 10, tokens: 5 }, now: NOW });
    state = settled(state, '1', { used: { nanoUsd: 10, tokens: 5 }, now: NOW });
    expect(state).toMatchObject({ nanoUsd: 10, tokens: 5, open: [{ id: '2' }] });
    expect([admit('3'), admit('4')]).toEqual(['admitted', 'budget']);
    expect(admit('4', { isFree: true })).toBe('full');
    state = settled(state, '2', { used: undefined, now: NOW });
    expect(state).toMatchObject({ begun: 2, nanoUsd: 10 });
  });

  test('a day begins with nothing used, and with what is under way', () => {
    const before = { ...noShadows('a', NOW), nanoUsd: 99, open: [one('1', 0)] };
    expect(admitted(before, one('2'), asked)).toBe('budget');
    expect(admitted(before, one('2'), { ...asked, now: TOMORROW })).toMatchObject({ day: dayOf(TOMORROW), nanoUsd: 0 });
    expect(settled(before, '1', { used: { nanoUsd: 7, tokens: 1 }, now: TOMORROW })).toMatchObject({
      nanoUsd: 7,
      open: [],
    });
    expect(withDropped(withDropped(before, 'budget'), 'late', 'x')).toMatchObject({
      dropped: { budget: 1, late: 1, stopped: 0 },
      lastProblem: 'x',
    });
  });
});

test('ids of shadows are apart, tell whose they are, and have records apart', () => {
  const id = shadowRunId('desk/m1', 'f'.repeat(64));
  expect(id).toBe('shadow/desk/m1/ffffffffffff');
  expect([isShadowId(id), isShadowId('shadow'), isShadowId('my/shadow/x')]).toEqual([true, false, false]);
  expect([shadowedRun(id), shadowedRun('run_1'), shadowedRun('shadow/sub_1')]).toEqual([
    'desk/m1',
    'run_1',
    'shadow/sub_1',
  ]);
  expect([runRecordName(id), runRecordName('run_1')]).toEqual([
    'shadow/shadow%2Fdesk%2Fm1%2Fffffffffffff',
    'run/run_1',
  ]);
  expect([mayBeShadowed('run_1'), mayBeShadowed(id), mayBeShadowed('ü'.repeat(100))]).toEqual([true, false, false]);
});

test('a shadow asks nobody, and has the limits that its run came to have', () => {
  const rule = { roles: ['lead'] };
  const tool = {
    effect: 'keyed',
    timeoutMs: 1,
    attempts: 1,
    onFailure: 'escalate',
    approval: [rule],
    escalation: rule,
  } as never;
  const plan = {
    limits: { turns: 5, toolCalls: 9 },
    model: { timeoutMs: 1, attempts: 1 },
    tools: { pay: tool },
    repairs: 2,
  };
  const told = { effect: 'keyed', timeoutMs: 1, attempts: 1, onFailure: 'tell-model' };
  expect(planOfShadow(plan).tools).toEqual({ pay: told });
  const stopping = { ...plan, tools: { pay: { ...told, onFailure: 'stop' } as never } };
  expect(planOfShadow(stopping).tools).toEqual({ pay: told });
  const own = { turns: 5, toolCalls: 9, tokens: 100 };
  expect(limitsOfShadow({ turns: 7, toolCalls: 9 }, own, { ...own, tokens: 50 })).toEqual({
    turns: 7,
    toolCalls: 9,
    tokens: 50,
  });
  expect(limitsOfShadow({ turns: 7, toolCalls: 9 }, own, undefined)).toEqual({ turns: 7, toolCalls: 9 });
});

describe('traffic', () => {
  const shadow: Shadowing = {
    ...{ release: 'two', share: 1_000, id: 's1', sticky: 'run', reads: 'recorded', floor: true, atOnce: 2 },
  };
  const pointer: AgentPointer = { agent: 'a', release: 'one', at: 1 };

  test('what is shadowed stays so, whatever new runs take, until it is stopped', () => {
    const set = nextTraffic('a', pointer, { kind: 'shadow', ...shadow });
    expect(set).toEqual({ release: 'one', shadow });
    const released = nextTraffic('a', { ...pointer, shadow }, { kind: 'release', release: 'two' });
    expect(released).toEqual({ release: 'two', previous: 'one', shadow });
    expect(nextTraffic('a', { ...pointer, shadow }, { kind: 'unshadow' })).toEqual({ release: 'one' });
    expect(nextTraffic('a', pointer, { kind: 'unshadow' })).toMatchObject({ reason: 'nothing-to-do' });
    expect(nextTraffic('a', undefined, { kind: 'shadow', ...shadow })).toMatchObject({ reason: 'invalid' });
    expect(nextTraffic('a', pointer, { kind: 'shadow', ...shadow, share: 0 })).toMatchObject({ reason: 'invalid' });
    expect(agentPointerSchema.parse({ ...pointer, shadow })).toEqual({ ...pointer, shadow });
  });

  test('a share of the runs is drawn, always the same ones, and what they take is not changed by it', () => {
    const runs = Array.from({ length: 4_000 }, (_, at) => ({ tenant: 't', run: `run_${at}` }));
    const drawn = runs.filter((run) => pickRelease({ ...pointer, shadow }, run).shadow);
    expect(drawn.length / runs.length).toBeGreaterThan(0.08);
    expect(drawn.length / runs.length).toBeLessThan(0.12);
    for (const run of drawn)
      expect(pickRelease({ ...pointer, shadow: { ...shadow, share: 5_000 } }, run).shadow).toEqual({
        id: 's1',
        release: 'two',
      });
    expect(runs.every((run) => pickRelease({ ...pointer, shadow }, run).release === 'one')).toBe(true);
    expect(
      pickRelease({ ...pointer, shadow: { ...shadow, share: WHOLE_SHARE } }, { tenant: 't', run: 'shadow/x/y' }),
    ).toEqual({ release: 'one' });
  });

  test('a run that was drawn is wanted with its end, unless it was cancelled', () => {
    const record = { ...recordOf('run_1', 'one'), shadow: { id: 's1', release: 'two' } };
    expect(wantedAtEnd(record)).toMatchObject([
      { op: 'put', name: shadowWantedName('run_1', 'two'), value: { release: 'two', id: 's1' } },
    ]);
    expect(wantedAtEnd({ ...record, ended: { ...record.ended, outcome: 'cancelled' } })).toEqual([]);
    expect(wantedAtEnd({ ...record, ended: { ...record.ended, firstRunId: '' } })).toEqual([]);
    expect(wantedAtEnd(recordOf('run_1', 'one'))).toEqual([]);
  });
});

const USAGE = { input: 10, cachedInput: 0, output: 5, reasoning: 0 };
function recordOf(id: string, release: string, answer = 'done'): ComparedRun['record'] {
  const totals = { turns: 2, modelCalls: 2, toolCalls: 1, reusedCalls: 0, usage: USAGE };
  const record: RunRecord = {
    ...{
      schemaVersion: 1,
      id,
      agent: 'a',
      release,
      tenant: 't',
      tags: [],
      input: 'i',
      question: 'q',
      startedAt: 1_000,
    },
  };
  const output = { hash: answer, bytes: 1, preview: answer };
  return {
    ...record,
    ended: { at: 2_000, outcome: 'completed', output, head: 'h', length: 4, firstRunId: id, totals },
  };
}
const said = (...messages: Message[]): ComparedRun['said'] =>
  messages.map((message) => ({ message, hash: JSON.stringify(message) }));
const user: Message = { role: 'user', parts: [{ type: 'text', text: 'pay' }] };
const call = (name: string, amount: number, words = ''): Message => ({
  role: 'assistant',
  parts: [
    ...(words === '' ? [] : [{ type: 'text' as const, text: words }]),
    { type: 'tool-call', call: 0, name, arguments: { amount } },
  ],
});
const result = (text: string): Message => ({
  role: 'tool',
  call: 0,
  name: 'pay',
  outcome: 'ok',
  parts: [{ type: 'text', text }],
});
const answer = (text: string): Message => ({ role: 'assistant', parts: [{ type: 'text', text }] });
const compared = (id: string, release: string, ...messages: Message[]): ComparedRun => ({
  record: recordOf(id, release, JSON.stringify(messages.at(-1))),
  said: said(user, ...messages),
  calls: [],
});

describe('comparison', () => {
  const run = compared('run_1', 'one', call('pay', 1), result('paid'), answer('done'));
  const against = (...messages: Message[]): ShadowComparison =>
    compareShadow(run, compared('shadow/run_1/two', 'two', ...messages));

  test.each([
    ['nothing', null, null, [call('pay', 1), result('paid'), answer('done')]],
    ['words beside a call', 'words', 1, [call('pay', 1, 'I pay.'), result('paid'), answer('done')]],
    ['another tool', 'calls', 1, [call('send', 1), result('paid'), answer('done')]],
    ['other arguments', 'arguments', 1, [call('pay', 2), result('paid'), answer('done')]],
    ['another result', 'result', 2, [call('pay', 1), result('not paid'), answer('done')]],
    ['another answer', 'answer', 3, [call('pay', 1), result('paid'), answer('well done')]],
    ['one that goes on', 'end', 4, [call('pay', 1), result('paid'), answer('done'), answer('and more')]],
  ] as const)('finds %s', (_, kind, position, messages) => {
    const { first } = against(...messages);
    expect([first?.kind ?? null, first?.position ?? null]).toEqual([kind, position]);
  });

  test('tells which tools, arguments and answers are the same, and one release from two', () => {
    const other = against(call('pay', 2), result('paid'), call('pay', 3), result('paid'), answer('no'));
    expect(other).toMatchObject({
      ...{ isFloor: false, outcome: { same: true }, answer: { same: false } },
      tools: { run: ['pay'], shadow: ['pay', 'pay'], same: false, edits: 1 },
      arguments: { same: 0, different: 1 },
    });
    expect(compareShadow(run, { ...run, record: { ...run.record, id: 's' } })).toMatchObject({
      isFloor: true,
      first: null,
    });
    expect([
      editsBetween([], ['a']),
      editsBetween(['a', 'b', 'c'], ['b', 'c']),
      editsBetween(['a', 'b'], ['b', 'a']),
    ]).toEqual([1, 1, 2]);
  });

  test('sums up by release beside the noise, and says what is beyond it', () => {
    const same = compareShadow(run, { ...run, record: { ...run.record, id: 'shadow/run_1/one' } });
    const other = against(call('send', 1), result('paid'), answer('done'));
    const { rows } = shadowReport('a', [
      ...Array.from({ length: 20 }, () => same),
      ...Array.from({ length: 20 }, () => other),
    ]);
    expect(rows.map(({ isFloor, shadows, identical }) => [isFloor, shadows, identical.of])).toEqual([
      [false, 20, 0],
      [true, 20, 20],
    ]);
    expect(beyondNoise(rows[0]!, rows[1])).toEqual(['tools', 'arguments']);
    expect(beyondNoise(rows[1]!, rows[1])).toEqual([]);
    // Wilson's interval for 0 of 20 and for 10 of 20, as tables have it.
    expect(shareOf(0, 20).high).toBeCloseTo(0.1611, 4);
    expect([shareOf(10, 20).low, shareOf(10, 20).high].map((one) => Number(one.toFixed(4)))).toEqual([0.2993, 0.7007]);
    expect(shareOf(0, 0)).toMatchObject({ low: 0, high: 1 });
  });

  test.each([
    ['began with less', { degraded: { above: 3 } }, {}, {}, 'for the load of its queue'],
    ['was moved', { moved: [{ from: 'zero', at: 1 }] }, {}, {}, 'moved to another release'],
    ['was reset', {}, { reusedCalls: 2 }, {}, 'as after a reset'],
    ['was answered from the cache', {}, { cachedCalls: 1 }, {}, 'from the cache'],
    ['has a shadow that took too long', {}, {}, { outcome: 'cancelled' as const }, 'after an hour'],
    ['has a shadow that never began', {}, {}, { firstRunId: '' }, 'never began'],
  ])('of a run that %s nothing is counted, and that is said', async (_, more, totals, end, why) => {
    const { ended } = run.record;
    const theirs = {
      ...run,
      record: { ...run.record, ...more, ended: { ...ended, totals: { ...ended.totals, ...totals } } },
    };
    const other = compared('shadow/run_1/two', 'two', call('send', 1), result('paid'), answer('done'));
    const ours = { ...other, record: { ...other.record, ended: { ...other.record.ended, ...end } } };
    const one = compareShadow(theirs, ours);
    expect(one.unfair).toContain(why);
    const report = shadowReport('a', [one, against(call('send', 1))]);
    expect(report.rows.map(({ shadows }) => shadows)).toEqual([1]);
    expect(report.unfair).toEqual([{ why: one.unfair, shadows: 1 }]);
    const page = String(await reportPage({ report, nameOf: (name) => name, now: NOW }));
    expect(page).toContain('1 shadow not counted');
  });

  test('the page is one file without scripts, and what others wrote is text in it', async () => {
    const hostile = '<script>alert(1)</script>"\'\u202e';
    const one = compareShadow(
      compared(`run ${hostile}`, 'one', answer('done')),
      compared('shadow/x', hostile, call(hostile, 1), result(hostile), answer(hostile)),
    );
    const page = String(await reportPage({ report: shadowReport(hostile, [one]), nameOf: (name) => name, now: NOW }));
    expect(page).not.toMatch(/<script|javascript:|https?:|<img|<link/i);
    expect(page).not.toContain('\u202e');
    expect(page).toContain('&lt;script&gt;');
    expect(page).toContain('<svg');
    expect(String(await reportPage({ report: shadowReport('a', []), nameOf: (name) => name, now: NOW }))).toContain(
      'none that has ended',
    );
  });
});
