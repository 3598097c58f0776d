// Runs one tool's code between its two schemas, and turns whatever happens into an outcome with a type.
import { setTimeout as after } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import type { CallToolInput } from '../workflows/contract/activities';
import { consequenceOf, isFailureType, isRetryable, type FailureType } from '../workflows/contract/failures';
import type { InputPart, JsonValue, ToolCallPart } from '../workflows/contract/message';
import type { AnyAgent } from './define/agent';
import { isToolFailure, type ToolFailure } from './define/tool-failure';
import { ToolRejection, type AnyTool, type Reconciled, type ToolContext, type ToolFiles } from './define/tool';
import { CircuitOpen, guardedBy, type Verdict } from './circuit-breaker';
import type { ActivityDeps, Attempt, ToolCallDeps } from './deps';
import { DoneMeanwhile, OutcomeUnknown, Overtaken, StillUnderWay, actOnce } from './act-once';
import { effectKey, type Effect } from './effect-ledger';
import { failure } from './failure';
import { failureParts } from './failure-parts';
import { issuesOf } from './judge-answer';
import { redacted, safeText } from './redact';
import { repeatedOutcome } from './repeated-outcome';
import { spreadMs } from './retry-delay';
import { decodeMessage } from './store';
import { describeError, outputParts } from './tool-output';
import { TIMER_MAX_MS, ToolTimeout, withTimeout } from './with-timeout';

/** What a tool that works elsewhere has begun, or that it has not come to an end yet. */
export type Unfinished = { started: JsonValue; objects: Uint8Array[] } | { pending: true };

export interface ToolOutcome {
  /** What the model reads. */
  parts: InputPart[];
  failure?: { type: FailureType; message: string; final?: true; retryAfterMs?: number };
  /** Bytes of files that the tool wrote, stored with the call's record. */
  objects: Uint8Array[];
  /** The call whose action this one asked for again. */
  repeats?: { turn: number; index: number };
  /** Of a shadow: whether its tool ran. Absent where it was not even asked to. */
  shadow?: 'not-executed' | 'ran';
}

/**
 * What is looked up after the tool's time is over must end before Temporal ends the attempt, which then could not say that nothing is known:
 * workflows/activity-proxies.ts leaves two seconds.
 */
const LOOK_UP_GRACE_MS = 1_500;

type ToolDeps = Pick<ToolCallDeps, 'toolStore' | 'secretsOf' | 'stateDir' | 'failpoint' | 'now' | 'breaker'>;

export interface ToRun {
  call: ToolCallPart;
  begun?: { started: JsonValue } | undefined;
  /** Of a call that acts on the world. */
  effect: Effect | undefined;
  /** Temporal makes no further attempt. */
  isLast: boolean;
  /** A person says that what was claimed before then has not acted. Milliseconds since the epoch. */
  notDoneUntil?: number | undefined;
  /** Of a shadow, which does nothing but read, and not even that where it may not. */
  shadow?: { mayRun: boolean };
}

