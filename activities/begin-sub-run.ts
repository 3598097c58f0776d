// A call of a sub-agent becomes a run: its arguments are checked as the agent's release asks, and stored with the run's record. The
// workflow then starts the run by a name that follows from the call, so whoever asks for the call again finds the run again.
import { createHash } from 'node:crypto';
import type { BeginSubRunInput, BeginSubRunResult, SubRun } from '../workflows/contract/activities';
import type { FailureType } from '../workflows/contract/failures';
import type { InputPart, JsonValue, ToolCallPart } from '../workflows/contract/message';
import { SHADOW_PREFIX, isShadowId } from '../workflows/contract/names';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { RunTotals } from '../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import type { ToolRecord } from '../workflows/contract/schemas/call-record';
import type { CallToolResult } from '../workflows/contract/tool-call';
import { rulesOfCall } from './approvals/approval-need';
import { asEdited, requireAgreed } from './approvals/decided-call';
import { findCallRecord } from './call-records';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { failure } from './failure';
import { failureParts } from './failure-parts';
import { safeText } from './redact';
import { readCall } from './read-call';
import { readManifest, requireAgent } from './require-agent';
import { planOfShadow } from './shadow/plan-of-shadow';
import { requireShadow, sameCall, toldBefore, type OwnShadow } from './shadow/primary-calls';
import { firstMessageOf, type FirstMessage } from './store/first-message';
import { createRunRecord } from './store/create-run-record';
import { runRecordName } from './store/ref-names';
import { RESULT_BYTES_MOST } from './tool-output';
import { keepResult, toolRecords } from './tool-records';

/** Runs of one call: another is begun where the one before has ended without an answer, or began with arguments that it has no more. */
const RUNS_MAX = 100;
const SUB_RUN_ID_CHARS = 20;

/** Repeating it finds what the first has stored. @throws ApplicationFailure `Tool.NotApproved`, `Tool.NotGranted`, `Store.*` */
export async function beginSubRun(
  deps: ActivityDeps,
  input: BeginSubRunInput,
  attempt: Attempt,
): Promise<BeginSubRunResult> {
  const isShadow = isShadowId(attempt.workflowId);
  const found = await findCallRecord(toolRecords(deps, input));
  if (found.answer) {
    deps.metrics.reused('tool');
    return {
      kind: 'answered',
      result: { ...found.answer.result, reused: true },
      used: await usedBy(deps, input, isShadow),
    };
  }
  const loaded = await requireAgent(deps, input);
  const pin = Object.hasOwn(loaded.manifest.plan.tools, input.name)
    ? loaded.manifest.plan.tools[input.name]?.agent
    : undefined;
  if (!pin) {
    const what = `release ${input.release.slice(0, 12)} of agent "${input.agent}"`;
    throw failure('Tool.NotGranted', `${what} has no agent "${input.name.slice(0, 64)}" among its tools.`);
  }
  const asked = await readCall(deps, input);
  const call = await asEdited(deps, input, asked);
  const shadow = isShadow ? await requireShadow(deps, attempt.workflowId) : undefined;
  // Of what the tools of both are asked, `input` names the first message, which is not read here.
  if (!shadow) await requireAgreed(deps, { ...input, input: '' }, loaded, { asked, call });
  const kept = (told: { parts: InputPart[]; failure: FailureType; shadow?: ToolRecord['shadow'] }) =>
    keepAnswer(deps, input, attempt, { codeRelease: loaded.codeRelease, version: found.version, told });
  const undecided = shadow && (await undecidedInShadow(deps, input, { shadow, loaded, asked }));
  if (undecided) return { kind: 'answered', result: await kept(undecided) };
  const manifest = await readManifest(deps, pin.name, pin.release);
  const first = call.malformed
    ? { refused: 'the arguments are not a JSON object.' }
    : firstMessageOf(deps.store, manifest, inputOf(manifest, call));
  if (!('refused' in first))
    return await begin(deps, input, attempt, { manifest, release: pin.release, first, shadowOf: shadow?.of });

  const message = safeText(`${first.refused} Call the agent again.`);
  if (input.approval?.edited !== undefined) throw failure('Tool.NotApproved', message);
  const result = await kept({
    parts: failureParts('Tool.InvalidArguments', message),
    failure: 'Tool.InvalidArguments',
  });
  return { kind: 'answered', result };
}

interface ToKeep {
  codeRelease: string;
  version: number | undefined;
  told: { parts: InputPart[]; failure: FailureType; shadow?: ToolRecord['shadow'] };
}

async function keepAnswer(
  deps: ActivityDeps,
  input: BeginSubRunInput,
  attempt: Attempt,
  { codeRelease, version, told }: ToKeep,
): Promise<CallToolResult> {
  const now = deps.now();
  return await keepResult(deps, input, {
    ...told,
    made: {
      ...{ schemaVersion: 1 as const, startedAt: now, endedAt: now },
      ...{ attempt: attempt.number, worker: deps.worker, release: codeRelease },
    },
    ...{ version, objects: [] },
  });
}

