// What was typed for `run` and `submit`, as a run.
import path from 'node:path';
import type { AnyAgent } from '../../activities/define/agent';
import type { Settings } from '../../workers/config';
import { loadAgentsOnce } from '../../workers/mcp-servers';
import { problemLine, type SourceProblem } from '../../workers/source-loader';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { AgentClient } from '../agent-client';
import { ClientError } from '../errors';
import type { RunHandle } from '../run-handle';
import type { StartOptions } from '../run-labels';
import type { CliContext } from './context';
import { counted } from '../format';
import { checkTyped, inputText, runInput } from './run-input';

export interface RunCommandOptions extends Pick<
  StartOptions,
  'id' | 'tenant' | 'user' | 'session' | 'priority' | 'inspect'
> {
  /** JSON text. */
  input?: string;
  /** Absolute. */
  dir?: string;
  tag?: string[];
  /** Starts another run although an unfinished one asks the same. */
  new?: boolean;
}

export interface TypedRun {
  agent: string;
  text: string | undefined;
  options: RunCommandOptions;
  /** Absolute. */
  cwd: string;
}

/** @throws ClientError `invalid-input` for what contradicts itself */
export function typedRun(
  { cwd }: Pick<CliContext, 'cwd'>,
  agent: string,
  text: string | undefined,
  options: RunCommandOptions,
): TypedRun {
  const input = options.input === undefined ? undefined : inputText(options.input, cwd);
  const read = { ...options, ...(input === undefined ? {} : { input }) };
  checkTyped(read);
  return { agent, text, options: read, cwd };
}

/** @throws ClientError `unknown-agent`, with the reason where the agent's file does not load here */
export async function publishedManifest(
  { settings }: Pick<CliContext, 'settings'>,
  client: AgentClient,
  agent: string,
): Promise<ReleaseManifest> {
  const agents = await client.agents();
  const manifest = agents.find((one) => one.agent === agent);
  if (manifest) return manifest;
  const { problems } = await loadAgentsOnce(settings);
  const known = agents.map((one) => one.agent);
  throw unknownAgent(settings, { agent, known, problems });
}

export function unknownAgent(
  { agentsDir, project }: Pick<Settings, 'agentsDir' | 'project'>,
  { agent, known, problems }: { agent: string; known: readonly string[]; problems: readonly SourceProblem[] },
): ClientError {
  // That the folder itself is not there says nothing about one agent, nor does what is wrong with another one's file.
  const inFiles = problems.filter(({ file }) => file !== agentsDir);
  const problem = inFiles.find((one) => isAbout(agent, one, agentsDir));
  if (problem)
    return new ClientError(
      'unknown-agent',
      `there is no agent "${agent}" that loads: ${problemLine(problem, project)}`,
    );
  const files = new Set(inFiles.map(({ file }) => file)).size;
  const others = files === 0 ? '' : ` ${counted(files, 'file')} did not load: "longhaul doctor" says why.`;
  const none =
    files > 0
      ? 'None loads.'
      : 'There is none at all: "longhaul init" writes one, and --agents or LONGHAUL_AGENTS names another folder of agents.';
  return new ClientError('unknown-agent', `there is no agent "${agent}". ${knownText(known) ?? none}${others}`);
}

/** By what the problem says, or by the name of the agent's folder or file. */
function isAbout(agent: string, { file, message }: SourceProblem, agentsDir: string): boolean {
  const named = /^agent ([^:]+): /.exec(message)?.[1];
  if (named !== undefined) return named === agent;
  return path
    .relative(agentsDir, file)
    .split(path.sep)
    .some((part) => part === agent || path.parse(part).name === agent);
}

/** In a line that a terminal shows whole. */
const KNOWN_SHOWN = 20;

function knownText(known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const more = known.length - KNOWN_SHOWN;
  return `Known: ${known.slice(0, KNOWN_SHOWN).join(', ')}${more > 0 ? `, and ${more} more` : ''}.`;
}

/** What the other terminal's environment would have changed: it is the running one's that counts. */
export function noteOtherKeys({ settings, output }: CliContext, manifest: ReleaseManifest): void {
  const here = settings.models['default']?.[0] ?? 'demo/';
  if (here.startsWith('demo/') || !manifest.model.route.every((model) => model.startsWith('demo/'))) return;
  output.note('model  the running longhaul has no key, although this terminal has: start that one again with it');
}

export const typedInput = (
  manifest: ReleaseManifest,
  { text, options: { dir, input }, cwd }: TypedRun,
): ReturnType<typeof runInput> =>
  runInput(manifest, {
    cwd,
    ...(dir === undefined ? {} : { dir }),
    ...(text === undefined ? {} : { text }),
    ...(input === undefined ? {} : { input }),
  });

export async function startRun(
  client: AgentClient,
  { agent, options }: TypedRun,
  input: ReturnType<typeof runInput>,
): Promise<RunHandle<unknown>> {
  const { id, tenant, user, session, priority, tag, inspect } = options;
  return await client.agent<AnyAgent>(agent).start(input, {
    ...(id === undefined ? {} : { id }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    ...(priority === undefined ? {} : { priority }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(inspect ? { inspect } : {}),
  });
}
