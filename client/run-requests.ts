// What a run asks people, as a caller sees and answers it. The conversation is never in a query: arguments are read from the store.
import type { KeyObject } from 'node:crypto';
import { WorkflowUpdateFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { z } from 'zod';
import { signDecision } from '../activities/keys/decision-signature';
import { canonicalJson, createConversation } from '../activities/store';
import type { ContentStore } from '../activities/store/port';
import { DECISION_REASON_CHARS } from '../workflows/contract/approval';
import type { PersonDecision, PersonRequest, Verdict } from '../workflows/contract/approval';
import type { JsonValue, ToolCallPart } from '../workflows/contract/message';
import { QUERY_NAMES, UPDATE_NAMES } from '../workflows/contract/names';
import { ClientError } from './errors';
import { readManifest } from './releases';

/** A request with the arguments in full. */
export interface RunRequest extends PersonRequest {
  arguments: JsonValue;
}

export interface Decision {
  /** Kept with the request. At most 500 characters. */
  reason?: string;
}
export interface Approval extends Decision {
  /** In place of the model's arguments. */
  args?: { [name: string]: JsonValue };
  /** The tool is not asked about again in this run, where the same rules hold. */
  remember?: boolean;
}

/** Who decides: a person of `longhaul.config.ts`, by their private key. */
export interface Signer {
  by: string;
  key: KeyObject;
}

/** A number alone is good for one run: those of its sub-agents count by themselves. */
export type Answerable = number | RunRequest;

export interface RunRequests {
  /** What the run asks now, and below it its sub-agents, oldest first. */
  requests(): Promise<RunRequest[]>;
  /**
   * @param request as `requests()` gave it, or the number of one that the run itself asks
   * @throws ClientError `refused` when it is not asked, was decided, or somebody else must; `invalid-input`
   */
  approve(request: Answerable, about?: Approval): Promise<void>;
  deny(request: Answerable, about?: Decision): Promise<void>;
  /** Gives the result of a call that has failed for good. */
  replace(request: Answerable, result: JsonValue, about?: Decision): Promise<void>;
}

export interface RunRequestsOptions {
  temporal: Client;
  handle: WorkflowHandle;
  store: ContentStore;
  signer: Signer | undefined;
  /** Of the run. */
  about(): Promise<{ tenant: string; release: string }>;
  ask<T>(work: () => Promise<T>): Promise<T>;
  /** What its sub-agents ask. */
  below(): Promise<PersonRequest[]>;
  /** Of a sub-agent. */
  of(run: string): RunRequests;
}

export function createRunRequests(options: RunRequestsOptions): RunRequests {
  const { handle, store, signer, about, ask, below, of } = options;
  const open = (): Promise<PersonRequest[]> => ask(() => handle.query<PersonRequest[]>(QUERY_NAMES.pendingApprovals));
  const subRunOf = (given: Answerable): RunRequests | undefined =>
    typeof given === 'number' || !given.subRun ? undefined : of(given.subRun.id);
  const decide = async (
    asked: Answerable,
    verdict: Verdict,
    { reason, args, remember }: Approval,
    result?: JsonValue,
  ): Promise<void> => {
    requireReason(reason);
    const number = typeof asked === 'number' ? asked : asked.number;
    const requests = await open();
    const request = requests.find((one) => one.number === number);
    if (!request) throw new ClientError('refused', notAsked(number, [...requests, ...(await below())]));
    // Numbers begin anew with a reset: what was looked at must be what is answered.
    if (typeof asked !== 'number' && (asked.args !== request.args || asked.tool !== request.tool))
      throw new ClientError('refused', `request ${number} is about another call by now: look at it again.`);
    const { tenant, release } = await about();
    await requireShown(store.of(tenant), handle, request);
    if (args) await requireFitting(store, { release, tool: request.tool }, args);
    const given = args ?? result;
    const [hash] =
      given === undefined ? [] : (await store.of(tenant).commit({ objects: [canonicalJson(given)] })).hashes;
    const decision: PersonDecision = {
      ...{ number, args: request.args },
      ...(reason === undefined ? {} : { reason }),
      ...(args && hash !== undefined ? { edited: hash } : {}),
      ...(result !== undefined && hash !== undefined ? { result: hash } : {}),
      ...(remember ? { remember: true as const } : {}),
    };
    if (request.by.length > 0 && !signer) {
      const who = request.by.map((names) => names.join(' or ')).join(', and ');
      throw new ClientError(
        'refused',
        `request ${number} must be decided by ${who}, who sign it: see "longhaul identity --help".`,
      );
    }
    const { kind, run, turn, call, tool, rules } = request;
    const signed =
      signer &&
      signDecision({ ...decision, kind, verdict, run, turn, call, tool, rules }, { ...signer, at: Date.now() });
    try {
      await ask(() =>
        handle.executeUpdate<void, [PersonDecision]>(UPDATE_NAMES[verdict], {
          args: [{ ...decision, ...(signed ? { signed } : {}) }],
        }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowUpdateFailedError)) throw error;
      throw new ClientError('refused', error.cause?.message ?? error.message, { cause: error });
    }
  };
  return {
    requests: async () => {
      const { tenant } = await about();
      const found = [...(await open()), ...(await below())].sort((a, b) => a.askedAt - b.askedAt);
      return await Promise.all(
        found.map(async (one) => ({ ...one, arguments: await argumentsOf(store.of(tenant), one) })),
      );
    },
    approve: (given, about = {}) => {
      const run = subRunOf(given);
      return run ? run.approve(own(given), about) : decide(given, 'approve', about);
    },
    deny: (given, about = {}) => {
      const run = subRunOf(given);
      return run ? run.deny(own(given), about) : decide(given, 'deny', about);
    },
    replace: (given, result, about = {}) => {
      const run = subRunOf(given);
      return run ? run.replace(own(given), result, about) : decide(given, 'replace', about, result);
    },
  };
}

/** As the run that asks it itself is asked. */
function own(given: Answerable): Answerable {
  if (typeof given === 'number') return given;
  const { subRun: _, ...request } = given;
  return request;
}

/** @throws ClientError `invalid-input` */
export function requireReason(reason: string | undefined): void {
  if (reason === undefined || reason.length <= DECISION_REASON_CHARS) return;
  throw new ClientError(
    'invalid-input',
    `a reason has at most ${DECISION_REASON_CHARS} characters: this one has ${reason.length}.`,
  );
}

/** What is signed is what was read: a workflow that somebody has changed may show one call and name another. */
async function requireShown(store: ContentStore, handle: WorkflowHandle, request: PersonRequest): Promise<void> {
  const part = await askedPart(store, request);
  const args = part && store.nameOf(canonicalJson(part.arguments));
  const isNamed = request.args === args || (request.kind === 'failed-call' && request.args === request.message);
  const { raw } = await handle.describe();
  const isOfRun = raw.workflowExecutionInfo?.firstRunId === request.run;
  if (part?.name === request.tool && isNamed && isOfRun) return;
  throw new ClientError(
    'refused',
    `request ${request.number} does not name the call that it shows: it is not answered.`,
  );
}

function notAsked(number: number, open: readonly PersonRequest[]): string {
  const which = open
    .map(({ number: other, tool, subRun }) =>
      subRun ? `${tool}, by its ${subRun.agent}: that is request ${other} of ${subRun.id}` : `${other} (${tool})`,
    )
    .join(', ');
  return `the run does not ask request ${number} now: ${which === '' ? 'it asks nothing' : `it asks ${which}`}.`;
}

type AskedCall = Pick<PersonRequest, 'message' | 'call'>;

/** As the model wrote them. */
export async function argumentsOf(store: ContentStore, request: AskedCall): Promise<JsonValue> {
  const part = await askedPart(store, request);
  return part ? (z.json().safeParse(part.arguments).data ?? null) : null;
}

async function askedPart(store: ContentStore, { message: hash, call }: AskedCall): Promise<ToolCallPart | undefined> {
  const [message] = await createConversation(store).messages([hash]);
  return message?.parts.find((part): part is ToolCallPart => part.type === 'tool-call' && part.call === call);
}

/** By the JSON Schema that the model is held to; the tool's own schema is asked where the tool is called. */
async function requireFitting(
  store: ContentStore,
  { release, tool }: { release: string; tool: string },
  args: { [name: string]: JsonValue },
): Promise<void> {
  const schema = (await readManifest(store, release)).tools.find(({ name }) => name === tool)?.input;
  if (!schema) return;
  const parsed = z.fromJSONSchema(schema).safeParse(args);
  if (parsed.success) return;
  const [issue] = parsed.error.issues;
  const place = issue?.path.join('.');
  throw new ClientError(
    'invalid-input',
    `the arguments do not fit ${tool}: ${place ? `${place}: ` : ''}${issue?.message ?? 'wrong shape'}.`,
  );
}