export async function runTool(
  deps: ToolDeps,
  input: CallToolInput,
  attempt: Attempt,
  { agent }: { agent: Pick<AnyAgent, 'tools'> },
  { call, begun, effect, isLast, notDoneUntil, shadow }: ToRun,
): Promise<ToolOutcome | Unfinished> {
  const tool = toolOf(agent, input);
  if (!tool) {
    const names = agent.tools.map(({ name }) => name).join(', ') || 'none';
    return failed('Tool.Unknown', `there is no tool "${input.name.slice(0, 64)}". Tools: ${names}.`);
  }
  if (call.malformed)
    return failed('Tool.InvalidArguments', 'the arguments are not a JSON object. Call the tool again.');
  const args = await tool.input.safeParseAsync(call.arguments);
  if (!args.success) return failed('Tool.InvalidArguments', `${issuesOf(args.error)} Call the tool again.`);
  // By the code that would run, too: whatever a release says of it, what acts does not.
  if (shadow && !(shadow.mayRun && tool.plan.effect === 'read')) return notExecuted(tool);
  const ofShadow = shadow ? { shadow: 'ran' as const } : {};

  const written: Uint8Array[] = [];
  // As the run was pinned to it. A debugger lifts it: then only what Temporal allows counts.
  const timeoutMs = Math.min(input.timeoutMs ?? attempt.timeoutMs ?? tool.plan.timeoutMs, TIMER_MAX_MS);
  const begunAt = performance.now();
  const leftToLookUpMs = (): number =>
    Math.max(1, Math.min(timeoutMs, timeoutMs + LOOK_UP_GRACE_MS - (performance.now() - begunAt)));
  const secrets = tool.toolbox ? deps.secretsOf(tool.toolbox) : {};
  const values = Object.values(secrets);
  try {
    const about = await contextOf(deps, input, attempt, tool);
    const key = effect?.key ?? effectKey(input, call, undefined);
    const context = { ...about, effectKey: key, secrets, files: filesOf(deps, written) };
    const [code, given] = begun ? await pollOf(tool, begun.started) : [tool.run, args.data];
    const timed = (ms: number, code: unknown, given: unknown, failpoint: ActivityDeps['failpoint']): Promise<unknown> =>
      withTimeout(ms, attempt.signal, failpoint, (signal) => invoke(tool, code, [given, { ...context, signal }]));
    const output = await actOnce(begun ? undefined : effect, {
      act: () => timed(timeoutMs, code, given, deps.failpoint),
      guarded: (act) => guardedBy(deps.breaker, act, shadow ? undefined : (error) => verdictOf(error, attempt)),
      reconcile:
        tool.reconcile && (async () => readable(await timed(leftToLookUpMs(), tool.reconcile, args.data, NOWHERE))),
      now: deps.now,
      pause: (ms) => after(ms, undefined, { signal: attempt.signal }),
      waitMostMs: timeoutMs,
      isLast,
      notDoneUntil,
      isStopped: () => attempt.signal.aborted,
      isOfTheRuntime,
      isFinal: (error) => isFinal(error, tool),
    });
    if (tool.poll && !begun) return await startedBy(tool.poll, output, written);
    if (tool.poll && output === undefined) return { pending: true };
    const checked = await z.safeParseAsync(tool.output, output);
    if (!checked.success)
      return failed(
        'Tool.InvalidOutput',
        redacted(`the tool answered in a wrong shape: ${issuesOf(checked.error)}`, values),
      );
    return { ...outputParts(checked.data, values), objects: written, ...ofShadow };
  } catch (error) {
    if (attempt.signal.aborted || isOfTheRuntime(error)) throw error;
    if (error instanceof StillUnderWay) {
      const { message, retryAfterMs } = error;
      throw failure('Tool.Failed', message, { retryAfterMs });
    }
    if (error instanceof DoneMeanwhile && effect?.done) return await repeatedOutcome(deps, effect.done);
    if (error instanceof CircuitOpen) return refused(error, input, attempt, { tool, begun });
    if (error instanceof OutcomeUnknown) return failed('Tool.OutcomeUnknown', safeText(error.message, values));
    if (error instanceof ToolTimeout) return failed('Tool.Timeout', error.message);
    if (isRejection(error)) return failed('Tool.Rejected', safeText(error.message, values));
    // Where it was claimed, whether it happened has been looked up, or will be.
    if (isToolFailure(error)) return known(error, { isOpen: !effect?.isOnce || begun !== undefined, tool, values });
    return failed(
      'Tool.Failed',
      safeText(describeError(error), values),
      isNonRetryable(error, tool) ? { final: true } : {},
    );
  }
}

const isRejection = (error: unknown): error is Error => error instanceof Error && error.name === 'ToolRejection';

/** One that stands in for another is known by that one alone: the model is not offered it. */
function toolOf({ tools }: Pick<AnyAgent, 'tools'>, { name, insteadOf }: CallToolInput): AnyTool | undefined {
  const asked = tools.find((tool) => tool.name === (insteadOf ?? name));
  return insteadOf === undefined ? asked : asked?.fallback.find((tool) => tool.name === name);
}

/** By its name, or by the code that many libraries give their errors. */
function isNonRetryable(error: unknown, { nonRetryable }: AnyTool): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : undefined;
  return nonRetryable.some((name) => name === error.name || name === code);
}

const isFinal = (error: unknown, tool: AnyTool): boolean =>
  isToolFailure(error) ? error.options.final === true || !isRetryable(error.type) : isNonRetryable(error, tool);

/** A tool reads and writes files through the store: that the store fails is no failure of the tool, and not the model's to mend. */
const isOfTheRuntime = (error: unknown): boolean =>
  error instanceof ApplicationFailure &&
  isFailureType(error.type) &&
  ['pause', 'wait'].includes(consequenceOf(error.type));

/** What says nothing of the outside: the run was told to stop, or our own store failed. */
const verdictOf = (error: unknown, { signal }: Attempt): Verdict => {
  if (signal.aborted || error instanceof Overtaken || isOfTheRuntime(error)) return 'unknown';
  if (isRejection(error)) return 'answered';
  return isToolFailure(error) && error.type !== 'Tool.Failed' && error.type !== 'Tool.Timeout' ? 'answered' : 'failed';
};

/** Nothing was called. Where another tool stands in, it does so at once; what has begun elsewhere is asked for again. */
function refused(
  { message: why, retryAfterMs }: CircuitOpen,
  input: CallToolInput,
  attempt: Attempt,
  { tool, begun }: { tool: AnyTool; begun: ToRun['begun'] },
): ToolOutcome {
  const seconds = Math.ceil(retryAfterMs / 1_000);
  const message = `toolbox ${tool.toolbox?.name ?? ''} is not called for another ${seconds} s: ${why}.`;
  return failed('Tool.CircuitOpen', message, {
    ...(input.hasFallback && !begun ? { final: true } : {}),
    retryAfterMs: spreadMs(retryAfterMs, input, attempt.number),
  });
}

