// What a run's tools have done to the world, so that none of it is done twice: an action is found by its key, whoever asks for it, and
// an action that must never be repeated is claimed, durably, before its tool runs.
import { createHash } from 'node:crypto';
import type { CallToolInput } from '../workflows/contract/activities';
import type { ToolCallPart } from '../workflows/contract/message';
import type { OwnToolPlan } from '../workflows/contract/run';
import { effectRecordSchema, type EffectRecord } from '../workflows/contract/schemas/effect-record';
import type { ActivityDeps, Attempt } from './deps';
import { failure } from './failure';
import { canonicalJson } from './store';
import { effectRecordName } from './store/ref-names';
import type { RecordWrite } from './store/tool-store';

/**
 * Names an action: the same for every attempt of one call, in every execution of its run. With `repeats: 'same-action'` the arguments
 * are in it and the place of the call is not. 32 hex digits.
 */
export function effectKey(
  { key, name }: Pick<CallToolInput, 'key' | 'name'>,
  { arguments: given }: Pick<ToolCallPart, 'arguments'>,
  repeats: OwnToolPlan['repeats'],
): string {
  const place = `${key.run}/${key.fork}`;
  const hash = createHash('sha256');
  if (repeats === 'same-action') hash.update(`${place}/${name}/`).update(canonicalJson(given));
  else hash.update(`${place}/${key.turn}/${key.index}/${name}`);
  return hash.digest('hex').slice(0, 32);
}

/** One action, as one attempt of a call sees it. */
export interface Effect {
  readonly key: string;
  /** Whether its tool must never run twice. */
  readonly isOnce: boolean;
  /** As it stood when it was last read or claimed. */
  readonly claim: EffectRecord['claim'];
  /** Whether the claim is of another call, which asks for the same action; of this call's own, an earlier attempt was cut off. */
  readonly isOfAnother: boolean;
  readonly done: EffectRecord['done'];
  /**
   * Says, durably, that this attempt acts now.
   * @returns false where another call was faster
   * @throws ApplicationFailure `Store.Unavailable` where another attempt of this one was: the next one sees what became of it
   */
  take(): Promise<boolean>;
  /** Says, durably, that nothing happened: whoever asks for it again, another attempt too, may act. */
  release(): Promise<void>;
  /** Reads again what others may have written since. */
  refresh(): Promise<void>;
  /** What to write with the record of the call that names `message`; undefined where nothing is known that was not. */
  write(message: string, outcome: 'done' | 'unknown'): RecordWrite | undefined;
}

/** @returns undefined for a call whose repetition does not matter, or that is of a release of before the ledger */
export async function findEffect(
  deps: Pick<ActivityDeps, 'toolStore' | 'worker' | 'now'>,
  input: CallToolInput,
  attempt: Attempt,
  { call, plan }: { call: ToolCallPart; plan: OwnToolPlan | undefined },
): Promise<Effect | undefined> {
  if (plan?.repeats === undefined || call.malformed) return undefined;
  const key = effectKey(input, call, plan.repeats);
  const name = effectRecordName(input.key, key);
  let { record, version } = await read(deps, name);
  const about = { kind: 'effect' as const, schemaVersion: 1 as const, tool: input.name };
  const of = { turn: input.key.turn, index: input.key.index };
  const write = (value: EffectRecord): RecordWrite => ({
    name,
    value,
    ...(version === undefined ? {} : { version }),
  });
  const refresh = async (): Promise<void> => {
    ({ record, version } = await read(deps, name));
  };
  const isOfAnother = (): boolean =>
    record?.claim !== undefined && (record.claim.turn !== of.turn || record.claim.index !== of.index);
  let takenAt: number | undefined;
  const isMine = (): boolean =>
    !isOfAnother() &&
    record?.claim?.at === takenAt &&
    record?.claim?.worker === deps.worker &&
    record.claim.attempt === attempt.number;
  return {
    key,
    refresh,
    isOnce: plan.effect === 'at-most-once',
    get claim() {
      return record?.claim;
    },
    get isOfAnother() {
      return isOfAnother();
    },
    get done() {
      return record?.done;
    },
    take: async () => {
      const at = deps.now();
      const claim = { ...of, attempt: attempt.number, worker: deps.worker, at, until: at + plan.timeoutMs };
      await deps.toolStore.commitCall({ objects: [], effect: write({ ...about, claim }) });
      // By what is there and not by what the commit says: one whose acknowledgement was lost, and that was sent again, conflicts with itself.
      await refresh();
      if (isOfAnother() || record?.done) return false;
      takenAt = at;
      if (!isMine()) throw failure('Store.Unavailable', `another attempt of ${input.name} acts already.`);
      return true;
    },
    release: async () => {
      await deps.toolStore.commitCall({ objects: [], effect: write(about) });
      await refresh();
    },
    write: (message, outcome) => {
      if (record?.done) return undefined;
      if (outcome === 'unknown') {
        // Nobody waits for an attempt that says itself that it has ended.
        return isMine() && record?.claim
          ? write({ ...about, claim: { ...record.claim, until: deps.now() } })
          : undefined;
      }
      return write({
        ...about,
        ...(record?.claim ? { claim: record.claim } : {}),
        done: { ...of, at: deps.now(), message },
      });
    },
  };
}

async function read(
  { toolStore }: Pick<ActivityDeps, 'toolStore'>,
  name: string,
): Promise<{ record?: EffectRecord; version?: number }> {
  const stored = await toolStore.readCallRecord(name);
  if (!stored) return {};
  const { success, data } = effectRecordSchema.safeParse(stored.value);
  if (!success) throw failure('Store.ObjectCorrupt', `the record of an effect, ${name}, is not readable.`);
  return { record: data, version: stored.version };
}
