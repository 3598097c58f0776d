// Toolboxes, and queues of single tools, that open runs are pinned to, and that no agent here uses any more: in development one is renamed or taken out while a run
// waits. Its calls would wait for ever in a queue that nobody asks.
import { allRefs, type ContentStore } from '../../activities/store';
import { OPEN_PREFIX, runRecordName } from '../../activities/store/ref-names';
import { releaseManifestSchema } from '../../workflows/contract/schemas/release';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import type { FoundAgent } from '../load-agents';
import { toolboxLimits } from '../../activities/define/toolbox-limits';
import { serversOf, toolboxSpecs, type ToolboxSpec } from './toolbox-specs';

/** Each with the agent's newest code, as elsewhere in development, and without secrets or limits of its own: which it had is not known any more. */
export async function leftToolboxes(store: ContentStore, agents: readonly FoundAgent[]): Promise<ToolboxSpec[]> {
  const used = new Map(toolboxSpecs(agents).map((spec) => [spec.name, spec]));
  const left = new Map<string, ToolboxSpec>();
  const servers = serversOf(agents);
  for (const [release, agent] of await openReleases(store)) {
    const found = agents.find(({ manifest }) => manifest.agent === agent);
    for (const { toolbox: name, tool, hasRate } of await placesOf(store, release)) {
      const rates = hasRate ? { [tool]: null } : {};
      const known = left.get(name) ?? used.get(name);
      if (used.has(name) && !isMissing(known?.rates ?? {}, rates)) continue;
      const { files, ...spec } = known ?? {
        name,
        secrets: [],
        limits: toolboxLimits({}, name),
        rates: {},
        files: [],
        servers,
      };
      const isNew = found !== undefined && !used.has(name) && !files.includes(found.file);
      left.set(name, { ...spec, rates: { ...rates, ...spec.rates }, files: isNew ? [...files, found.file] : files });
    }
  }
  return [...left.values()];
}

const isMissing = (known: ToolboxSpec['rates'], rates: ToolboxSpec['rates']): boolean =>
  Object.keys(rates).some((tool) => !Object.hasOwn(known, tool));

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
async function placesOf(
  store: ContentStore,
  release: string,
): Promise<{ toolbox: string; tool: string; hasRate: boolean }[]> {
  try {
    const [bytes = new Uint8Array()] = await store.get([release]);
    const { plan } = releaseManifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    const plans = Object.entries(plan.tools).flatMap(([name, tool]) => [
      { name, plan: tool },
      ...(tool.fallback ?? []),
    ]);
    return plans.flatMap(({ name: tool, plan: { toolbox, hasRate = false } }) =>
      toolbox === undefined ? [] : [{ toolbox, tool, hasRate }],
    );
  } catch {
    return [];
  }
}
