// The view of a process that runs tools: of records no more than its calls under way are about. Objects need no limit beside their
// names, which nobody guesses; a call's record is named by what every history shows, and says what a run goes on with.
import { failure } from '../failure';
import type { ToolStore } from './tool-store';

/** @param mayReach asked with the name of each record that is read or written */
export function limitedToolStore(store: ToolStore, mayReach: (name: string) => boolean): ToolStore {
  const check = (name: string): void => {
    if (mayReach(name)) return;
    throw failure('Runtime.Unexpected', `no call under way here may reach the record "${name.slice(0, 80)}".`);
  };
  return {
    ...store,
    of: (tenant) => limitedToolStore(store.of(tenant), mayReach),
    readCallRecord: async (name) => {
      check(name);
      return await store.readCallRecord(name);
    },
    commitCall: async (commit) => {
      const { objects: _, ...records } = commit;
      for (const record of Object.values(records)) check(record.name);
      return await store.commitCall(commit);
    },
  };
}
