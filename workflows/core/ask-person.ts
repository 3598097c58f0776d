// Waits until a person has decided, and tells people meanwhile: that they are asked, that they were, and who else is asked now.
import type { TellPeopleInput } from '../contract/activities';
import type { ApprovalRule, MadeDecision } from '../contract/approval';
import type { OpenRequest } from '../contract/run';
import type { Run } from './environment';
import { callContext } from './model-turn';
import { RunEnd, step, untilResumed, wait } from './persist';
import { decideByDefault, questionOf } from './requests';

/**
 * @param leaves asked before each wait, however long that is going to be: whether the rest is left to the next execution
 * @param isOver ends a wait before its time, for the same
 * @throws RunEnd when nobody has answered in time and that ends the run, or as `wait` does
 */
export async function untilDecided(
  run: Run,
  request: OpenRequest,
  rules: readonly ApprovalRule[],
  { leaves, isOver }: { leaves(): boolean; isOver(): boolean },
): Promise<MadeDecision | 'left'> {
  const { environment } = run;
  for (;;) {
    if (isOver()) return 'left';
    const { decision } = request;
    if (decision) return await settled(run, request, decision);
    const now = environment.now();
    if (now >= request.deadline) {
      if (request.otherwise !== 'escalate') return await settled(run, request, decideByDefault(run, request));
      throw new RunEnd({ outcome: 'failed', failure: unanswered(request) });
    }
    const due = dueAt(request, rules, now);
    if (due) {
      request.told = due.told;
      await tell(run, request, due.about);
      continue;
    }
    if (leaves()) return 'left';
    const next = Math.min(request.deadline, nextMoment(request, rules));
    await wait(
      run,
      () => request.decision !== undefined || isOver(),
      next - now,
      `a person (${request.number}): ${questionOf(request)}`,
    );
  }
}

async function settled(run: Run, request: OpenRequest, decision: MadeDecision): Promise<MadeDecision> {
  // In this execution or in one of before.
  if (request.told?.decided) return decision;
  request.told = { ...NOTHING_TOLD, ...request.told, decided: true };
  await tell(run, request, 'decided', decision);
  await untilResumed(run);
  return decision;
}

/** That they are asked, of all that a turn asks at once: calls that wait for others have theirs decided meanwhile. */
export async function tellAsked(run: Run, requests: readonly OpenRequest[]): Promise<void> {
  await Promise.all(
    requests.map(async (request) => {
      if (request.told) return;
      request.told = NOTHING_TOLD;
      await tell(run, request, 'asked');
    }),
  );
}

const unanswered = ({ number, deadline, askedAt, tool }: OpenRequest) => ({
  type: 'Escalation.Unanswered' as const,
  message: `nobody answered request ${number}, about ${tool.slice(0, 64)}, within ${Math.round((deadline - askedAt) / 1000)} s.`,
});

type Told = NonNullable<OpenRequest['told']>;
const NOTHING_TOLD: Told = { reminders: 0, escalations: 0 };

/** What people must be told of by now, if anything. */
function dueAt(
  { askedAt, told }: OpenRequest,
  rules: readonly ApprovalRule[],
  now: number,
): { about: TellPeopleInput['about']; told: Told } | undefined {
  if (!told) return { about: 'asked', told: NOTHING_TOLD };
  const passed = now - askedAt;
  const escalations = stepsOf(rules).filter((afterMs) => afterMs <= passed).length;
  if (escalations > told.escalations) return { about: 'escalated', told: { ...told, escalations } };
  const every = reminderOf(rules);
  const reminders = every === Infinity ? 0 : Math.floor(passed / every);
  return reminders > told.reminders ? { about: 'reminder', told: { ...told, reminders } } : undefined;
}

function nextMoment({ askedAt, told }: OpenRequest, rules: readonly ApprovalRule[]): number {
  const every = reminderOf(rules);
  const reminder = every === Infinity ? Infinity : askedAt + every * ((told?.reminders ?? 0) + 1);
  return Math.min(reminder, askedAt + (stepsOf(rules)[told?.escalations ?? 0] ?? Infinity));
}

const reminderOf = (rules: readonly ApprovalRule[]): number =>
  Math.min(...rules.map(({ remindMs }) => remindMs ?? Infinity));

const stepsOf = (rules: readonly ApprovalRule[]): number[] =>
  rules.flatMap(({ escalation = [] }) => escalation.map(({ afterMs }) => afterMs)).sort((a, b) => a - b);

/** Of what failed here nobody needs to know: a store that is away is waited for, as anywhere. */
async function tell(
  run: Run,
  { decision: _, told: __, ...request }: OpenRequest,
  about: TellPeopleInput['about'],
  decision?: MadeDecision,
): Promise<void> {
  const input = { ...callContext(run, request.call + 1), about, request, ...(decision ? { decision } : {}) };
  await step(
    run,
    { kind: 'note', label: `tells people of request ${request.number}: ${about}` },
    () => run.environment.tellPeople(input),
    () => ({}),
  );
}
