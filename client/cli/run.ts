// `longhaul run`: starts a run (or goes on with the one that a crash interrupted), shows it live, and exits with its answer.
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { AnyAgent } from '../../activities/define/agent';
import type { AgentClient } from '../agent-client';
import { ClientError } from '../errors';
import { firstMessage } from '../first-message';
import type { RunHandle } from '../run-handle';
import type { RunResult } from '../run-result';
import type { CliContext } from './context';
import { EXIT, exitCodeOf } from './exit-codes';
import { joinDev, openHost, type Host } from './host';
import { runInput } from './run-input';

export interface RunCommandOptions {
  input?: string;
  dir?: string;
  id?: string;
  tenant?: string;
  user?: string;
  session?: string;
  tag?: string[];
  /** Starts another run although an unfinished one asks the same. */
  new?: boolean;
  inspect?: boolean;
}

/** Ctrl-C in a shell: 128 + SIGINT. */
const INTERRUPTED = 130;

export async function runCommand(
  context: CliContext,
  agent: string,
  text: string | undefined,
  options: RunCommandOptions,
): Promise<number> {
  const host = await hostFor(context, options.inspect ?? false);
  const interrupted = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(INTERRUPTED));
  });
  try {
    const code = await Promise.race([runToEnd(context, host, agent, text, options), interrupted, host.broken]);
    if (code === INTERRUPTED) context.output.note('stopped. The run is kept: start again to go on with it.');
    return code;
  } finally {
    await host.stop();
  }
}

/** A host of its own, or the `dev` of this folder. */
export async function hostFor({ settings, env, output }: CliContext, debug = false): Promise<Host> {
  const opened = await openHost({ settings, env, note: (line) => output.note(line), debug });
  return 'host' in opened ? opened.host : await joinDev(settings, opened.heldBy);
}

async function runToEnd(
  context: CliContext,
  host: Host,
  agent: string,
  text: string | undefined,
  options: RunCommandOptions,
): Promise<number> {
  const { output } = context;
  reportProblems(context, host);
  reportUnfinished(context, host);
  if (text === undefined && options.input === undefined && host.unfinished.length > 0)
    return await finishAll(context, host);

  const manifest = await manifestOf(host.client, agent);
  const input = typedInput(manifest, text, options, context.cwd);
  output.note(`model  ${modelLine(manifest)}`);
  const unfinished = options.new || options.id !== undefined ? undefined : sameQuestion(host, manifest, input);
  const run = unfinished ?? (await start(host.client, agent, input, options));
  output.note(`run    ${run.id}   ${whereLine(host, run.id)}`);
  return await follow(context, run);
}

async function manifestOf(client: AgentClient, agent: string): Promise<ReleaseManifest> {
  const agents = await client.agents();
  const manifest = agents.find((one) => one.agent === agent);
  if (manifest) return manifest;
  const known = agents.map((one) => one.agent).join(', ') || 'none yet';
  throw new ClientError('unknown-agent', `there is no agent "${agent}". Known: ${known}.`);
}

export function modelLine({ model }: ReleaseManifest): string {
  const [route = 'none'] = model.route;
  if (!route.startsWith('demo/')) return route;
  return 'demo (no language model: it searches and quotes). A real one: set OPENAI_API_KEY or OPENAI_BASE_URL';
}

const whereLine = (host: Host, id: string): string =>
  `${host.uiUrl === undefined ? '' : `web UI ${host.uiUrl}/namespaces/${host.namespace}/workflows/${encodeURIComponent(id)}   `}killing this is safe: the run is kept`;

function reportProblems({ output }: CliContext, { served }: Host): void {
  for (const { file, message } of served?.loaded.problems ?? []) output.note(`problem  ${file}: ${message}`);
}

/** What a crash left, in one line a run: said before anything goes on. */
export function reportUnfinished({ output }: CliContext, { unfinished }: Host): void {
  for (const { record, kept, repeated } of unfinished) {
    output.note(
      `unfinished  ${record.id}  ${record.agent}  "${output.safe(record.question)}": picked up, ${calls(kept)} kept, ${calls(repeated)} repeated`,
    );
  }
}

const calls = (count: number): string => `${count} ${count === 1 ? 'call' : 'calls'}`;

function sameQuestion(host: Host, manifest: ReleaseManifest, input: unknown): RunHandle<unknown> | undefined {
  const { head } = firstMessage(manifest, input);
  const same = host.unfinished.find(({ record }) => record.agent === manifest.agent && record.input === head.hash);
  return same ? host.client.run(same.record.id) : undefined;
}

/** Starts the run that was typed. */
export async function startedRun(
  client: AgentClient,
  { agent, text, options, cwd }: { agent: string; text: string | undefined; options: RunCommandOptions; cwd: string },
): Promise<RunHandle<unknown>> {
  return await start(client, agent, typedInput(await manifestOf(client, agent), text, options, cwd), options);
}

function typedInput(
  manifest: ReleaseManifest,
  text: string | undefined,
  options: RunCommandOptions,
  cwd: string,
): ReturnType<typeof runInput> {
  return runInput(manifest, {
    dir: options.dir ?? cwd,
    ...(text === undefined ? {} : { text }),
    ...(options.input === undefined ? {} : { input: options.input }),
  });
}

async function start(
  client: AgentClient,
  agent: string,
  input: ReturnType<typeof runInput>,
  options: RunCommandOptions,
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

async function follow(context: CliContext, run: RunHandle<unknown>): Promise<number> {
  for await (const event of run.events()) {
    if (event.type === 'step') context.output.step(event.step);
  }
  return finish(context, await run.result());
}

async function finishAll(context: CliContext, host: Host): Promise<number> {
  let worst = EXIT.completed;
  for (const { record } of host.unfinished) {
    context.output.note(`run    ${record.id}   ${whereLine(host, record.id)}`);
    const code = await follow(context, host.client.run(record.id));
    if (code !== EXIT.completed) worst = code;
  }
  return worst;
}

function finish({ output }: CliContext, result: RunResult<unknown>): number {
  output.json(result);
  if (result.outcome === 'completed') {
    output.line(
      typeof result.output === 'string' ? output.safe(result.output) : JSON.stringify(result.output, null, 2),
    );
  } else {
    output.note(`${result.outcome}  ${result.failure.type}: ${output.safe(result.failure.message)}`);
  }
  const { totals } = result;
  output.note(
    `${result.outcome}  ${totals.turns} turns, ${totals.toolCalls} tool calls, ${totals.usage.input} tokens in, ${totals.usage.output} out` +
      (totals.reusedCalls > 0 ? `, ${calls(totals.reusedCalls)} taken from records` : ''),
  );
  return exitCodeOf(result.outcome);
}
