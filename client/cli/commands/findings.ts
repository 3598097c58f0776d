// `longhaul findings`: where agents behave otherwise than they did, and the runs that show it. From the store alone.
import { isDefinitionName } from '../../../activities/define/definition-name';
import { findingsIn } from '../../../activities/store/findings';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { alsoText, changeText, comparedText } from '../../finding-text';
import { formatAge } from '../../format';
import { seenFinding, type SeenFinding } from '../../seen-finding';
import type { Output } from '../output';

export interface FindingsOptions {
  agent?: string;
  /** Only what single runs of it did. @default of all */
  tenant?: string;
  limit: number;
}

const RELEASE_CHARS = 12;

export async function findingsCommand(
  context: CliContext,
  { agent, tenant, limit }: FindingsOptions,
  now = Date.now(),
): Promise<number> {
  const { output } = context;
  const isKnown = agent === undefined || isDefinitionName(agent);
  const sees = tenant === undefined ? undefined : (of: string): boolean => of === tenant;
  const kept = isKnown ? await findingsIn(context.readStore(), agent) : [];
  const found = kept.flatMap((finding) => seenFinding(finding, sees) ?? []);
  const shown = found.slice(0, limit);
  output.json({ findings: shown, more: found.length > limit });
  if (output.isJson) return EXIT.completed;
  for (const finding of shown) show(output, finding, now);
  if (found.length === 0)
    output.note(agent === undefined ? 'no agent was found to behave otherwise.' : 'nothing was found of this agent.');
  if (found.length > limit) output.note('there are older ones; --limit shows more.');
  return EXIT.completed;
}

function show(output: Output, finding: SeenFinding, now: number): void {
  const { id, agent, release, against, why, runs, at } = finding;
  const { bold, yellow } = output.colors;
  const versus = against === undefined ? '' : `, against ${against.slice(0, RELEASE_CHARS)}`;
  const age = now - at < 1_000 ? 'now' : `${formatAge(now - at)} ago`;
  const what = bold(yellow(output.safeLine(changeText(finding))));
  output.line([output.safeLine(id), output.safeLine(agent), what, age].join('  '));
  output.line(`    ${output.safeLine(`release ${release.slice(0, RELEASE_CHARS)}${versus}${comparedText(finding)}`)}`);
  const also = alsoText(finding);
  if (also !== '') output.line(`    ${output.safeLine(also)}`);
  if (why !== undefined) output.line(`    ${output.safeLine(why)}`);
  output.line(`    ${output.safeLine(runs.map((run) => run.id).join(' '))}`);
}
