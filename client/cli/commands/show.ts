// `longhaul show RUN`: what it is and what it answered; the conversation, or one call of it, in full.
import type { ContentStore } from '../../../activities/store';
import { askedBelow, subRunsUnder } from '../../sub-runs';
import { lastCheckpoint } from '../../../activities/store/last-checkpoint';
import { callsOf, totalsOf, withKnownCost } from '../../../activities/store/run-calls';
import { orWhy } from '../../../activities/store/why-unreadable';
import type { ReleaseManifest } from '../../../workflows/contract/release';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { releaseParts } from '../../release-parts';
import { readManifest, registeredReleases } from '../../releases';
import { webUiLink } from '../../find-temporal';
import { erasedText, recordedResult, refuseErased } from '../../recorded-result';
import type { CliContext, Connected } from '../context';
import { EXIT, errorLine } from '../exit-codes';
import { firstRunIdOf } from '../../first-run';
import { findRun } from '../find-run';
import { counted, formatCost, formatDuration, formatTokens, limitsText, savedText } from '../../format';
import { liveRun, type LiveRun } from '../../live-run';
import { saidInRun } from '../../said-in-run';
import { settledRecord } from '../settled-record';
import { showPlaced } from '../show-placed';
import { answerText } from '../show-result';
import { askedNow, openStatus, waitingNow } from '../../waiting-now';
import { waitingLine } from '../waiting';
import { ClientError } from '../../errors';
import type { CallWanted } from '../../find-call';
import { showCall } from './show-call';
import { askedLine, requestsOf, saidTo } from '../../requests-of';
import { scoresOfRun } from '../../scores/score-run';
import { scoreText } from '../../scores/score-text';
import { originText } from './trace';
import { shellWord } from '../../shell-word';

export interface ShowOptions {
  transcript?: boolean;
  call?: CallWanted;
  /** Of a call: what changed since this other one. */
  diff?: number;
  /** Of a call: its request as a command. */
  curl?: boolean;
}

export async function showCommand(context: CliContext, given: string, options: ShowOptions): Promise<number> {
  const store = context.readStore();
  const found = await findRun(store, given);
  const { call, diff, curl } = options;
  if (call === undefined && (diff !== undefined || curl)) throw new ClientError('invalid-input', NEEDS_CALL);
  if (diff !== undefined && curl)
    throw new ClientError('invalid-input', '--diff compares two calls, --curl is of one: give one of them.');
  if (call !== undefined || options.transcript) refuseErased(found);
  if (call !== undefined) return await showCall(context, store, found, { ...options, call });
  if (options.transcript) return await showTranscript(context, store, found);
  const connected = await context.connectIfPossible((reason) => {
    if (!found.ended) context.output.note(`what it does now is not known: ${errorLine(reason)}`);
  });
  const record = connected ? await settledRecord(store, connected.temporal, found) : found;
  const live = connected && !record.ended ? await liveRun(connected.temporal, record.id) : undefined;
  const facts = await factsOf(store, record, live);
  const where = whereOf(record, connected);
  context.output.json({ ...facts, waiting: askedNow(facts.waiting), where });
  if (!context.output.isJson) showFacts(context, record, facts, where, live);
  return EXIT.completed;
}

const NEEDS_CALL = '--diff and --curl are of one call: name it by --call, as "--call last".';

