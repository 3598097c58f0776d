// People of a test: whoever a policy names exists, and signs with one key that nobody else has.
import { privateKeyOf, newPrivateKey, publicKeyText, signDecision } from '../../activities/keys/decision-signature';
import type { Approvers } from '../../activities/approvals/require-approval';
import { canonicalJson } from '../../activities/store/canonical-json';
import type { ContentStore } from '../../activities/store/port';
import { peopleOf, type PersonDecision, type PersonRequest, type Verdict } from '../../workflows/contract/approval';
import type { JsonValue } from '../../workflows/contract/message';
import type { RunPlan } from '../../workflows/contract/run';

/** May decide everything. */
const TESTER = 'tester';

/** How a test decides. */
export interface TestDecision {
  /** Of the request. @default the oldest that is open */
  number?: number;
  reason?: string;
  /** A person or role that a policy names. @default somebody who may decide everything */
  by?: string;
  /** As by plain Temporal: nobody has signed it. */
  unsigned?: true;
}
export interface TestApproval extends TestDecision {
  /** In place of the model's. */
  args?: { [name: string]: JsonValue };
  /** For the rest of the run. */
  remember?: true;
}

export interface TestPeople {
  approvers: Approvers;
  /** @throws Error when nothing is asked, or not that */
  decisionOf(
    open: readonly PersonRequest[],
    verdict: Verdict,
    about: TestApproval & { result?: JsonValue },
    at: { store: ContentStore; now: number },
  ): Promise<PersonDecision>;
}

export function createTestPeople({ tools }: RunPlan): TestPeople {
  const key = privateKeyOf(newPrivateKey());
  const keys = [publicKeyText(key)];
  const rules = Object.values(tools).flatMap(({ approval = [], escalation }) => [
    ...approval,
    ...(escalation ? [escalation] : []),
  ]);
  const named = rules.flatMap((rule) => peopleOf(rule));
  const one = (name: string): [string, Approvers['people'][string]] => [
    name,
    { keys, roles: name === TESTER ? named : [] },
  ];
  return {
    approvers: { people: Object.fromEntries([...named, TESTER].map(one)), allowUnsigned: true },
    decisionOf: async (
      open,
      verdict,
      { number, reason, by = TESTER, unsigned, args, remember, result },
      { store, now },
    ) => {
      const request = number === undefined ? open[0] : open.find((asked) => asked.number === number);
      if (!request) {
        const asked = open.map((one) => `${one.number} (${one.tool})`).join(', ') || 'nothing';
        throw new Error(`the run does not ask for that: it asks for ${asked}.`);
      }
      const objects = [args, result].flatMap((value) => (value === undefined ? [] : [canonicalJson(value)]));
      const [hash] = (await store.commit({ objects })).hashes;
      const decision = {
        ...{ number: request.number, args: request.args },
        ...(reason === undefined ? {} : { reason }),
        ...(args === undefined || hash === undefined ? {} : { edited: hash }),
        ...(result === undefined || hash === undefined ? {} : { result: hash }),
        ...(remember ? { remember } : {}),
      };
      if (unsigned) return decision;
      const { kind, run, turn, call, tool, rules: about } = request;
      const signed = signDecision(
        { ...decision, kind, verdict, run, turn, call, tool, rules: about },
        { by, at: now, key },
      );
      return { ...decision, signed };
    },
  };
}
