// The narrow view of the store that tool calls get: objects by hash, and call records. Toolbox processes reach it through a broker.
import { failure } from '../failure';
import type { ContentStore } from './port';
import { CALL_PREFIX } from './ref-names';

export interface ToolStore {
  /** @throws ApplicationFailure `Store.ObjectMissing`, `Store.ObjectCorrupt`, `Store.Unavailable` */
  getObject(hash: string): Promise<Uint8Array>;
  /** The record's value, or undefined. @throws ApplicationFailure `Runtime.Unexpected` for any other ref */
  readCallRecord(name: string): Promise<unknown>;
  /**
   * Objects and the record become durable together, and are when it resolves. May be repeated.
   * @throws ApplicationFailure `Store.Unavailable`; `Runtime.Unexpected` for any other ref than a call record
   */
  commitCall(commit: { objects: readonly Uint8Array[]; record?: { name: string; value: unknown } }): Promise<void>;
}

export function directToolStore(store: ContentStore): ToolStore {
  return {
    getObject: async (hash) => (await store.get([hash]))[0] ?? new Uint8Array(),
    readCallRecord: async (name) => (await store.readRef(callName(name)))?.value,
    commitCall: async ({ objects, record }) => {
      await store.commit({
        objects,
        refs: record ? [{ op: 'put', name: callName(record.name), value: record.value }] : [],
      });
    },
  };
}

function callName(name: string): string {
  if (name.startsWith(CALL_PREFIX)) return name;
  throw failure('Runtime.Unexpected', `a tool call may reach call records only, not "${name.slice(0, 80)}".`);
}