/** What a person must agree to, and has not agreed to of the run that is shadowed: nobody is asked. Undefined where it may begin. */
async function undecidedInShadow(
  deps: ActivityDeps,
  input: BeginSubRunInput,
  { shadow, loaded, asked }: { shadow: OwnShadow; loaded: LoadedAgent; asked: ToolCallPart },
): Promise<ToKeep['told'] | undefined> {
  if ((await rulesOfCall(loaded, asked, input.tenant)).length === 0) return undefined;
  const told = await toldBefore(deps, shadow, input, { call: asked, isRead: false });
  const same = sameCall(deps, asked);
  if (told && told.record.result.failure !== 'Tool.Denied') return undefined;
  if (told) return { parts: told.message.parts, failure: 'Tool.Denied', shadow: { how: 'recorded', same } };
  const message = `${input.name} was not called: a person would have to agree, and of a shadow nobody is asked.`;
  return {
    ...{ parts: failureParts('Tool.NotExecuted', message), failure: 'Tool.NotExecuted' as const },
    shadow: { how: 'not-executed', same },
  };
}

/** Of all runs of the call: a reset counts them anew. */
async function usedBy({ store }: ActivityDeps, input: BeginSubRunInput, isShadow: boolean): Promise<RunTotals[]> {
  const used: RunTotals[] = [];
  for (let nth = 0; nth < RUNS_MAX; nth += 1) {
    const known = runRecordSchema.safeParse(
      (await store.readRef(runRecordName(subRunId(input, nth, isShadow))))?.value,
    ).data;
    if (!known) break;
    if (known.ended) used.push(known.ended.totals);
  }
  return used;
}

/** A plain text is the one property of the arguments: a model gives an object, whatever it calls. */
const inputOf = ({ input }: ReleaseManifest, { arguments: given }: ToolCallPart): JsonValue | undefined =>
  input !== undefined && input['type'] !== 'string' ? given : 'input' in given ? given.input : undefined;

interface ToBegin {
  manifest: ReleaseManifest;
  release: string;
  first: FirstMessage;
  /** Of a shadow: its sub-agents' runs are shadows too. */
  shadowOf: RunRecord['shadowOf'];
}

async function begin(
  deps: ActivityDeps,
  input: BeginSubRunInput,
  attempt: Attempt,
  { manifest, release, first, shadowOf }: ToBegin,
): Promise<SubRun> {
  const { key, tenant, user, session, tags } = input;
  const root = input.root ?? attempt.workflowId;
  const parent = { run: attempt.workflowId, root, firstRunId: key.run, turn: key.turn, index: key.index };
  const about = {
    kind: 'begun' as const,
    agent: manifest.agent,
    release,
    parent,
    plan: shadowOf ? planOfShadow(manifest.plan) : manifest.plan,
  };
  for (let nth = 0; nth < RUNS_MAX; nth += 1) {
    const id = subRunId(input, nth, shadowOf !== undefined);
    const record: RunRecord = {
      ...{ schemaVersion: 1, id, agent: manifest.agent, release, tenant },
      ...(user === undefined ? {} : { user }),
      ...(session === undefined ? {} : { session }),
      ...{ tags, input: first.head.hash, question: first.title, startedAt: deps.now(), parent },
      ...(shadowOf ? { shadowOf } : {}),
    };
    const known = await createRunRecord(deps.store, record, { objects: [first.bytes] });
    // The same call with other arguments, which a person has given it after a reset.
    if (known && !isOf(known, record)) continue;
    const begun = { ...about, id, input: first.head, question: first.title };
    if (!known?.ended) return begun;
    if (isAnswered(known)) return { ...begun, ended: true };
  }
  throw failure('Tool.AgentFailed', `${manifest.agent} was begun ${RUNS_MAX} times for one call.`);
}

const isAnswered = ({ ended, erased }: RunRecord): boolean =>
  ended?.outcome === 'completed' && !erased && (ended.output?.bytes ?? 0) <= RESULT_BYTES_MOST;

/** What is erased is as its tombstone says. */
const isOf = (known: RunRecord, record: RunRecord): boolean =>
  known.agent === record.agent &&
  known.tenant === record.tenant &&
  (known.erased !== undefined || (known.input === record.input && known.release === record.release));

/** The same for every attempt of one call, in every execution of its run, and for no other: not for one that has its key after a reset. */
function subRunId({ key, message }: Pick<BeginSubRunInput, 'key' | 'message'>, nth: number, isShadow: boolean): string {
  const { run, fork, turn, index } = key;
  const hash = createHash('sha256').update(['sub-run', run, fork, turn, index, message, nth].join('/'));
  return `${isShadow ? SHADOW_PREFIX : ''}sub_${hash.digest('hex').slice(0, SUB_RUN_ID_CHARS)}`;
}
