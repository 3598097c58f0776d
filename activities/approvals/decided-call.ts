// A tool call as a person has decided it: agreed to, perhaps with other arguments.
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import type { CallToolInput } from '../../workflows/contract/activities';
import type { InputPart, ToolCallPart } from '../../workflows/contract/message';
import type { ToolRecord } from '../../workflows/contract/schemas/call-record';
import type { PinnedAgent } from '../require-agent';
import type { ToolCallDeps } from '../deps';
import { failure } from '../failure';
import { canonicalJson } from '../store/canonical-json';
import { rulesOfCall } from './approval-need';
import { failedCallRefusal, isDecisionOf, requireApproval } from './require-approval';

const jsonObject = z.record(z.string(), z.json());

/** The call with the arguments that a person gave it instead. @throws ApplicationFailure `Tool.NotApproved` where they are no object */
export async function asEdited(
  { toolStore }: Pick<ToolCallDeps, 'toolStore'>,
  input: Pick<CallToolInput, 'approval' | 'name' | 'key' | 'call'>,
  call: ToolCallPart,
): Promise<ToolCallPart> {
  const { approval, name } = input;
  if (approval?.edited === undefined || approval.verdict !== 'approve') return call;
  const [args = ''] = await toolStore.namesOf([canonicalJson(call.arguments)]);
  if (!isDecisionOf(approval, input, args)) return call;
  const parsed = jsonObject.safeParse(await storedJson({ toolStore }, approval.edited));
  if (!parsed.success) throw failure('Tool.NotApproved', `${name}: the edited arguments are not a JSON object.`);
  const { malformed: _, ...rest } = call;
  return { ...rest, arguments: parsed.data };
}

/** What a person gave, by its name; undefined where nothing readable has it: who typed the name is asked again. */
export async function storedJson({ toolStore }: Pick<ToolCallDeps, 'toolStore'>, name: string): Promise<unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(await toolStore.getObject(name)));
  } catch (error) {
    const isThere = !(error instanceof ApplicationFailure && error.type === 'Store.ObjectMissing');
    if (isThere && !(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/** @throws ApplicationFailure `Tool.NotApproved` */
export async function requireAgreed(
  deps: Pick<ToolCallDeps, 'approvers' | 'toolStore'>,
  input: CallToolInput,
  loaded: PinnedAgent,
  { asked, call }: { asked: ToolCallPart; call: ToolCallPart },
): Promise<void> {
  const first = await rulesOfCall(loaded, asked, input.tenant);
  // Edited arguments are checked whether or not they need anybody: the one who wrote them must have been one who may.
  const isEdited = call !== asked;
  if (first.length === 0 && !isEdited) return;
  const rules = loaded.manifest.plan.tools[asked.name]?.approval ?? [];
  const needed = isEdited ? [...new Set([...first, ...(await rulesOfCall(loaded, call, input.tenant))])] : first;
  const [args = ''] = await deps.toolStore.namesOf([canonicalJson(asked.arguments)]);
  requireApproval(deps.approvers, input.approval, { input, rules, needed, args });
}

/**
 * Until when a person who may decide says that the call had not acted, in milliseconds since the epoch: of a later attempt they know
 * nothing. Undefined where nobody does.
 */
export function notDoneUntil(
  { approvers }: Pick<ToolCallDeps, 'approvers'>,
  { manifest }: Pick<PinnedAgent, 'manifest'>,
  { key, call, notDone, name, insteadOf }: CallToolInput,
): number | undefined {
  if (notDone?.verdict !== 'approve') return undefined;
  const asked = { key, call, name: insteadOf ?? name };
  if (failedCallRefusal(approvers, manifest.plan, notDone, asked) !== undefined) return undefined;
  return Math.min(notDone.decidedAt, notDone.signed?.at ?? Infinity);
}

/** What the model reads before the result of a call that was not made as it asked. */
export const editedParts = (
  { approval, name, insteadOf }: Pick<CallToolInput, 'approval' | 'name' | 'insteadOf'>,
  { asked, call, repeats }: { asked: ToolCallPart; call: ToolCallPart; repeats: ToolRecord['repeats'] },
): InputPart[] =>
  call === asked || repeats
    ? []
    : [
        {
          type: 'text',
          text: `A person changed the arguments of ${insteadOf ?? name} before it was called, to ${new TextDecoder().decode(canonicalJson(call.arguments))}.${because(approval?.reason)}`,
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
