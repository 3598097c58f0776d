// `longhaul shadow report AGENT`: its shadows summed up by release, beside what differs by chance. Needs no server.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SHADOWS_WANTED, shadowStateName } from '../../../activities/store/ref-names';
import { allRefs, type ContentStore } from '../../../activities/store';
import { shadowStateSchema, wantedShadowSchema, type ShadowState } from '../../../workflows/contract/schemas/shadow';
import { ClientError } from '../../errors';
import { counted, formatDuration, formatPercent, formatTokens, formatUsd } from '../../format';
import { pointerOf, registeredReleases } from '../../releases';
import type { ShadowComparison } from '../../shadow/compare-shadow';
import { reportPage } from '../../shadow/report-page';
import { beyondNoise, shadowReport, type ReleaseRow, type Share } from '../../shadow/shadow-report';
import { compareWithShadow, hasEnded, shadowsOfAgent } from '../../shadow/shadow-pair';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import type { Output } from '../output';

export interface ShadowReportOptions {
  limit: number;
  html?: string;
}

export async function shadowReportCommand(
  context: CliContext,
  agent: string,
  { limit, html }: ShadowReportOptions,
): Promise<number> {
  const { output, cwd } = context;
  const store = context.readStore();
  const { shadow: shadowing } = await pointerOf(store, agent);
  const shadows = await shadowsOfAgent(store, agent, limit);
  const comparisons: ShadowComparison[] = [];
  const left: { shadow: string; why: string }[] = [];
  for (const shadow of shadows.filter(hasEnded)) {
    try {
      comparisons.push(await compareWithShadow(store, shadow));
    } catch (error) {
      // One whose run is gone says nothing; the others do.
      left.push({ shadow: shadow.id, why: error instanceof Error ? error.message : String(error) });
    }
  }
  const report = shadowReport(agent, comparisons);
  const [state, wanted, registered] = await Promise.all([
    stateOf(store, agent),
    wantedOf(store, agent),
    registeredReleases(store, agent),
  ]);
  const nameOf = (release: string): string =>
    registered.find((one) => one.release === release)?.name ?? release.slice(0, 12);
  const standing = {
    shadowing: shadowing ?? null,
    state: state ?? null,
    wanted,
    underWay: shadows.length - shadows.filter(hasEnded).length,
  };
  output.json({ ...report, ...standing, left });
  if (html !== undefined) {
    const file = resolve(cwd, html);
    await written(file, String(await reportPage({ report, nameOf, now: Date.now() })));
    output.note(`written: ${file}`);
  }
  if (output.isJson) return EXIT.completed;
  showRows(output, report.rows, nameOf);
  for (const { why, shadows: many } of report.unfair) output.line(`${counted(many, 'shadow')} not counted: ${why}`);
  for (const line of standingLines({ ...standing, left: left.length })) output.line(output.safe(line));
  return EXIT.completed;
}

async function written(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new ClientError(
      'invalid-input',
      `${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function stateOf(store: ContentStore, agent: string): Promise<ShadowState | undefined> {
  return shadowStateSchema.safeParse((await store.readRef(shadowStateName(agent)))?.value).data;
}

const wantedOf = async (store: ContentStore, agent: string): Promise<number> =>
  (await allRefs(store, SHADOWS_WANTED)).filter(
    ({ value }) => wantedShadowSchema.safeParse(value).data?.agent === agent,
  ).length;

function showRows(output: Output, rows: readonly ReleaseRow[], nameOf: (release: string) => string): void {
  const floor = rows.find(({ isFloor }) => isFloor);
  const { runs, shadows } = { runs: 'runs', shadows: 'shadows' } as const;
  output.table(rows, [
    { title: 'release', value: ({ isFloor, release }) => (isFloor ? "the runs' own" : nameOf(release)) },
    { title: 'shadows', value: (row) => String(row.shadows), align: 'right' },
    { title: 'identical', value: (row) => shareText(row.identical), align: 'right' },
    { title: 'outcome', value: (row) => shareText(row.outcome), align: 'right' },
    { title: 'tools', value: (row) => shareText(row.tools), align: 'right' },
    { title: 'arguments', value: (row) => shareText(row.arguments), align: 'right' },
    { title: 'answer', value: (row) => shareText(row.answer), align: 'right' },
    {
      title: 'tokens',
      value: ({ took }) => `${formatTokens(took[runs].tokens)} → ${formatTokens(took[shadows].tokens)}`,
      align: 'right',
    },
    {
      title: 'model',
      value: ({ took }) => `${formatDuration(took[runs].modelMs)} → ${formatDuration(took[shadows].modelMs)}`,
      align: 'right',
    },
    {
      title: 'beyond chance',
      value: (row) => beyondNoise(row, floor).join(', ') || (row.isFloor || !floor ? '' : 'nothing'),
    },
  ]);
  for (const row of rows) {
    const called = row.isFloor ? "the runs' own" : nameOf(row.release);
    for (const { tool, calls } of row.notExecuted)
      output.line(
        output.safe(`${called}: ${counted(calls, 'call')} of ${tool} not executed: the runs were told nothing of them`),
      );
  }
}

/** The same of all, with the 95 % interval of the share that they are of. */
const shareText = ({ of, all, low, high }: Share): string =>
  `${of} of ${all} (${formatPercent(low)} to ${formatPercent(high)})`;

interface Standing {
  shadowing: { nanoUsdADay?: number; tokensADay?: number } | null;
  state: ShadowState | null;
  wanted: number;
  underWay: number;
  left: number;
}

function standingLines({ shadowing, state, wanted, underWay, left }: Standing): string[] {
  const lines: string[] = [];
  if (underWay + wanted > 0) lines.push(`${counted(underWay, 'shadow')} under way, ${wanted} wanted`);
  if (wanted > 0 && state?.heldBack !== undefined) lines.push(`held back: ${state.heldBack}`);
  if (state) {
    const of = shadowing?.nanoUsdADay === undefined ? '' : ` of ${formatUsd(shadowing.nanoUsdADay)}`;
    const tokens = shadowing?.tokensADay === undefined ? '' : ` of ${formatTokens(shadowing.tokensADay)}`;
    lines.push(`used on ${state.day}: ${formatUsd(state.nanoUsd)}${of}, ${formatTokens(state.tokens)}${tokens} tokens`);
    const { dropped } = state;
    const why = Object.entries(dropped).flatMap(([name, many]) =>
      many > 0 ? [`${many} ${DROPPED[name] ?? name}`] : [],
    );
    if (why.length > 0) lines.push(`not begun, ever: ${why.join(', ')}`);
    if (state.lastProblem !== undefined) lines.push(`the newest that could not be: ${state.lastProblem}`);
  }
  if (left > 0) lines.push(`${counted(left, 'shadow')} left out: what they or their runs said is not there any more`);
  return lines;
}

const DROPPED: Readonly<Record<string, string>> = {
  budget: 'for the budget',
  stopped: 'since it was stopped',
  late: 'since it came too late',
  unstartable: 'since it could not be begun',
};
