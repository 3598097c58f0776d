// `longhaul session`: messages to a persistent agent, what it is doing, its life, and messages that come by themselves.
import type { Client } from '@temporalio/client';
import type { AnyAgent } from '../../../activities/define/agent';
import type { Duration } from '../../../activities/define/duration';
import { sessionRecordName } from '../../../activities/store/ref-names';
import { sessionRecordSchema } from '../../../workflows/contract/schemas/session-record';
import type { MailView } from '../../../workflows/contract/session';
import type { AgentClient } from '../../agent-client';
import { ClientError } from '../../errors';
import type { SessionHandle } from '../../session-handle';
import { isSessionId } from '../../session-ids';
import type { SessionInfo } from '../../session-record';
import { sessionView } from '../../session-view';
import type { CliContext } from '../context';
import { EXIT, exitCodeOf } from '../exit-codes';
import { placeText } from '../place-text';
import { inputText, runInput } from '../run-input';
import { showMessage } from '../show-message';
import { showResult } from '../show-result';
import { publishedManifest } from '../start-run';

export interface SessionOptions {
  agent?: string;
  tenant?: string;
}
interface SaidOptions extends SessionOptions {
  input?: string;
  user?: string;
}
export interface SendCommandOptions extends SaidOptions {
  id?: string;
  at?: string;
  after?: string;
  detach?: boolean;
}
export interface WakeCommandOptions extends SaidOptions {
  name: string;
  cron?: string;
  every?: string;
  timeZone?: string;
  stop?: boolean;
}
export interface ShowSessionOptions extends SessionOptions {
  transcript?: boolean;
}

export async function sessionSendCommand(
  context: CliContext,
  id: string,
  text: string | undefined,
  options: SendCommandOptions,
): Promise<number> {
  const { output } = context;
  const { client, temporal, close } = await context.connect();
  try {
    const { session, agent } = reach(context, client, id, await agentOf(context, temporal, id, options), options);
    const { at, after, user } = options;
    const run = await session.send(await inputOf(context, client, agent, text, options), {
      ...(options.id === undefined ? {} : { id: options.id }),
      ...(at === undefined ? {} : { at: new Date(at) }),
      ...(after === undefined ? {} : { after: after as Duration }),
      ...(user === undefined ? {} : { user }),
    });
    const { message, state, position } = run;
    if (options.detach || state === 'later') {
      output.json({ session: id, message, runId: run.id, state, position });
      output.line(run.id);
      return EXIT.completed;
    }
    output.note(`run    ${run.id}${position > 0 ? `   ${position} before it` : ''}`);
    const result = await run.result();
    output.json({ session: id, message, runId: run.id, state, position, result });
    showResult(output, result);
    return exitCodeOf(result);
  } finally {
    await close();
  }
}

export async function sessionShowCommand(
  context: CliContext,
  id: string,
  options: ShowSessionOptions,
): Promise<number> {
  const { output } = context;
  const { client, temporal, close } = await context.connect();
  try {
    const { session } = reach(context, client, id, await agentOf(context, temporal, id, options), options);
    const info = await session.info();
    const transcript = options.transcript ? await session.transcript() : undefined;
    output.json({ ...info, ...(transcript ? { transcript } : {}) });
    for (const [label, text] of linesOf(info)) output.line(`${label.padEnd(LABEL_CHARS)}${output.safeLine(text)}`);
    transcript?.forEach((message, at) => showMessage(output, String(at + 1), message));
    return EXIT.completed;
  } finally {
    await close();
  }
}

export const sessionPauseCommand = (
  context: CliContext,
  id: string,
  options: SessionOptions & { reason?: string },
): Promise<number> =>
  act(context, id, options, 'paused: what is being answered goes on, nothing more is begun', (session) =>
    session.pause(options.reason),
  );

export const sessionResumeCommand = (context: CliContext, id: string, options: SessionOptions): Promise<number> =>
  act(context, id, options, 'resumed', (session) => session.resume());

export const sessionRetireCommand = (
  context: CliContext,
  id: string,
  options: SessionOptions & { reason?: string },
): Promise<number> =>
  act(context, id, options, 'retired: it answers what it has taken, and then ends', (session) =>
    session.retire(options.reason),
  );