async function factsOf(store: ContentStore, record: RunRecord, live: LiveRun | undefined) {
  const { got: result, why: noAnswer } = record.erased ? {} : await orWhy(recordedResult(store, record));
  const firstRunId = record.ended?.firstRunId ?? live?.firstRunId ?? (await firstRunIdOf(store, record));
  const recorded = totalsOf(firstRunId === undefined || record.ended ? [] : (await callsOf(store, firstRunId)).calls);
  const totals = record.ended?.totals ?? withKnownCost(live?.progress?.totals ?? { ...recorded, reusedCalls: 0 });
  const manifest = await manifestOf(store, record);
  const waiting = record.ended ? [] : await waitingNow(store, record.id, live);
  return {
    id: record.id,
    agent: record.agent,
    release: record.release,
    ...(record.moved ? { moved: record.moved } : {}),
    status: record.ended?.outcome ?? openStatus(live, waiting),
    outcome: record.ended?.outcome ?? null,
    reason: live?.reason ?? null,
    problems: live?.problems ?? [],
    tenant: record.tenant,
    user: record.user ?? null,
    session: record.session ?? null,
    tags: record.tags,
    question: record.question,
    startedAt: record.startedAt,
    endedAt: record.ended?.at ?? null,
    model: manifest?.model.route ?? [],
    rollout: record.rollout ?? null,
    versions: manifest ? await versionsOf(store, record, manifest) : null,
    limits: record.ended?.limits ?? live?.progress?.limits ?? manifest?.plan.limits ?? null,
    totals,
    checkpoint: (await lastCheckpoint(store, record)).head,
    answer: result?.outcome === 'completed' ? result.output : null,
    /** Of a run whose budget was exhausted: what its model had said by then. */
    achieved: (result?.outcome === 'budget-exhausted' && result.achieved) || null,
    /** Why the answer, or what it had said, cannot be read. */
    unreadable: noAnswer ?? null,
    failure: record.ended?.failure ?? null,
    requests: firstRunId === undefined || record.erased ? [] : await requestsOf(store.of(record.tenant), firstRunId),
    said: firstRunId === undefined || record.erased ? [] : await saidTo(store.of(record.tenant), firstRunId),
    subRuns: await subRunFacts(store, record),
    scores: await scoresOfRun(store, record.id),
    calledBy: record.parent ? { run: record.parent.run, root: record.parent.root } : null,
    waiting,
    firstRunId: firstRunId ?? null,
    forkedFrom: record.forkedFrom ? { run: record.forkedFrom.run, step: record.forkedFrom.step } : null,
    erased: record.erased ?? null,
  };
}

async function versionsOf(store: ContentStore, { agent, release }: RunRecord, manifest: ReleaseManifest) {
  // Of one that load made of another the code is that one's.
  const of = manifest.degradedFrom ?? release;
  const registered = (await registeredReleases(store, agent)).find((one) => one.release === of);
  return { name: registered?.name ?? null, ...releaseParts(manifest, registered?.tools) };
}

/** What sub-agents ask stands with the run that they work for. */
async function subRunFacts(store: ContentStore, record: RunRecord) {
  const [runs, asked] = await Promise.all([subRunsUnder(store, record), askedBelow(store, record.id)]);
  return runs.map(({ id, agent, question, ended }) => ({
    ...{ id, agent, question },
    outcome: ended?.outcome ?? null,
    asks: asked
      .filter(({ subRun }) => subRun?.id === id)
      .map(({ number, tool, preview }) => ({ number, tool, preview })),
  }));
}

type Facts = Awaited<ReturnType<typeof factsOf>>;

/** Absent where the release was never stored here, as for a run of another store. */
async function manifestOf(store: ContentStore, { release }: RunRecord): Promise<ReleaseManifest | undefined> {
  const [stored] = await store.has([release]);
  return stored ? await readManifest(store, release) : undefined;
}

interface Where {
  link: string | null;
  command: string | null;
}

function whereOf({ id }: RunRecord, connected: Connected | undefined): Where {
  if (!connected) return { link: null, command: null };
  const { uiUrl, namespace, address } = connected;
  return {
    link: uiUrl === undefined ? null : webUiLink(uiUrl, namespace, id),
    command: `temporal workflow describe -w ${shellWord(id)} --address ${shellWord(address)} --namespace ${shellWord(namespace)}`,
  };
}

const cachedText = ({ cachedCalls }: { cachedCalls?: number }): string =>
  cachedCalls ? ` (${cachedCalls} answered from the cache)` : '';

