// Toolboxes that open runs are pinned to, and that no agent here uses any more: in development one is renamed or taken out while a run
// waits. Its calls would wait for ever in a queue that nobody asks.
import { allRefs, type ContentStore } from '../../activities/store';
import { OPEN_PREFIX, runRecordName } from '../../activities/store/ref-names';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import type { FoundAgent } from '../load-agents';
import { toolboxLimits } from '../../activities/define/toolbox-limits';
import { releasesOf, serversOf, toolboxSpecs, type ToolboxSpec } from './toolbox-specs';

/** Each with the agent's newest code, as elsewhere in development, and without secrets or limits of its own: which it had is not known any more. */
export async function leftToolboxes(store: ContentStore, agents: readonly FoundAgent[]): Promise<ToolboxSpec[]> {
  const used = new Set(toolboxSpecs(agents).map(({ name }) => name));
  const left = new Map<string, ToolboxSpec>();
  const servers = serversOf(agents);
  const releases = releasesOf(agents);
  for (const [release, agent] of await openReleases(store)) {
    const found = agents.find(({ manifest }) => manifest.agent === agent);
    for (const name of await toolboxesOf(store, release)) {
      if (used.has(name)) continue;
      const spec = left.get(name) ?? {
        name,
        secrets: [],
        limits: toolboxLimits({}, name),
        files: [],
        servers,
        releases,
      };
      left.set(name, spec);
      if (found && !spec.files.includes(found.file)) spec.files.push(found.file);
    }
  }
  return [...left.values()];
}

/** The agent of each. */
async function openReleases(store: ContentStore): Promise<Map<string, string>> {
  const releases = new Map<string, string>();
  for (const { name } of await allRefs(store, OPEN_PREFIX)) {
    const ref = await store.readRef(runRecordName(decodeURIComponent(name.slice(OPEN_PREFIX.length))));
    const { data: record } = runRecordSchema.safeParse(ref?.value);
    if (record && !record.ended) releases.set(record.release, record.agent);
  }
  return releases;
}

/** None of a release that cannot be read: its runs say so themselves. */
async function toolboxesOf(store: ContentStore, release: string): Promise<string[]> {
  try {
    const [bytes = new Uint8Array()] = await store.get([release]);
    const { plan } = releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    const plans = Object.values(plan.tools).flatMap((tool) => [
      tool,
      ...(tool.fallback ?? []).map((other) => other.plan),
    ]);
    return plans.flatMap(({ toolbox }) => toolbox ?? []);
  } catch {
    return [];
  }
}
