// `longhaul show RUN --call N`: one call, with what it was given and what it answered, in full; what changed since another, and as a command.
import type { ContentStore } from '../../../activities/store';
import { orWhy } from '../../../activities/store/why-unreadable';
import type { Message } from '../../../workflows/contract/message';
import type {
  CompactionRecord,
  ModelRecord,
  StartedToolRecord,
  ToolRecord,
} from '../../../workflows/contract/schemas/call-record';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { callContent, inPlace, type CallContent, type GonePart } from '../../call-content';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { firstRunIdOf } from '../../first-run';
import { findRun } from '../find-run';
import { formatBytes, formatCost, formatDuration } from '../../format';
import { liveRun } from '../../live-run';
import { askedModel, rebuildRequest, type RunOfCall } from '../../../activities/rebuild/rebuild-request';
import { callsOf, type RunCall } from '../../../activities/store/run-calls';
import { askedBy, chosenCall, findCall, unansweredCall, type CallWanted } from '../../find-call';
import { readManifest } from '../../releases';
import type { Output } from '../output';
import { showPlaced } from '../show-placed';
import { sharedText } from '../../trace/traced-call';
import { showChanges } from './show-changes';
import { showCurl } from './show-curl';
import { showUnanswered } from './show-unanswered';
import { shellWord } from '../../shell-word';

export interface ShowCallOptions {
  call: CallWanted;
  /** The number of another call: what changed since that one. */
  diff?: number;
  /** As a command for a shell. */
  curl?: boolean;
}

/** @throws ClientError `invalid-input` when the run has no such call */
export async function showCall(
  context: CliContext,
  store: ContentStore,
  record: RunRecord,
  { call: wanted, diff, curl }: ShowCallOptions,
): Promise<number> {
  const firstRunId = await firstRunOf(context, store, record);
  if (wanted === 'failed') {
    const { calls } = await callsOf(store, firstRunId ?? '');
    const unanswered = unansweredCall(record, calls);
    const run = { id: record.id, firstRunId: firstRunId ?? '', tenant: record.tenant };
    if (unanswered) return await showUnanswered(context, store, { run, record, unanswered }, { diff, curl });
  }
  const { call, note, calls } = await findCall(store, record, firstRunId, wanted);
  if (note !== undefined) context.output.note(note);
  const run = { id: record.id, firstRunId: firstRunId ?? '', tenant: record.tenant };
  if (diff !== undefined) {
    const { call: before } = chosenCall(record, calls, diff);
    await showChanges(context, store, run, [before, call]);
    return EXIT.completed;
  }
  if (curl === true) {
    await showCurl(context, store, run, call);
    return EXIT.completed;
  }
  const { record: made } = call;
  if (made.kind === 'model') await showModelCall(context, store, run, call, made);
  else if (made.kind === 'tool' || made.kind === 'started-tool')
    await showToolCall(context, store, record, call, { made, calls });
  else await showCompaction(context, store, run, call, made);
  return EXIT.completed;
}

async function firstRunOf(context: CliContext, store: ContentStore, record: RunRecord): Promise<string | undefined> {
  const recorded = await firstRunIdOf(store, await findRun(store, record.id));
  if (recorded !== undefined) return recorded;
  const connected = await context.connectIfPossible();
  return connected ? (await liveRun(connected.temporal, record.id))?.firstRunId : undefined;
}

async function showModelCall(
  { output }: CliContext,
  store: ContentStore,
  run: RunOfCall,
  call: RunCall,
  made: ModelRecord,
): Promise<void> {
  const content = await callContent(store, run, call);
  const given = messagesIn(content);
  const { answered, gone } = content;
  const exact = await rebuildRequest(store, run, call);
  output.json({ id: run.id, ...placeOf(call), record: made, given, answered, gone, request: exact });
  if (output.isJson) return;
  const { usage, cost, unanswered } = made.answer;
  const row = rowOf(call, output);
  row('model', made.answer.model);
  row('instead of', triedText(made));
  row('request', `${made.request.sha256}, ${formatBytes(made.request.bytes)}`);
  row('rebuilt', 'why' in exact ? exact.why : exact.isSame ? 'the same bytes: --curl prints them' : exact.note);
  row('shared', made.batch && sharedText(made.batch));
  row('provider id', made.requestId);
  row('finish', made.finish);
  row('tokens', `${usage.input} in (${usage.cachedInput} cached), ${usage.output} out (${usage.reasoning} reasoning)`);
  if (made.origin) {
    const { run, at, near } = made.origin;
    row('cached', `${near ? 'nearly the same was asked' : 'asked'} by ${run}, ${new Date(at).toISOString()}`);
  }
  row('cost', cost && formatCost(cost));
  row(
    'unanswered',
    unanswered &&
      `requests before it, estimated: ${unanswered.spent.input} in, ${unanswered.spent.output} out, ${formatCost(unanswered.cost)}`,
  );
  row('problem', made.answer.problem && `${made.answer.problem.type}: ${made.answer.problem.message}`);
  await showFrame(output, store, run, call);
  output.line('\ngiven');
  const behind = showPart(output, content, 'given', 0);
  output.line('answered');
  showPart(output, content, 'answered', behind);
}