function showFacts({ output }: CliContext, record: RunRecord, facts: Facts, where: Where, live?: LiveRun): void {
  const row = (name: string, value: string | null | undefined): void => {
    if (value) output.line(`${output.colors.dim(name.padEnd(9))} ${output.safeLine(value)}`);
  };
  const { totals, limits } = facts;
  const { usage } = totals;
  row('run', facts.id);
  row('question', facts.question);
  row('agent', `${facts.agent}; release ${facts.release.slice(0, 12)}; model ${facts.model.join(', ') || 'not known'}`);
  versionRows(facts, row);
  for (const { from, at } of record.moved ?? [])
    row('moved', `from release ${from.slice(0, 12)}, ${new Date(at).toISOString()}`);
  row('status', `${facts.status}${live?.reason === undefined ? '' : `: ${live.reason}`}`);
  for (const problem of facts.problems) row('stuck', problem);
  for (const one of facts.waiting)
    output.line(`${output.colors.dim('waits for')} a person: ${waitingLine(output, one)}`);
  row(
    'who',
    [`tenant ${facts.tenant}`, facts.user && `user ${facts.user}`, facts.session && `session ${facts.session}`]
      .filter(Boolean)
      .join(', '),
  );
  row('tags', facts.tags.join(', '));
  row('origin', record.forkedFrom && originText(record, record.forkedFrom));
  if (facts.calledBy) row('called by', facts.calledBy.run);
  row('started', new Date(record.startedAt).toISOString());
  if (record.ended)
    row(
      'ended',
      `${new Date(record.ended.at).toISOString()}, after ${formatDuration(record.ended.at - record.startedAt)}`,
    );
  row(
    'totals',
    `${counted(totals.turns, 'turn')}, ${counted(totals.modelCalls, 'model call')}${cachedText(totals)}, ${counted(totals.toolCalls, 'tool call')} (${totals.reusedCalls} taken from records), ` +
      `${formatTokens(usage.input)} tokens in (${formatTokens(usage.cachedInput)} cached), ${formatTokens(usage.output)} out (${formatTokens(usage.reasoning)} reasoning)`,
  );
  row('cost', `${formatCost(totals.cost)}${totals.estimated ? ', in part estimated' : ''}`);
  if (totals.saved) row('saved', `${savedText(totals.saved, totals.savedCost)}, by the cache`);
  for (const { at, text } of facts.said) row('told', `${new Date(at).toISOString()}  ${text}`);
  for (const one of facts.requests) row('asked', askedLine(one));
  for (const one of facts.scores) row('scored', scoreText(one));
  for (const { id, agent, question, outcome, asks } of facts.subRuns) {
    row('sub-agent', `${agent} as ${id}, ${outcome ?? 'not ended'}: ${question}`);
    for (const { number, tool, preview } of asks)
      row('asks', `${tool} ${preview}: longhaul approve|deny ${shellWord(id)} ${number}`);
  }
  if (limits) row('limits', limitsText(limits));
  row('web UI', where.link);
  row('Temporal', where.command);
  if (record.erased) row('erased', `it ${erasedText(record.erased)}`);
  if (facts.failure) row('failure', `${facts.failure.type}: ${facts.failure.message}`);
  if (facts.achieved !== null) output.line(`\nwhat it had said by then:\n${output.safe(facts.achieved)}`);
  if (facts.unreadable !== null)
    output.line(`\n${output.colors.yellow(`its answer cannot be read: ${output.safeLine(facts.unreadable)}`)}`);
  else if (facts.outcome === 'completed' && !record.erased) output.line(`\n${output.safe(answerText(facts.answer))}`);
}

const short = (hash: string): string => hash.slice(0, 12);

/** Whatever two runs were given alike has the same. */
function versionRows({ versions, rollout }: Facts, row: (name: string, value: string) => void): void {
  if (rollout) row('rollout', `${rollout.id}, as its ${rollout.arm}`);
  if (!versions) return;
  const { name, instructions, parameters, limits, context, code, orchestration, tools } = versions;
  row(
    'versions',
    `${name === null ? '' : `${name}: `}instructions ${short(instructions)}, parameters ${short(parameters)}, limits ${short(limits)}, ` +
      `context ${context === null ? 'none' : short(context)}, code ${short(code)}, orchestration ${orchestration}`,
  );
  for (const tool of tools)
    row(
      'tool',
      `${tool.name}: schema ${short(tool.schema)}, policy ${short(tool.policy)}, code ${short(tool.code ?? code)}` +
        `${tool.server === null ? '' : `, server ${short(tool.server)}`}${tool.toolbox === null ? '' : `, toolbox ${tool.toolbox}`}`,
    );
}

async function showTranscript({ output }: CliContext, store: ContentStore, record: RunRecord): Promise<number> {
  const { checkpoint, said } = await saidInRun(store.of(record.tenant), record);
  const gone = said.flatMap((one) => one.gone ?? []);
  output.json({
    ...{ id: record.id, checkpoint, messages: said.flatMap(({ message }) => message ?? []) },
    ...(gone.length === 0 ? {} : { gone }),
  });
  showPlaced(output, said);
  return EXIT.completed;
}
