// `longhaul releases AGENT` and `longhaul releases diff`: what there is to take and to go back to, and what is different between two.
import type { ContentStore } from '../../../activities/store';
import type { JsonValue } from '../../../workflows/contract/message';
import { listedReleases, type ListedRelease } from '../../listed-releases';
import {
  isSame,
  releaseDiff,
  unified,
  type ComparedRelease,
  type FieldChange,
  type ReleaseDiff,
} from '../../release-diff';
import { ClientError } from '../../errors';
import { currentRelease, pointerOf, registeredReleases, releaseOf } from '../../releases';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { formatAge, type Output } from '../output';

export async function releasesCommand(context: CliContext, agent: string): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const pointer = await pointerOf(store, agent);
  const { releases, isPartial } = await listedReleases(store, pointer);
  output.json({ agent, managed: pointer.managed ?? false, releases, ...(isPartial ? { countsArePartial: true } : {}) });
  output.table(releases, [
    { title: 'release', value: ({ release }) => release.slice(0, 12) },
    { title: 'name', value: ({ name }) => name ?? '' },
    { title: 'takes', value: shareText, align: 'right' },
    { title: 'runs', value: ({ runs }) => String(runs.all), align: 'right' },
    { title: 'open', value: ({ runs }) => String(runs.open), align: 'right' },
    { title: 'workers', value: ({ workers }) => String(workers), align: 'right' },
    {
      title: 'age',
      value: ({ releasedAt }) => (releasedAt === null ? '' : formatAge(Date.now() - releasedAt)),
      align: 'right',
    },
    { title: 'by', value: ({ by }) => by ?? '' },
    { title: 'note', value: ({ note }) => note ?? '', flexible: true },
  ]);
  if (isPartial) output.note('runs are those of the newest that were counted: there are more');
  if (!pointer.managed) output.note(`its workers say what new runs take, until: longhaul release ${agent}`);
  return EXIT.completed;
}

const shareText = ({ share, isWithdrawn }: ListedRelease): string =>
  isWithdrawn ? 'withdrawn' : share === 0 ? '' : `${Number((100 * share).toFixed(2))} %`;

/** `current` stands for what new runs take. @throws ClientError `unknown-agent`, `invalid-input` */
export async function comparedRelease(store: ContentStore, agent: string, given: string): Promise<ComparedRelease> {
  const known = given === 'current' ? await currentRelease(store, agent) : await releaseOf(store, agent, given);
  const registered = (await registeredReleases(store, agent)).find(({ release }) => release === known.release);
  return { ...known, ...(registered?.tools ? { toolCode: registered.tools } : {}) };
}

/** Without arguments it is the list of an agent of that name: an agent may be called anything. */
export async function releasesDiffCommand(
  context: CliContext,
  agent: string | undefined,
  a: string | undefined,
  b: string | undefined,
): Promise<number> {
  const { output } = context;
  if (agent === undefined) return await releasesCommand(context, 'diff');
  if (a === undefined || b === undefined)
    throw new ClientError('invalid-input', 'two releases are compared: longhaul releases diff AGENT FROM TO.');
  const store = context.readStore();
  const [was, is] = [await comparedRelease(store, agent, a), await comparedRelease(store, agent, b)];
  const diff = releaseDiff(was, is);
  output.json({ agent, from: was.release, to: is.release, same: isSame(diff), ...diff });
  if (output.isJson) return EXIT.completed;
  output.line(`${agent}: from release ${was.release.slice(0, 12)} to ${is.release.slice(0, 12)}`);
  if (isSame(diff)) output.line('the same');
  showDiff(output, diff);
  return EXIT.completed;
}

function showDiff(output: Output, { instructions, tools, fields }: ReleaseDiff): void {
  const { green, red, yellow, dim } = output.colors;
  const lines = (changed: readonly string[]): void => {
    for (const line of changed) {
      const paint = line.startsWith('+') ? green : line.startsWith('-') ? red : dim;
      output.line(`  ${paint(output.safe(line))}`);
    }
  };
  const field = ({ path, was, is }: FieldChange): void => {
    if (typeof was === 'string' && typeof is === 'string' && was.length + is.length > LINE_CHARS) {
      output.line(`  ${output.safe(path)}`);
      return lines(unified(was, is));
    }
    output.line(output.safe(`  ${path}: ${valueText(was)} → ${valueText(is)}`));
  };
  if (instructions.length > 0) output.line('\ninstructions');
  lines(instructions);
  for (const { name, change, fields: changed, input } of tools) {
    const paint = change === 'added' ? green : change === 'removed' ? red : yellow;
    output.line(`\ntool ${output.safeLine(name)}: ${paint(change)}`);
    changed.forEach(field);
    if (input.length > 0) output.line('  its arguments');
    lines(input);
  }
  if (fields.length > 0) output.line('\nall the rest');
  fields.forEach(field);
}

/** A text that is longer is shown line by line. Nothing is cut: whoever reads it decides by it. */
const LINE_CHARS = 200;
const valueText = (value: JsonValue | undefined): string => (value === undefined ? 'none' : JSON.stringify(value));
