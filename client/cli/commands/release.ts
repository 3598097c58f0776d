// `longhaul release AGENT`: what the agent's files are now, as a release that can be taken, compared and gone back to.
import type { FoundAgent, LoadedAgents } from '../../../workers/load-agents';
import { loadAgentsOnce } from '../../../workers/mcp-servers';
import { problemLine } from '../../../workers/source-loader';
import { toolCode } from '../../../workers/tool-code';
import { ClientError } from '../../errors';
import { counted } from '../../format';
import { supportOf, supportProblems } from '../../release-support';
import { registerRelease, type Released } from '../../register-release';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { ownName } from '../own-name';
import { requireReason } from '../../run-requests';

export interface ReleaseOptions {
  name?: string;
  note?: string;
  take?: boolean;
}

export async function releaseCommand(context: CliContext, agent: string, options: ReleaseOptions): Promise<number> {
  const { settings, output } = context;
  const { name, note, take } = options;
  requireReason(note);
  const loaded = await loadAgentsOnce(settings);
  const found = foundAgent(context, loaded, agent);
  const { release, manifest } = found;
  const made = { release, manifest, below: belowOf(found, loaded.agents), toolCode: await toolCode(found, settings) };
  const released = await registerRelease(context.openStore(), made, {
    ...ownName(context),
    ...(name === undefined ? {} : { name }),
    ...(note === undefined ? {} : { note }),
    ...(take === undefined ? {} : { take }),
  });
  const { registered, isKnown, taken } = released;
  output.json({ ...registered, isKnown, taken: taken !== undefined, epoch: taken?.pointer.epoch ?? null });
  const called = registered.name === undefined ? '' : ` ${registered.name},`;
  output.line(`${isKnown ? 'known    ' : 'released '} ${agent}:${called} release ${release}`);
  output.line(`           ${counted(manifest.tools.length, 'tool')}, model ${manifest.model.route.join(', ')}`);
  for (const line of takenLines(agent, released)) output.note(line);
  if (taken)
    for (const line of supportProblems(await supportOf(context.openStore(), found))) output.note(`workers    ${line}`);
  return EXIT.completed;
}

function takenLines(agent: string, { registered, taken, isCurrent }: Released): string[] {
  const called = registered.name ?? registered.release.slice(0, 12);
  if (!taken && isCurrent) return ['new runs take it already'];
  if (!taken)
    return [
      `new runs go on with what they took; all of them take it with: longhaul release ${agent} --take`,
      `what is different: longhaul releases diff ${agent} current ${called}`,
    ];
  const { before } = taken.record;
  const isFirst = taken.pointer.epoch === 1;
  return [
    `new runs take it from now on${before && before.release !== registered.release ? `; back: longhaul rollback ${agent}` : ''}`,
    ...(isFirst ? ['from now on workers leave that alone: which release new runs take is said by command'] : []),
  ];
}

/** @throws ClientError `unknown-agent`, `invalid-input` where it does not load */
function foundAgent({ settings }: CliContext, { agents, problems }: LoadedAgents, name: string): FoundAgent {
  const found = agents.find(({ manifest }) => manifest.agent === name);
  if (found) return found;
  const [problem] = problems;
  if (problem)
    throw new ClientError(
      'invalid-input',
      `there is no agent "${name}" in ${settings.agentsDir} that loads. ${problemLine(problem, settings.project)}`,
    );
  const known = agents.map(({ manifest }) => manifest.agent).join(', ') || 'none';
  throw new ClientError('unknown-agent', `there is no agent "${name}" in ${settings.agentsDir} (there: ${known}).`);
}

/** All that it may call, at any depth. */
function belowOf({ manifest }: FoundAgent, all: readonly FoundAgent[]): FoundAgent['manifest'][] {
  return Object.values(manifest.plan.tools).flatMap(({ agent: pin }) => {
    const sub = pin && all.find(({ release }) => release === pin.release);
    return sub ? [...belowOf(sub, all), sub.manifest] : [];
  });
}
