// What was typed for `run` and `submit`, as a run.
import type { AnyAgent } from '../../activities/define/agent';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { AgentClient, StartOptions } from '../agent-client';
import { ClientError } from '../errors';
import type { RunHandle } from '../run-handle';
import type { CliContext } from './context';
import { checkTyped, runInput } from './run-input';

export interface RunCommandOptions extends Pick<StartOptions, 'id' | 'tenant' | 'user' | 'session' | 'inspect'> {
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
  checkTyped(options);
  return { agent, text, options, cwd };
}

/** @throws ClientError `unknown-agent` */
export async function publishedManifest(client: AgentClient, agent: string): Promise<ReleaseManifest> {
  const agents = await client.agents();
  const manifest = agents.find((one) => one.agent === agent);
  if (manifest) return manifest;
  throw unknownAgent(
    agent,
    agents.map((one) => one.agent),
  );
}

export const unknownAgent = (agent: string, known: readonly string[]): ClientError =>
  new ClientError(
    'unknown-agent',
    `there is no agent "${agent}". ` +
      (known.length > 0
        ? `Known: ${known.join(', ')}.`
        : 'There is none at all: "longhaul init" writes one, and --agents or LONGHAUL_AGENTS names another folder of agents.'),
  );

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
  const { id, tenant, user, session, tag, inspect } = options;
  return await client.agent<AnyAgent>(agent).start(input, {
    ...(id === undefined ? {} : { id }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(inspect ? { inspect } : {}),
  });
}
