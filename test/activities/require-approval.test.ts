// Needs: nothing but Node. What a call is refused that a changed workflow makes: decisions of others, of other calls, and of nobody.
import { requireApproval, type Approvers } from '../../activities/approvals/require-approval';
import { newPrivateKey, privateKeyOf, publicKeyText, signDecision } from '../../activities/keys/decision-signature';
import type { ApprovalRule, MadeDecision } from '../../workflows/contract/approval';

const alice = privateKeyOf(newPrivateKey());
const intern = privateKeyOf(newPrivateKey());
const approvers: Approvers = {
  people: {
    alice: { keys: [publicKeyText(alice)], roles: ['finance'] },
    intern: { keys: [publicKeyText(intern)], roles: [] },
  },
  allowUnsigned: false,
};
const FINANCE: ApprovalRule = { by: ['finance'], withinMs: 1, otherwise: 'deny' };
const ANYBODY: ApprovalRule = { withinMs: 1, otherwise: 'approve' };
const key = { run: 'first', fork: 0, turn: 3, index: 2 };
const call = { key, call: 1, name: 'pay' };

const made = (more: Partial<MadeDecision> = {}, by: 'alice' | 'intern' | 'nobody' = 'alice'): MadeDecision => {
  const decision: MadeDecision = {
    ...{ kind: 'approval', verdict: 'approve', number: 1, run: 'first', turn: 3, call: 1, tool: 'pay' },
    ...{ args: 'a', rules: [0], decidedAt: 1 },
    ...more,
  };
  if (by === 'nobody') return decision;
  return { ...decision, signed: signDecision(decision, { by, at: 1, key: by === 'alice' ? alice : intern }) };
};
const refusal = (
  decision: MadeDecision | undefined,
  { input = call, rules = [FINANCE], needed = [0], by = approvers } = {},
): string => {
  try {
    requireApproval(by, decision, { input, rules, needed, args: 'a' });
    return 'allowed';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

test('what it was given for is allowed', () => expect(refusal(made())).toBe('allowed'));

test.each<[string, MadeDecision | undefined, RegExp]>([
  ['nobody', undefined, /nobody did/],
  ['a denial', made({ verdict: 'deny' }), /not agreed to/],
  ['an answer about a failed call', made({ kind: 'failed-call' }), /not agreed to/],
  ['another run', made({ run: 'second' }), /something else/],
  ['another tool', made({ tool: 'look' }), /something else/],
  ['another turn', made({ turn: 4 }), /another call/],
  ['other arguments', made({ args: 'b' }), /another call/],
  ['other rules', made({ rules: [] }), /other rules/],
  ['somebody without the role', made({}, 'intern'), /intern does not count: finance must agree/],
  ['nobody who signs', made({}, 'nobody'), /unsigned/],
  ['a signature of something else', { ...made(), reason: 'another' }, /signature of alice does not fit/],
  [
    'somebody else in whose name',
    { ...made(), signed: { ...made({}, 'intern').signed, by: 'alice' } } as MadeDecision,
    /does not fit/,
  ],
  [
    'somebody whom this process does not know yet',
    { ...made(), signed: { ...made({}, 'intern').signed, by: 'bob' } } as MadeDecision,
    /pay: bob is not among the `people` that it was started with: start it again/,
  ],
  ['silence', made({ byDefault: true }, 'nobody'), /does not mean yes/],
  ['silence with other arguments', made({ byDefault: true, edited: 'e' }, 'nobody'), /only from a person/],
  ['other arguments for the rest of the run', made({ edited: 'e', remember: true }), /only from a person/],
  ['other arguments of nobody', made({ edited: 'e', rules: [] }, 'nobody'), /unsigned/],
])('%s is refused', (_, decision, why) => expect(refusal(decision)).toMatch(why));

test('other arguments of nobody are refused where no rule holds, too', () =>
  expect(refusal(made({ edited: 'e', rules: [] }, 'nobody'), { needed: [] })).toMatch(/unsigned/));

test.each([{ fork: 1 }, { index: 3 }, { index: 1 }])('it is good for one place: not for %j', (place) =>
  expect(refusal(made(), { input: { ...call, key: { ...key, ...place } } })).toMatch(/one call/),
);

test('a key that was taken out is worth nothing from then on', () =>
  expect(refusal(made(), { by: { people: {}, allowUnsigned: true } })).toMatch(/alice is not among/));

test('silence is a yes where the rules say so, and unsigned ones count where they may', () => {
  expect(refusal(made({ byDefault: true }, 'nobody'), { rules: [ANYBODY] })).toBe('allowed');
  expect(refusal(made({}, 'nobody'), { rules: [ANYBODY], by: { people: {}, allowUnsigned: true } })).toBe('allowed');
  expect(refusal(made({}, 'intern'), { rules: [ANYBODY] })).toBe('allowed');
});
