// `longhaul list`: runs by their records, so it works without a server; where one answers, what runs now is asked of it.
import type { ContentStore } from '../../../activities/store';
import { runEntryName } from '../../../activities/store/run-index';
import { callsOf, totalsOf, withKnownCost } from '../../../activities/store/run-calls';
import type { Cost } from '../../../workflows/contract/cost';
import type { Usage } from '../../../workflows/contract/message';
import type { Outcome } from '../../../workflows/contract/run';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { guiltyCallOf, wantedRuns, type GuiltyCall, type WantedRuns } from '../wanted-runs';
import { erasedText } from '../../recorded-result';
import type { CliContext, Connected } from '../context';
import { EXIT, errorLine } from '../exit-codes';
import { firstRunIdOf } from '../../first-run';
import { liveRun, type LiveRun } from '../../live-run';
import { settledRecord } from '../settled-record';
import type { Waiting } from '../../inbox';
import { askedNow, openStatus, waitingNow } from '../../waiting-now';
import { waitingLine } from '../waiting';
import { formatAge, formatTokens, type Column } from '../output';
import { shellWord } from '../../shell-word';

export type ListOptions = WantedRuns;

interface ListedRun {
  id: string;
  agent: string;
  /** The outcome of an ended run, or `erased`; of an open one its status, or `unknown` where no server was there to ask and it asks nobody. */
  status: string;
  outcome: Outcome | null;
  reason: string | null;
  startedAt: number;
  endedAt: number | null;
  turns: number;
  usage: Usage;
  /** Absent where nobody counted it. */
  cost?: Cost;
  question: string;
  tenant: string;
  user: string | null;
  session: string | null;
  tags: string[];
  /** That has called it as a sub-agent. */
  parent: string | null;
  /** Why an open run makes no headway. */
  problems: string[];
  waiting: Waiting[];
  /** Of runs that are listed by a failure: the call that it goes back to. */
  failed?: GuiltyCall | null;
}

export async function listCommand(context: CliContext, options: ListOptions): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const newest = (await wantedRuns(store, options)).sort((a, b) => (runEntryName(a) < runEntryName(b) ? -1 : 1));
  const more = newest.length > options.limit;
  const runs = (await listed(context, store, newest.slice(0, options.limit), options.failure)).filter(
    // What was open by its record may have been ended from outside.
    (run) => !options.open || run.outcome === null,
  );
  output.json({ runs: runs.map(({ waiting, ...run }) => ({ ...run, requests: askedNow(waiting) })), more });
  output.table(runs, columns(context));
  for (const { id, status, problems, waiting, failed } of runs) {
    if (failed !== undefined && status !== 'erased')
      output.note(`${output.colors.red('failed')}  ${output.safeLine(guiltyLine(id, failed))}`);
    for (const one of waiting) output.note(`${output.colors.yellow('asks')}  ${id}  ${waitingLine(output, one)}`);
    if (problems.length > 0)
      output.note(`${output.colors.red('stuck')}  ${id}: ${output.safeLine(problems.join('; '))}`);
  }
  const { subAgents: _all, limit: _most, ...filters } = options;
  const isFiltered = Object.values(filters).some((value) => value !== undefined && value !== false);
  if (runs.length === 0) output.note(isFiltered ? 'no run fits.' : 'no runs. Start one: longhaul run AGENT "..."');
  if (more) output.note('there are older ones; --limit shows more.');
  return EXIT.completed;
}

/** What was given to the model stands with the call that asked; what a tool was given with its own. */
function guiltyLine(id: string, guilty: GuiltyCall | null): string {
  if (!guilty) return `${id}: no call of it was answered: longhaul trace ${shellWord(id)}`;
  const { call, name, askedBy, note } = guilty;
  if (call === null) return `${id}: a model call that was not answered: longhaul show ${shellWord(id)} --call failed`;
  const facts = [`${note === null ? '' : 'the last that was answered, '}call ${call}`, name];
  if (askedBy !== null) facts.push(`asked for by call ${askedBy}`);
  return `${id}: ${facts.join(', ')}: longhaul show ${shellWord(id)} --call ${askedBy ?? call}`;
}

