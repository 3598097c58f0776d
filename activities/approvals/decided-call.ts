// A tool call as a person has decided it: agreed to, perhaps with other arguments.
import { z } from 'zod';
import type { CallToolInput } from '../../workflows/contract/activities';
import type { InputPart, ToolCallPart } from '../../workflows/contract/message';
import type { ToolRecord } from '../../workflows/contract/schemas/call-record';
import type { PinnedAgent } from '../require-agent';
import type { ToolCallDeps } from '../deps';
import { failure } from '../failure';
import { canonicalJson } from '../store/canonical-json';
import { rulesOfCall, rulesThatHold } from './approval-need';
import { requireApproval, signerOf } from './require-approval';

const jsonObject = z.record(z.string(), z.json());

/** The call with the arguments that a person gave it instead. @throws ApplicationFailure `Tool.NotApproved` where they are no object */
export async function asEdited(
  { toolStore }: Pick<ToolCallDeps, 'toolStore'>,
  { approval, name }: CallToolInput,
  call: ToolCallPart,
): Promise<ToolCallPart> {
  if (approval?.edited === undefined || approval.verdict !== 'approve') return call;
  let given: unknown;
  try {
    given = JSON.parse(new TextDecoder().decode(await toolStore.getObject(approval.edited)));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const parsed = jsonObject.safeParse(given);
  if (!parsed.success) throw failure('Tool.NotApproved', `${name}: the edited arguments are not a JSON object.`);
  const { malformed: _, ...rest } = call;
  return { ...rest, arguments: parsed.data };
}

/** @throws ApplicationFailure `Tool.NotApproved` */
export async function requireAgreed(
  deps: Pick<ToolCallDeps, 'approvers' | 'toolStore'>,
  input: CallToolInput,
  loaded: PinnedAgent,
  { asked, call }: { asked: ToolCallPart; call: ToolCallPart },
): Promise<void> {
  const first = await rulesOfCall(loaded, asked, input.tenant);
  const { approval } = input;
  // Edited arguments are checked whether or not they need anybody: the one who wrote them must have been one who may.
  const isEdited = call !== asked;
  if (first.length === 0 && !isEdited) return;
  const rules = loaded.manifest.plan.tools[asked.name]?.approval ?? [];
  const needed = isEdited ? [...new Set([...first, ...rulesThatHold(rules, call.arguments, input.tenant)])] : first;
  const [args = ''] = await deps.toolStore.namesOf([canonicalJson(asked.arguments)]);
  requireApproval(deps.approvers, approval, { input, rules, needed, args });
}

/** Whether a person who may decide says that a call whose outcome is unknown has not acted. */
export function isAgreed(
  { approvers }: Pick<ToolCallDeps, 'approvers'>,
  { key, call, notDone }: CallToolInput,
): boolean {
  if (notDone?.verdict !== 'approve' || notDone.byDefault) return false;
  if (notDone.run !== key.run || notDone.turn !== key.turn || notDone.call !== call) return false;
  return notDone.signed ? signerOf(approvers, notDone) !== undefined : approvers.allowUnsigned;
}

/** What the model reads before the result of a call that was not made as it asked. */
export const editedParts = (
  { approval, name, insteadOf }: CallToolInput,
  repeats: ToolRecord['repeats'],
): InputPart[] =>
  approval?.edited === undefined || repeats
    ? []
    : [
        {
          type: 'text',
          text: `A person changed the arguments of ${insteadOf ?? name} before it was called.${because(approval.reason)}`,
        },
      ];

export const because = (reason: string | undefined): string => (reason === undefined ? '' : ` Their reason: ${reason}`);

/** For the record of the call: who the decision says it is by, which was checked where it had to be. */
export function personOf({ approval, notDone }: Pick<CallToolInput, 'approval' | 'notDone'>): ToolRecord['person'] {
  const decision = approval ?? notDone;
  if (!decision) return undefined;
  return {
    request: decision.number,
    ...(decision.signed ? { by: decision.signed.by } : {}),
    ...(decision.edited === undefined ? {} : { edited: decision.edited }),
  };
}
