// What each kind of call shows of itself.
import type {
  BeginSubRunInput,
  BeginSubRunResult,
  CallModelInput,
  CallModelResult,
  CallToolInput,
  CompactContextInput,
  CompactContextResult,
  EndRunInput,
  EndRunResult,
  TakeSubRunInput,
  TakeSubRunResult,
} from '../../workflows/contract/activities';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import type { CallToolResult, ToolWait } from '../../workflows/contract/tool-call';
import { asEdited } from '../approvals/decided-call';
import type { ActivityDeps, Attempt } from '../deps';
import type { ModelProvider } from '../model/provider';
import { readCall } from '../read-call';
import { readManifest } from '../require-agent';
import { decodeMessage } from '../store';
import { runRecordName } from '../store/ref-names';
import { chatAttributes, failovers, modelOf, toolAttributes } from './attributes';
import { chatContent, toolContent } from './content';
import { observed, type CallSpan, type Ended, type ObserveDeps } from './observe';
import type { SpanAttributes, Tracing } from './port';
import { showRunEnd } from './run-end';
import { subRunSpanId, traceparentOf, attemptSpanId } from './trace-ids';
import { traceOfRun } from './trace-of-run';

type Work<Result> = (attempt: Attempt) => Promise<Result>;

const chatName = (route: string | undefined): string => (route === undefined ? 'chat' : `chat ${modelOf(route).model}`);

export const observedModelCall = (
  deps: ActivityDeps,
  input: CallModelInput,
  attempt: Attempt,
  work: Work<CallModelResult>,
): Promise<CallModelResult> =>
  observed(
    deps,
    input,
    attempt,
    {
      activity: 'callModel',
      outcomeOf: (result) =>
        result.kind !== 'answer' ? result.kind : result.reused ? 'reused' : (result.problem?.type ?? 'ok'),
      spanOf: (ended, tracing) => chatSpan(deps, ended, tracing),
    },
    work,
  );

/** Undefined where its code has gone since, as in development, or where it needs none. */
const serverOf =
  ({ providers }: Pick<ActivityDeps, 'providers'>) =>
  (route: string): ModelProvider['server'] => {
    try {
      return providers.resolve(route).provider.server;
    } catch {
      return undefined;
    }
  };

function chatSpan(
  deps: ActivityDeps,
  { result, failed, seen }: Ended<CallModelResult>,
  tracing: Tracing,
): CallSpan | undefined {
  const { record, preferred } = seen;
  // Found again, told to wait, or to be shorter: nothing was answered here.
  if (failed === undefined && (!record || result?.kind !== 'answer' || result.reused)) return undefined;
  const answer = record?.answer;
  return {
    name: chatName(answer?.model ?? preferred),
    kind: 'client',
    attributes: {
      ...chatAttributes(seen, answer, serverOf(deps)),
      ...(tracing.content ? chatContent(seen, tracing.content) : {}),
    },
    ...(record?.tried ? { events: failovers(record.tried, record.startedAt) } : {}),
    failed: failed ?? answer?.problem?.type,
  };
}

export const observedCompaction = (
  deps: ActivityDeps,
  input: CompactContextInput,
  attempt: Attempt,
  work: Work<CompactContextResult>,
): Promise<CompactContextResult> =>
  observed(
    deps,
    input,
    attempt,
    {
      activity: 'compactContext',
      outcomeOf: (result) => (result.kind === 'wait' ? 'wait' : result.reused ? 'reused' : 'ok'),
      spanOf: ({ result, failed }) => {
        const summary = result?.kind === 'compacted' && !result.reused ? result : undefined;
        if (!summary && failed === undefined) return undefined;
        return {
          name: chatName(summary?.model),
          kind: 'client',
          attributes: {
            ...chatAttributes({}, summary, serverOf(deps)),
            'longhaul.purpose': 'compaction',
            'longhaul.covered_messages': summary?.covered,
          },
        };
      },
    },
    work,
  );

/** Of a tool: what it takes to show it, in whichever process it runs. */
export type ToolObserveDeps = ObserveDeps & Pick<ActivityDeps, 'toolStore'>;

export async function observedToolCall(
  deps: ToolObserveDeps,
  input: CallToolInput,
  attempt: Attempt,
  work: Work<CallToolResult | ToolWait>,
): Promise<CallToolResult | ToolWait> {
  const traceparent = await traceparentFor(deps, input, attempt);
  return await observed(
    deps,
    input,
    { ...attempt, ...(traceparent === undefined ? {} : { traceparent }) },
    {
      activity: 'callTool',
      tool: input.name,
      outcomeOf: toolOutcome,
      spanOf: (ended, tracing) => toolSpan(deps, input, ended, tracing),
    },
    work,
  );
}

/** What the tool may pass on: its own span, though that is shown when it has ended. */
async function traceparentFor(
  { store, tracing }: ToolObserveDeps,
  { key }: CallToolInput,
  { workflowId, activityId, runId, number }: Attempt,
): Promise<string | undefined> {
  if (!tracing || activityId === undefined) return undefined;
  try {
    const { traceId, isSampled } = await traceOfRun({ store, tracing }, { run: workflowId, firstRunId: key.run });
    return traceparentOf(traceId, attemptSpanId({ runId, activityId, number }), isSampled);
  } catch {
    // The call itself says what is wrong with the store.
    return undefined;
  }
}

