// `longhaul profile AGENT`: how it behaves, by percentiles with their sample sizes, and what mode, limits and quota fit that.
import { profileAgent } from '../../profile/profile-agent';
import type { Distribution } from '../../profile/percentiles';
import type { AgentProfile } from '../../profile/profile-shape';
import { RUNS_ENOUGH } from '../../profile/suggestions';
import { counted, formatDuration, formatTokens, formatUsd } from '../../format';
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
/** Of fewer values the 99th percentile is the longest of them. */
const P99_FROM = 100;
const TURNS_SHOWN = [1, 2, 3, 5, 8, 12, 20, 35, 60, 100, 150, 200];
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
  output.json(profile);
  if (!output.isJson) show(context, profile, isTerminal);
  return EXIT.completed;
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
  const day = (at: number | null): string => new Date(at ?? 0).toISOString().slice(0, 16).replace('T', ' ');
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
  showSuggestions(context, profile);
}

interface Row {
  what: string;
  of: Distribution;
  shown(value: number): string;
}

const figures = ({ output }: CliContext, title: string, rows: readonly Row[]): void => {
  output.line();
  const column = (name: string, value: (row: Row) => string) => ({ title: name, value, align: 'right' as const });
  output.table(rows, [
    { title, value: ({ what }) => what },
    column('p50', ({ of, shown }) => shown(of.p50)),
    column('p90', ({ of, shown }) => shown(of.p90)),
    column('p99', ({ of, shown }) => (of.count < P99_FROM ? '–' : shown(of.p99))),
    column('max', ({ of, shown }) => shown(of.max)),
    column('of', ({ of }) => String(of.count)),
  ]);
};

function showRuns(context: CliContext, { perRun, outcomes, failures, runs }: AgentProfile): void {
  const { output } = context;
  const share = (of: number): string => `${of} (${((100 * of) / runs).toFixed(of === runs ? 0 : 1)} %)`;
  output.line(`ended as  ${outcomes.map(({ outcome, runs: of }) => `${outcome} ${share(of)}`).join(', ')}`);
  if (failures.length > 0) output.line(`failures  ${failures.map(({ type, runs: of }) => `${type} ${of}`).join(', ')}`);
  const whole = String;
  figures(context, 'a run', [
    { what: 'time', of: perRun.durationMs, shown: formatDuration },
    { what: 'of it waiting', of: perRun.waitingMs, shown: formatDuration },
    { what: 'turns', of: perRun.turns, shown: whole },
    { what: 'model calls', of: perRun.modelCalls, shown: whole },
    { what: 'tool calls', of: perRun.toolCalls, shown: whole },
    { what: 'tokens in', of: perRun.inputTokens, shown: formatTokens },
    { what: 'tokens out', of: perRun.outputTokens, shown: formatTokens },
    ...(perRun.nanoUsd.count > 0 ? [{ what: 'cost', of: perRun.nanoUsd, shown: formatUsd }] : []),
  ]);
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

function showContext(context: CliContext, { context: turns }: AgentProfile, isTerminal: boolean): void {
  if (turns.length === 0) return;
  const shown = turns.filter(({ turn }, at) => TURNS_SHOWN.includes(turn) || at === turns.length - 1);
  figures(
    context,
    'tokens that the model is given',
    shown.map(({ turn, tokens }) => ({ what: `turn ${turn}`, of: tokens, shown: formatTokens })),
  );
  const line = sparkline(
    turns.map(({ tokens }) => tokens.p50),
    isTerminal,
  );
  if (line !== '') context.output.line(`p50 by turn  ${line}`);
}

function showCalls(context: CliContext, { model, tools, arrivals }: AgentProfile): void {
  const { output } = context;
  const failed = ({ failures }: AgentProfile['tools'][number]): string =>
    failures.length === 0 ? '' : ` (${failures.map(({ type, times }) => `${type} ${times}`).join(', ')})`;
  figures(context, 'a call', [
    { what: 'model', of: model.ms, shown: formatDuration },
    ...tools.map((tool) => ({ what: `${tool.name}${failed(tool)}`, of: tool.ms, shown: formatDuration })),
  ]);
  const facts = [
    ...(model.retried > 0 ? [`${model.retried} of ${model.calls} model calls took more than one attempt`] : []),
    ...(model.cached > 0 ? [`${model.cached} were answered from the cache`] : []),
  ];
  if (facts.length > 0) output.line(facts.join('; '));
  if (arrivals.minutes > 0)
    figures(context, 'in a minute with a request', [
      { what: 'requests', of: arrivals.requests, shown: String },
      { what: 'tokens', of: arrivals.tokens, shown: formatTokens },
    ]);
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
      value: ({ value }) =>
        typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 9 }) : value,
      align: 'right',
    },
    { title: 'for', value: ({ why }) => why, flexible: true },
  ]);
}