/** @param behind how many messages came before @returns how many there are now */
function showPart(output: Output, content: CallContent, part: GonePart['part'], behind: number): number {
  const placed = inPlace(part === 'given' ? messagesIn(content) : content.answered, part, content.gone);
  showPlaced(output, placed, behind);
  return behind + Math.max(0, ...placed.map(({ position }) => position ?? 0));
}

/** What stands around the conversation: the system prompt, and by what the model was held. */
async function showFrame(output: Output, store: ContentStore, run: RunOfCall, call: RunCall): Promise<void> {
  const asked = await askedModel(store, run, call);
  const { got: release, why } = await orWhy(readManifest(store, call.record.release));
  const { dim, yellow } = output.colors;
  if (!release) {
    output.line(`\nsystem\n${yellow(`the release of the call cannot be read: ${output.safeLine(why)}`)}`);
    return;
  }
  const { instructions, tools, parameters } =
    'why' in asked ? { ...release, parameters: release.model.parameters } : asked.request;
  const schema = 'why' in asked ? release.output : asked.request.output?.schema;
  output.line(`\nsystem\n${output.safe(instructions)}`);
  if (tools.length > 0) output.line(`\n${dim('tools')} ${output.safeLine(tools.map(({ name }) => name).join(', '))}`);
  if (Object.keys(parameters).length > 0)
    output.line(`${dim('parameters')} ${output.safeLine(JSON.stringify(parameters))}`);
  if (schema) output.line(`${dim('answer by')} ${output.safeLine(JSON.stringify(schema))}`);
}

const triedText = ({ tried }: Pick<ModelRecord, 'tried'>): string | undefined =>
  tried
    ?.map(({ route, failure, why, attempt }) => {
      const when = attempt === undefined ? '' : `, attempt ${attempt}`;
      return `${route} (${failure}${when}${why ? `: ${why}` : ''})`;
    })
    .join('; ');

/** What it stands for, and the words that stand for it. */
async function showCompaction(
  { output }: CliContext,
  store: ContentStore,
  run: RunOfCall,
  call: RunCall,
  made: CompactionRecord,
): Promise<void> {
  const content = await callContent(store, run, call);
  const given = messagesIn(content);
  const [summary] = content.answered;
  const { gone } = content;
  const exact = await rebuildRequest(store, run, call);
  output.json({ id: run.id, ...placeOf(call), record: made, given, answered: summary ?? null, gone, request: exact });
  if (output.isJson) return;
  const row = rowOf(call, output);
  row('model', made.result.model);
  row('instead of', triedText(made));
  row('prompt', made.prompt);
  row('sums up', `messages ${made.range.first} to ${made.range.last}`);
  output.line('\ngiven');
  showPart(output, content, 'given', made.range.first - 1);
  output.line('answered');
  showPart(output, content, 'answered', made.range.last);
}

async function showToolCall(
  { output }: CliContext,
  store: ContentStore,
  { id, tenant }: RunRecord,
  call: RunCall,
  { made, calls }: { made: ToolRecord | StartedToolRecord; calls: readonly RunCall[] },
): Promise<void> {
  const result = made.kind === 'tool' ? made.result : undefined;
  const content = await callContent(store, { id, tenant }, call);
  const given = 'arguments' in content.given ? content.given.arguments : undefined;
  const { gone } = content;
  const [answered] = content.answered;
  output.json({ id, ...placeOf(call), record: made, given: given ?? null, answered: answered ?? null, gone });
  if (output.isJson) return;
  const row = rowOf(call, output);
  row('tool', made.name);
  const asking = askedBy(calls, call);
  row('asked by', asking && `call ${asking.number}: "longhaul show ${shellWord(id)} --call ${asking.number}"`);
  row('failure', result?.failure);
  if (made.kind === 'started-tool') row('has begun', JSON.stringify(made.started));
  output.line('\ngiven');
  const unread = gone.filter(({ part }) => part === 'given');
  showPlaced(
    output,
    unread.map((one) => ({ position: null, gone: one })),
  );
  if (given !== undefined || gone.length === 0) output.line(output.safe(JSON.stringify(given, null, 2) ?? 'nothing'));
  if (made.kind === 'started-tool') return;
  output.line('\nanswered');
  showPart(output, content, 'answered', call.number - 1);
}

const messagesIn = ({ given }: CallContent): Message[] => ('messages' in given ? given.messages : []);

const placeOf = ({ number, fork, turn, index }: RunCall) => ({ number, fork, turn, index });

function rowOf(call: RunCall, output: CliContext['output']): (name: string, value: string | undefined) => void {
  const row = (name: string, value: string | undefined): void => {
    if (value !== undefined) output.line(`${output.colors.dim(name.padEnd(11))} ${output.safeLine(value)}`);
  };
  const { record } = call;
  row(
    'call',
    `${call.number}, ${record.kind === 'started-tool' ? 'tool' : record.kind} of turn ${call.turn}${call.fork > 0 ? ` of fork ${call.fork}` : ''}`,
  );
  row('made', `${new Date(record.startedAt).toISOString()}, took ${formatDuration(record.endedAt - record.startedAt)}`);
  row('attempt', String(record.attempt));
  row('worker', record.worker);
  row('release', record.release.slice(0, 12));
  return row;
}
