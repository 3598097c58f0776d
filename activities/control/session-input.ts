// What a run of a session is started with: all of it follows from its record, and from what was said in the session before it.
import { MESSAGES_SHOWN } from '../../workflows/contract/limits';
import type { UserMessage } from '../../workflows/contract/message';
import { sessionWorkflowId, webhookWorkflowId } from '../../workflows/contract/names';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { AgentRunInput, CarriedState } from '../../workflows/contract/run';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { ChainEntry, Conversation } from '../store/conversation';
import type { ContentStore } from '../store/port';
import { previewOf } from '../store/preview';
import { recordedInput } from './run-input';
import { newestOf, saidIn } from './session-conversation';
import { NO_TOTALS } from './unanswered-message';

export interface SessionBeginning {
  manifest: ReleaseManifest;
  message: UserMessage;
  /** What was said before. */
  entries: readonly ChainEntry[];
}

/** Of one that begins at once. */
export function sessionInputOf(record: RunRecord, { manifest, message, entries }: SessionBeginning): AgentRunInput {
  const { agent, release, tenant, user, session = '', input: hash } = record;
  const head = { hash, role: message.role, preview: previewOf(message) };
  return {
    ...{ schemaVersion: 1, agent, release, tenant, session, tags: [] },
    ...(user === undefined ? {} : { user }),
    ...{ input: head, plan: manifest.plan, tells: sessionWorkflowId(session) },
    ...(record.isWatched ? { watchedBy: webhookWorkflowId(record.id) } : {}),
    ...carriedBy(record, head, entries),
  };
}

/** Of one that has waited for a place: the queue hears of its end, too. @throws ApplicationFailure `Store.*` */
export async function sessionInput(
  { store, conversation }: { store: ContentStore; conversation: Conversation },
  record: RunRecord,
  queue: string,
): Promise<AgentRunInput> {
  const { session = '', goesOnFrom } = record;
  const input = await recordedInput(store, record, sessionWorkflowId(session));
  const entries = await saidIn(conversation, session, { head: goesOnFrom?.base ?? null });
  return { ...input, alsoTells: queue, ...carriedBy(record, input.input, entries) };
}

/** Nothing where nothing was said before. */
function carriedBy(
  { session, startedAt, goesOnFrom }: RunRecord,
  head: AgentRunInput['input'],
  entries: readonly ChainEntry[],
): { carried?: CarriedState } {
  if (!goesOnFrom || goesOnFrom.base === null) return {};
  const { base, length } = goesOnFrom;
  return {
    carried: {
      ...{ schemaVersion: 1, startedAt, turn: 0, badAnswersInARow: 0, totals: NO_TOTALS },
      ...{ head: base, length, append: [head] },
      steps: [
        {
          seq: 1,
          kind: 'note',
          label: `goes on with session ${session}`,
          state: 'done',
          startedAt,
          endedAt: startedAt,
        },
      ],
      lastSeq: 1,
      messages: [...newestOf(entries), { ...head, position: length }].slice(-MESSAGES_SHOWN),
    },
  };
}