const failed = (
  type: FailureType,
  message: string,
  more: Pick<NonNullable<ToolOutcome['failure']>, 'final' | 'retryAfterMs'> = {},
): ToolOutcome => ({ parts: failureParts(type, message), failure: { type, message, ...more }, objects: [] });

/** What it would have been asked to do stands in the message that asks for it. */
const notExecuted = ({ name }: AnyTool): ToolOutcome => {
  const why = `${name} was not called: this is a shadow of another run, which was told nothing of this call.`;
  return { ...failed('Tool.NotExecuted', `${why} What it would answer is not known.`), shadow: 'not-executed' };
};

/** What is thrown once the outside may have acted is no failure that anyone could rely on, where the tool must not act again. */
function known(
  { type, message, options }: ToolFailure,
  { isOpen, tool, values }: { isOpen: boolean; tool: AnyTool; values: readonly string[] },
): ToolOutcome {
  const { mayHaveActed, final, retryAfterMs } = options;
  if (isOpen && tool.plan.effect === 'at-most-once' && type === 'Tool.Failed' && mayHaveActed)
    return failed('Tool.OutcomeUnknown', safeText(`it may have happened, or not: ${message}`, values));
  return failed(type, safeText(message, values), {
    ...(final ? { final } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The definition hid the parameter types; the schemas have just checked both values against the very types it was declared with. */
function invoke(tool: AnyTool, code: unknown, given: [args: unknown, context: ToolContext<object, string>]): unknown {
  if (typeof code !== 'function') throw new Error(`tool ${tool.name} has no code.`);
  return Reflect.apply(code, tool.poll && code === tool.poll.check ? tool.poll : tool, given);
}

async function pollOf(tool: AnyTool, started: JsonValue): Promise<[code: unknown, given: unknown]> {
  // In development the code may have changed since.
  if (!tool.poll)
    throw new ToolRejection('it has begun, and its code does not say any more how to ask for the outcome.');
  const parsed = await z.safeParseAsync(tool.poll.started, started);
  if (!parsed.success)
    throw new ToolRejection(`it has begun, and what names its work does not fit any more: ${issuesOf(parsed.error)}`);
  return [tool.poll.check, parsed.data];
}

async function startedBy(
  { started }: NonNullable<AnyTool['poll']>,
  answered: unknown,
  objects: Uint8Array[],
): Promise<ToolOutcome | Unfinished> {
  const checked = await z.safeParseAsync(started, answered);
  const json = z.json().safeParse(answered);
  if (checked.success && json.success) return { started: json.data, objects };
  const why = checked.error ? issuesOf(checked.error) : 'it is not JSON.';
  return failed('Tool.InvalidOutput', `what names the work that it began has a wrong shape: ${why}`);
}

async function contextOf(
  deps: ToolDeps,
  input: CallToolInput,
  attempt: Attempt,
  tool: AnyTool,
): Promise<Omit<ToolContext<object, string>, 'secrets' | 'files' | 'signal' | 'effectKey'>> {
  return {
    input: tool.needs ? await readNeeds(deps, input, tool.needs) : {},
    attempt: attempt.number,
    ...(attempt.traceparent === undefined ? {} : { traceparent: attempt.traceparent }),
    run: {
      id: attempt.workflowId,
      tenant: input.tenant,
      ...(input.user === undefined ? {} : { user: input.user }),
      ...(input.session === undefined ? {} : { session: input.session }),
    },
    stateDir: deps.stateDir,
  };
}

const reconciledSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('done'), output: z.unknown() }),
  z.object({ outcome: z.literal('not-done') }),
  z.object({ outcome: z.literal('unknown') }),
]);

function readable(answered: unknown): Reconciled<unknown> {
  const { success, data } = reconciledSchema.safeParse(answered);
  if (success) return data;
  throw new Error(
    'reconcile must answer { outcome: "done", output }, { outcome: "not-done" } or { outcome: "unknown" }.',
  );
}

/** A drill stops a tool, and not what looks up what became of it. */
const NOWHERE: ActivityDeps['failpoint'] = () => Promise.resolve();

async function readNeeds(deps: ToolDeps, input: CallToolInput, needs: z.ZodObject): Promise<object> {
  const message = decodeMessage(await deps.toolStore.getObject(input.input));
  const first = message.parts[0];
  const data: unknown = first?.type === 'text' ? JSON.parse(first.text) : undefined;
  const parsed = await needs.safeParseAsync(data);
  if (!parsed.success) throw new ToolRejection(`the run's input lacks what this tool needs: ${issuesOf(parsed.error)}`);
  return parsed.data;
}

const filesOf = ({ toolStore }: ToolDeps, written: Uint8Array[]): ToolFiles => {
  const own = new Map<string, Uint8Array>();
  return {
    read: async (file) => own.get(file.sha256) ?? (await toolStore.getObject(file.sha256)),
    write: async (bytes, about) => {
      written.push(bytes);
      const [sha256 = ''] = await toolStore.namesOf([bytes]);
      own.set(sha256, bytes);
      return { sha256, bytes: bytes.length, ...about };
    },
  };
};
