// `longhaul profile AGENT`: how it behaves, by percentiles with their sample sizes, and what mode, limits and quota fit that.
import type { ContentStore } from '../../../activities/store';
import { indexedRuns } from '../../../activities/store/run-index';
import { profileAgent } from '../../profile/profile-agent';
import {
  arrivalRows,
  callFacts,
  callRows,
  contextRows,
  p99Text,
  runRows,
  suggestedText,
  type ProfileRow,
} from '../../profile/profile-rows';
import type { AgentProfile } from '../../profile/profile-shape';
import { RUNS_ENOUGH } from '../../profile/suggestions';
import { counted, formatDuration, formatPercent, formatTokens } from '../../format';
import { pointerOf } from '../../releases';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { bar, sparkline } from '../plots';
import { isUnicodeTerminal } from '../waterfall';

export interface ProfileOptions {
  /** Milliseconds. */
  since: number;
  release?: string;
  tenant?: string;
}

const NOTE_EVERY_MS = 1_000;
const BAR_WIDTH = 30;

export async function profileCommand(
  context: CliContext,
  agent: string,
  { since, release, tenant }: ProfileOptions,
  { now = Date.now(), isTerminal = process.stdout.isTTY === true && isUnicodeTerminal(context.env) } = {},
): Promise<number> {
  const { output } = context;
  let noted = performance.now();
  const profile = await profileAgent(context.readStore(), {
    ...{ agent, since: now - since },
    ...(release === undefined ? {} : { release }),
    ...(tenant === undefined ? {} : { fits: (record) => record.tenant === tenant }),
    onRead: (read) => {
      if (performance.now() - noted < NOTE_EVERY_MS) return;
      noted = performance.now();
      output.note(
        'records' in read ? `${counted(read.records, 'run')} read` : `calls of ${read.calls} of ${read.of} runs read`,
      );
    },
  });
  // Of a name that was mistyped there is no profile to print.
  if (profile.runs === 0 && profile.open === 0 && !(await hasRun(context.readStore(), agent)))
    await pointerOf(context.readStore(), agent);
  output.json(profile);
  if (!output.isJson) show(context, profile, isTerminal);
  return EXIT.completed;
}

async function hasRun(store: ContentStore, agent: string): Promise<boolean> {
  const runs = await indexedRuns(store);
  // Older than the index: nobody knows.
  if (!runs) return true;
  for await (const run of runs) if (run.agent === agent) return true;
  return false;
}

function show(context: CliContext, profile: AgentProfile, isTerminal: boolean): void {
  const { output } = context;
  const { runs, open, from, to, readRuns, releases, release } = profile;
  if (runs === 0) {
    output.note(
      `no run of ${output.safeLine(profile.agent)} has ended in that time${open > 0 ? `; ${open} go on` : ''}.`,
    );
    return;
  }
  const day = (at: number | null): string => minuteOf(at ?? 0);
  const which = release === null ? counted(releases, 'release') : `release ${release.slice(0, 12)}`;
  output.line(
    `${output.safeLine(profile.agent)}  ${counted(runs, 'run')}${open > 0 ? ` and ${open} open` : ''}, ${which}, begun ${day(from)} to ${day(to)} UTC`,
  );
  if (readRuns < runs) output.line(`what is of calls, turns and waits is of the newest ${readRuns} runs`);
  showRuns(context, profile);
  showDurations(context, profile, isTerminal);
  showContext(context, profile, isTerminal);
  showCalls(context, profile);
  showUnexpected(context, profile);
  showDrift(context, profile);
  showSuggestions(context, profile);
}

const minuteOf = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');

const figures = ({ output }: CliContext, title: string, rows: readonly ProfileRow[]): void => {
  output.line();
  const column = (name: string, value: (row: ProfileRow) => string) => ({
    title: name,
    value,
    align: 'right' as const,
  });
  output.table(rows, [
    { title, value: ({ what }) => what },
    column('p50', ({ of, shown }) => shown(of.p50)),
    column('p90', ({ of, shown }) => shown(of.p90)),
    column('p99', p99Text),
    column('max', ({ of, shown }) => shown(of.max)),
    column('of', ({ of }) => String(of.count)),
  ]);
};

