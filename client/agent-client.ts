// Starts runs and finds them again. A caller needs the agent's name and its type; the code stays with the workers.
import { randomBytes } from 'node:crypto';
import { WorkflowExecutionAlreadyStartedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { SearchAttributeType, defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import type { AgentInput, AgentOutput, AnyAgent } from '../activities/define/agent';
import { readFile } from '../activities/store';
import type { ContentStore } from '../activities/store/port';
import { AGENT_PREFIX, agentPointerName, openRunName, runRecordName } from '../activities/store/ref-names';
import { ID_CHARS, TAG_CHARS, TAGS_MAX } from '../workflows/contract/limits';
import type { FileRef } from '../workflows/contract/message';
import { MEMO_KEYS, WORKFLOW_TYPES } from '../workflows/contract/names';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { AgentRunInput, RunPlan } from '../workflows/contract/run';
import { releaseManifestSchema } from '../workflows/contract/schemas/release';
import { agentPointerSchema, runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import { firstMessage, type FirstMessage } from './first-message';
import { createRunHandle, type RunHandle } from './run-handle';
import { putFile, type FileAbout } from './stored-file';
import { isTemporalGone } from './temporal-gone';

export interface StartOptions {
  /** The same id is the same run: starting it twice starts it once. @default a new one */
  id?: string;
  /** @default the client's */
  tenant?: string;
  /** @default the client's */
  user?: string;
  /** Groups the runs of one conversation or customer. */
  session?: string;
  /** Shown and searched in plain text: no secrets. At most 20 of 64 characters. */
  tags?: readonly string[];
  /** Lifts all timeouts, for a debugger. */
  inspect?: boolean;
}

export interface AgentClientOptions {
  temporal: Client;
  store: ContentStore;
  taskQueue: string;
  tenant: string;
  user?: string;
}

export interface AgentHandle<A extends AnyAgent> {
  readonly name: string;
  /**
   * Returns once Temporal has the run; it goes on whatever happens to the caller.
   * @throws ClientError `unknown-agent`, `invalid-input`, `id-in-use`, `temporal-unreachable`
   */
  start(input: AgentInput<A>, options?: StartOptions): Promise<RunHandle<AgentOutput<A>>>;
}

export interface AgentClient {
  agent<A extends AnyAgent>(name: A['name']): AgentHandle<A>;
  /** Of a run that exists; nothing is checked until it is used. */
  run<Output = unknown>(id: string): RunHandle<Output>;
  /** Agents that workers have published, by name. */
  agents(): Promise<ReleaseManifest[]>;
  /**
   * Stores bytes that an input refers to.
   * @throws ClientError `invalid-input` when media type or name cannot be stored
   */
  putFile(bytes: Uint8Array, about: FileAbout): Promise<FileRef>;
  /** The bytes of a reference, for example in a result. @throws ApplicationFailure `Store.ObjectMissing`, `Store.ObjectCorrupt` */
  readFile(ref: FileRef): Promise<Uint8Array>;
  close(): Promise<void>;
}

export function createAgentClient(options: AgentClientOptions): AgentClient {
  const { temporal, store } = options;
  return {
    agent: <A extends AnyAgent>(name: A['name']) => ({
      name,
      start: (input: AgentInput<A>, start: StartOptions = {}) => startRun<AgentOutput<A>>(options, name, input, start),
    }),
    run: (id) => createRunHandle({ temporal, store, id }),
    agents: async () => {
      const refs = await store.listRefs(AGENT_PREFIX);
      // A release that this version cannot read is no reason to know nothing of the others; starting it says what is wrong.
      const found = await Promise.allSettled(
        refs.map(async (ref) => await readManifest(store, agentPointerSchema.parse(ref.value).release)),
      );
      return found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    },
    putFile: (bytes, about) => putFile(store.of(options.tenant), bytes, about),
    readFile: (ref) => readFile(store, ref),
    close: async () => {
      await store.close();
      await temporal.connection.close();
    },
  };
}

async function startRun<Output>(
  options: AgentClientOptions,
  agent: string,
  input: unknown,
  start: StartOptions,
): Promise<RunHandle<Output>> {
  const id = start.id ?? newRunId();
  const tags = checkedLabels(id, start);
  const { manifest, release } = await currentRelease(options.store, agent);
  const tenant = start.tenant ?? options.tenant;
  const store = options.store.of(tenant);
  const message = firstMessage(store, manifest, input);
  const user = start.user ?? options.user;
  const record: RunRecord = {
    schemaVersion: 1,
    id,
    agent,
    release,
    tenant,
    ...(user === undefined ? {} : { user }),
    ...(start.session === undefined ? {} : { session: start.session }),
    tags,
    input: message.head.hash,
    question: message.title,
    startedAt: Date.now(),
  };
  const { temporal } = options;
  const known = await recordStart(store, record, message);
  // Temporal forgets an ended run after its retention, and would start it once more.
  if (known?.ended) return createRunHandle({ temporal, store, id });
  // Recorded before and maybe never started: with what it was pinned to then.
  const plan = known ? (await readManifest(store, known.release)).plan : manifest.plan;
  const handle = await startWorkflow(options, known ?? record, plan, message, start.inspect ?? false);
  return createRunHandle({ temporal, store, id, execution: handle });
}

/** 5 bits a character, 60 in all: among a hundred million runs, two share an id once in two hundred such stores. */
export const newRunId = (): string =>
  `run_${[...randomBytes(12)].map((byte) => 'abcdefghijkmnpqrstuvwxyz23456789'[byte % 32]).join('')}`;

/** A ref's name has at most 500 bytes, of which the longest kind spends 42 on a run id of Temporal's and its prefix. */
const ENCODED_ID_BYTES = 450;

/** Whether a text could be the id of a run. */
export const isRunId = (id: unknown): boolean =>
  typeof id === 'string' &&
  id.trim() !== '' &&
  id.length <= ID_CHARS &&
  id.isWellFormed() &&
  encodeURIComponent(id).length <= ENCODED_ID_BYTES;

/** @throws ClientError `invalid-input`: what the server would refuse, or keep and not find again */
function checkedLabels(id: string, start: StartOptions): string[] {
  const { tags = [] } = start;
  if (!isRunId(id)) {
    const rule = `a run id has 1 to ${ID_CHARS} characters, at most ${ENCODED_ID_BYTES} bytes when percent-encoded.`;
    throw new ClientError('invalid-input', rule);
  }
  for (const name of ['tenant', 'user', 'session'] as const) {
    // A caller in JavaScript may pass anything.
    const label: unknown = start[name];
    if (label === undefined || (typeof label === 'string' && label.trim() !== '' && label.length <= ID_CHARS)) continue;
    throw new ClientError('invalid-input', `a ${name} has 1 to ${ID_CHARS} characters.`);
  }
  const bad = tags.find((tag: unknown) => typeof tag !== 'string' || tag === '' || tag.length > TAG_CHARS);
  if (bad !== undefined || tags.length > TAGS_MAX) {
    throw new ClientError('invalid-input', `at most ${TAGS_MAX} tags of 1 to ${TAG_CHARS} characters.`);
  }
  return [...tags];
}

async function currentRelease(
  store: ContentStore,
  agent: string,
): Promise<{ manifest: ReleaseManifest; release: string }> {
  const pointer = await store.readRef(agentPointerName(agent));
  if (!pointer) {
    const known = (await store.listRefs(AGENT_PREFIX)).map((ref) =>
      decodeURIComponent(ref.name.slice(AGENT_PREFIX.length)),
    );
    const list = known.length
      ? `Known: ${known.join(', ')}.`
      : 'No worker has published any yet: start one with "longhaul dev".';
    throw new ClientError('unknown-agent', `there is no agent "${agent}". ${list}`);
  }
  const { release } = agentPointerSchema.parse(pointer.value);
  return { release, manifest: await readManifest(store, release) };
}

export async function readManifest(store: ContentStore, release: string): Promise<ReleaseManifest> {
  const [bytes] = await store.get([release]);
  return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

/** The record comes before the run, so that a run always has one. Returns the record of an earlier start with this id. */
async function recordStart(
  store: ContentStore,
  record: RunRecord,
  message: FirstMessage,
): Promise<RunRecord | undefined> {
  const name = runRecordName(record.id);
  const { conflicts } = await store.commit({
    objects: [message.bytes],
    refs: [
      { op: 'create', name, value: record },
      { op: 'put', name: openRunName(record.id), value: { id: record.id } },
    ],
  });
  if (conflicts.length === 0) return undefined;
  const known = runRecordSchema.parse((await store.readRef(name))?.value);
  if (known.agent === record.agent && known.input === record.input && known.tenant === record.tenant) return known;
  throw new ClientError(
    'id-in-use',
    `run ${record.id} exists already, of agent ${known.agent} with another input or tenant. Choose another id.`,
  );
}

async function startWorkflow(
  { temporal, taskQueue }: AgentClientOptions,
  record: RunRecord,
  plan: RunPlan,
  message: FirstMessage,
  inspect: boolean,
): Promise<WorkflowHandle> {
  const { id, agent, release, tenant, user, session, tags } = record;
  const input: AgentRunInput = {
    schemaVersion: 1,
    agent,
    release,
    tenant,
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    tags,
    input: message.head,
    plan: inspect ? { ...plan, inspect: true } : plan,
  };
  try {
    return await temporal.workflow.start(WORKFLOW_TYPES.agentRun, {
      workflowId: id,
      taskQueue,
      args: [input],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'USE_EXISTING',
      memo: { [MEMO_KEYS.question]: record.question },
      typedSearchAttributes: searchAttributes(record),
      staticSummary: `${agent}: ${record.question}`.slice(0, 180),
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return temporal.workflow.getHandle(id);
    if (!isTemporalGone(error)) throw error;
    const message = `Temporal does not answer; run ${id} is recorded and may have started: start it again by this id.`;
    throw new ClientError('temporal-unreachable', message, { cause: error });
  }
}

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
const RUN_TAGS = defineSearchAttributeKey('RunTags', SearchAttributeType.KEYWORD_LIST);

const searchAttributes = ({ agent, release, tenant, user, session, tags }: RunRecord): SearchAttributePair[] => [
  { key: keyword('AgentName'), value: agent },
  { key: keyword('AgentRelease'), value: release.slice(0, 12) },
  { key: keyword('TenantId'), value: tenant },
  ...(user === undefined ? [] : [{ key: keyword('UserId'), value: user }]),
  ...(session === undefined ? [] : [{ key: keyword('SessionId'), value: session }]),
  ...(tags.length === 0 ? [] : [{ key: RUN_TAGS, value: tags }]),
];