const toolOutcome = (result: CallToolResult | ToolWait): string =>
  'kind' in result ? 'wait' : result.reused ? 'reused' : (result.failure ?? 'ok');

async function toolSpan(
  deps: ToolObserveDeps,
  input: CallToolInput,
  { result, failed }: Ended<CallToolResult | ToolWait>,
  tracing: Tracing,
): Promise<CallSpan | undefined> {
  const answered = result && !('kind' in result) ? result : undefined;
  if (answered?.reused) return undefined;
  return {
    name: `execute_tool ${input.name}`,
    kind: 'internal',
    attributes: {
      ...toolAttributes(input.name, callIdOf(input), await isMcp(deps, input)),
      'longhaul.tool.pending': result && !answered ? true : undefined,
      'longhaul.tool.instead_of': input.insteadOf,
      ...(tracing.content ? await contentOf(deps, input, answered, tracing.content) : {}),
    },
    failed: failed ?? answered?.failure,
  };
}

/** Whether a server of MCP makes it, by the run's release. */
const isMcp = ({ toolStore }: ToolObserveDeps, { agent, release, name, tenant }: CallToolInput): Promise<boolean> =>
  readManifest({ toolStore: toolStore.of(tenant) }, agent, release).then(
    ({ tools }) => tools.some((tool) => tool.name === name && tool.mcp !== undefined),
    () => false,
  );

/** By what a run knows a call, whatever its provider called it. */
const callIdOf = ({ key }: Pick<CallToolInput, 'key'>): string => `${key.turn}.${key.index}`;

async function contentOf(
  deps: ToolObserveDeps,
  input: CallToolInput,
  answered: CallToolResult | undefined,
  hide: (text: string) => string,
): Promise<SpanAttributes> {
  const toolStore = deps.toolStore.of(input.tenant);
  const call = await readCall({ toolStore }, input).then((asked) => asEdited({ toolStore }, input, asked));
  const result = answered ? decodeMessage(await toolStore.getObject(answered.message.hash)) : undefined;
  return toolContent(call, result, hide);
}

export const observedSubRunBegin = (
  deps: ActivityDeps,
  input: BeginSubRunInput,
  attempt: Attempt,
  work: Work<BeginSubRunResult>,
): Promise<BeginSubRunResult> =>
  observed(
    deps,
    input,
    attempt,
    {
      activity: 'beginSubRun',
      tool: input.name,
      outcomeOf: (begun) => (begun.kind === 'begun' ? 'ok' : toolOutcome(begun.result)),
      spanOf: ({ result, failed }) => {
        if (result?.kind === 'begun' || (result && result.result.reused)) return undefined;
        return subRunSpan(input, { failed: failed ?? result?.result.failure });
      },
    },
    work,
  );

/** The call that a sub-agent's run answers: from when the run was begun, with the run's own span below it. */
export const observedSubRun = (
  deps: ActivityDeps,
  input: TakeSubRunInput,
  attempt: Attempt,
  work: Work<TakeSubRunResult>,
): Promise<TakeSubRunResult> =>
  observed(
    deps,
    input,
    attempt,
    {
      activity: 'takeSubRun',
      tool: input.name,
      outcomeOf: (taken) =>
        taken.kind === 'open' ? 'wait' : taken.kind === 'failed' ? taken.failure.type : toolOutcome(taken.result),
      spanOf: async ({ result: taken }) => {
        if (!taken || taken.kind === 'open' || (taken.kind === 'result' && taken.result.reused)) return undefined;
        const ref = await deps.store.readRef(runRecordName(input.run));
        const startedAt = runRecordSchema.safeParse(ref?.value).data?.startedAt;
        return {
          ...subRunSpan(input, { failed: taken.kind === 'failed' ? taken.failure.type : taken.result.failure }),
          spanId: subRunSpanId(input.key),
          ...(startedAt === undefined ? {} : { startedAt }),
        };
      },
    },
    work,
  );

const subRunSpan = (
  input: Pick<BeginSubRunInput, 'key' | 'name'>,
  { failed }: { failed: string | undefined },
): CallSpan => ({
  name: `execute_tool ${input.name}`,
  kind: 'internal',
  attributes: { ...toolAttributes(input.name, callIdOf(input), false), 'longhaul.tool.agent': true },
  failed,
});

export async function observedEnd(
  deps: ActivityDeps,
  input: EndRunInput,
  attempt: Attempt,
  work: Work<EndRunResult>,
): Promise<EndRunResult> {
  const { result } = input;
  const outcomeOf = (): string => result.failure?.type ?? (result.outcome === 'completed' ? 'ok' : result.outcome);
  const hadEnded = await hadEndedBefore(deps, input, attempt);
  const ended = await observed(deps, input, attempt, { activity: 'endRun', outcomeOf }, work);
  showRunEnd(deps, {
    ...{ run: attempt.workflowId, begunAt: input.startedAt },
    ...(hadEnded ? { again: attempt.runId } : {}),
  });
  return ended;
}

/** Only an execution that goes on with another can find an end: it was continued as new, or reset. */
async function hadEndedBefore(deps: ActivityDeps, { key }: EndRunInput, attempt: Attempt): Promise<boolean> {
  if (!deps.tracing || attempt.runId === key.run || attempt.number > 1) return false;
  try {
    const ref = await deps.store.readRef(runRecordName(attempt.workflowId));
    return runRecordSchema.safeParse(ref?.value).data?.ended !== undefined;
  } catch {
    return false;
  }
}