function showRuns(context: CliContext, profile: AgentProfile): void {
  const { outcomes, failures, runs } = profile;
  const { output } = context;
  const share = (of: number): string => `${of} (${((100 * of) / runs).toFixed(of === runs ? 0 : 1)} %)`;
  output.line(`ended as  ${outcomes.map(({ outcome, runs: of }) => `${outcome} ${share(of)}`).join(', ')}`);
  if (failures.length > 0) output.line(`failures  ${failures.map(({ type, runs: of }) => `${type} ${of}`).join(', ')}`);
  figures(context, 'a run', runRows(profile));
}

function showDurations({ output }: CliContext, { durations }: AgentProfile, isTerminal: boolean): void {
  const most = Math.max(...durations.map(({ runs }) => runs));
  output.line();
  output.table(durations, [
    { title: 'time of a run, up to', value: ({ toMs }) => formatDuration(toMs), align: 'right' },
    { title: 'runs', value: ({ runs }) => String(runs), align: 'right' },
    { title: ' ', value: ({ runs }) => bar(runs, most, BAR_WIDTH, isTerminal) },
  ]);
}

function showContext(context: CliContext, profile: AgentProfile, isTerminal: boolean): void {
  const rows = contextRows(profile);
  if (rows.length === 0) return;
  figures(context, 'tokens that the model is given', rows);
  const line = sparkline(
    profile.context.map(({ tokens }) => tokens.p50),
    isTerminal,
  );
  if (line !== '') context.output.line(`p50 by turn  ${line}`);
}

function showCalls(context: CliContext, profile: AgentProfile): void {
  figures(context, 'a call', callRows(profile));
  const facts = callFacts(profile);
  if (facts !== '') context.output.line(facts);
  const arrivals = arrivalRows(profile);
  if (arrivals.length > 0) figures(context, 'in a minute with a request', arrivals);
}

/** Older ones are in what `--json` prints, and drawn by the dashboard. */
const STEPS_SHOWN = 15;

function showDrift({ output }: CliContext, { drift: { points, stepMs } }: AgentProfile): void {
  if (points.length < 2) return;
  output.line();
  output.table(points.slice(-STEPS_SHOWN), [
    { title: `by ${formatDuration(stepMs)}, from`, value: ({ from }) => minuteOf(from) },
    { title: 'release', value: ({ release }) => release.slice(0, 12) },
    { title: 'runs', value: ({ runs }) => String(runs), align: 'right' },
    { title: 'completed', value: ({ runs, completed }) => formatPercent(completed / runs), align: 'right' },
    { title: 'tokens p50', value: ({ tokens }) => formatTokens(tokens.p50), align: 'right' },
    { title: 'turns p50', value: ({ turns }) => String(turns.p50), align: 'right' },
    {
      title: 'tool failures',
      value: ({ toolCalls, toolFailures }) => (toolCalls === 0 ? '' : `${toolFailures} of ${toolCalls}`),
      align: 'right',
    },
  ]);
  if (points.length > STEPS_SHOWN) output.note(`${points.length - STEPS_SHOWN} older ones: --json prints them.`);
}

function showUnexpected({ output }: CliContext, { unexpected, model }: AgentProfile): void {
  output.line();
  if (unexpected.length === 0) {
    output.line(`every one of ${counted(model.calls, 'answer')} could be used as it was`);
    return;
  }
  output.table(unexpected, [
    { title: 'unexpected answer', value: ({ type }) => type },
    { title: 'times', value: ({ times }) => `${times} of ${model.calls}`, align: 'right' },
    { title: 'runs', value: ({ runs }) => String(runs), align: 'right' },
    {
      title: 'and then',
      value: ({ then }) => then.map(({ what, times }) => `${what} ${times}`).join('; '),
      flexible: true,
    },
  ]);
}

function showSuggestions({ output }: CliContext, { suggests, enough, runs }: AgentProfile): void {
  output.line();
  if (!enough) {
    output.line(`too few runs to suggest limits: ${runs}, and it takes ${RUNS_ENOUGH}.`);
    return;
  }
  output.table(suggests, [
    { title: 'would fit', value: ({ setting }) => setting },
    {
      title: 'value',
      value: ({ value }) => suggestedText(value),
      align: 'right',
    },
    { title: 'for', value: ({ why }) => why, flexible: true },
  ]);
}
