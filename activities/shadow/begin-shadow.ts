// The shadow of a run that has ended: a run of the ordinary workflow, of another release, under an id that keeps it from doing anything. It
// begins with what the run began with, and all of it follows from that one's record.
import { ApplicationFailure } from '@temporalio/common';
import { MESSAGES_SHOWN } from '../../workflows/contract/limits';
import { shadowRunId } from '../../workflows/contract/names';
import type { MessageHead } from '../../workflows/contract/message';
import type { AgentRunInput, CarriedState } from '../../workflows/contract/run';
import type { ReleaseManifest } from '../../workflows/contract/release';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { RunStart } from '../control/control-deps';
import { NO_TOTALS } from '../control/unanswered-message';
import { previewOf } from '../store';
import type { ChainEntry } from '../store/conversation';
import { createRunRecord } from '../store/create-run-record';
import { forkChains } from '../store/fork-chains';
import { originalPositions, placesOf } from '../store/original-messages';
import type { Ref, RefWrite } from '../store/port';
import { chainName } from '../store/ref-names';
import { limitsOfShadow, planOfShadow } from './plan-of-shadow';
import type { ShadowStore } from './primary-calls';

export interface ShadowToBegin {
  /** It has ended. */
  primary: RunRecord;
  /** Hash of the one that the shadow runs. */
  release: string;
  about: Omit<NonNullable<RunRecord['shadowOf']>, 'run'>;
  /** Milliseconds since the epoch. */
  now: number;
  /** Where it stands that the shadow is wanted: with the run that is erased, and then nothing may be kept of what that was asked. */
  wanted: Ref;
}

/** `ended`: it was begun before. `refused`: it never will be, in words. */
export type BegunShadow =
  { kind: 'recorded'; start: RunStart; record: RunRecord } | { kind: 'ended' } | { kind: 'refused'; why: string };

/**
 * Recorded first, as every run; repeated it finds what the first has recorded.
 * @param deps of all tenants
 * @throws ApplicationFailure `Store.Unavailable`
 */
export async function recordShadow(deps: ShadowStore, asked: ShadowToBegin): Promise<BegunShadow> {
  const { primary, release, about, now, wanted } = asked;
  const { tenant } = primary;
  const own: ShadowStore = { store: deps.store.of(tenant), conversation: deps.conversation.of(tenant) };
  try {
    const [manifest, primarys] = await Promise.all([manifestOf(own, release), manifestOf(own, primary.release)]);
    const beginning = await beginningOf(own, primary);
    const { agent, user, session, input, question } = primary;
    const record: RunRecord = {
      ...{ schemaVersion: 1, id: shadowRunId(primary.id, release), agent, release, tenant },
      ...(user === undefined ? {} : { user }),
      ...(session === undefined ? {} : { session }),
      ...{ tags: TAGS, input, question, startedAt: now },
      ...(primary.goesOnFrom ? { goesOnFrom: primary.goesOnFrom } : {}),
      shadowOf: { run: primary.id, ...about },
    };
    const chains =
      beginning.linked.length === 0
        ? { objects: [], refs: [] }
        : await forkChains(own.conversation, { from: primary.id, to: record.id }, beginning.linked);
    const { name, version, value } = wanted;
    const isWanted: RefWrite = { op: 'compare-and-set', name, version, value };
    // Of one that is not wanted any more it finds no record either, which reads as one that is not readable.
    const known = await createRunRecord(own.store, record, { ...chains, refs: [...chains.refs, isWanted] });
    if (known?.ended) return { kind: 'ended' };
    const begun = known ?? record;
    const start = { id: begun.id, question, input: inputOf(begun, asked, { manifest, primarys, beginning }) };
    return { kind: 'recorded', start, record: begun };
  } catch (error) {
    if (!isGone(error)) throw error;
    return { kind: 'refused', why: `what run ${primary.id} began with, or its release, is not there any more.` };
  }
}

const TAGS = ['shadow'];
/** What was collected, or sealed with a key that is not here, does not come back by waiting for it. */
const GONE: readonly string[] = ['Store.ObjectMissing', 'Store.ObjectCorrupt', 'Store.KeyMissing'];
const isGone = (error: unknown): boolean => error instanceof ApplicationFailure && GONE.includes(error.type ?? '');

async function manifestOf({ store }: ShadowStore, release: string): Promise<ReleaseManifest> {
  const [bytes] = await store.get([release]);
  return releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

interface Beginning {
  /** The run's first message. */
  input: MessageHead;
  base: string | null;
  linked: ChainEntry[];
  append: MessageHead[];
}

/** What the run was begun with: nothing before its first message, what its session had said, or what it was forked with. */
async function beginningOf(
  { conversation }: ShadowStore,
  { id, input, goesOnFrom, forkedFrom }: RunRecord,
): Promise<Beginning> {
  const base = goesOnFrom?.base ?? forkedFrom?.base ?? null;
  const linked = base === null ? [] : await conversation.load(base, chainName(id));
  const appended = forkedFrom?.append ?? [input];
  const [first, ...messages] = await conversation.messages([input, ...appended]);
  const headOf = (hash: string, message: typeof first): MessageHead => ({
    ...{ hash, role: message?.role ?? 'user' },
    preview: message ? previewOf(message) : '',
  });
  return { base, linked, input: headOf(input, first), append: appended.map((hash, at) => headOf(hash, messages[at])) };
}

function inputOf(
  { agent, release, tenant, user, session, tags, startedAt }: RunRecord,
  { primary }: ShadowToBegin,
  { manifest, primarys, beginning }: { manifest: ReleaseManifest; primarys: ReleaseManifest; beginning: Beginning },
): AgentRunInput {
  const plan = planOfShadow(manifest.plan);
  const carried = carriedBy(primary, startedAt, beginning);
  return {
    ...{ schemaVersion: 1, agent, release, tenant },
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    ...{ tags, priority: 'low', input: beginning.input },
    plan: { ...plan, limits: limitsOfShadow(plan.limits, primarys.plan.limits, primary.ended?.limits) },
    ...(carried ? { carried } : {}),
  };
}

function carriedBy(
  primary: RunRecord,
  startedAt: number,
  { base, linked, append }: Beginning,
): CarriedState | undefined {
  const calling = primary.forkedFrom?.calling;
  if (base === null && !primary.forkedFrom) return undefined;
  const entries = [
    ...linked.map(({ hash, message }) => ({ hash, role: message.role, preview: previewOf(message) })),
    ...append,
  ];
  const places = originalPositions(linked.map(({ message }) => message));
  const length = linked.reduce((sum, { message }) => sum + placesOf(message), 0);
  return {
    ...{ schemaVersion: 1, startedAt, turn: 0, badAnswersInARow: 0, totals: NO_TOTALS, head: base, length, append },
    steps: [
      {
        ...{ seq: 1, kind: 'note', label: `shadows run ${primary.id}`, state: 'done' },
        ...{ startedAt, endedAt: startedAt },
      },
    ],
    lastSeq: 1,
    messages: entries
      .map((head, at) => ({ ...head, position: places[at] ?? length + at - linked.length }))
      .slice(-MESSAGES_SHOWN),
    // Whoever would have to agree is not asked.
    ...(calling ? { calling: { ...calling, calls: calling.calls.map(({ approval: _, ...call }) => call) } } : {}),
  };
}