async function listed(
  context: CliContext,
  store: ContentStore,
  records: readonly RunRecord[],
  failure: string | undefined,
): Promise<ListedRun[]> {
  const connected = records.every((record) => record.ended)
    ? undefined
    : await context.connectIfPossible((reason) => {
        context.output.note(`what runs now is not known: ${errorLine(reason)}`);
      });
  return await Promise.all(
    records.map(async (known) => {
      const record = connected ? await settledRecord(store, connected.temporal, known) : known;
      const run = record.ended ? endedRun(record, record.ended) : await openRun(store, record, connected);
      return failure === undefined ? run : { ...run, failed: await guiltyCallOf(store, record, failure) };
    }),
  );
}

const about = ({ id, agent, startedAt, question, tenant, user, session, tags, parent }: RunRecord) => ({
  id,
  agent,
  startedAt,
  question,
  tenant,
  user: user ?? null,
  session: session ?? null,
  tags,
  parent: parent?.run ?? null,
});

const endedRun = (record: RunRecord, { outcome, failure, at, totals }: NonNullable<RunRecord['ended']>): ListedRun => ({
  ...about(record),
  status: record.erased ? 'erased' : outcome,
  outcome,
  reason: record.erased ? `it ${erasedText(record.erased)}` : failure ? `${failure.type}: ${failure.message}` : null,
  endedAt: at,
  turns: totals.turns,
  usage: totals.usage,
  ...(totals.cost ? { cost: totals.cost } : {}),
  problems: [],
  waiting: [],
});

async function openRun(store: ContentStore, record: RunRecord, connected: Connected | undefined): Promise<ListedRun> {
  const live = connected ? await liveRun(connected.temporal, record.id) : undefined;
  const firstRunId = live?.firstRunId ?? (await firstRunIdOf(store, record));
  const recorded = totalsOf(firstRunId === undefined ? [] : (await callsOf(store, firstRunId)).calls);
  const { turns, usage, cost } = withKnownCost(live?.progress?.totals ?? recorded);
  const waiting = await waitingNow(store, record.id, live);
  return {
    ...about(record),
    status: record.queue && connected && !live ? 'queued' : statusOf(live, connected, waiting),
    outcome: null,
    reason: live?.reason ?? null,
    endedAt: null,
    turns,
    usage,
    ...(cost ? { cost } : {}),
    problems: live?.problems ?? [],
    waiting,
  };
}

function statusOf(live: LiveRun | undefined, connected: Connected | undefined, waiting: readonly Waiting[]): string {
  // Recorded by its caller, who then could not start it; or Temporal has forgotten it.
  if (connected && !live) return 'not in Temporal';
  return live && live.problems.length > 0 ? 'stuck' : openStatus(live, waiting);
}

function columns({ output: { colors } }: CliContext): Column<ListedRun>[] {
  const now = Date.now();
  const paint = (text: string, { outcome, status }: ListedRun): string => {
    if (outcome === 'completed') return colors.green(text);
    if (outcome !== null || status === 'stuck') return colors.red(text);
    return status === 'running' ? colors.cyan(text) : colors.yellow(text);
  };
  return [
    { title: 'run', value: ({ id }) => id },
    { title: 'agent', value: ({ agent }) => agent },
    { title: 'status', value: ({ status }) => status, paint },
    { title: 'age', value: ({ startedAt }) => formatAge(now - startedAt), align: 'right' },
    { title: 'turns', value: ({ turns }) => String(turns), align: 'right' },
    { title: 'tokens', value: ({ usage }) => formatTokens(usage.input + usage.output), align: 'right' },
    { title: 'question', value: ({ question }) => question, flexible: true },
  ];
}
