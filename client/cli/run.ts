// `longhaul run`: starts a run (or goes on with the one that a crash interrupted), shows it live, and exits with its answer.
import { setTimeout as after } from 'node:timers/promises';
import type { ReleaseManifest } from '../../workflows/contract/release';
import { newRunId } from '../run-labels';
import { firstMessage } from '../first-message';
import type { RunHandle } from '../run-handle';
import type { RunResult } from '../run-result';
import { modelLine, reportProblems, reportUnfinished, whereLine } from './announce';
import type { CliContext } from './context';
import { EXIT, errorCode, exitCodeOf } from './exit-codes';
import { joinDev, openHost, type Host } from './host';
import { showResult } from './show-result';
import {
  noteOtherKeys,
  publishedManifest,
  startRun,
  typedInput,
  typedRun,
  unknownAgent,
  type RunCommandOptions,
  type TypedRun,
} from './start-run';
import { waitingOf } from '../inbox';
import { waitingLine } from './waiting';
import { watchRun } from './watch-run';
import { askTerminal, terminalOf } from './ask-terminal';
import { questionLine } from '../question-line';
import { shellWord } from '../shell-word';

/** Ctrl-C in a shell: 128 + SIGINT. */
const INTERRUPTED = 130;

export async function runCommand(
  context: CliContext,
  agent: string,
  text: string | undefined,
  options: RunCommandOptions,
): Promise<number> {
  const typed = typedRun(context, agent, text, options);
  const begun: Begun = {};
  let host = await hostFor(context, options.inspect ?? false);
  const interrupted = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(INTERRUPTED));
  });
  for (;;) {
    try {
      const code = await Promise.race([runToEnd(context, host, typed, begun), interrupted, host.broken]);
      if (code === INTERRUPTED) context.output.note(stopped(host, begun.pickedUp ?? begun.id));
      return code;
    } catch (error) {
      if (!(await isOfDevsEnd(host, error))) throw error;
      context.output.note('the process that kept Temporal up for this folder has ended: going on here');
    } finally {
      await host.stop();
    }
    host = await hostFor(context, options.inspect ?? false);
  }
}

/** As long as a process takes, at most, from its server's end to its own. */
const ENDING_MS = 2_000;

/** Whether it failed because the process has ended whose server was used: another server may answer at its address already. */
async function isOfDevsEnd({ served, broken }: Host, error: unknown): Promise<boolean> {
  if (served) return false;
  const code = errorCode(error);
  if (code === 'temporal-unreachable') return true;
  if (code !== 'run-not-found' && code !== 'temporal-refused') return false;
  const ended = broken.catch(() => true);
  return await Promise.race([ended, after(ENDING_MS, false)]);
}

/** What this command is about, where the process whose server it used ends and it goes on with one of its own. */
interface Begun {
  /** Of its own run, chosen before the start is asked for: a start whose answer was lost is asked for again, and is the same. */
  id?: string;
  /** Of the run of another, that asked the same and was unfinished. */
  pickedUp?: string;
}

function stopped({ served }: Host, id: string | undefined): string {
  if (served) return 'stopped. The run is kept: start again to go on with it.';
  return `stopped watching. The run goes on${id === undefined ? '.' : `: longhaul tail ${shellWord(id)}`}`;
}

const POLL_MS = 200;
/** A process that holds the folder and does not answer is ending, as a rule; one that does so for longer is not well, and is told of. */
const UNANSWERED_MS = 30_000;

/** A host of its own, or the `dev` of this folder. */
async function hostFor({ settings, env, output }: CliContext, debug: boolean): Promise<Host> {
  let unansweredSince: number | undefined;
  for (let told = false; ; await after(POLL_MS)) {
    const opened = await openHost({ settings, env, note: (line) => output.note(line), debug });
    if ('host' in opened) return opened.host;
    const { heldBy } = opened;
    try {
      const host = await joinDev({ settings, env }, heldBy);
      if (host) return host;
    } catch (error) {
      unansweredSince ??= Date.now();
      if (errorCode(error) !== 'temporal-unreachable' || Date.now() - unansweredSince > UNANSWERED_MS) throw error;
    }
    if (!told) output.note(`longhaul starts or ends in this folder (pid ${heldBy.pid}): waiting for it`);
    told = true;
  }
}

