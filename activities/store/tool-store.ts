// The narrow view of the store that tool calls get: objects by hash, and call records. Toolbox processes reach it through a broker.
import { failure } from '../failure';
import type { ContentStore, RefWrite } from './port';
import { CALL_PREFIX } from './ref-names';

export interface ToolStore {
  /** As a tenant's view of the store names things. */
  of(tenant: string): ToolStore;
  /** The names that `commitCall` gives these objects, in order. Nothing is written. */
  namesOf(objects: readonly Uint8Array[]): Promise<string[]>;
  /** @throws ApplicationFailure `Store.ObjectMissing`, `Store.ObjectCorrupt`, `Store.Unavailable` */
  getObject(hash: string): Promise<Uint8Array>;
  /** @throws ApplicationFailure `Runtime.Unexpected` for any other ref */
  readCallRecord(name: string): Promise<StoredRecord | undefined>;
  /**
   * Objects and the record become durable together, and are when it resolves. May be repeated: the record then conflicts with itself.
   * @returns whether the record was written; false where the name holds another version than `record.version` (the objects are stored
   * all the same: they are content)
   * @throws ApplicationFailure `Store.Unavailable`; `Runtime.Unexpected` for any other ref than a call record
   */
  commitCall(commit: { objects: readonly Uint8Array[]; record?: RecordWrite }): Promise<boolean>;
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
    commitCall: async ({ objects, record }) => {
      const { conflicts } = await store.commit({ objects, refs: record ? [callRecordWrite(record)] : [] });
      return conflicts.length === 0;
    },
  };
}

/** @throws ApplicationFailure `Runtime.Unexpected` for any other ref than a call record */
export function callRecordWrite({ name, value, version }: RecordWrite): RefWrite {
  return version === undefined
    ? { op: 'create', name: callName(name), value }
    : { op: 'compare-and-set', name: callName(name), version, value };
}

function callName(name: string): string {
  if (name.startsWith(CALL_PREFIX)) return name;
  throw failure('Runtime.Unexpected', `a tool call may reach call records only, not "${name.slice(0, 80)}".`);
}
