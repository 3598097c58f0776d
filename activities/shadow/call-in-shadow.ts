// A tool call of a shadow, wherever its tool runs: answered as the run that it shadows was, and otherwise handed on to the tool's process,
// which runs nothing but what only reads, where even that is allowed. Asked before anything of the tool is: of a call that is answered here
// its process never hears.
import type { CallToolInput } from '../../workflows/contract/activities';
import { RECALL_TOOL } from '../../workflows/contract/names';
import type { CallToolResult, ToolWait } from '../../workflows/contract/tool-call';
import { findCallRecord } from '../call-records';
import type { ActivityDeps, Attempt } from '../deps';
import { planOfCall } from '../plan-of-call';
import { readCall } from '../read-call';
import { readManifest } from '../require-agent';
import { keepResult, toolRecords } from '../tool-records';
import { requireShadow, sameCall, toldBefore } from './primary-calls';

/** Of the call's tenant. */
export type ShadowCallDeps = Pick<ActivityDeps, 'store' | 'conversation' | 'toolStore' | 'worker' | 'now'>;
type Answered = CallToolResult | ToolWait;

/** @param call makes it, for as much of it as a shadow may do @throws ApplicationFailure as callTool does */
export async function callInShadow(
  deps: ShadowCallDeps,
  input: CallToolInput,
  attempt: Attempt,
  call: (input: CallToolInput, attempt: Attempt) => Promise<Answered>,
): Promise<Answered> {
  const shadow = await requireShadow(deps, attempt.workflowId);
  const found = await findCallRecord(toolRecords(deps, input));
  if (found.answer) return { ...found.answer.result, reused: true };
  const asked = await readCall(deps, input);
  const same = sameCall(deps, asked);
  const own = { same, ...(shadow.of.reads === 'run' ? { mayRead: true as const } : {}) };
  const { plan } = await readManifest(deps, input.agent, input.release);
  // It reads what the shadow itself has said.
  const isRecall = input.name === RECALL_TOOL && !Object.hasOwn(plan.tools, RECALL_TOOL);
  if (isRecall || found.record) return await call(input, { ...attempt, shadow: own });
  const isRead = planOfCall(plan, input)?.effect === 'read';
  const told = await toldBefore(deps, shadow, input, { call: asked, isRead });
  if (!told) return await call(input, { ...attempt, shadow: own });
  const now = deps.now();
  return await keepResult(deps, input, {
    ...{ parts: told.message.parts, failure: told.record.result.failure },
    made: {
      ...{ schemaVersion: 1 as const, startedAt: now, endedAt: now },
      ...{ attempt: attempt.number, worker: deps.worker, release: input.release },
    },
    ...{ version: found.version, objects: [] },
    shadow: { how: 'recorded', same },
  });
}
