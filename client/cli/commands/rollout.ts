// `longhaul rollout` and `rollouts`: a release is given to new runs step by step; how that stands, and what people say to it.
import { harmLine } from '../../../activities/rollout/explain';
import { readPointer } from '../../../activities/store/pick-release';
import type { ContentStore } from '../../../activities/store/port';
import { looksIn, rolloutsIn } from '../../../activities/store/rollouts';
import type { RolloutAct, RolloutKept } from '../../../workflows/contract/rollout';
import type { KeptLook } from '../../../workflows/contract/schemas/rollout';
import { ClientError } from '../../errors';
import { beginRollout, prepareRollout, type RolloutAsked } from '../../begin-rollout';
import { counted } from '../../format';
import { releaseNames } from '../../releases';
import { rolloutPlan } from '../../rollout-plan';
import { newestRollout, sayToRollout, endText, stateText, stepsText } from '../../rollouts';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { ownName } from '../own-name';
import { formatAge, formatDuration, type Output } from '../output';

export interface RolloutOptions extends Pick<
  RolloutAsked,
  'steps' | 'units' | 'sticky' | 'inconclusive' | 'why' | 'margins' | 'withoutTools'
> {
  window?: number;
  every?: number;
  plan?: boolean;
}

export async function rolloutCommand(
  context: CliContext,
  agent: string,
  release: string,
  { window: windowDays, every: everyMs, plan: isPlan = false, ...options }: RolloutOptions,
): Promise<number> {
  const { output } = context;
  const store = context.openStore();
  const { by } = ownName(context);
  const prepared = await prepareRollout(store, {
    ...{ agent, release, by, ...options },
    ...(windowDays === undefined ? {} : { windowDays }),
    ...(everyMs === undefined ? {} : { everyMs }),
  });
  const { planned } = prepared;
  const names = await releaseNames(context.readStore(), agent);
  const told = await rolloutPlan(store, planned);
  output.line(`${agent}: release ${names(planned.release)} beside ${names(planned.from)}, kept by ${planned.sticky}`);
  output.line(
    `steps  ${stepsText({ policy: planned.policy, steps: [] })} of new runs, at most ${planned.policy.windowDays} days`,
  );
  for (const line of told.lines) output.line(`plan   ${output.safeLine(line)}`);
  const { plan: _, ...about } = told;
  if (isPlan) {
    output.json({ planned, plan: about, begun: null });
    output.line('nothing was begun: without --plan it begins');
    return EXIT.completed;
  }
  const { temporal, taskQueue } = await context.connect();
  const begun = await beginRollout({ temporal, store, taskQueue }, prepared);
  output.json({ planned, plan: about, begun: { at: begun.at, steps: begun.steps } });
  output.line(`begun  rollout ${begun.id}: ${stateText(begun)}; see it with: longhaul rollout show ${agent}`);
  return EXIT.completed;
}

export async function rolloutsCommand(context: CliContext, agent: string | undefined): Promise<number> {
  const { output } = context;
  const rollouts = await rolloutsIn(context.readStore(), agent);
  output.json({ rollouts });
  output.table<RolloutKept>(rollouts, [
    { title: 'rollout', value: ({ id }) => id },
    { title: 'agent', value: (one) => one.agent },
    { title: 'release', value: ({ release }) => release.slice(0, 12) },
    { title: 'state', value: (one) => stateText(one) },
    { title: 'looks', value: ({ looks }) => String(looks), align: 'right' },
    { title: 'age', value: ({ at }) => formatAge(Date.now() - at), align: 'right' },
    { title: 'by', value: ({ by }) => by },
    { title: 'why', value: ({ ended, paused, why }) => ended?.why ?? paused?.why ?? why ?? '', flexible: true },
  ]);
  if (rollouts.length === 0)
    output.note(agent === undefined ? 'nothing was ever rolled out.' : `nothing of ${agent} was ever rolled out.`);
  return EXIT.completed;
}

/**
 * `rollout abort v3` is typed by whoever wants to roll out v3 of an agent called "abort", too.
 * @throws ClientError `unknown-agent`, with what to type, where that is what there is
 */
