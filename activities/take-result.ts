// The result of a call that has failed for good, as a person gives it: checked as the tool's own would be, and kept as the call's.
import { z } from 'zod';
import type { TakeResultInput } from '../workflows/contract/activities';
import type { CallToolResult } from '../workflows/contract/tool-call';
import { asEdited, because, storedJson } from './approvals/decided-call';
import { findCallRecord } from './call-records';
import type { ActivityDeps, Attempt } from './deps';
import { findEffect } from './effect-ledger';
import { failure } from './failure';
import { issuesOf } from './judge-answer';
import { planOfCall } from './plan-of-call';
import { readCall } from './read-call';
import { requireAgent } from './require-agent';
import { failedCallRefusal, signerOf } from './approvals/require-approval';
import { outputParts } from './tool-output';
import { keepResult, toolRecords } from './tool-records';

/** @throws ApplicationFailure `Tool.NotApproved` where it does not fit, or whoever gives it may not */
export async function takeResult(
  deps: ActivityDeps,
  input: TakeResultInput,
  attempt: Attempt,
): Promise<CallToolResult> {
  const { decision, name } = input;
  const loaded = await requireAgent(deps, input);
  const found = await findCallRecord(toolRecords(deps, input));
  if (found.answer) return { ...found.answer.result, reused: true };
  const refuse = (why: string) => failure('Tool.NotApproved', `${name.slice(0, 64)}: ${why}`);
  const by = signerOf(deps.approvers, decision);
  const why = failedCallRefusal(deps.approvers, loaded.manifest.plan, decision, input);
  if (why !== undefined) throw refuse(why);
  if (decision.result === undefined) throw refuse('the decision gives no result.');

  const given = await storedJson(deps, decision.result);
  if (given === undefined) throw refuse('the result is not stored, or is not JSON.');
  const tool = loaded.agent.tools.find((one) => one.name === name);
  if (!tool) throw refuse('its code is not here.');
  const checked = await z.safeParseAsync(tool.output, given);
  if (!checked.success) throw refuse(`the result has a wrong shape: ${issuesOf(checked.error)}`);
  const { parts, failure: problem } = outputParts(checked.data);
  if (problem) throw refuse(problem.message);

  const call = await asEdited(deps, input, await readCall(deps, input));
  const plan = planOfCall(loaded.manifest.plan, input);
  const asked = { ...input, input: '' };
  const effect = await findEffect(deps, asked, attempt, { call, plan });
  const now = deps.now();
  const said = `The tool failed; a person gives this result.${because(decision.reason)}`;
  return await keepResult(deps, input, {
    parts: [{ type: 'text', text: said }, ...parts],
    failure: undefined,
    made: {
      ...{ schemaVersion: 1 as const, startedAt: now, endedAt: now },
      ...{ attempt: attempt.number, worker: deps.worker, release: loaded.codeRelease },
    },
    version: found.version,
    objects: [],
    effect: effect && { refresh: effect.refresh, write: (message) => effect.write(message, 'done') },
    person: { request: decision.number, ...(by === undefined ? {} : { by }) },
  });
}