async function runToEnd(context: CliContext, host: Host, typed: TypedRun, begun: Begun): Promise<number> {
  const { output } = context;
  reportProblems(context, host.served?.loaded.problems ?? []);
  await reportUnfinished(context, host);
  if (begun.pickedUp !== undefined) return await followOne(context, host.client.run(begun.pickedUp));
  const isBare = typed.text === undefined && typed.options.input === undefined && begun.id === undefined;
  if (isBare && host.unfinished.length > 0) return await finishAll(context, host);

  const manifest = await manifestFor(context, host, typed.agent);
  const input = typedInput(manifest, typed);
  const isOther = typed.options.new || typed.options.id !== undefined || begun.id !== undefined;
  const unfinished = isOther
    ? undefined
    : sameQuestion(host, typed.options.tenant ?? context.settings.identity.tenant, manifest, input);
  if (unfinished) begun.pickedUp = unfinished.id;
  else begun.id ??= typed.options.id ?? newRunId();
  const options = { ...typed.options, ...(begun.id === undefined ? {} : { id: begun.id }) };
  const run = unfinished ?? (await startRun(host.client, { ...typed, options }, input));
  output.note(`model  ${modelLine(manifest)}`);
  output.note(`run    ${run.id}   ${whereLine(host, run.id)}`);
  const code = await followOne(context, run);
  await noteLeft(context, host, run.id);
  return code;
}

/** With this process ends the only worker: what it had picked up and not finished is unfinished once more. */
async function noteLeft(
  { output }: CliContext,
  { client, store, unfinished, isOnlyWorker }: Host,
  done: string,
): Promise<void> {
  if (!isOnlyWorker) return;
  const others = unfinished.map(({ record }) => record.id).filter((id) => id !== done);
  const records = await Promise.all(others.map((id) => client.run(id).record()));
  for (const { id, agent, ended } of records) {
    if (ended) continue;
    const waiting = await waitingOf(store, id);
    if (waiting.length === 0)
      output.note(`unfinished  ${id}  ${agent}: kept; "longhaul run ${agent}" without a question finishes it`);
    for (const one of waiting)
      output.note(`unfinished  ${id}  ${agent}: kept, waits for a person  ${waitingLine(output, one)}`);
  }
}

/** Where this process is the only worker, an agent that it could not load would leave its run waiting. */
async function manifestFor(context: CliContext, host: Host, agent: string): Promise<ReleaseManifest> {
  const { served, client, isOnlyWorker } = host;
  if (!served || !isOnlyWorker) {
    const manifest = await publishedManifest(context, client, agent);
    if (!served) noteOtherKeys(context, manifest);
    return manifest;
  }
  const { agents, problems } = served.loaded;
  const manifest = agents.find((one) => one.manifest.agent === agent)?.manifest;
  if (manifest) return manifest;
  // Said here as well: with --json this is all that is said.
  const known = agents.map((one) => one.manifest.agent);
  throw unknownAgent(context.settings, { agent, known, problems });
}

function sameQuestion(
  host: Host,
  tenant: string,
  manifest: ReleaseManifest,
  input: unknown,
): RunHandle<unknown> | undefined {
  const { head } = firstMessage(host.store.of(tenant), manifest, input);
  const same = host.unfinished.find(
    ({ record }) => record.agent === manifest.agent && record.tenant === tenant && record.input === head.hash,
  );
  return same ? host.client.run(same.record.id) : undefined;
}

/** @returns undefined where it waits for a person, and nobody is here to answer */
async function follow(context: CliContext, run: RunHandle<unknown>): Promise<RunResult<unknown> | undefined> {
  const { output, settings } = context;
  const terminal = terminalOf(context);
  const asking = async (): Promise<boolean> => terminal !== undefined && (await askTerminal(context, run, terminal));
  const result = await watchRun(output, run, settings.keys, undefined, asking);
  if (result) showResult(output, result);
  return result;
}

async function followOne(context: CliContext, run: RunHandle<unknown>): Promise<number> {
  const result = await follow(context, run);
  if (!result) return await leftAsking(context, run);
  context.output.json(result);
  return exitCodeOf(result);
}

async function leftAsking({ output }: CliContext, run: RunHandle<unknown>): Promise<number> {
  const requests = await run.requests();
  output.json({ id: run.id, outcome: null, asking: requests });
  for (const request of requests) {
    const asker = shellWord(request.subRun?.id ?? run.id);
    const by = request.subRun ? `, for its ${output.safeLine(request.subRun.agent)}` : '';
    output.line(`${output.safeLine(run.id)}  waits for a person${by}  ${output.safeLine(questionLine(request))}`);
    output.line(`longhaul approve ${asker} ${request.number}`);
  }
  output.note('the run is kept; with "longhaul dev" or a worker running, approve or deny it');
  return EXIT.escalated;
}

/** @returns the code of the last that did not complete */
async function finishAll(context: CliContext, host: Host): Promise<number> {
  const results: RunResult<unknown>[] = [];
  for (const { record } of host.unfinished) {
    context.output.note(`run    ${record.id}   ${whereLine(host, record.id)}`);
    const run = host.client.run(record.id);
    const result = await follow(context, run);
    if (!result) return await leftAsking(context, run);
    results.push(result);
  }
  context.output.json({ results });
  return results.map((result) => exitCodeOf(result)).findLast((code) => code !== EXIT.completed) ?? EXIT.completed;
}