export async function sessionWakeCommand(
  context: CliContext,
  id: string,
  text: string | undefined,
  options: WakeCommandOptions,
): Promise<number> {
  const { name, cron, every, timeZone } = options;
  if (options.stop)
    return await act(context, id, options, `not woken as "${name}" any more`, (session) => session.stopWaking(name));
  return await act(context, id, options, `woken as "${name}" from now on`, async (session, agent, client) =>
    session.wake(await inputOf(context, client, agent, text, options), {
      name,
      ...(cron === undefined ? {} : { cron }),
      ...(every === undefined ? {} : { every: every as Duration }),
      ...(timeZone === undefined ? {} : { timeZone }),
    }),
  );
}

type Handle = SessionHandle<AnyAgent>;

async function act(
  context: CliContext,
  id: string,
  options: SessionOptions,
  says: string,
  work: (session: Handle, agent: string, client: AgentClient) => Promise<void>,
): Promise<number> {
  const { client, temporal, close } = await context.connect();
  try {
    const { session, agent } = reach(context, client, id, await agentOf(context, temporal, id, options), options);
    await work(session, agent, client);
    context.output.json({ session: id, asked: says });
    context.output.line(`${id}  ${says}`);
    return EXIT.completed;
  } finally {
    await close();
  }
}

function reach(
  { settings }: CliContext,
  client: AgentClient,
  id: string,
  agent: string,
  { tenant = settings.identity.tenant }: SessionOptions,
): { session: Handle; agent: string } {
  return { session: client.session<AnyAgent>(agent, id, { tenant }), agent };
}

/** Of a session that is there nobody need say whose it is. */
async function agentOf(context: CliContext, temporal: Client, id: string, { agent }: SessionOptions): Promise<string> {
  if (agent !== undefined) return agent;
  const ref = await context.readStore().readRef(sessionRecordName(id));
  if (ref) return sessionRecordSchema.parse(ref.value).agent;
  // One that has just begun has its record in a moment.
  const view = isSessionId(id) ? await sessionView(temporal, id) : undefined;
  if (view) return view.agent;
  throw new ClientError(
    'session-not-found',
    `there is no session "${id.slice(0, 40)}": the first message begins one, and names its agent with --agent.`,
  );
}

async function inputOf(
  context: CliContext,
  client: AgentClient,
  agent: string,
  text: string | undefined,
  options: SaidOptions,
): Promise<ReturnType<typeof runInput>> {
  const manifest = await publishedManifest(context, client, agent);
  return runInput(manifest, {
    cwd: context.cwd,
    ...(text === undefined ? {} : { text }),
    ...(options.input === undefined ? {} : { input: inputText(options.input, context.cwd) }),
  });
}

const LABEL_CHARS = 11;

function linesOf(info: SessionInfo): [label: string, text: string][] {
  const { session, agent, status, reason, answering, queued, waiting, later, answered, reached, plan } = info;
  const held = `${waiting.length + later.length} of ${plan.mailbox} in its mailbox`;
  return [
    ['session', `${session} of ${agent}, ${status}${reason === undefined ? '' : `: ${reason}`}`],
    ['answered', `${answered}, ${reached.length} messages in all, ${held}`],
    ...releaseLines(info),
    ...(answering ? [['answering', mailText(answering)] satisfies [string, string]] : []),
    ...(queued ? [['queued', placeText(queued)] satisfies [string, string]] : []),
    ...waiting.map((mail): [string, string] => ['waiting', mailText(mail)]),
    ...later.map((mail): [string, string] => ['later', `${new Date(mail.dueAt ?? 0).toISOString()} ${mailText(mail)}`]),
  ];
}

function releaseLines({ release, stays, held }: SessionInfo): [label: string, text: string][] {
  const short = (hash: string): string => hash.slice(0, 12);
  return [
    ...(release === undefined ? [] : [['release', short(release)] satisfies [string, string]]),
    ...(stays
      ? [
          ['stays', `not on ${short(stays.insteadOf)}, which new runs took: ${stays.why.join('; ')}`] satisfies [
            string,
            string,
          ],
        ]
      : []),
    ...(held
      ? [
          [
            'held',
            held.isPassedOver
              ? `at ${short(held.release)} by ${held.by}, which does not count: that release was taken back`
              : `at ${short(held.release)} by ${held.by}: ${held.why}`,
          ] satisfies [string, string],
        ]
      : []),
  ];
}

const mailText = ({ run, preview }: MailView): string => `${run}: ${preview}`;