async function requireMeant(store: ContentStore, word: string, agent: string): Promise<void> {
  const [meant, called] = await Promise.all([agent, word].map((name) => readPointer(store, name)));
  if (meant || !called) return;
  throw new ClientError(
    'unknown-agent',
    `there is no agent "${agent}". To roll out a release of the agent ${word}: "longhaul rollout begin ${word} ${agent}".`,
  );
}

export async function rolloutShowCommand(context: CliContext, agent: string): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  await requireMeant(store, 'show', agent);
  const rollout = await newestRollout(store, agent);
  const looks = await looksIn(store, rollout);
  output.json({ rollout, looks });
  if (output.isJson) return EXIT.completed;
  const names = await releaseNames(context.readStore(), agent);
  const { id, release, from, by, why, at, sticky, paused, ended, told } = rollout;
  output.line(`${agent}  rollout ${id}: ${stateText(rollout)}`);
  output.line(`  release  ${names(release)} beside ${names(from)}, kept by ${sticky}`);
  output.line(`  steps    ${stepsText(rollout)}`);
  output.line(`  begun    ${agoText(at)} by ${output.safeLine(`${by}${reasonText(why)}`)}`);
  if (paused) output.line(`  paused   ${agoText(paused.at)} by ${output.safeLine(`${paused.by}: ${paused.why}`)}`);
  if (ended) output.line(`  ended    ${agoText(ended.at)}, ${output.safeLine(endText(ended))}`);
  for (const { act, by: who, why: reason, isLate } of told)
    output.line(
      `  said     ${act} by ${output.safeLine(`${who}${reasonText(reason)}`)}${isLate ? ' (too late: it changed nothing)' : ''}`,
    );
  showLooks(output, rollout, looks);
  return EXIT.completed;
}

function agoText(at: number): string {
  const age = formatAge(Date.now() - at);
  return age === 'now' ? age : `${age} ago`;
}

const reasonText = (why: string | undefined): string => (why === undefined ? '' : `: ${why}`);

function showLooks(output: Output, { policy }: RolloutKept, looks: readonly KeptLook[]): void {
  const last = looks.at(-1);
  if (!last) return output.note('nobody has looked at it yet.');
  const { number, at, headline, lines, verdicts, runs, open, tookMs } = last;
  output.line();
  output.line(
    `look ${number}, ${agoText(at)}: ${runs.candidate} runs of the candidate, ${runs.current} of the current release, ${open} open (${formatDuration(tookMs)})`,
  );
  output.line(`  ${output.safeLine(headline)}`);
  for (const verdict of verdicts) {
    const metric = policy.metrics.find(({ name }) => name === verdict.metric);
    const text = lines.find((line) => line.startsWith(`${verdict.metric}: `));
    if (!metric || text === undefined) continue;
    const { atLeast, atMost } = verdict.bounds;
    output.line(`  ${output.safeLine(text)}`);
    output.line(`    better ${harmLine({ harm: verdict.harm, bounds: { atLeast, atMost } }, metric)} worse`);
  }
  const rest = policy.metrics.length - verdicts.length;
  if (rest > 0) output.line(`  ${counted(rest, 'type')} of failure: no difference`);
}

const SAYS: { readonly [act in RolloutAct]: string } = {
  pause: 'asked to pause: no step begins, and nothing takes over',
  resume: 'asked to go on',
  promote: 'asked to promote: the candidate takes over',
  abort: 'asked to abort: the candidate is taken back',
};

export async function rolloutSayCommand(
  context: CliContext,
  agent: string,
  act: RolloutAct,
  { why }: { why?: string },
): Promise<number> {
  const { output } = context;
  const store = context.openStore();
  await requireMeant(store, act, agent);
  if (act === 'promote' && why === undefined)
    throw new ClientError('invalid-input', 'whoever promotes a release by hand says why: --why TEXT');
  const { by } = ownName(context);
  const { temporal, taskQueue } = await context.connect();
  const { id } = await sayToRollout({ temporal, store, taskQueue }, agent, act, {
    by,
    ...(why === undefined ? {} : { why }),
  });
  output.json({ agent, rollout: id, asked: act, by, why: why ?? null });
  output.line(`${id}  ${SAYS[act]}${why === undefined ? '' : ` (${output.safeLine(why)})`}`);
  return EXIT.completed;
}
