// The narrow view of the store that tool calls get: objects by hash, records of calls and of effects. Toolbox processes reach it through a broker.
import { failure } from '../failure';
import type { ContentStore, RefWrite } from './port';
import { CALL_PREFIX, EFFECT_PREFIX } from './ref-names';

export interface ToolStore {
  /** As a tenant's view of the store names things. */
  of(tenant: string): ToolStore;
  /** The names that `commitCall` gives these objects, in order. Nothing is written. */
  namesOf(objects: readonly Uint8Array[]): Promise<string[]>;
  /** @throws ApplicationFailure `Store.ObjectMissing`, `Store.ObjectCorrupt`, `Store.Unavailable` */
  getObject(hash: string): Promise<Uint8Array>;
  /** Of a call or an effect. @throws ApplicationFailure `Runtime.Unexpected` for any other ref */
  readCallRecord(name: string): Promise<StoredRecord | undefined>;
  /**
   * Objects and records become durable together, and are when it resolves. May be repeated: the records then conflict with themselves.
   * @returns whether the records were written; false where one of the names holds another version than is given: then neither was (the
   * objects are stored all the same: they are content)
   * @throws ApplicationFailure `Store.Unavailable`; `Runtime.Unexpected` for any other ref than of a call or an effect
   */
  commitCall(commit: CallCommit): Promise<boolean>;
}

export interface CallCommit {
  objects: readonly Uint8Array[];
  /** Of the call. */
  record?: RecordWrite;
  /** Of the effect that the call has. */
  effect?: RecordWrite;
}

export interface StoredRecord {
  value: unknown;
  version: number;
}

export interface RecordWrite {
  name: string;
  value: unknown;
  /** Of the record that it replaces; where absent, there must be none. */
  version?: number;
}

export function directToolStore(store: ContentStore): ToolStore {
  return {
    of: (tenant) => directToolStore(store.of(tenant)),
    namesOf: (objects) => Promise.resolve(objects.map((bytes) => store.nameOf(bytes))),
    getObject: async (hash) => (await store.get([hash]))[0] ?? new Uint8Array(),
    readCallRecord: async (name) => {
      const ref = await store.readRef(callName(name));
      return ref && { value: ref.value, version: ref.version };
    },
    commitCall: async ({ objects, record, effect }) => {
      const { conflicts } = await store.commit({
        objects,
        refs: [record, effect].flatMap((write) => (write ? [callRecordWrite(write)] : [])),
      });
      return conflicts.length === 0;
    },
  };
}

/** @throws ApplicationFailure `Runtime.Unexpected` for any other ref than of a call or an effect */
export function callRecordWrite({ name, value, version }: RecordWrite): RefWrite {
  return version === undefined
    ? { op: 'create', name: callName(name), value }
    : { op: 'compare-and-set', name: callName(name), version, value };
}

function callName(name: string): string {
  if (name.startsWith(CALL_PREFIX) || name.startsWith(EFFECT_PREFIX)) return name;
  const message = `a tool call may reach records of calls and effects only, not "${name.slice(0, 80)}".`;
  throw failure('Runtime.Unexpected', message);
}
