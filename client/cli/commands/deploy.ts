// `longhaul deploy`: builds of the orchestration code where runs are pinned to one: which is current, what drains, and runs that are moved.
import { allRefs, type ContentStore } from '../../../activities/store';
import { SERVING_PREFIX } from '../../../activities/store/ref-names';
import { orchestrationHash, ownBuildId } from '../../../workers/orchestration-code';
import { createReplay, quietReplays } from '../../../workers/replay-runs';
import { servingSchema } from '../../../workflows/contract/schemas/traffic';
import {
  makeCurrent,
  standingOf,
  strandedOf,
  unroutedOf,
  type StandingBuild,
  type StandingDeployment,
} from '../../deployments';
import { ClientError } from '../../errors';
import { counted } from '../../format';
import { moveRuns, type ReplayCheck } from '../../move-runs';
import type { CliContext, Connected } from '../context';
import { EXIT } from '../exit-codes';
import { formatAge } from '../output';
import { ownName } from '../own-name';
import { reachRun } from '../reach-run';
import { requireDeploymentName } from '../deployment-name';

export interface DeployOptions {
  of?: string;
}

export async function deployCommand(context: CliContext, { of }: DeployOptions): Promise<number> {
  const { output } = context;
  if (of !== undefined) requireDeploymentName(of);
  const { temporal, taskQueue, close } = await context.connect();
  try {
    const standing = await standingOf({ temporal, taskQueue }, of);
    const { deployments } = standing;
    if (of !== undefined && deployments.length === 0)
      throw new ClientError('invalid-input', `there is no deployment "${of}" here.`);
    const [stranded, unrouted] = [strandedOf(standing), unroutedOf(standing)];
    output.json({ taskQueue, ...standing, stranded, unrouted: unrouted ?? null });
    if (deployments.length === 0) {
      output.note(`no worker of task queue ${taskQueue} belongs to a deployment: any worker goes on with any run`);
      return EXIT.completed;
    }
    for (const deployment of deployments) showDeployment(context, deployment);
    if (unrouted) output.note(`new runs wait: ${unrouted.why}. ${unrouted.mend}`);
    for (const { deployment, build, runs, to = 'BUILD' } of stranded)
      output.note(
        `${counted(runs, 'run')} of build ${build} ${runs === 1 ? 'waits' : 'wait'}, for none of its workers is up: ` +
          `longhaul deploy move --all-of ${build} --to ${to} --deployment ${deployment}`,
      );
    return EXIT.completed;
  } finally {
    await close();
  }
}

function showDeployment({ output }: CliContext, { name, builds, ramping }: StandingDeployment): void {
  output.line(`deployment ${output.safeLine(name)}`);
  output.table(builds, [
    { title: 'build', value: ({ build }) => output.safeLine(build) },
    {
      title: 'state',
      value: ({ build, state }) => (ramping?.build === build ? `ramping, ${ramping.percent} %` : state),
    },
    { title: 'runs', value: ({ runs }) => String(runs), align: 'right' },
    { title: 'workers', value: workersText, align: 'right' },
    { title: 'age', value: ({ createdAt }) => formatAge(Date.now() - createdAt), align: 'right' },
  ]);
}

/** Where roles are apart, of each. */
const workersText = ({ workers: { steps, calls } }: StandingBuild): string =>
  steps === calls ? String(steps) : `${steps} hold runs, ${calls} make calls`;

export async function setCurrentCommand(context: CliContext, deployment: string, build: string): Promise<number> {
  const { output } = context;
  requireDeploymentName(deployment);
  const { temporal, taskQueue, close } = await context.connect();
  try {
    const { by } = ownName(context);
    const { before, draining } = await makeCurrent({ temporal, taskQueue }, { deployment, build, identity: by });
    output.json({ deployment, build, before: before ?? null, draining });
    output.line(
      before === build
        ? `current  ${deployment}: build ${build}, as before`
        : `current  ${deployment}: new runs begin on build ${build}${before === undefined ? '' : `, and not on ${before}`} from now on`,
    );
    for (const left of draining)
      output.note(
        `drains   ${counted(left.runs, 'run')} of build ${left.build} end${left.runs === 1 ? 's' : ''} there: keep its workers until longhaul deploy shows none`,
      );
    return EXIT.completed;
  } finally {
    await close();
  }
}

export interface MoveOptions {
  to: string;
  allOf?: string;
  deployment?: string;
}

export async function moveCommand(
  context: CliContext,
  given: string | undefined,
  options: MoveOptions,
): Promise<number> {
  const { output } = context;
  const { to, allOf } = options;
  if ((given === undefined) === (allOf === undefined))
    throw new ClientError('invalid-input', 'name one run, or all of a build with --all-of BUILD.');
  const connected = await context.connect();
  const { temporal, taskQueue, close } = connected;
  try {
    const asked = { temporal, taskQueue };
    const deployment = await deploymentOf(connected, options);
    const what = allOf === undefined ? { run: (await reachRun(context, given ?? '')).id } : { allOf };
    const check = await checkOf(context, { deployment, build: to });
    const { by } = ownName(context);
    const { moved, stayed } = await moveRuns(asked, what, { deployment, build: to, identity: by }, check);
    output.json({ deployment, to, checked: check !== undefined, moved, stayed });
    if (!check)
      output.note(
        `build ${to} is not the code of this installation, so nothing says that it can go on with them: where it is, longhaul replay does`,
      );
    output.line(
      `moved    ${counted(moved.length, 'run')} to build ${to}${check ? ', each replayed on its code before' : ''}`,
    );
    for (const { run, why } of stayed) output.note(output.safeLine(`stays    ${run}: ${why}`));
    return stayed.length > 0 ? EXIT.failed : EXIT.completed;
  } finally {
    await close();
  }
}

/** The only one that there is, where none is named. */
async function deploymentOf({ temporal, taskQueue }: Connected, { deployment }: MoveOptions): Promise<string> {
  if (deployment !== undefined) {
    requireDeploymentName(deployment);
    return deployment;
  }
  const { deployments } = await standingOf({ temporal, taskQueue });
  const [only, ...others] = deployments;
  if (only && others.length === 0) return only.name;
  throw new ClientError(
    'invalid-input',
    only
      ? `several deployments serve task queue ${taskQueue} (${deployments.map(({ name }) => name).join(', ')}): name one with --deployment.`
      : `no worker of task queue ${taskQueue} belongs to a deployment: name it with --deployment.`,
  );
}

/** Undefined where the build's code is not the one here. */
async function checkOf(
  context: CliContext,
  { deployment, build }: { deployment: string; build: string },
): Promise<ReplayCheck | undefined> {
  const code = await orchestrationHash();
  const isOwn =
    (await ownBuildId()) === build ||
    (await toldBuilds(context.readStore())).some(
      (one) => one.deployment === deployment && one.build === build && one.code === code,
    );
  if (!isOwn) return undefined;
  quietReplays();
  const replay = await createReplay(context.settings.keys);
  return ({ id, history }) => replay(history, id);
}

/** What workers that live say of their code. */
const toldBuilds = async (store: ContentStore) =>
  (await allRefs(store, SERVING_PREFIX)).flatMap(({ value }) => servingSchema.safeParse(value).data?.build ?? []);
